//! What the gateway must know after a restart, as it lies in the compacted topic `umec.marks`.
//!
//! A record per modem holds its marks; one record, under the key `_places`, holds the places up to
//! which Kafka's topics are covered by those marks. It is written when the others are in Kafka. After
//! a restart the marks are read, and then what lies behind the places: each record names modem and
//! message in its headers.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use umec_wire::command::CommandId;
use umec_wire::kafka::{self, KafkaTopic};
use umec_wire::uplink::Ranges;
use umec_wire::uplink::ranges::Range;
use umec_wire::{Boot, DeviceName, MessageId, ModemName, NodeName, Timestamp};

use super::Machine;
use super::marks::{Mark, Marks};
use super::modem::Modem;
use crate::kafka::{Incoming, Offsets, Outgoing, Place};
use crate::record;

/// What has changed since the last snapshot, and the places it covers.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// A record for each modem whose marks have changed.
    pub modems: Vec<Outgoing>,
    /// The record to be written after those are in Kafka.
    pub places: Outgoing,
}

/// Up to where Kafka's topics are covered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// For each topic the next offset of each partition that is not covered.
    topics: BTreeMap<String, Offsets>,
    /// For each partition of the commands the records behind that offset that are covered all the
    /// same: ranges of offsets, first and last.
    resolved: BTreeMap<i32, Vec<(u64, u64)>>,
}

/// The key of the places: no modem has it, since a name does not begin with `_`.
const PLACES: &str = "_places";

/// The topics whose records are looked through after a restart.
pub const SCANNED: [KafkaTopic; 5] = [
    KafkaTopic::Readings,
    KafkaTopic::Aggregates,
    KafkaTopic::Events,
    KafkaTopic::Status,
    KafkaTopic::CommandResults,
];

#[derive(Debug, Serialize, Deserialize)]
struct ModemMarks {
    node: NodeName,
    marks: Vec<MarkRow>,
}

/// Device, boot, time of the last change, ranges of sequences as first and last.
#[derive(Debug, Serialize, Deserialize)]
struct MarkRow(DeviceName, Boot, Timestamp, Vec<(u64, u64)>);

// === impl Places ===

impl Places {
    /// Notes that a record is covered.
    pub fn passed(&mut self, topic: KafkaTopic, place: Place) {
        let offsets = self.topics.entry(topic.name().to_owned()).or_default();
        let next = offsets.entry(place.partition).or_default();
        *next = (*next).max(place.offset + 1);
    }

    /// Replaces the places of a topic.
    pub fn set(&mut self, topic: KafkaTopic, offsets: Offsets) {
        self.topics.insert(topic.name().to_owned(), offsets);
    }

    /// The places of a topic; empty where nothing is known.
    pub fn of(&self, topic: KafkaTopic) -> Offsets {
        self.topics.get(topic.name()).cloned().unwrap_or_default()
    }
}

impl Machine {
    /// What is to be written down. Empties the list of changes.
    pub fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        let changed = self.modems.iter_mut().filter(|(_, m)| m.is_changed);
        let modems = changed
            .map(|(name, modem)| {
                modem.is_changed = false;
                let value = record::json(&ModemMarks::of(modem));
                marks_record(now, name.to_string(), value)
            })
            .collect();
        let mut places = self.places.clone();
        places.resolved.clear();
        let mut offsets = Offsets::new();
        for (partition, oldest, closed) in self.commands.places() {
            offsets.insert(partition, oldest);
            let closed = closed.iter().map(|range| (range.first, range.last));
            places.resolved.insert(partition, closed.collect());
        }
        places.set(KafkaTopic::Commands, offsets);
        let places = marks_record(now, PLACES.to_owned(), record::json(&places));
        Snapshot { modems, places }
    }

    /// Whether a snapshot would tell something new about modems.
    pub fn is_changed(&self) -> bool {
        self.modems.values().any(|modem| modem.is_changed)
    }

    /// Takes a record of `umec.marks`. Marks only grow, so that the order matters for the places alone.
    pub fn restore(&mut self, record: &Incoming) -> Result<(), serde_json::Error> {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let Some(value) = &record.value else {
            return Ok(());
        };
        if key == PLACES {
            self.places = serde_json::from_slice(value)?;
        } else if let Ok(name) = ModemName::new(&key) {
            let stored: ModemMarks = serde_json::from_slice(value)?;
            let modem = self
                .modems
                .entry(name)
                .or_insert_with(|| Modem::new(stored.node));
            for MarkRow(device, boot, touched, ranges) in stored.marks {
                let ranges = ranges.into_iter();
                let done: Ranges = ranges.map(|(first, last)| Range { first, last }).collect();
                modem.marks.merge(&device, boot, &Mark { done, touched });
            }
        }
        Ok(())
    }

    /// The places that were restored: where looking through Kafka begins.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Takes a record that lies behind the places.
    pub fn restore_written(&mut self, topic: KafkaTopic, record: &Incoming) {
        if topic == KafkaTopic::CommandResults {
            #[derive(Deserialize)]
            struct Ended {
                id: CommandId,
            }
            let value = record.value.as_deref().unwrap_or_default();
            if let Ok(ended) = serde_json::from_slice::<Ended>(value) {
                self.commands.restore_ended(ended.id);
            }
            return;
        }
        let modem = record.header(kafka::MODEM).and_then(|m| m.parse().ok());
        let id: Option<MessageId> = record
            .header(kafka::MESSAGE_ID)
            .and_then(|i| i.parse().ok());
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
        let node = key.split_once('/').and_then(|(node, _)| node.parse().ok());
        // What others write to these topics is not ours to know.
        let (Some(modem), Some(id), Some(node)) = (modem, id, node) else {
            return;
        };
        let time = Timestamp::from_millis(record.time.unwrap_or_default());
        let modem = self.modems.entry(modem).or_insert_with(|| Modem::new(node));
        modem.marks.insert(time, &id);
        modem.is_changed = true;
    }

    /// Takes the places at which looking through a topic ended.
    pub fn restore_place(&mut self, topic: KafkaTopic, ends: Offsets) {
        self.places.set(topic, ends);
    }

    /// Takes the places from which commands are read.
    pub fn restore_commands(&mut self, from: &Offsets) {
        for (partition, offset) in from {
            let closed = self.places.resolved.get(partition);
            let closed = closed.into_iter().flatten();
            let closed = closed.map(|(first, last)| Range {
                first: *first,
                last: *last,
            });
            self.commands
                .restore_place(*partition, *offset, closed.collect());
        }
    }

    /// Takes the places up to which commands were read.
    pub fn restore_commands_read(&mut self, ends: &Offsets) {
        for (partition, end) in ends {
            self.commands.restore_read(*partition, *end);
        }
    }

    /// Takes over what another machine has restored, and begins to take batches.
    pub fn adopt(&mut self, restored: Self) {
        for (name, from) in restored.modems {
            let node = from.node.clone();
            let modem = self.modems.entry(name).or_insert_with(|| Modem::new(node));
            for (device, boot, mark) in from.marks.iter() {
                modem.marks.merge(device, boot, mark);
            }
            modem.is_changed |= from.is_changed;
        }
        self.commands = restored.commands;
        self.places = restored.places;
        self.is_restored = true;
    }

    /// Takes the word that a snapshot did not get into Kafka: the next one tells all again.
    pub fn snapshot_failed(&mut self) {
        for modem in self.modems.values_mut() {
            modem.is_changed = true;
        }
    }

    /// The marks of a modem.
    pub fn marks(&self, modem: &ModemName) -> Option<&Marks> {
        self.modems.get(modem).map(|modem| &modem.marks)
    }
}

// === impl ModemMarks ===

impl ModemMarks {
    fn of(modem: &Modem) -> Self {
        let row = |(device, boot, mark): (&DeviceName, Boot, &Mark)| {
            let ranges = mark.done.iter().map(|range| (range.first, range.last));
            MarkRow(device.clone(), boot, mark.touched, ranges.collect())
        };
        Self {
            node: modem.node.clone(),
            marks: modem.marks.iter().map(row).collect(),
        }
    }
}

fn marks_record(now: Timestamp, key: String, value: Bytes) -> Outgoing {
    Outgoing {
        topic: KafkaTopic::Marks,
        key,
        time: now.as_millis(),
        headers: Vec::new(),
        value: Some(value),
    }
}
