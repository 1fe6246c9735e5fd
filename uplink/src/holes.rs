//! Whose messages the store dropped before they were read; pure.
//!
//! How many they are is known from their positions in the stream, to the message. Whose they were is known
//! of runs of publishers that are heard before and after: each counts its messages. Of a run that
//! ended meanwhile, or that was heard by an earlier run of the uplink only, nothing is.

use std::collections::HashMap;

use umec_sdk::bus::{Hole, Lane};
use umec_wire::uplink::Ranges;
use umec_wire::uplink::ranges::Range;
use umec_wire::{Boot, DeviceName, MessageId, Timestamp};

use crate::machine::{LeftOut, Numbering, Why};

/// What is known of the publishers' numbers.
#[derive(Debug, Default)]
pub(crate) struct Holes {
    runs: HashMap<(DeviceName, Boot), Run>,
    /// How many holes were found.
    count: u64,
    /// When the first message was stored that was read in order, or the last of a run that is forgotten: a
    /// run that began later has been heard from its first message on.
    since: Option<Timestamp>,
    /// When the last message was stored that was read in order.
    last: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Run {
    /// The highest number that was read in order; `None` before the first.
    number: Option<u64>,
    /// What was read ahead of that.
    ahead: Ranges,
    /// The holes that had been found then.
    holes: u64,
    /// When the last message that was read was stored.
    time: Timestamp,
}

/// How many runs are remembered.
const RUNS: usize = 4_096;

// === impl Holes ===

impl Holes {
    /// Takes what was dropped before the message that was stored at `next`; tells it as a gap of `teller`.
    pub(crate) fn found(&mut self, hole: &Hole, teller: DeviceName, next: Timestamp) -> LeftOut {
        self.count += 1;
        let positions = hole.positions.iter();
        LeftOut {
            device: teller,
            why: Why::Store,
            series: Vec::new(),
            span: (self.last.unwrap_or(next).min(next), next),
            messages: hole.messages(),
            which: positions.map(|r| (Numbering::Positions, r)).collect(),
        }
    }

    /// Takes a message that was read. Tells what is missing before it, of the same run, since a hole was
    /// found.
    pub(crate) fn read(&mut self, id: &MessageId, time: Timestamp, lane: Lane) -> Option<LeftOut> {
        let number = id.sequence.get();
        let key = (id.device.clone(), id.boot);
        if lane == Lane::Ahead {
            let run = self.runs.entry(key).or_default();
            run.ahead.insert(number);
            run.time = time;
            return None;
        }
        let since = *self.since.get_or_insert(time);
        self.last = Some(time);
        if self.runs.len() >= RUNS && !self.runs.contains_key(&key) {
            self.forget();
        }
        let run = self.runs.entry(key).or_default();
        let began = id.boot.began();
        let (from, before) = match run.number {
            Some(number) => (Some(number + 1), run.time),
            None => ((began > since).then_some(1), began),
        };
        let missing = from.filter(|_| run.holes < self.count).map(|from| {
            let mut missing = Ranges::new();
            let mut next = from;
            for range in run.ahead.iter() {
                let last = range.first.saturating_sub(1).min(number - 1);
                missing.insert_range(Range { first: next, last });
                next = next.max(range.last.saturating_add(1));
            }
            let last = number - 1;
            missing.insert_range(Range { first: next, last });
            missing
        });
        run.number = run.number.max(Some(number));
        run.ahead.remove_below(number + 1);
        (run.holes, run.time) = (self.count, time);
        let missing = missing.filter(|missing| !missing.is_empty())?;
        Some(LeftOut {
            device: id.device.clone(),
            why: Why::Store,
            series: Vec::new(),
            span: (before.min(time), time),
            messages: missing.iter().map(|r| r.last - r.first + 1).sum(),
            which: missing
                .iter()
                .map(|r| (Numbering::Sequence(id.boot), r))
                .collect(),
        })
    }

    /// Forgets the run that was heard longest ago.
    fn forget(&mut self) {
        let oldest = self.runs.iter().min_by_key(|(_, run)| run.time);
        if let Some((key, time)) = oldest.map(|(key, run)| (key.clone(), run.time)) {
            self.runs.remove(&key);
            self.since = self.since.max(Some(time));
        }
    }
}

#[cfg(test)]
mod tests {
    use umec_wire::Sequence;

    use super::*;

    const MORNING: i64 = 1_800_000_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(MORNING + seconds * 1_000)
    }

    fn id(began: i64, number: u64) -> MessageId {
        MessageId {
            device: DeviceName::new("meter-3").unwrap(),
            boot: Boot::new(at(began), 7),
            sequence: Sequence::new(number).unwrap(),
        }
    }

    fn hole() -> Hole {
        let range = Range { first: 5, last: 9 };
        Hole {
            positions: [range].into_iter().collect(),
            first: 5,
        }
    }

    fn found(holes: &mut Holes, seconds: i64) -> LeftOut {
        let teller = DeviceName::new("uplink").unwrap();
        holes.found(&hole(), teller, at(seconds))
    }

    fn numbers(left_out: Option<LeftOut>) -> Vec<(u64, u64)> {
        let which = left_out.into_iter().flat_map(|told| told.which);
        which.map(|(_, range)| (range.first, range.last)).collect()
    }

    #[test]
    fn a_run_that_is_heard_before_and_after_a_hole_tells_which_of_its_messages_are_missing() {
        let mut holes = Holes::default();
        assert_eq!(holes.read(&id(-9, 40), at(1), Lane::Live), None);
        // Without a hole a jump is no matter of the store.
        assert_eq!(holes.read(&id(-9, 50), at(2), Lane::Live), None);
        holes.read(&id(-9, 60), at(6), Lane::Ahead);
        holes.read(&id(-9, 61), at(6), Lane::Ahead);
        let told = found(&mut holes, 5);
        assert_eq!((told.messages, told.span), (5, (at(2), at(5))));
        let missing = holes.read(&id(-9, 70), at(5), Lane::Backlog);
        assert_eq!(missing.as_ref().unwrap().messages, 17);
        assert_eq!(numbers(missing), [(51, 59), (62, 69)]);
        assert_eq!(holes.read(&id(-9, 90), at(7), Lane::Live), None);
    }

    #[test]
    fn a_run_that_began_since_is_missing_from_its_first_message_and_an_older_one_tells_nothing() {
        let mut holes = Holes::default();
        holes.read(&id(-9, 40), at(1), Lane::Live);
        found(&mut holes, 5);
        assert_eq!(holes.read(&id(-5, 12), at(5), Lane::Backlog), None);
        let missing = holes.read(&id(2, 12), at(5), Lane::Backlog);
        assert_eq!(missing.as_ref().unwrap().span, (at(2), at(5)));
        assert_eq!(numbers(missing), [(1, 11)]);
    }

    #[test]
    fn what_is_forgotten_is_not_told_as_missing() {
        let mut holes = Holes::default();
        for run in 0..=i64::try_from(RUNS).unwrap() {
            holes.read(&id(run, 5), at(run), Lane::Live);
        }
        assert_eq!(holes.runs.len(), RUNS);
        found(&mut holes, 9_000);
        assert_eq!(holes.read(&id(0, 9), at(9_001), Lane::Backlog), None);
        assert_eq!(holes.read(&id(1, 9), at(9_002), Lane::Live), None);
        assert_eq!(
            numbers(holes.read(&id(9, 9), at(9_003), Lane::Live)),
            [(6, 8)]
        );
    }
}
