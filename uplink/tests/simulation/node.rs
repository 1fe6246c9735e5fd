//! The node: devices that publish, a stream with a durable position, plugins that act once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use rand::RngExt as _;
use rand::rngs::StdRng;
use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::reading::{Reading, Series, Value};
use umec_wire::uplink::{Command, Content, Entry};
use umec_wire::{Boot, DeviceName, MessageId, MetricName, NodeName, Sequence, Timestamp};

/// What outlives the uplink's process.
#[derive(Debug, Default)]
pub(crate) struct Node {
    stream: BTreeMap<u64, Entry>,
    acknowledged: BTreeSet<u64>,
    /// The next position that the running uplink reads.
    next: u64,
    devices: HashMap<usize, (Boot, u64)>,
    done: HashMap<CommandId, CommandResult>,
    pub(crate) executions: HashMap<CommandId, u32>,
}

pub(crate) fn node_name() -> NodeName {
    NodeName::new("pole-7").unwrap()
}

// === impl Node ===

impl Node {
    /// A device publishes something, perhaps after something that does not go up.
    pub(crate) fn publish(&mut self, dice: &mut StdRng, now: Timestamp) {
        let device = dice.random_range(0..3);
        let (boot, sequence) = self
            .devices
            .entry(device)
            .or_insert_with(|| (Boot::from_bits(dice.random()), 0));
        if dice.random_bool(0.02) {
            (*boot, *sequence) = (Boot::from_bits(dice.random()), 0);
        }
        *sequence += if dice.random_bool(0.1) {
            dice.random_range(1..100)
        } else {
            1
        };
        let id = MessageId {
            device: DeviceName::new(&format!("device-{device}")).unwrap(),
            boot: *boot,
            sequence: Sequence::new(*sequence).unwrap(),
        };
        let position = self.stream.last_key_value().map_or(1, |(last, _)| last + 1);
        let content = if dice.random_bool(0.2) {
            Content::Status {
                time: now,
                body: Bytes::from(format!("{{\"sequence\":{sequence}}}")),
            }
        } else {
            Content::Readings(readings(dice, now))
        };
        let entry = Entry {
            floor: Sequence::FIRST,
            id,
            trace: None,
            content,
        };
        self.stream.insert(position, entry);
    }

    /// The next message for the uplink.
    pub(crate) fn read(&mut self) -> Option<(u64, Entry)> {
        let (position, entry) = self.stream.range(self.next..).next()?;
        self.next = position + 1;
        Some((*position, entry.clone()))
    }

    pub(crate) fn acknowledge(&mut self, position: u64) {
        self.acknowledged.insert(position);
    }

    /// The uplink begins anew, after the last message of which all before are acknowledged.
    pub(crate) fn rewind(&mut self) {
        let open = self.stream.keys().find(|p| !self.acknowledged.contains(p));
        let end = self.stream.last_key_value().map_or(1, |(last, _)| last + 1);
        self.next = open.copied().unwrap_or(end);
    }

    pub(crate) fn is_all_acknowledged(&self) -> bool {
        self.acknowledged.len() == self.stream.len()
    }

    /// The ids of all messages, in the order of the stream.
    pub(crate) fn ids(&self) -> Vec<MessageId> {
        self.stream.values().map(|entry| entry.id.clone()).collect()
    }

    /// A plugin is told something: it acts once per id and answers the same.
    pub(crate) fn execute(&mut self, command: &Command, now: Timestamp) -> CommandResult {
        let id = command.request.id.clone();
        if let Some(result) = self.done.get(&id) {
            return result.clone();
        }
        *self.executions.entry(id.clone()).or_default() += 1;
        let result = CommandResult {
            id: id.clone(),
            outcome: Outcome::Done,
            reason: None,
            value: command.request.value.clone(),
            time: now,
        };
        self.done.insert(id, result.clone());
        result
    }
}

/// Readings, now and then so many that they need fragments.
fn readings(dice: &mut StdRng, now: Timestamp) -> Vec<Reading> {
    let count = if dice.random_bool(0.02) { 150 } else { 2 };
    let reading = |number: i32| Reading {
        series: Series::raw(MetricName::new(&format!("metric-{number}")).unwrap()),
        time: now,
        unit: None,
        value: Value::number(f64::from(number)).unwrap(),
    };
    (0..count).map(reading).collect()
}
