//! What was left out, until the cloud has been told; pure.
//!
//! A message that is left out counts as done when the gap that tells of it has arrived, and not before:
//! after a crash it is read and decided again, so that nothing goes missing in silence. A gap may then
//! be told twice.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::json;
use umec_wire::event::Event;
use umec_wire::uplink::{Content, Entry};
use umec_wire::{Boot, DeviceName, MessageId, ModemName, Sequence, Timestamp};

/// Why something is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The day's bytes are spent.
    Budget,
    /// The node's store had no room for it for so long.
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
    /// The sequences given for each device, and when it was told of last.
    devices: HashMap<DeviceName, (u64, Duration)>,
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
}

/// The place that a gap has instead of one in the stream, and all from there on.
const OWN: u64 = 1 << 63;

/// How soon the cloud is told that a gap has begun.
const FIRST: Duration = Duration::from_mins(1);

/// How often it is told of a gap that goes on: a gap costs some 200 bytes.
const AGAIN: Duration = Duration::from_hours(1);

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
            devices: HashMap::new(),
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
        let is_due = |(device, _): &(DeviceName, Why), gap: &Gap| {
            let again = self.devices.get(device).map(|(_, told)| *told + AGAIN);
            self.held >= HELD || now >= again.unwrap_or(gap.since + FIRST).max(gap.since)
        };
        let due = self.open.iter().find(|(key, gap)| is_due(key, gap));
        let key = due.map(|(key, _)| key.clone())?;
        let gap = self.open.remove(&key)?;
        let (device, why) = key;
        let (given, told) = self.devices.entry(device.clone()).or_default();
        (*given, *told) = (*given + 1, now);
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
        let due = self.open.iter().map(|((device, _), gap)| {
            let again = self.devices.get(device).map(|(_, told)| *told + AGAIN);
            again.unwrap_or(gap.since + FIRST).max(gap.since)
        });
        due.min()
    }
}

// === impl Gap ===

impl Gap {
    fn entry(&self, modem: &ModemName, id: MessageId, why: Why, wall: Timestamp) -> Entry {
        let series = |(name, (count, from, to)): (&String, &(u64, Timestamp, Timestamp))| {
            let told = json!({ "readings": count, "from": from, "to": to });
            (name.clone(), told)
        };
        let data = json!({
            "why": why.as_str(),
            "messages": self.messages,
            "from": self.span.0,
            "to": self.span.1,
            "series": self.series.iter().map(series).collect::<serde_json::Map<_, _>>(),
        });
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
mod tests {
    use super::*;

    fn gaps() -> Gaps {
        Gaps::new(ModemName::new("pole-7").unwrap(), Boot::from_bits(7))
    }

    fn left_out(series: &str, seconds: i64) -> LeftOut {
        let time = Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000);
        LeftOut {
            device: DeviceName::new("meter-3").unwrap(),
            why: Why::Budget,
            series: vec![(series.to_owned(), time)],
            span: (time, time),
            messages: 1,
        }
    }

    const WALL: Timestamp = Timestamp::from_millis(1_800_000_100_000);

    #[test]
    fn a_gap_tells_series_numbers_and_times_and_frees_its_messages_when_it_arrives() {
        let mut gaps = gaps();
        for (position, series, seconds) in [(5, "power", 1), (6, "power", 3), (7, "energy", 2)] {
            gaps.left_out(
                Duration::ZERO,
                Some(position),
                false,
                left_out(series, seconds),
            );
        }
        assert_eq!(
            gaps.due(FIRST.saturating_sub(Duration::from_secs(1)), WALL),
            None
        );
        assert_eq!(gaps.wake(), Some(FIRST));
        let (position, entry) = gaps.due(FIRST, WALL).unwrap();
        let Content::Event { data, .. } = entry.content else {
            panic!("a gap is an event");
        };
        let data: serde_json::Value = serde_json::from_slice(&data).unwrap();
        assert_eq!(
            data,
            json!({
                "why": "budget", "messages": 3,
                "from": "2027-01-15T08:00:01Z", "to": "2027-01-15T08:00:03Z",
                "series": {
                    "power": { "readings": 2, "from": "2027-01-15T08:00:01Z", "to": "2027-01-15T08:00:03Z" },
                    "energy": { "readings": 1, "from": "2027-01-15T08:00:02Z", "to": "2027-01-15T08:00:02Z" },
                },
            })
        );
        assert_eq!(gaps.arrived(position), [5, 6, 7]);
        // The next tells of what came since, an hour later.
        gaps.left_out(2 * FIRST, Some(9), false, left_out("power", 100));
        assert_eq!(gaps.wake(), Some(FIRST + AGAIN));
        assert!(gaps.due(FIRST + AGAIN, WALL).is_some());
    }

    #[test]
    fn a_message_that_goes_up_in_part_is_done_when_both_parts_are() {
        for gap_first in [true, false] {
            let mut gaps = gaps();
            gaps.left_out(Duration::ZERO, Some(5), true, left_out("power", 1));
            let (position, _) = gaps.due(FIRST, WALL).unwrap();
            let order = if gap_first {
                [position, 5]
            } else {
                [5, position]
            };
            assert_eq!(gaps.arrived(order[0]), [0_u64; 0]);
            assert_eq!(gaps.arrived(order[1]), [5]);
            assert_eq!(gaps.arrived(6), [6]);
        }
    }

    #[test]
    fn too_many_held_messages_are_told_at_once() {
        let mut gaps = gaps();
        for position in 0..HELD as u64 {
            gaps.left_out(Duration::ZERO, Some(position), false, left_out("power", 1));
        }
        let (position, _) = gaps.due(Duration::ZERO, WALL).unwrap();
        assert_eq!(gaps.arrived(position).len(), HELD);
    }
}
