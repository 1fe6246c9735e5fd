//! Kafka as the gateway sees it: logs that outlive it, records that are on their way when it dies.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use umec_gateway::kafka::{Incoming, Offsets, Outgoing, Place};
use umec_gateway::machine::{Machine, SCANNED};
use umec_wire::Boot;
use umec_wire::kafka::{self, KafkaTopic};
use umec_wire::uplink::Now;

/// Partitions of each topic.
const PARTITIONS: i32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Kafka {
    logs: BTreeMap<(KafkaTopic, i32), Vec<Outgoing>>,
    /// Of gateways that died: what was on its way, and when it arrives.
    late: VecDeque<(Duration, Outgoing)>,
    pub(crate) is_away: bool,
    /// Whether several gateways write.
    is_shared: bool,
    /// How many records of devices and results there are, and how many of them were covered when each
    /// gateway told its places.
    written: usize,
    told: HashMap<String, usize>,
    results: usize,
    /// How many results there were when places were told and no command was being ended.
    covered_results: usize,
    /// Commands that are being ended.
    ending: HashSet<String>,
}

/// What Kafka has of one gateway.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// Handed over, and not in a log yet.
    queue: VecDeque<(u64, Outgoing)>,
    /// The next command that it reads.
    commands: Offsets,
    /// The next record of `umec.marks` that it reads.
    marks: Offsets,
}

/// How late a request of a gateway that died may arrive.
const LATEST: u64 = 900;

// === impl Kafka ===

impl Kafka {
    pub(crate) fn new(is_shared: bool) -> Self {
        Self {
            is_shared,
            ..Self::default()
        }
    }

    /// Writes some of what a gateway handed over; the reports.
    pub(crate) fn work(
        &mut self,
        dice: &mut StdRng,
        now: Duration,
        connection: &mut Connection,
    ) -> Vec<(u64, Place)> {
        if self.is_away {
            return Vec::new();
        }
        self.arrive(now);
        let some = dice.random_range(0..=connection.queue.len());
        let some: Vec<_> = connection.queue.drain(..some).collect();
        some.into_iter()
            .map(|(token, record)| (token, self.append(record)))
            .collect()
    }

    /// What gateways that died had on its way arrives when its time has come.
    fn arrive(&mut self, now: Duration) {
        while self.late.front().is_some_and(|(at, _)| *at <= now) {
            let (_, record) = self.late.pop_front().unwrap();
            self.append(record);
        }
    }

    /// A gateway dies: some of what it had handed over still arrives, the reports are lost.
    pub(crate) fn gateway_dies(
        &mut self,
        dice: &mut StdRng,
        now: Duration,
        connection: &mut Connection,
    ) {
        let some = dice.random_range(0..=connection.queue.len());
        // What is on its way to a broker that is away never arrives.
        let some = if self.is_away { 0 } else { some };
        let at = now + Duration::from_millis(dice.random_range(0..LATEST));
        let late = connection
            .queue
            .drain(..some)
            .map(|(_, record)| (at, record));
        self.late.extend(late);
        self.late.make_contiguous().sort_by_key(|(at, _)| *at);
        *connection = Connection::default();
    }

    pub(crate) fn append(&mut self, record: Outgoing) -> Place {
        let partitions = if record.topic == KafkaTopic::Marks {
            1
        } else {
            PARTITIONS
        };
        let sum: i32 = record.key.bytes().map(i32::from).sum();
        let partition = sum % partitions;
        if SCANNED.contains(&record.topic) {
            self.written += 1;
        }
        self.results += usize::from(record.topic == KafkaTopic::CommandResults);
        if record.key.starts_with("_right/") {
            let key = record.key.clone();
            match record.value {
                Some(_) => self.ending.insert(key),
                None => self.ending.remove(&key),
            };
        }
        // Who inherits from a gateway writes of it, too, and knows its places no better than it did.
        let value = record.value.as_deref().unwrap_or_default();
        let is_of_heir = String::from_utf8_lossy(value).contains("\"heir\"");
        if record.key.starts_with("_gateway/") && !is_of_heir {
            if self.ending.is_empty() {
                self.covered_results = self.results;
            }
            let open = self.results - self.covered_results;
            self.told.insert(record.key.clone(), self.written - open);
        }
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
                let place = Place {
                    partition: *partition,
                    offset,
                };
                each(Incoming::written(place, record.clone()));
            }
            ends.insert(*partition, i64::try_from(log.len()).unwrap());
        }
        ends
    }

    /// What a gateway does first: it fences its predecessors, or others that are gone.
    pub(crate) fn fence(
        &mut self,
        now: Now,
        connection: &mut Connection,
        machine: &mut Machine,
        others: Option<Vec<Boot>>,
    ) {
        connection.marks = self.read_marks(&Offsets::new(), machine);
        let others = others.unwrap_or_else(|| machine.predecessors());
        let known = |boot: &Boot| self.told.get(&format!("_gateway/{boot}")).copied();
        let inherited = others.iter().map(|boot| known(boot).unwrap_or(0)).min();
        for record in machine.fences(now.wall, &others) {
            let key = record.key.clone();
            let is_own = !others.iter().any(|boot| key == format!("_gateway/{boot}"));
            self.append(record);
            // Its own first word tells places that it has from others.
            if let Some(inherited) = inherited.filter(|_| is_own) {
                self.told.insert(key, inherited);
            }
        }
        connection.marks = self.read_marks(&connection.marks, machine);
        assert!(machine.has_fenced(&others));
    }

    fn read_marks(&self, from: &Offsets, machine: &mut Machine) -> Offsets {
        self.read(KafkaTopic::Marks, from, &mut |record| {
            machine.restore(Duration::ZERO, &record).unwrap();
        })
    }

    /// What a gateway does then, a second later; what it reads is bounded by what was written since
    /// those that it inherits from told their places.
    pub(crate) fn scan(&mut self, now: Now, connection: &mut Connection, machine: &mut Machine) {
        self.arrive(now.steady);
        let estates = machine.estates();
        let told = estates
            .iter()
            .map(|boot| self.told.get(&format!("_gateway/{boot}")));
        let told = told.map(|told| told.copied().unwrap_or(0)).min();
        let mut count = 0;
        let from = machine.scan_from();
        for topic in SCANNED {
            let ends = self.read(topic, &from.of(topic), &mut |record| {
                count += 1;
                machine.restore_written(topic, &record);
            });
            machine.restore_place(topic, ends);
        }
        // Where others write too, what they wrote in between is read as well.
        if let Some(told) = told.filter(|_| !self.is_shared) {
            let most = self.written - told;
            assert!(
                count <= most,
                "{count} records were read, at most {most} are new"
            );
        }
        let from = machine.places().of(KafkaTopic::Commands);
        machine.restore_commands(&from);
        connection.commands = from;
        self.feed(now, connection, machine);
    }

    /// Hands new commands to a gateway.
    pub(crate) fn feed(&mut self, now: Now, connection: &mut Connection, machine: &mut Machine) {
        let from = connection.commands.clone();
        connection.commands = self.read(KafkaTopic::Commands, &from, &mut |r| {
            machine.command(now, &r);
        });
    }

    /// Hands what other gateways say to a gateway.
    pub(crate) fn log(&mut self, now: Now, connection: &mut Connection, machine: &mut Machine) {
        let from = connection.marks.clone();
        connection.marks = self.read(KafkaTopic::Marks, &from, &mut |record| {
            machine.log(now, &record).unwrap();
        });
    }

    /// Writes a snapshot; the gateway may die in between.
    pub(crate) fn snapshot(&mut self, dice: &mut StdRng, now: Now, machine: &mut Machine) {
        let snapshot = machine.snapshot(now.wall);
        let dies = dice.random_bool(0.1);
        for record in snapshot.modems {
            self.append(record);
        }
        if !dies {
            for record in snapshot.places {
                self.append(record);
            }
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
            records.push(record);
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

// === impl Connection ===

impl Connection {
    pub(crate) fn hand_over(&mut self, token: u64, record: Outgoing) {
        self.queue.push_back((token, record));
    }
}
