//! A link of one speed with one queue, and those who share it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use umec_gateway::kafka::{Incoming, Outgoing, Place};
use umec_gateway::machine as gateway;
use umec_sdk::bus::Lane;
use umec_spec::settings::uplink::Backlog;
use umec_uplink::machine as uplink;
use umec_wire::kafka::KafkaTopic;
use umec_wire::reading::{Reading, Series, Value};
use umec_wire::uplink::{Content, Cookies, Datagram, Entry, Key, Now};
use umec_wire::{
    Boot, DeviceName, MessageId, MetricName, ModemName, NodeName, Sequence, Timestamp,
};

const KEY: Key = Key::new([7; 32]);

/// Ethernet-free headers below a datagram: IPv4 and UDP.
const HEADERS: usize = 28;

/// Between the starts of two uplinks: whoever comes later finds a queue.
const STAGGER: Duration = Duration::from_secs(7);

/// The path between all uplinks and the gateway.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) bits_per_second: u64,
    pub(crate) round_trip: Duration,
    /// The most that comes on top, each way, by chance.
    pub(crate) jitter: Duration,
    /// Each way.
    pub(crate) loss: f64,
    pub(crate) datagram: usize,
    pub(crate) kafka: Kafka,
}

/// What is behind the gateway.
#[derive(Clone, Copy)]
pub(crate) struct Kafka {
    /// How many records may be on their way.
    pub(crate) capacity: usize,
    /// How long each of them takes.
    pub(crate) delay: Duration,
}

/// What was seen in the second half of the time.
#[derive(Debug)]
pub(crate) struct Report {
    /// The share of the link that carried something new.
    pub(crate) used: f64,
    /// Messages that arrived again, for each that arrived.
    #[expect(dead_code, reason = "printed")]
    pub(crate) doubled: f64,
    /// Messages acknowledged to each uplink.
    pub(crate) shares: Vec<f64>,
    /// How long datagrams waited on the link, in 95 of 100 cases at most.
    pub(crate) queue_p95: Duration,
}

enum Event {
    Begins(usize),
    Up(usize, Vec<u8>),
    Down(usize, Vec<u8>),
    /// Kafka has a record.
    Delivered(u64),
    Wake,
}

struct Link {
    path: Path,
    now: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
    dice: StdRng,
    /// When the queue is empty.
    free: Duration,
    /// Bytes that arrived, headers included.
    arrived: u64,
    waits: Vec<Duration>,
    uplinks: Vec<Option<Source>>,
    gateway: gateway::Machine,
}

struct Source {
    machine: uplink::Machine,
    position: u64,
    acknowledged: u64,
}

/// Lets `count` uplinks, each with endless readings, share a path for `time`.
pub(crate) fn run(count: u32, path: Path, time: Duration) -> Report {
    let mut link = Link::new(count, path);
    let half = time / 2;
    link.until(half);
    let before = link.acknowledged();
    let (arrived, doubled) = (link.arrived, link.gateway.counters().duplicates);
    link.waits.clear();
    link.until(time);
    let shares: Vec<f64> = link
        .acknowledged()
        .iter()
        .zip(&before)
        .map(|(after, before)| number(after - before))
        .collect();
    let messages: f64 = shares.iter().sum();
    let doubled = number(link.gateway.counters().duplicates - doubled);
    let carried = number(link.arrived - arrived) * messages / (messages + doubled);
    let capacity = number(path.bits_per_second) / 8.0 * half.as_secs_f64();
    link.waits.sort();
    Report {
        used: carried / capacity,
        doubled: doubled / messages,
        shares,
        queue_p95: link.waits[link.waits.len() * 95 / 100],
    }
}

// === impl Link ===

impl Link {
    fn new(count: u32, path: Path) -> Self {
        let mut dice = StdRng::seed_from_u64(u64::from(count));
        let mut link = Self {
            path,
            now: Duration::ZERO,
            events: BTreeMap::new(),
            next_event: 0,
            free: Duration::ZERO,
            arrived: 0,
            waits: Vec::new(),
            uplinks: (0..count).map(|_| None).collect(),
            gateway: new_gateway(path.kafka.capacity, &mut dice),
            dice,
        };
        for (index, number) in (0..count).enumerate() {
            link.at(STAGGER * number, Event::Begins(index));
        }
        link
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.events.insert((at, self.next_event), event);
        self.next_event += 1;
    }

    fn time(&self) -> Now {
        Now {
            steady: self.now,
            wall: Timestamp::from_millis(1_800_000_000_000).saturating_add(self.now),
        }
    }

    fn acknowledged(&self) -> Vec<u64> {
        let sources = self.uplinks.iter().flatten();
        sources.map(|source| source.acknowledged).collect()
    }

    fn until(&mut self, end: Duration) {
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > end {
                return;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            let now = self.time();
            match event {
                Event::Begins(index) => {
                    let machine = new_uplink(index, self.path.datagram, &mut self.dice);
                    self.uplinks[index] = Some(Source {
                        machine,
                        position: 0,
                        acknowledged: 0,
                    });
                }
                Event::Up(index, bytes) => self.arrives(index, &bytes),
                Event::Down(index, bytes) => {
                    if let Some(source) = &mut self.uplinks[index] {
                        source.machine.datagram(now, &bytes);
                    }
                }
                Event::Delivered(token) => self.deliver(token),
                Event::Wake => {}
            }
            self.settle();
        }
    }

    fn arrives(&mut self, index: usize, bytes: &[u8]) {
        let (now, from) = (self.time(), address(index));
        match Datagram::decode(bytes) {
            Ok(Datagram::Hello(hello)) => {
                let find = |name: &ModemName| Some((KEY, NodeName::new(name.as_str()).unwrap()));
                self.gateway.hello(now, from, &hello, find);
            }
            _ => self.gateway.datagram(now, from, bytes),
        }
    }

    fn settle(&mut self) {
        let now = self.time();
        let mut wake = self.gateway.wake();
        let mut sent = Vec::new();
        for (index, source) in self.uplinks.iter_mut().enumerate() {
            let Some(source) = source else { continue };
            while source.machine.room().in_order && source.position < source.acknowledged + 600 {
                source.position += 1;
                let entry = entry(source.position);
                source
                    .machine
                    .offer(now, source.position, entry, Lane::Live);
            }
            source.machine.poll(now);
            while let Some(action) = source.machine.next_action() {
                match action {
                    uplink::Action::Send(bytes) => {
                        sent.push((index, bytes));
                    }
                    uplink::Action::Acknowledge(_) => source.acknowledged += 1,
                    _ => {}
                }
            }
            wake = wake.min(source.machine.wake());
        }
        for (index, bytes) in sent {
            self.carry_up(index, bytes);
        }
        self.work_gateway(now);
        let wake = wake.min(self.gateway.wake());
        let earlier = self.events.first_key_value();
        if earlier.is_none_or(|((at, _), _)| *at > wake) {
            self.at(wake.max(self.now + Duration::from_micros(100)), Event::Wake);
        }
    }

    fn work_gateway(&mut self, now: Now) {
        loop {
            self.gateway.poll(now);
            let mut any = false;
            while let Some(action) = self.gateway.next_action() {
                any = true;
                match action {
                    gateway::Action::Send { to, bytes } => {
                        let index = usize::from(to.port()) - 1;
                        if !self.dice.random_bool(self.path.loss) {
                            let at = self.now + self.path.round_trip / 2 + self.jitter();
                            self.at(at, Event::Down(index, bytes));
                        }
                    }
                    gateway::Action::Inherit(_) => {}
                    gateway::Action::Write { token, record } => {
                        if record.topic == KafkaTopic::Marks {
                            self.gateway.log(now, &read_again(*record)).unwrap();
                        }
                        match self.path.kafka.delay {
                            Duration::ZERO => self.deliver(token),
                            delay => self.at(self.now + delay, Event::Delivered(token)),
                        }
                    }
                }
            }
            if !any {
                return;
            }
        }
    }

    fn deliver(&mut self, token: u64) {
        let place = Place {
            partition: 0,
            offset: i64::try_from(token).unwrap(),
        };
        self.gateway.delivered(self.time(), token, Some(place));
    }

    /// What goes up waits its turn on the slow link.
    fn carry_up(&mut self, index: usize, bytes: Vec<u8>) {
        let bits = number((bytes.len() + HEADERS) as u64) * 8.0;
        let takes = Duration::from_secs_f64(bits / number(self.path.bits_per_second));
        let begins = self.free.max(self.now);
        self.waits.push(begins.saturating_sub(self.now));
        self.free = begins + takes;
        if !self.dice.random_bool(self.path.loss) {
            self.arrived += u64::try_from(bytes.len() + HEADERS).unwrap();
            let at = self.free + self.path.round_trip / 2 + self.jitter();
            self.at(at, Event::Up(index, bytes));
        }
    }

    fn jitter(&mut self) -> Duration {
        let most = u64::try_from(self.path.jitter.as_micros()).unwrap();
        Duration::from_micros(self.dice.random_range(0..=most))
    }
}

/// A count, which is far below 2^32 in these runs.
fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], u16::try_from(index + 1).unwrap()))
}

fn entry(sequence: u64) -> Entry {
    let mut frame = StdRng::seed_from_u64(sequence);
    Entry {
        id: MessageId {
            device: DeviceName::new("meter-1").unwrap(),
            boot: Boot::from_bits(1),
            sequence: Sequence::new(sequence).unwrap(),
        },
        floor: Sequence::FIRST,
        trace: None,
        content: Content::Readings(vec![Reading {
            series: Series::raw(MetricName::new("frame").unwrap()),
            time: Timestamp::from_millis(1_800_000_000_000 + i64::try_from(sequence).unwrap()),
            unit: None,
            value: Value::Opaque(frame.random::<[u8; 96]>().to_vec().into()),
        }]),
    }
}

fn new_uplink(index: usize, datagram: usize, dice: &mut StdRng) -> uplink::Machine {
    let parameters = uplink::Parameters {
        modem: ModemName::new(&format!("modem-{index}")).unwrap(),
        key: KEY,
        boot: Boot::from_bits(dice.random()),
        command: Vec::new(),
        datagram,
        linger: Duration::from_millis(5),
        renewal: uplink::Renewal::default(),
        backlog: Backlog::default(),
        budget: None,
    };
    uplink::Machine::new(parameters, dice.random())
}

fn new_gateway(capacity: usize, dice: &mut StdRng) -> gateway::Machine {
    let parameters = gateway::Parameters {
        name: "cloud".parse().unwrap(),
        boot: Boot::from_bits(dice.random()),
        capacity,
        grace: Duration::from_secs(5),
        cookies: Cookies::new([5; 32]),
        admission: gateway::Admission::default(),
    };
    let machine = gateway::Machine::new(parameters.clone(), dice.random());
    let mut serving = gateway::Machine::new(parameters, dice.random());
    serving.adopt(Duration::ZERO, machine);
    serving
}

/// A record as it is read again.
fn read_again(record: Outgoing) -> Incoming {
    let place = Place {
        partition: 0,
        offset: 0,
    };
    Incoming::written(place, record)
}
