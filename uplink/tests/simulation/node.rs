//! The node: devices that publish, a stream with a durable position, plugins that act once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;
use rand::rngs::StdRng;
use umec_sdk::bus::{Lane, Room};
use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::reading::{Reading, Series, Value};
use umec_wire::uplink::{Command, Content, Entry};
use umec_wire::{Boot, DeviceName, MessageId, MetricName, NodeName, Sequence, Timestamp};

/// What outlives the uplink's process.
#[derive(Debug, Default)]
pub(crate) struct Node {
    stream: BTreeMap<u64, (Timestamp, Entry)>,
    acknowledged: BTreeSet<u64>,
    reader: Reader,
    devices: HashMap<usize, (Boot, u64)>,
    done: HashMap<CommandId, CommandResult>,
    pub(crate) executions: HashMap<CommandId, u32>,
}

/// How far the running uplink has read.
#[derive(Debug, Default)]
struct Reader {
    /// The next position in order.
    next: u64,
    /// The next position of whoever reads ahead.
    ahead: Option<u64>,
    /// What was read, or is known to be done since an earlier run.
    taken: BTreeSet<u64>,
}

/// How long a message counts as new.
pub(crate) const LIVE: Duration = Duration::from_secs(2);

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
        self.stream.insert(position, (now, entry));
    }

    /// The next message for the uplink, new ones first.
    pub(crate) fn read(&mut self, now: Timestamp, room: Room) -> Option<(u64, Entry, Lane)> {
        let last = self.last();
        let reader = &mut self.reader;
        while reader.next <= last && (reader.next == 0 || reader.taken.contains(&reader.next)) {
            reader.next += 1;
        }
        let fresh = |reader: &Reader, from: u64| {
            let mut messages = self.stream.range(from..);
            messages.find(|(position, _)| !reader.taken.contains(position))
        };
        let since = now.saturating_sub(LIVE);
        if let Some(from) = reader.ahead.filter(|_| room.ahead)
            && let Some((position, (stored, _))) = fresh(reader, from)
        {
            let stale = *stored < since.saturating_sub(LIVE);
            let live = self.stream.range(from..).find(|(_, (at, _))| *at >= since);
            let found = if stale {
                live
            } else {
                Some((position, &self.stream[position]))
            };
            reader.ahead = Some(found.map_or(u64::MAX, |(position, _)| position + 1));
            if let Some((position, (_, entry))) = found
                && reader.taken.insert(*position)
            {
                return Some((*position, entry.clone(), Lane::Ahead));
            }
            reader.ahead = reader.ahead.filter(|next| *next != u64::MAX);
        }
        let (position, (stored, entry)) = fresh(reader, reader.next).filter(|_| room.in_order)?;
        reader.next = position + 1;
        reader.taken.insert(*position);
        reader.ahead = reader.ahead.filter(|ahead| *ahead > reader.next);
        let (position, entry) = (*position, entry.clone());
        if *stored >= since {
            return Some((position, entry, Lane::Live));
        }
        self.read_ahead(now);
        Some((position, entry, Lane::Backlog))
    }

    /// How far the stream has been read in order.
    pub(crate) fn passed(&self) -> u64 {
        self.reader.next.saturating_sub(1)
    }

    /// Somebody goes ahead, to what is new.
    pub(crate) fn read_ahead(&mut self, now: Timestamp) {
        let since = now.saturating_sub(LIVE);
        let mut live = self.stream.iter().filter(|(_, (at, _))| *at >= since);
        let end = self.stream.last_key_value().map_or(1, |(last, _)| last + 1);
        let first = live.next().map_or(end, |(position, _)| *position);
        self.reader.ahead.get_or_insert(first);
    }

    /// The newest state of each device and its position.
    pub(crate) fn newest_states(&self) -> BTreeMap<DeviceName, u64> {
        let states = self.stream.iter().filter(|(_, (_, entry))| is_state(entry));
        states
            .map(|(position, (_, entry))| (entry.id.device.clone(), *position))
            .collect()
    }

    pub(crate) fn acknowledge(&mut self, position: u64) {
        self.acknowledged.insert(position);
    }

    /// The uplink begins anew, after the last message of which all before are acknowledged; mostly it
    /// knows what is acknowledged beyond.
    pub(crate) fn rewind(&mut self, dice: &mut StdRng) {
        let open = self.stream.keys().find(|p| !self.acknowledged.contains(p));
        let end = self.stream.last_key_value().map_or(1, |(last, _)| last + 1);
        let done = if dice.random_bool(0.7) {
            self.acknowledged.clone()
        } else {
            BTreeSet::new()
        };
        self.reader = Reader {
            next: open.copied().unwrap_or(end),
            ahead: None,
            taken: done,
        };
    }

    /// The newest position.
    pub(crate) fn last(&self) -> u64 {
        self.stream.last_key_value().map_or(0, |(last, _)| *last)
    }

    pub(crate) fn is_acknowledged(&self, position: u64) -> bool {
        self.acknowledged.contains(&position)
    }

    pub(crate) fn is_all_acknowledged_before(&self, position: u64) -> bool {
        self.acknowledged.range(..position).count() == self.stream.range(..position).count()
    }

    pub(crate) fn is_all_acknowledged(&self) -> bool {
        self.acknowledged.len() == self.stream.len()
    }

    /// The ids of all messages, in the order of the stream.
    pub(crate) fn ids(&self) -> Vec<MessageId> {
        self.stream
            .values()
            .map(|(_, entry)| entry.id.clone())
            .collect()
    }

    /// Whether a device has told a later state than this one.
    pub(crate) fn is_superseded(&self, id: &MessageId) -> bool {
        let found = self.stream.iter().find(|(_, (_, entry))| entry.id == *id);
        found.is_some_and(|(position, (_, entry))| {
            is_state(entry) && self.newest_states()[&id.device] > *position
        })
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

fn is_state(entry: &Entry) -> bool {
    matches!(entry.content, Content::Status { .. })
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
