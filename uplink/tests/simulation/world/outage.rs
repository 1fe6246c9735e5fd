//! A long outage: what is new overtakes what has piled up, which drains in order.

use std::collections::{HashMap, VecDeque};

use umec_spec::resource::Bytes;
use umec_wire::{header, kafka};

use super::*;

/// How long nothing gets through.
const CUT: Duration = Duration::from_mins(10);

/// How many messages come about meanwhile: more than the uplink keeps in memory.
const PILED_UP: u32 = 6_000;

/// How many come about afterwards, one each half second.
const LIVE: u32 = 60;

/// How many messages may be on their way to Kafka: as many as at a real gateway.
const ROOM: usize = 20_000;

/// More messages than are in a batch.
const BATCH: usize = 600;

/// How soon each of those must be in Kafka.
const SOON: Duration = Duration::from_secs(2);

impl World {
    pub(crate) fn outage(mut self) {
        self.uplink = slow_uplink(&mut self.dice);
        self.gateways = Gateways::new(&mut self.dice, 1, ROOM);
        for step in self.gateways.begin() {
            self.after(Duration::from_millis(100), Event::Step(step));
        }
        self.after(Duration::from_millis(100), Event::Kafka);
        for number in 0..PILED_UP {
            self.after(CUT * number / PILED_UP, Event::Publish);
        }
        // The session is there when the first of them comes.
        let begin = CUT + Duration::from_secs(30);
        for number in 0..LIVE {
            self.after(begin + Duration::from_millis(500) * number, Event::Publish);
        }
        let mut expected: VecDeque<(Duration, u64)> = VecDeque::new();
        let mut overtook = 0;
        self.weather.delay = 0;
        while let Some(((at, _), event)) = self.events.pop_first() {
            self.now = at;
            let loss = if at < CUT { 1.0 } else { 0.0 };
            (
                self.weather.loss,
                self.weather.duplication,
                self.weather.corruption,
            ) = (loss, 0.0, 0.0);
            let is_live = matches!(event, Event::Publish) && at >= begin;
            self.happen(event);
            if is_live {
                expected.push_back((at + SOON, self.node.last()));
            }
            self.settle();
            while let Some((_, position)) = expected.pop_front_if(|(due, _)| *due <= at) {
                assert!(
                    self.node.is_acknowledged(position),
                    "seed {}: {position} is late",
                    self.seed
                );
                overtook += u32::from(!self.node.is_all_acknowledged_before(position));
            }
            if at > begin + LIVE * SOON && self.node.is_all_acknowledged() {
                break;
            }
            assert!(
                at < CUT + CALM,
                "seed {}: {:?}",
                self.seed,
                self.uplink.progress(self.time())
            );
        }
        assert!(
            overtook > LIVE / 4,
            "seed {}: only {overtook} overtook",
            self.seed
        );
        self.check();
        self.check_order();
        self.check_runs();
    }

    /// Of each device what had piled up is in Kafka in the order of the stream, to within a batch, in which runs
    /// may be mixed.
    fn check_order(&self) {
        let ids = self.node.ids().into_iter().map(|id| id.to_string());
        let places: HashMap<String, usize> = ids.zip(0..).collect();
        let mut highest = BTreeMap::new();
        let mut marked = 0;
        for record in self.kafka.readings() {
            if record.header(header::REPLAYED).is_none() {
                continue;
            }
            let place = places[record.header(kafka::MESSAGE_ID).unwrap()];
            let highest = highest.entry(record.key.clone()).or_insert(place);
            *highest = place.max(*highest);
            assert!(
                place + BATCH > *highest,
                "seed {}: {place} came after {highest}",
                self.seed
            );
            marked += 1;
        }
        assert!(
            marked > PILED_UP / 2,
            "seed {}: {marked} are marked",
            self.seed
        );
    }

    /// Where nothing is lost on the way, each run of a device is in order, what is marked and what is not.
    fn check_runs(&self) {
        let mut newest: HashMap<_, u64> = HashMap::new();
        for record in self.kafka.readings() {
            let id: MessageId = record.header(kafka::MESSAGE_ID).unwrap().parse().unwrap();
            let lane = record.header(header::REPLAYED).is_some();
            let number = id.sequence.get();
            let before = newest.insert((id.device.clone(), id.boot, lane), number);
            assert!(
                before.is_none_or(|before| before < number),
                "seed {}: {id} came after {before:?}",
                self.seed
            );
        }
    }
}

/// An uplink that needs a minute for what has piled up.
fn slow_uplink(dice: &mut StdRng) -> uplink::Machine {
    let parameters = uplink::Parameters {
        modem: modem(),
        key: KEY,
        boot: Boot::from_bits(dice.random()),
        command: Vec::new(),
        datagram: 1_200,
        linger: Duration::from_millis(5),
        renewal: uplink::Renewal::default(),
        backlog: Backlog {
            per_second: Some(Bytes::new(1_500)),
            ..Backlog::default()
        },
        budget: None,
    };
    uplink::Machine::new(parameters, dice.random())
}
