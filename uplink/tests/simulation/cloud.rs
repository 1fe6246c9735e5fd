//! Kafka as the gateway sees it: logs that outlive it, records that are on their way when it dies.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rand::RngExt as _;
use rand::rngs::StdRng;
use umec_gateway::kafka::{Incoming, Offsets, Outgoing, Place};
use umec_gateway::machine::{Machine, SCANNED};
use umec_wire::kafka::{self, KafkaTopic};
use umec_wire::uplink::Now;

/// Partitions of each topic.
const PARTITIONS: i32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Kafka {
    logs: BTreeMap<(KafkaTopic, i32), Vec<Outgoing>>,
    /// Handed over, and not in a log yet.
    queue: VecDeque<(u64, Outgoing)>,
    pub(crate) is_away: bool,
    /// The next command that the running gateway reads.
    commands: Offsets,
}

// === impl Kafka ===

impl Kafka {
    pub(crate) fn hand_over(&mut self, token: u64, record: Outgoing) {
        self.queue.push_back((token, record));
    }

    /// Writes some of what was handed over; the reports.
    pub(crate) fn work(&mut self, dice: &mut StdRng) -> Vec<(u64, Place)> {
        let some = dice.random_range(0..=self.queue.len());
        if self.is_away {
            return Vec::new();
        }
        let some: Vec<_> = self.queue.drain(..some).collect();
        some.into_iter()
            .map(|(token, record)| (token, self.append(record)))
            .collect()
    }

    /// The gateway dies: some of what it had handed over still arrives, the reports are lost.
    pub(crate) fn gateway_dies(&mut self, dice: &mut StdRng) {
        self.work(dice);
        self.queue.clear();
    }

    pub(crate) fn append(&mut self, record: Outgoing) -> Place {
        let partitions = if record.topic == KafkaTopic::Marks {
            1
        } else {
            PARTITIONS
        };
        let sum: i32 = record.key.bytes().map(i32::from).sum();
        let partition = sum % partitions;
        let log = self.logs.entry((record.topic, partition)).or_default();
        log.push(record);
        let offset = i64::try_from(log.len()).unwrap() - 1;
        Place { partition, offset }
    }

    fn read(&self, topic: KafkaTopic, from: &Offsets, each: &mut dyn FnMut(Incoming)) -> Offsets {
        let mut ends = Offsets::new();
        for ((_, partition), log) in self.logs.range((topic, 0)..=(topic, PARTITIONS)) {
            let start = from.get(partition).copied().unwrap_or(0);
            for (offset, record) in (0..).zip(log).skip_while(|(offset, _)| *offset < start) {
                each(incoming(*partition, offset, record));
            }
            ends.insert(*partition, i64::try_from(log.len()).unwrap());
        }
        ends
    }

    /// What a gateway does before it takes anything.
    pub(crate) fn recover(&mut self, now: Now, machine: &mut Machine) {
        self.read(KafkaTopic::Marks, &Offsets::new(), &mut |record| {
            machine.restore(&record).unwrap();
        });
        let places = machine.places().clone();
        for topic in SCANNED {
            let from = places.of(topic);
            let ends = self.read(topic, &from, &mut |r| machine.restore_written(topic, &r));
            machine.restore_place(topic, ends);
        }
        let from = places.of(KafkaTopic::Commands);
        machine.restore_commands(&from);
        self.commands = from;
        self.feed(now, machine);
    }

    /// Hands new commands to the gateway.
    pub(crate) fn feed(&mut self, now: Now, machine: &mut Machine) {
        let from = self.commands.clone();
        let ends = self.read(KafkaTopic::Commands, &from, &mut |r| {
            machine.command(now, &r);
        });
        self.commands = ends;
    }

    /// Writes a snapshot; the gateway may die in between.
    pub(crate) fn snapshot(&mut self, dice: &mut StdRng, now: Now, machine: &mut Machine) {
        let snapshot = machine.snapshot(now.wall);
        let dies = dice.random_bool(0.1);
        for record in snapshot.modems {
            self.append(record);
        }
        if !dies {
            self.append(snapshot.places);
        }
    }

    /// How often each message is in Kafka.
    pub(crate) fn messages(&self) -> HashMap<String, u32> {
        let mut count = HashMap::new();
        for topic in [KafkaTopic::Readings, KafkaTopic::Status] {
            self.read(topic, &Offsets::new(), &mut |record| {
                let id = record.header(kafka::MESSAGE_ID).unwrap().to_owned();
                *count.entry(id).or_default() += 1;
            });
        }
        count
    }

    /// The records of readings, in the order of each partition.
    pub(crate) fn readings(&self) -> Vec<Incoming> {
        let mut records = Vec::new();
        self.read(KafkaTopic::Readings, &Offsets::new(), &mut |record| {
            records.push(record)
        });
        records
    }

    /// The ids of states, in the order of the topic.
    pub(crate) fn states(&self) -> Vec<String> {
        let mut ids = Vec::new();
        self.read(KafkaTopic::Status, &Offsets::new(), &mut |record| {
            ids.push(record.header(kafka::MESSAGE_ID).unwrap().to_owned());
        });
        ids
    }

    /// The results, by command.
    pub(crate) fn results(&self) -> HashMap<String, Vec<String>> {
        let mut results: HashMap<String, Vec<String>> = HashMap::new();
        self.read(KafkaTopic::CommandResults, &Offsets::new(), &mut |record| {
            let value: serde_json::Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
            let text = |name: &str| value[name].as_str().unwrap().to_owned();
            results.entry(text("id")).or_default().push(text("outcome"));
        });
        results
    }
}

fn incoming(partition: i32, offset: i64, record: &Outgoing) -> Incoming {
    Incoming {
        partition,
        offset,
        key: Some(record.key.clone().into()),
        time: Some(record.time),
        headers: record.headers.clone(),
        value: record.value.clone(),
    }
}
