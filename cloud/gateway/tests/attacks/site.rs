//! A gateway and modems, driven by hand.

use std::net::SocketAddr;
use std::time::Duration;

use umec_gateway::kafka::Place;
use umec_gateway::machine::{Action, Admission, Counters, Machine, Parameters};
use umec_wire::uplink::{Cookie, Cookies, Datagram, Down, Initiation, Key, Lane, Now, Session, Up};
use umec_wire::{Boot, ModemName, NodeName, Timestamp};

pub(crate) const KEY: Key = Key::new([7; 32]);

/// The run of an uplink, where it does not matter.
const RUN: Boot = Boot::from_bits(3);

/// A gateway that knows the key of every modem whose name begins with `pole`, and what it answers.
pub(crate) struct Site {
    pub(crate) machine: Machine,
    pub(crate) now: Duration,
    /// How often a key was asked for: what comes behind it costs.
    pub(crate) asked: u32,
    /// The run of the uplinks that connect.
    pub(crate) run: Boot,
}

/// A modem with a session.
pub(crate) struct Modem {
    pub(crate) session: Session,
    pub(crate) at: SocketAddr,
    pub(crate) hello: Vec<u8>,
    pub(crate) resumption: Cookie,
}

// === impl Site ===

impl Site {
    pub(crate) fn new(admission: Admission) -> Self {
        let parameters = Parameters {
            name: "cloud".parse().unwrap(),
            boot: Boot::from_bits(1),
            capacity: 1_000,
            grace: Duration::from_secs(5),
            cookies: Cookies::new([5; 32]),
            admission,
        };
        let mut machine = Machine::new(parameters.clone(), [1; 32]);
        let now = Duration::from_secs(1);
        machine.adopt(now, Machine::new(parameters, [2; 32]));
        let asked = 0;
        Self {
            machine,
            now,
            asked,
            run: RUN,
        }
    }

    pub(crate) fn time(&self) -> Now {
        let wall = Timestamp::from_millis(1_800_000_000_000).saturating_add(self.now);
        let steady = self.now;
        Now { steady, wall }
    }

    /// Sends a datagram; what comes back, and where to.
    pub(crate) fn send(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let now = self.time();
        match Datagram::decode(bytes) {
            Ok(Datagram::Hello(hello)) => {
                let asked = &mut self.asked;
                self.machine.hello(now, from, &hello, |modem| {
                    *asked += 1;
                    let node = NodeName::from(modem.as_label().clone());
                    modem.as_str().starts_with("pole").then_some((KEY, node))
                });
            }
            _ => self.machine.datagram(now, from, bytes),
        }
        self.answers(now)
    }

    pub(crate) fn answers(&mut self, now: Now) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut answers = Vec::new();
        self.machine.poll(now);
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Send { to, bytes } => answers.push((to, bytes)),
                Action::Write { token, .. } => {
                    let (partition, offset) = (0, 1);
                    let place = Some(Place { partition, offset });
                    self.machine.delivered(now, token, place);
                }
                Action::Inherit(_) => {}
            }
        }
        answers
    }

    pub(crate) fn counters(&self) -> Counters {
        self.machine.counters()
    }

    /// Gets a session for a modem, as a modem does.
    pub(crate) fn connect(&mut self, name: &str, at: SocketAddr, draw: u8) -> Modem {
        let first = begin_in(self.run, name, &KEY, None, draw);
        let mut answer = self.send(at, first.hello()).pop().unwrap().1;
        let mut initiation = first;
        if let Ok(Datagram::Retry(retry)) = Datagram::decode(&answer) {
            assert!(initiation.is_meant(&retry.echo));
            initiation = begin_in(self.run, name, &KEY, Some(retry.cookie), draw + 1);
            answer = self.send(at, initiation.hello()).pop().unwrap().1;
        }
        let hello = initiation.hello().to_vec();
        let Ok(Datagram::Welcome(noise)) = Datagram::decode(&answer) else {
            panic!("no welcome: {answer:?}")
        };
        let welcome = initiation.welcome(noise).unwrap();
        let mut modem = Modem {
            session: initiation.session(welcome.connection).unwrap(),
            at,
            hello,
            resumption: welcome.resumption,
        };
        let proof = modem.keepalive();
        self.send(at, &proof);
        modem
    }
}

// === impl Modem ===

impl Modem {
    pub(crate) fn keepalive(&mut self) -> Vec<u8> {
        let message = Up::Keepalive {
            waiting: 0,
            round_trip: None,
        };
        self.session.seal(Lane::Data, &message.encode()).unwrap()
    }

    pub(crate) fn opens(&mut self, bytes: &[u8]) -> Option<Down> {
        let Ok(Datagram::Sealed(sealed)) = Datagram::decode(bytes) else {
            return None;
        };
        let (message, _) = self.session.open(&sealed).ok()?;
        Down::decode(&message).ok()
    }
}

/// A call in the usual run.
pub(crate) fn begin(name: &str, key: &Key, cookie: Option<Cookie>, draw: u8) -> Initiation {
    begin_in(RUN, name, key, cookie, draw)
}

fn begin_in(run: Boot, name: &str, key: &Key, cookie: Option<Cookie>, draw: u8) -> Initiation {
    let modem = ModemName::new(name).unwrap();
    Initiation::begin(&modem, key, run, cookie, [draw; 32]).unwrap()
}

pub(crate) fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

pub(crate) fn site() -> Site {
    Site::new(Admission::default())
}
