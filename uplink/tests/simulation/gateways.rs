//! One gateway or two behind one address, that live and die.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use umec_gateway::machine::{Action, Admission, Machine, Parameters};
use umec_wire::uplink::{Cookies, Datagram, Key, Now};
use umec_wire::{Boot, Label, ModemName, NodeName, Reason};

use crate::cloud::{Connection, Kafka};

pub(crate) struct Gateways {
    all: Vec<Gateway>,
    /// The one that gets the modem's datagrams.
    serving: usize,
}

struct Gateway {
    name: Label,
    boot: Boot,
    /// How many messages may be on their way to Kafka.
    capacity: usize,
    machine: Machine,
    connection: Connection,
    /// Reads what others wrote.
    reader: Option<Machine>,
    incarnation: u64,
}

/// What is to happen at a gateway, unless it has died by then.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    gateway: usize,
    incarnation: u64,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// It fences its predecessors, or those.
    Fences(Option<Vec<Boot>>),
    /// It reads what they wrote.
    Scans,
}

/// How long a gateway waits for the last requests of those that it has fenced.
const SETTLING: Duration = Duration::from_secs(1);

// === impl Gateways ===

impl Gateways {
    pub(crate) fn new(dice: &mut StdRng, count: usize, capacity: usize) -> Self {
        let all = (0..count).map(|number| Gateway::new(dice, number, capacity));
        Self {
            all: all.collect(),
            serving: 0,
        }
    }

    /// What they all do first.
    pub(crate) fn begin(&self) -> Vec<Step> {
        let steps = self.all.iter().enumerate();
        let steps = steps.map(|(number, gateway)| gateway.step(number, Kind::Fences(None)));
        steps.collect()
    }

    /// Another one gets the modem's datagrams, perhaps.
    pub(crate) fn turn(&mut self, dice: &mut StdRng) {
        self.serving = dice.random_range(0..self.all.len());
    }

    pub(crate) fn datagram(
        &mut self,
        now: Now,
        from: SocketAddr,
        bytes: &[u8],
        find: impl FnOnce(&ModemName) -> Option<(Key, NodeName)>,
    ) {
        let machine = &mut self.all[self.serving].machine;
        match Datagram::decode(bytes) {
            Ok(Datagram::Hello(hello)) => machine.hello(now, from, &hello, find),
            _ => machine.datagram(now, from, bytes),
        }
    }

    /// Kafka takes and gives. Those that have not heard of it for too long end.
    pub(crate) fn kafka(&mut self, dice: &mut StdRng, now: Now, kafka: &mut Kafka) -> Vec<Step> {
        let mut steps = Vec::new();
        for number in 0..self.all.len() {
            let gateway = &mut self.all[number];
            for (token, place) in kafka.work(dice, now.steady, &mut gateway.connection) {
                gateway.machine.delivered(now, token, Some(place));
            }
            if gateway.machine.is_restored() && !kafka.is_away {
                kafka.log(now, &mut gateway.connection, &mut gateway.machine);
                kafka.feed(now, &mut gateway.connection, &mut gateway.machine);
            }
            if gateway.machine.is_over(now.steady) {
                steps.push(self.die(dice, now, kafka, number));
            }
        }
        steps
    }

    pub(crate) fn snapshots(&mut self, dice: &mut StdRng, now: Now, kafka: &mut Kafka) {
        for gateway in &mut self.all {
            if gateway.machine.is_restored() && !kafka.is_away {
                kafka.snapshot(dice, now, &mut gateway.machine);
            }
        }
    }

    /// One of them dies.
    pub(crate) fn one_dies(&mut self, dice: &mut StdRng, now: Now, kafka: &mut Kafka) -> Step {
        let number = dice.random_range(0..self.all.len());
        self.die(dice, now, kafka, number)
    }

    fn die(&mut self, dice: &mut StdRng, now: Now, kafka: &mut Kafka, number: usize) -> Step {
        let gateway = &mut self.all[number];
        kafka.gateway_dies(dice, now.steady, &mut gateway.connection);
        let incarnation = gateway.incarnation + 1;
        *gateway = Gateway {
            incarnation,
            ..Gateway::new(dice, number, gateway.capacity)
        };
        gateway.step(number, Kind::Fences(None))
    }

    /// Takes a step; gives the next one and when it is due.
    pub(crate) fn step(
        &mut self,
        now: Now,
        kafka: &mut Kafka,
        step: Step,
    ) -> Option<(Duration, Step)> {
        let Step {
            gateway: number,
            incarnation,
            kind,
        } = step;
        let gateway = &mut self.all[number];
        if gateway.incarnation != incarnation {
            return None;
        }
        match kind {
            Kind::Fences(_) if kafka.is_away => {
                let again = gateway.step(number, kind);
                Some((SETTLING, again))
            }
            Kind::Fences(others) => {
                let mut reader = gateway.fresh();
                let mut marks = Connection::default();
                kafka.fence(now, &mut marks, &mut reader, others);
                if !gateway.machine.is_restored() {
                    gateway.connection = marks;
                }
                gateway.reader = Some(reader);
                Some((SETTLING, gateway.step(number, Kind::Scans)))
            }
            Kind::Scans => {
                let mut reader = gateway.reader.take()?;
                if gateway.machine.is_restored() {
                    kafka.scan(now, &mut Connection::default(), &mut reader);
                } else {
                    kafka.scan(now, &mut gateway.connection, &mut reader);
                }
                gateway.machine.adopt(now.steady, reader);
                None
            }
        }
    }

    /// Lets all do what is due; what they send, and what they begin.
    pub(crate) fn settle(
        &mut self,
        now: Now,
        is_away: bool,
    ) -> (Vec<(SocketAddr, Vec<u8>)>, Vec<Step>) {
        let (mut sent, mut steps) = (Vec::new(), Vec::new());
        for (number, gateway) in self.all.iter_mut().enumerate() {
            let reason = Reason::new("kafka-away", "nobody answers");
            gateway.machine.trouble(is_away.then_some(reason));
            gateway.machine.poll(now);
            while let Some(action) = gateway.machine.next_action() {
                match action {
                    Action::Send { to, bytes } => sent.push((to, bytes)),
                    Action::Write { token, record } => {
                        gateway.connection.hand_over(token, *record);
                    }
                    Action::Inherit(gone) => {
                        steps.push(gateway.step(number, Kind::Fences(Some(gone))));
                    }
                }
            }
        }
        (sent, steps)
    }

    pub(crate) fn wake(&self) -> Duration {
        let wakes = self.all.iter().map(|gateway| gateway.machine.wake());
        wakes.min().unwrap()
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }
}

// === impl Gateway ===

impl Gateway {
    fn new(dice: &mut StdRng, number: usize, capacity: usize) -> Self {
        let (name, boot) = (
            Label::new(&format!("gateway-{number}")).unwrap(),
            Boot::from_bits(dice.random()),
        );
        Self {
            machine: machine(&name, boot, capacity, dice.random()),
            name,
            capacity,
            boot,
            connection: Connection::default(),
            reader: None,
            incarnation: 0,
        }
    }

    fn fresh(&self) -> Machine {
        machine(&self.name, self.boot, self.capacity, [0; 32])
    }

    fn step(&self, gateway: usize, kind: Kind) -> Step {
        Step {
            gateway,
            incarnation: self.incarnation,
            kind,
        }
    }
}

fn machine(name: &Label, boot: Boot, capacity: usize, seed: [u8; 32]) -> Machine {
    let parameters = Parameters {
        name: name.clone(),
        boot,
        capacity,
        grace: Duration::from_secs(5),
        cookies: Cookies::new([5; 32]),
        admission: Admission::default(),
    };
    Machine::new(parameters, seed)
}
