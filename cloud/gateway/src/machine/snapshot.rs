//! What the gateway must know after a restart, as it lies in the compacted topic `umec.marks`.
//!
//! A record per modem holds its marks; a record for each gateway, under the key `_gateway/<boot>`, holds
//! the places up to which what it wrote is covered by those marks. It is written when the others are in
//! Kafka. An heir reads the marks, and then what lies behind the places: each record names modem and
//! message in its headers. A record under `_owner/<modem>` tells which gateway takes the modem, one under
//! `_right/<command>` which gateway ends the command.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use umec_wire::command::CommandId;
use umec_wire::kafka::{self, KafkaTopic};
use umec_wire::uplink::Ranges;
use umec_wire::uplink::ranges::Range;
use umec_wire::{Boot, DeviceName, MessageId, ModemName, NodeName, Timestamp};

use super::Machine;
use super::commands::RightRecord;
use super::marks::{Mark, Marks};
use super::modem::Modem;
use super::tenure::{GatewayRecord, OwnerRecord};
use crate::kafka::{Headers, Incoming, Offsets, Outgoing, Place};
use crate::record;

/// What has changed since the last snapshot, and the places it covers.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// A record for each modem whose marks have changed.
    pub modems: Vec<Outgoing>,
    /// The records to be written after those are in Kafka.
    pub places: Vec<Outgoing>,
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

/// What the keys of records about gateways begin with: no modem has one, since a name does not begin
/// with `_`.
const GATEWAY: &str = "_gateway/";

/// The same for owners of modems.
const OWNER: &str = "_owner/";

/// The same for rights to end commands.
const RIGHT: &str = "_right/";

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
        if !self.topics.contains_key(topic.name()) {
            self.set(topic, Offsets::new());
        }
        if let Some(offsets) = self.topics.get_mut(topic.name()) {
            let next = offsets.entry(place.partition).or_default();
            *next = (*next).max(place.offset + 1);
        }
    }

    /// Replaces the places of a topic.
    pub fn set(&mut self, topic: KafkaTopic, offsets: Offsets) {
        self.topics.insert(topic.name().to_owned(), offsets);
    }

    /// What neither covers beyond what both cover.
    #[must_use]
    pub fn least(&self, other: &Self) -> Self {
        let mut least = Self::default();
        for (topic, offsets) in &self.topics {
            let others = other.topics.get(topic);
            let both = offsets.iter().filter_map(|(partition, offset)| {
                let other = others?.get(partition)?;
                Some((*partition, *offset.min(other)))
            });
            least.topics.insert(topic.clone(), both.collect());
        }
        least
    }

    /// What either covers.
    fn most(&self, other: &Self) -> Self {
        let mut most = self.clone();
        for (topic, offsets) in &other.topics {
            let known = most.topics.entry(topic.clone()).or_default();
            for (partition, offset) in offsets {
                let known = known.entry(*partition).or_default();
                *known = (*known).max(*offset);
            }
        }
        most
    }

    /// The places of a topic; empty where nothing is known.
    pub fn of(&self, topic: KafkaTopic) -> Offsets {
        self.topics.get(topic.name()).cloned().unwrap_or_default()
    }
}

impl Machine {
    /// What is to be written down. Empties the list of changes.
    pub fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        let tenure = &self.tenure;
        // What is another's is told by that one, who knows it better.
        let is_told = |name: &ModemName| tenure.holds(name);
        let changed = self.modems.iter_mut().filter(|(_, m)| m.is_changed);
        let changed = changed.filter(|(name, _)| is_told(name));
        let modems = changed
            .map(|(name, modem)| {
                modem.is_changed = false;
                modem_record(now, name, modem)
            })
            .collect();
        let mut places = self.places.clone();
        if self.written.is_empty() && !self.rights.is_ending() {
            // All that it wrote is covered, wherever it is: others may have been further.
            places = places.most(self.tenure.latest());
            self.places = places.clone();
        }
        places.resolved.clear();
        let mut offsets = Offsets::new();
        for (partition, oldest, closed) in self.commands.places() {
            offsets.insert(partition, oldest);
            let closed = closed.iter().map(|range| (range.first, range.last));
            places.resolved.insert(partition, closed.collect());
        }
        places.set(KafkaTopic::Commands, offsets);
        let results = places.of(KafkaTopic::CommandResults);
        let results = self.rights.bound(self.boot, results);
        places.set(KafkaTopic::CommandResults, results);
        let mut records = vec![self.tenure.own_record(places)];
        let settled = self
            .tenure
            .estates()
            .filter(|(boot, _)| self.known_estates.contains(boot))
            .filter(|(boot, _)| self.rights.of(*boot).next().is_none());
        records.extend(settled.map(|(boot, record)| {
            let mut record = record.clone();
            record.is_settled = true;
            (boot, record)
        }));
        let places = records
            .iter()
            .map(|(boot, record)| gateway_record(now, *boot, record));
        let places = places.collect();
        Snapshot { modems, places }
    }

    /// Takes a record of `umec.marks`. Marks only grow, so that the order matters for the others alone.
    pub fn restore(&mut self, now: Duration, record: &Incoming) -> Result<(), serde_json::Error> {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let value = record.value.as_deref();
        if let Some(id) = key.strip_prefix(RIGHT).and_then(|id| id.parse().ok()) {
            let right = value.map(serde_json::from_slice).transpose()?;
            self.right(now, &CommandId(id), right);
            return Ok(());
        }
        let Some(value) = value else {
            return Ok(());
        };
        if let Some(boot) = key.strip_prefix(GATEWAY).and_then(|boot| boot.parse().ok()) {
            self.tenure
                .gateway(now, boot, serde_json::from_slice(value)?);
        } else if let Some(name) = key
            .strip_prefix(OWNER)
            .and_then(|name| name.parse::<ModemName>().ok())
        {
            self.owner(&name, serde_json::from_slice(value)?);
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

    /// Where looking through Kafka begins for this gateway to know what it inherits.
    pub fn scan_from(&mut self) -> Places {
        self.places = self.tenure.latest().clone();
        self.tenure.scan_from()
    }

    /// Where reading commands begins.
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

pub(super) fn gateway_record(now: Timestamp, boot: Boot, record: &GatewayRecord) -> Outgoing {
    marks_record(now, format!("{GATEWAY}{boot}"), record::json(record))
}

pub(super) fn owner_record(now: Timestamp, modem: &ModemName, record: &OwnerRecord) -> Outgoing {
    marks_record(now, format!("{OWNER}{modem}"), record::json(record))
}

pub(super) fn modem_record(now: Timestamp, name: &ModemName, modem: &Modem) -> Outgoing {
    marks_record(now, name.to_string(), record::json(&ModemMarks::of(modem)))
}

pub(super) fn right_record(now: Timestamp, id: &CommandId, record: &RightRecord) -> Outgoing {
    marks_record(now, right_key(id), record::json(record))
}

pub(super) fn right_end(now: Timestamp, id: &CommandId) -> Outgoing {
    Outgoing {
        value: None,
        ..marks_record(now, right_key(id), Bytes::new())
    }
}

fn right_key(id: &CommandId) -> String {
    format!("{RIGHT}{}", id.0)
}

fn marks_record(now: Timestamp, key: String, value: Bytes) -> Outgoing {
    Outgoing {
        topic: KafkaTopic::Marks,
        key,
        time: now.as_millis(),
        headers: Headers::default(),
        value: Some(value),
    }
}
