//! What was left out, until the cloud has been told; pure.
//!
//! A message that is left out counts as done when the gap that tells of it has arrived, and not before:
//! after a crash it is read and decided again, so that nothing goes missing in silence. A gap may then
//! be told twice.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::json;
use umec_wire::event::Event;
use umec_wire::uplink::ranges::Range;
use umec_wire::uplink::{Content, Entry, Ranges};
use umec_wire::{Boot, DeviceName, MessageId, ModemName, Sequence, Timestamp};

/// Why something is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The day's bytes are spent.
    Budget,
    /// The node's store dropped it, being full, before it was read.
    Store,
}

/// Something of a device that does not go up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The device.
    pub device: DeviceName,
    /// Why.
    pub why: Why,
    /// The series, each with the time of its reading; an event or what is not known has none.
    pub series: Vec<(String, Timestamp)>,
    /// From when to when.
    pub span: (Timestamp, Timestamp),
    /// How many messages of which something does not go up.
    pub messages: u64,
    /// Which messages they are, where that is known of messages that nobody has read.
    pub which: Vec<(Numbering, Range)>,
}

/// What the numbers of messages count that nobody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Numbering {
    /// Positions in the node's stream: messages of all devices and kinds.
    Positions,
    /// The sequence of one run of the device's publisher: messages of all kinds.
    Sequence(Boot),
}

/// The gaps of which the cloud has not been told.
#[derive(Debug)]
pub(super) struct Gaps {
    modem: ModemName,
    boot: Boot,
    open: BTreeMap<(DeviceName, Why), Gap>,
    /// The positions that wait for a gap to arrive, by the gap's own.
    told: HashMap<u64, Vec<u64>>,
    /// Of messages that go up in part: how many of their two parts are still open.
    parts: HashMap<u64, u8>,
    /// The last sequence given for each device.
    given: HashMap<DeviceName, u64>,
    /// When it was told of last.
    told_at: HashMap<(DeviceName, Why), Duration>,
    held: usize,
    next: u64,
}

#[derive(Debug)]
struct Gap {
    since: Duration,
    positions: Vec<u64>,
    messages: u64,
    series: BTreeMap<String, (u64, Timestamp, Timestamp)>,
    span: (Timestamp, Timestamp),
    which: BTreeMap<Numbering, Ranges>,
}

/// The place that a gap has instead of one in the stream, and all from there on.
const OWN: u64 = 1 << 63;

/// How soon the cloud is told that a gap has begun.
const FIRST: Duration = Duration::from_mins(1);

/// How often it is told of a gap that goes on: a gap costs some 200 bytes.
const AGAIN: Duration = Duration::from_hours(1);

/// How soon the cloud is told of what the store dropped, which is over when it is found.
const FIRST_OF_STORE: Duration = Duration::from_secs(1);

/// How often it is told of that while it goes on: of what holds the position in the stream, and of devices.
const AGAIN_OF_STORE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(20));

/// How many ranges of one numbering a gap names; it names the newest.
const RANGES: usize = 64;

/// How many messages may wait for a gap to be told: the stream stops at 100,000 that are not done.
const HELD: usize = 20_000;

/// The type of the event.
pub const GAP: &str = "dev.umec.gap";

// === impl Why ===

impl Why {
    /// The word in the event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Store => "store",
        }
    }
}

// === impl Gaps ===

impl Gaps {
    pub(super) fn new(modem: ModemName, boot: Boot) -> Self {
        Self {
            modem,
            boot,
            open: BTreeMap::new(),
            told: HashMap::new(),
            parts: HashMap::new(),
            given: HashMap::new(),
            told_at: HashMap::new(),
            held: 0,
            next: OWN,
        }
    }

    /// Takes what does not go up; `position` is that of its message, which goes up in part where
    /// `in_part`.
    pub(super) fn left_out(
        &mut self,
        now: Duration,
        position: Option<u64>,
        in_part: bool,
        left_out: LeftOut,
    ) {
        let key = (left_out.device, left_out.why);
        let gap = self.open.entry(key).or_insert_with(|| Gap {
            since: now,
            positions: Vec::new(),
            messages: 0,
            series: BTreeMap::new(),
            span: left_out.span,
            which: BTreeMap::new(),
        });
        gap.messages += left_out.messages;
        gap.span.0 = gap.span.0.min(left_out.span.0);
        gap.span.1 = gap.span.1.max(left_out.span.1);
        for (name, time) in left_out.series {
            let (count, from, to) = gap.series.entry(name).or_insert((0, time, time));
            *count += 1;
            *from = time.min(*from);
            *to = time.max(*to);
        }
        for (numbering, range) in left_out.which {
            let ranges = gap.which.entry(numbering).or_default();
            ranges.insert_range(range);
            ranges.keep_highest(RANGES);
        }
        if let Some(position) = position {
            gap.positions.push(position);
            self.held += 1;
            if in_part {
                self.parts.insert(position, 2);
            }
        }
    }

    /// A gap that is to be told, as a message with a place of its own.
    pub(super) fn due(&mut self, now: Duration, wall: Timestamp) -> Option<(u64, Entry)> {
        let due = self.open.iter();
        let due = due.filter(|(key, gap)| self.held >= HELD || now >= self.due_at(key, gap));
        let due = due.min_by_key(|(_, gap)| gap.since);
        let key = due.map(|(key, _)| key.clone())?;
        let gap = self.open.remove(&key)?;
        self.told_at.insert(key.clone(), now);
        let (device, why) = key;
        let given = self.given.entry(device.clone()).or_default();
        *given += 1;
        let id = MessageId {
            device,
            boot: self.boot,
            sequence: Sequence::new(*given).unwrap_or(Sequence::FIRST),
        };
        let entry = gap.entry(&self.modem, id, why, wall);
        let position = self.next;
        self.next += 1;
        self.held -= gap.positions.len();
        self.told.insert(position, gap.positions);
        Some((position, entry))
    }

    /// Takes the arrival of a message; gives the places in the stream that are done with it.
    pub(super) fn arrived(&mut self, position: u64) -> Vec<u64> {
        let arrived = match self.told.remove(&position) {
            Some(positions) => positions,
            None => vec![position],
        };
        let is_done = |position: &u64| match self.parts.get_mut(position) {
            Some(open) if *open > 1 => {
                *open -= 1;
                false
            }
            Some(_) => self.parts.remove(position).is_some(),
            None => true,
        };
        arrived.into_iter().filter(is_done).collect()
    }

    /// When a gap is to be told at the latest.
    pub(super) fn wake(&self) -> Option<Duration> {
        let due = self.open.iter().map(|(key, gap)| self.due_at(key, gap));
        due.min()
    }

    fn due_at(&self, key: &(DeviceName, Why), gap: &Gap) -> Duration {
        let holds = !gap.positions.is_empty();
        let (first, again) = match key.1 {
            Why::Store if holds => (FIRST_OF_STORE, AGAIN_OF_STORE.0),
            Why::Store => (FIRST_OF_STORE, AGAIN_OF_STORE.1),
            Why::Budget => (FIRST, AGAIN),
        };
        let again = self.told_at.get(key).map(|told| *told + again);
        again.map_or(gap.since + first, |again| again.max(gap.since))
    }
}

// === impl Numbering ===

impl Numbering {
    /// The member of the event's data, and what it lists.
    fn told(self, ranges: &Ranges) -> (&'static str, Vec<serde_json::Value>) {
        let ranges = ranges.iter();
        match self {
            Self::Positions => {
                let told = ranges.map(|r| json!({ "first": r.first, "last": r.last }));
                ("positions", told.collect())
            }
            Self::Sequence(boot) => {
                let told =
                    ranges.map(|r| json!({ "boot": boot, "first": r.first, "last": r.last }));
                ("sequences", told.collect())
            }
        }
    }
}

// === impl Gap ===

impl Gap {
    fn entry(&self, modem: &ModemName, id: MessageId, why: Why, wall: Timestamp) -> Entry {
        let series = |(name, (count, from, to)): (&String, &(u64, Timestamp, Timestamp))| {
            let told = json!({ "readings": count, "from": from, "to": to });
            (name.clone(), told)
        };
        let mut data = json!({
            "why": why.as_str(),
            "messages": self.messages,
            "from": self.span.0,
            "to": self.span.1,
            "series": self.series.iter().map(series).collect::<serde_json::Map<_, _>>(),
        });
        for (numbering, ranges) in &self.which {
            let (name, told) = numbering.told(ranges);
            if let Some(list) = data.as_object_mut().map(|data| data.entry(name))
                && let Some(list) = list.or_insert_with(|| json!([])).as_array_mut()
            {
                list.extend(told);
            }
        }
        let event = Event {
            id: id.to_string(),
            source: format!("/{modem}/{}", id.device),
            r#type: GAP.to_owned(),
            subject: None,
            time: wall,
            content_type: "application/json".to_owned(),
            data: data.to_string().into(),
        };
        let encoded = event.encode("ce-");
        let headers = encoded.headers.into_iter();
        Entry {
            id,
            floor: Sequence::FIRST,
            trace: None,
            content: Content::Event {
                headers: headers
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                data: encoded.body,
            },
        }
    }
}

#[cfg(test)]
mod tests;
