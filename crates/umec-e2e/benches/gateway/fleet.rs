//! Many modems in one program: each an uplink's state machine with a socket of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;
use umec_sdk::bus::Lane;
use umec_spec::settings::Pattern;
use umec_spec::settings::uplink::Backlog;
use umec_uplink::machine::{Action, Machine, Parameters, Renewal};
use umec_wire::command::{CommandResult, Outcome};
use umec_wire::reading::{Reading, Series, Value};
use umec_wire::uplink::{Content, Entry, Now};
use umec_wire::{Boot, DeviceName, MessageId, MetricName, ModemName, Sequence, Timestamp};

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// The number of the first modem.
    pub(crate) first: usize,
    pub(crate) modems: usize,
    pub(crate) pace: Pace,
    /// How many messages each modem sends; without an end where absent.
    pub(crate) messages: Option<u64>,
    /// How many readings a message holds.
    pub(crate) readings: usize,
    pub(crate) linger: Duration,
}

/// How often each modem sends a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    FlatOut,
    Every(Duration),
}

/// Modems that send until this is dropped.
pub(crate) struct Fleet {
    counts: Arc<Counts>,
    _modems: JoinSet<()>,
}

/// What was done in a measured time.
pub(crate) struct Ran {
    pub(crate) messages: f64,
    pub(crate) datagrams: f64,
    pub(crate) seconds: f64,
    /// From the offer of a message to its acknowledgement, in seconds; a sample where it went flat out.
    pub(crate) delays: Vec<f64>,
}

#[derive(Default)]
struct Counts {
    connected: AtomicU64,
    acknowledged: AtomicU64,
    datagrams: AtomicU64,
    delays: Mutex<Vec<f64>>,
}

/// One modem.
struct Modem {
    machine: Machine,
    socket: UdpSocket,
    load: Load,
    device: DeviceName,
    boot: Boot,
    began: Instant,
    next: Instant,
    position: u64,
    is_connected: bool,
    offered: HashMap<u64, Instant>,
    counts: Arc<Counts>,
}

/// A byte of each key, in hexadecimal digits.
pub(crate) const KEY_TEXT: &str = "07";

/// How long all modems may take to have their sessions.
const PATIENCE: Duration = Duration::from_mins(1);

// === impl Fleet ===

impl Fleet {
    /// Starts all modems and waits until each has had something acknowledged.
    pub(crate) async fn start(gateway: SocketAddr, load: Load) -> Self {
        let counts = Arc::new(Counts::default());
        let mut modems = JoinSet::new();
        for number in load.first..load.first + load.modems {
            let mut modem = Modem::new(number, gateway, load, Arc::clone(&counts)).await;
            modems.spawn(async move { modem.run().await });
        }
        let all = u64::try_from(load.modems).expect("some modems");
        let connected = async {
            while counts.connected.load(Ordering::Relaxed) < all {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, connected).await;
        in_time.expect("all modems have sessions");
        Self {
            counts,
            _modems: modems,
        }
    }

    /// How many messages are acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.counts.acknowledged.load(Ordering::Relaxed)
    }

    /// Counts what is acknowledged within `time`.
    pub(crate) async fn measure(&self, time: Duration) -> Ran {
        let counts = &self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (messages, datagrams) = (self.acknowledged(), read(&counts.datagrams));
        let began = Instant::now();
        drop(counts.take_delays());
        tokio::time::sleep(time).await;
        Ran {
            messages: float(self.acknowledged() - messages),
            datagrams: float(read(&counts.datagrams) - datagrams),
            seconds: began.elapsed().as_secs_f64(),
            delays: counts.take_delays(),
        }
    }
}

// === impl Counts ===

impl Counts {
    fn take_delays(&self) -> Vec<f64> {
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *delays)
    }

    fn acknowledged(&self, delay: Duration) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        delays.push(delay.as_secs_f64());
    }
}

// === impl Modem ===

impl Modem {
    async fn new(number: usize, gateway: SocketAddr, load: Load, counts: Arc<Counts>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.connect(gateway).await.expect("an address");
        let boot = Boot::from_bits(rand::random());
        let parameters = Parameters {
            modem: name(number),
            key: KEY_TEXT.repeat(32).parse().expect("a key"),
            boot,
            command: vec![Pattern::all()],
            datagram: 1_200,
            linger: load.linger,
            renewal: Renewal::default(),
            backlog: Backlog::default(),
            budget: None,
        };
        let began = Instant::now();
        let phase = match load.pace {
            Pace::FlatOut => Duration::ZERO,
            // All begin at once, for the session; from then on each has its own time.
            Pace::Every(period) => period.mul_f64(rand::random::<f64>()),
        };
        Self {
            machine: Machine::new(parameters, rand::random()),
            socket,
            load,
            device: DeviceName::new("meter-3").expect("a name"),
            boot,
            began,
            next: began + phase,
            position: 0,
            is_connected: false,
            offered: HashMap::new(),
            counts,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "there is no node here")]
    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = Timestamp::from_millis(0).saturating_add(since.expect("it is after 1970"));
        let steady = self.began.elapsed();
        Now { steady, wall }
    }

    async fn run(&mut self) {
        let mut buffer = vec![0; 2_048];
        self.offer();
        loop {
            self.offer_due();
            self.machine.poll(self.now());
            self.act();
            let mut wake = self.began + self.machine.wake();
            if let Pace::Every(_) = self.load.pace {
                wake = wake.min(self.next);
            }
            tokio::select! {
                ready = self.socket.readable() => ready.expect("the socket works"),
                () = tokio::time::sleep_until(wake) => {}
            }
            while let Ok(length) = self.socket.try_recv(&mut buffer) {
                self.machine.datagram(self.now(), &buffer[..length]);
            }
        }
    }

    fn offer_due(&mut self) {
        match self.load.pace {
            Pace::FlatOut => {
                while self.machine.room().in_order {
                    self.offer();
                }
            }
            Pace::Every(period) => {
                while Instant::now() >= self.next {
                    self.next += period;
                    self.offer();
                }
            }
        }
    }

    fn offer(&mut self) {
        if self.load.messages.is_some_and(|most| self.position >= most) {
            return;
        }
        self.position += 1;
        let now = self.now();
        let step = f64::from(u32::try_from(self.position % 1_000).unwrap_or_default());
        let reading = |number: usize| Reading {
            series: Series::raw(MetricName::new(&format!("metric-{number}")).expect("a name")),
            time: now.wall,
            unit: Some("W".parse().expect("a unit")),
            value: Value::number(230.0 + step / 10.0).expect("a number"),
        };
        let entry = Entry {
            floor: Sequence::FIRST,
            id: MessageId {
                device: self.device.clone(),
                boot: self.boot,
                sequence: Sequence::new(self.position).expect("above zero"),
            },
            trace: None,
            content: Content::Readings((0..self.load.readings).map(reading).collect()),
        };
        self.offered.insert(self.position, Instant::now());
        self.machine.offer(now, self.position, entry, Lane::Live);
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Send(bytes) => {
                    // What does not go out is lost on the way.
                    drop(self.socket.try_send(&bytes));
                    self.counts.datagrams.fetch_add(1, Ordering::Relaxed);
                }
                Action::Acknowledge(position) => {
                    if !std::mem::replace(&mut self.is_connected, true) {
                        self.counts.connected.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Some(at) = self.offered.remove(&position) {
                        self.counts.acknowledged(at.elapsed());
                    }
                }
                Action::Command(command) => {
                    let now = self.now();
                    let done = CommandResult {
                        id: command.request.id,
                        outcome: Outcome::Done,
                        reason: None,
                        value: None,
                        time: now.wall,
                    };
                    self.machine.finished(now, done);
                }
                Action::Resolve | Action::Keep(_) => {}
            }
        }
    }
}

/// The name of a modem.
pub(crate) fn name(number: usize) -> ModemName {
    ModemName::new(&format!("modem-{number}")).expect("a name")
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts of some millions")]
pub(crate) fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or_default() as f64
}
