//! Virtual time, a network with weather, and what befalls the processes.

mod check;
mod outage;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use umec_gateway::kafka::{Headers, Outgoing};
use umec_sdk::bus::Lane;
use umec_spec::settings::uplink::Backlog;
use umec_uplink::machine as uplink;
use umec_wire::kafka::KafkaTopic;
use umec_wire::uplink::{Command, Key, Now};
use umec_wire::{Boot, MessageId, ModemName, Span, Timestamp};

use crate::cloud::Kafka;
use crate::gateways::{Gateways, Step};
use crate::node::{LIVE, Node, node_name};

/// How long things go wrong.
const STORM: Duration = Duration::from_secs(30);

/// How much of it lies before a silence.
const BEFORE: Duration = Duration::from_secs(10);

/// How long everything may take after that.
const CALM: Duration = Duration::from_mins(10);

/// How many messages may be on their way from the gateway to Kafka.
const CAPACITY: usize = 50;

/// How often gateways write snapshots.
const SNAPSHOT: Duration = Duration::from_secs(2);

const KEY: Key = Key::new([7; 32]);

#[derive(Debug)]
enum Event {
    Up(Vec<u8>, SocketAddr),
    Down(Vec<u8>),
    Publish,
    Order,
    Kafka,
    Snapshot,
    Finished(u64, umec_wire::command::CommandResult),
    UplinkDies,
    GatewayDies,
    KafkaTurns,
    Moves,
    /// The path carries datagrams of another size from here on.
    Narrows,
    /// A gateway takes over from others.
    Step(Step),
    /// A state machine wants to be asked.
    Wake,
}

struct Weather {
    /// Nothing gets through before this moment.
    silence: Duration,
    loss: f64,
    duplication: f64,
    corruption: f64,
    delay: u64,
}

pub(crate) struct World {
    seed: u64,
    dice: StdRng,
    now: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
    weather: Weather,
    node: Node,
    kafka: Kafka,
    uplink: uplink::Machine,
    /// Which uplink this is: what an earlier one began is not reported to a later one.
    incarnation: u64,
    /// Whether it knows the newest states in the stream.
    knows_states: bool,
    gateways: Gateways,
    address: SocketAddr,
    /// When the storm ends.
    storm: Duration,
    /// The largest datagram that the path carries up.
    mtu: usize,
    orders: u64,
}

// === impl World ===

impl World {
    pub(crate) fn new(seed: u64, gateways: usize) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        // Now and then there is no contact for hours, after ten seconds of storm.
        // Several gateways have to hear of each other meanwhile, so theirs is no quiet time.
        let silence = if dice.random_bool(0.1) && gateways == 1 {
            Duration::from_mins(dice.random_range(1..300))
        } else {
            Duration::ZERO
        };
        let weather = Weather {
            silence,
            loss: dice.random_range(0.0..0.5),
            duplication: dice.random_range(0.0..0.3),
            corruption: dice.random_range(0.0..0.2),
            delay: dice.random_range(1..400),
        };
        let uplink = new_uplink(&mut dice);
        let gateways = Gateways::new(&mut dice, gateways, CAPACITY);
        Self {
            seed,
            dice,
            now: Duration::ZERO,
            events: BTreeMap::new(),
            next_event: 0,
            weather,
            node: Node::default(),
            kafka: Kafka::new(gateways.count() > 1),
            uplink,
            incarnation: 0,
            knows_states: false,
            gateways,
            address: SocketAddr::from(([192, 0, 2, 1], 1)),
            storm: STORM + silence,
            mtu: 1_500,
            orders: 0,
        }
    }

    pub(crate) fn run(mut self) {
        self.plan();
        self.settle();
        while let Some(((at, _), event)) = self.events.pop_first() {
            self.now = at;
            if at > self.storm {
                self.mtu = self.mtu.max(1_200);
                self.weather = Weather {
                    silence: Duration::ZERO,
                    loss: 0.0,
                    duplication: 0.0,
                    corruption: 0.0,
                    delay: 20,
                };
                self.kafka.is_away = false;
            }
            if at > self.storm && matches!(event, Event::Kafka) && self.is_done() {
                break;
            }
            assert!(
                at < self.storm + CALM,
                "seed {}: {:?}, {:?}",
                self.seed,
                self.uplink.progress(self.time()),
                self.kafka.results()
            );
            self.happen(event);
            self.settle();
        }
        self.check();
    }

    /// Decides what befalls whom, and when.
    fn plan(&mut self) {
        let silence = self.weather.silence;
        let mut some = |most: u32, event: fn() -> Event| {
            for _ in 0..self.dice.random_range(0..=most) {
                let at = STORM.mul_f64(self.dice.random_range(0.0..1.0));
                let at = if at > BEFORE { at + silence } else { at };
                self.events.insert((at, self.next_event), event());
                self.next_event += 1;
            }
        };
        some(60, || Event::Publish);
        some(6, || Event::Order);
        some(3, || Event::UplinkDies);
        some(3, || Event::GatewayDies);
        some(3, || Event::KafkaTurns);
        some(4, || Event::Moves);
        some(2, || Event::Narrows);
        for step in self.gateways.begin() {
            self.after(Duration::from_millis(100), Event::Step(step));
        }
        self.after(Duration::from_millis(100), Event::Kafka);
        self.after(SNAPSHOT, Event::Snapshot);
    }

    fn time(&self) -> Now {
        Now {
            steady: self.now,
            wall: Timestamp::from_millis(1_800_000_000_000).saturating_add(self.now),
        }
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.events
            .insert((self.now + delay, self.next_event), event);
        self.next_event += 1;
    }

    fn happen(&mut self, event: Event) {
        let now = self.time();
        match event {
            Event::Up(bytes, from) => {
                let find = |name: &_| (*name == modem()).then(|| (KEY, node_name()));
                self.gateways.datagram(now, from, &bytes, find);
            }
            Event::Down(bytes) => self.uplink.datagram(now, &bytes),
            Event::Publish => self.node.publish(&mut self.dice, now.wall),
            Event::Order => self.order(),
            Event::Kafka => {
                let steps = self.gateways.kafka(&mut self.dice, now, &mut self.kafka);
                self.recover(steps);
                let pause = if self.is_silent() {
                    self.dice.random_range(1_000..20_000)
                } else {
                    self.dice.random_range(1..100)
                };
                self.after(Duration::from_millis(pause), Event::Kafka);
            }
            Event::Snapshot => {
                self.gateways
                    .snapshots(&mut self.dice, now, &mut self.kafka);
                self.after(SNAPSHOT, Event::Snapshot);
            }
            Event::Finished(from, result) if from == self.incarnation => {
                self.uplink.finished(now, result);
            }
            Event::UplinkDies => {
                self.uplink = new_uplink(&mut self.dice);
                self.incarnation += 1;
                self.knows_states = false;
                self.node.rewind(&mut self.dice);
            }
            Event::GatewayDies => {
                let step = self.gateways.one_dies(&mut self.dice, now, &mut self.kafka);
                self.recover(vec![step]);
            }
            Event::KafkaTurns => self.kafka.is_away ^= true,
            Event::Moves => {
                let host = self.dice.random_range(1..4);
                self.address = SocketAddr::from(([192, 0, 2, host], self.dice.random()));
                self.gateways.turn(&mut self.dice);
            }
            Event::Narrows => self.mtu = self.dice.random_range(600..1_500),
            Event::Step(step) => {
                if let Some((after, step)) = self.gateways.step(now, &mut self.kafka, step) {
                    self.after(after, Event::Step(step));
                }
            }
            Event::Finished(..) | Event::Wake => {}
        }
    }

    /// Lets gateways take over; modems may call meanwhile.
    fn recover(&mut self, steps: Vec<Step>) {
        for step in steps {
            let takes = Duration::from_millis(self.dice.random_range(0..3_000));
            self.after(takes, Event::Step(step));
        }
    }

    /// Somebody in the cloud orders something, now and then nonsense.
    fn order(&mut self) {
        self.orders += 1;
        let now = self.time().wall;
        let expires = now.saturating_add(Duration::from_secs(self.dice.random_range(0..60)));
        let device = self.dice.random_range(0..4);
        let value = match self.dice.random_range(0..10) {
            0 => "nonsense".to_owned(),
            _ => format!(
                r#"{{"id":"order-{}","name":"setpoint","value":1,"expires":"{expires}"}}"#,
                self.orders
            ),
        };
        self.kafka.append(Outgoing {
            topic: KafkaTopic::Commands,
            key: format!("pole-7/device-{device}"),
            time: now.as_millis(),
            headers: Headers::default(),
            value: Some(value.into()),
        });
    }

    /// Lets both ends do what is due, and the network carry it.
    fn settle(&mut self) {
        let now = self.time();
        while let Some((position, entry, lane)) = self.node.read(now.wall, self.uplink.room()) {
            if lane == Lane::Backlog && !std::mem::replace(&mut self.knows_states, true) {
                for (device, position) in self.node.newest_states() {
                    self.uplink.known_state(&device, position);
                }
            }
            self.uplink.offer(now, position, entry, lane);
        }
        self.uplink.passed(self.node.passed());
        if self.uplink.has_backlog() {
            self.node.read_ahead(now.wall);
        }
        self.uplink.poll(now);
        while let Some(action) = self.uplink.next_action() {
            match action {
                uplink::Action::Send(bytes) => {
                    let from = self.address;
                    self.carry(&bytes, move |bytes| Event::Up(bytes, from));
                }
                uplink::Action::Acknowledge(position) => self.node.acknowledge(position),
                uplink::Action::Command(command) => self.execute(&command),
                uplink::Action::Resolve | uplink::Action::Keep(_) => {}
            }
        }
        let (sent, steps) = self.gateways.settle(now, self.kafka.is_away);
        for (to, bytes) in sent {
            // What goes to an address that the modem has left is lost.
            if to == self.address {
                self.carry(&bytes, Event::Down);
            }
        }
        self.recover(steps);
        let wake = self.uplink.wake().min(self.gateways.wake()).max(self.now);
        let earlier = self
            .events
            .first_key_value()
            .is_some_and(|((at, _), _)| *at <= wake);
        if !earlier {
            self.after(wake.saturating_sub(self.now), Event::Wake);
        }
    }

    fn execute(&mut self, command: &Command) {
        let result = self.node.execute(command, self.time().wall);
        let takes = Duration::from_millis(self.dice.random_range(0..3_000));
        self.after(takes, Event::Finished(self.incarnation, result));
    }

    /// Whether nothing gets through at all.
    fn is_silent(&self) -> bool {
        self.now > BEFORE && self.now < BEFORE + self.weather.silence
    }

    fn carry(&mut self, bytes: &[u8], event: impl Fn(Vec<u8>) -> Event) {
        if bytes.len() > self.mtu || self.is_silent() {
            return;
        }
        let copies = 1 + u8::from(self.dice.random_bool(self.weather.duplication));
        for _ in 0..copies {
            if self.dice.random_bool(self.weather.loss) {
                continue;
            }
            let mut bytes = bytes.to_vec();
            if self.dice.random_bool(self.weather.corruption) {
                let place = self.dice.random_range(0..bytes.len());
                bytes[place] ^= 1 << self.dice.random_range(0..8);
            }
            let delay = Duration::from_millis(self.dice.random_range(0..=self.weather.delay));
            self.after(delay, event(bytes));
        }
    }

    fn is_done(&self) -> bool {
        self.node.is_all_acknowledged()
            && self.kafka.results().values().map(Vec::len).sum::<usize>()
                >= usize::try_from(self.orders).unwrap()
    }
}

fn modem() -> ModemName {
    ModemName::new("pole-7").unwrap()
}

fn new_uplink(dice: &mut StdRng) -> uplink::Machine {
    let parameters = uplink::Parameters {
        modem: modem(),
        key: KEY,
        boot: Boot::from_bits(dice.random()),
        command: vec!["device-*".to_owned().try_into().unwrap()],
        datagram: [237, 1_200, 1_472][dice.random_range(0..3)],
        linger: Duration::from_millis(5),
        renewal: uplink::Renewal {
            after: Duration::from_secs(dice.random_range(3..60)),
            datagrams: dice.random_range(50..1_000),
        },
        backlog: Backlog {
            after: Span::from_secs(LIVE.as_secs()),
            share: dice.random_range(1..=100),
            ..Backlog::default()
        },
        budget: None,
    };
    uplink::Machine::new(parameters, dice.random())
}
