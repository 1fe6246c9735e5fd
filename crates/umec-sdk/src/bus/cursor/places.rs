//! Which messages were read, by whom, and which of them are not acknowledged; pure.
//!
//! One reader goes through the stream in its order. A second one may have gone ahead of it: what that
//! one has read the first passes over. All that is acknowledged is thus a floor, and ranges above it.

use std::collections::BTreeSet;

use umec_wire::uplink::Ranges;
use umec_wire::uplink::ranges::Range;

use super::holes::{Hole, Holes};

/// How far the two readers have got.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// The newest message to which the reader in order has come.
    read: u64,
    /// The newest message to which the reader ahead has come, since it last began.
    read_ahead: Option<u64>,
    /// What was read ahead, by this run or an earlier one, and not yet passed by the reader in order.
    ahead: Ranges,
    /// What was read and is not acknowledged.
    open: BTreeSet<u64>,
    /// What was dropped unread, for a reader of everything that wants to know.
    holes: Option<Holes>,
}

/// What becomes of a message that a reader has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// Nobody has read it before.
    Fresh,
    /// The other reader has.
    Known,
}

/// How many ranges are remembered over a restart: one for each time that the reader ahead began anew
/// while the other was behind. Of what is forgotten beyond, the messages are sent again.
const REMEMBERED: usize = 64;

// === impl Places ===

impl Places {
    pub(crate) fn new(floor: u64) -> Self {
        Self {
            read: floor,
            ..Self::default()
        }
    }

    /// Holds the floor below what was dropped unread until that is acknowledged, from here on.
    pub(crate) fn mind_holes(&mut self) {
        self.holes.get_or_insert_default();
    }

    /// A hole that was found since the last was taken.
    pub(crate) fn hole(&mut self) -> Option<Hole> {
        self.holes.as_mut()?.take()
    }

    /// Takes what an earlier run has left.
    pub(crate) fn restore(&mut self, floor: u64, ahead: &Ranges) {
        self.read = self.read.max(floor);
        for range in ahead.iter() {
            self.ahead.insert_range(range);
        }
        self.pass();
    }

    /// The reader in order comes to a message.
    pub(crate) fn read(&mut self, sequence: u64) -> Read {
        let known = self.ahead.contains(sequence);
        let holes = self.holes.as_mut();
        let hole = holes.and_then(|holes| holes.step(self.read, sequence, &self.ahead));
        self.open.extend(hole);
        self.read = self.read.max(sequence);
        self.pass();
        if known {
            return Read::Known;
        }
        self.open.insert(sequence);
        Read::Fresh
    }

    /// Up to where the reader in order has come.
    pub(crate) const fn passed(&self) -> u64 {
        self.read
    }

    /// The reader ahead begins anew.
    pub(crate) fn leap(&mut self) {
        self.read_ahead = None;
    }

    /// The reader ahead comes to a message, having read all since it last began.
    pub(crate) fn read_ahead(&mut self, sequence: u64) -> Read {
        // What lies between was not meant, unless everything is: then it was dropped.
        let before = self.read_ahead.filter(|_| self.holes.is_none());
        let first = before.map_or(sequence, |before| before + 1);
        self.read_ahead = Some(sequence);
        let known = sequence <= self.read || self.ahead.contains(sequence);
        self.ahead.insert_range(Range {
            first: first.max(self.read + 1),
            last: sequence,
        });
        if known {
            return Read::Known;
        }
        self.open.insert(sequence);
        Read::Fresh
    }

    /// Takes an acknowledgement.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        self.open.remove(&sequence);
        if let Some(holes) = &mut self.holes {
            holes.acknowledge(sequence);
        }
    }

    /// The position up to which all that was read in order is acknowledged.
    pub(crate) fn floor(&self) -> u64 {
        let lowest = self.open.first().filter(|lowest| **lowest <= self.read);
        lowest.map_or(self.read, |lowest| lowest - 1)
    }

    /// What is acknowledged above the floor, as far as it is worth remembering.
    pub(crate) fn done_ahead(&self) -> Ranges {
        let passed = self.holes.iter().flat_map(|holes| holes.passed().iter());
        let whole = passed.chain(self.ahead.iter()).filter_map(|range| {
            let open = self.open.range(range.first..=range.last).next();
            let last = open.map_or(range.last, |open| open - 1);
            (range.first <= last).then_some(Range { last, ..range })
        });
        let mut done: Ranges = whole.collect();
        done.keep_highest(REMEMBERED);
        done
    }

    /// The end of what was read ahead; `None` where nothing lies ahead of the reader in order.
    pub(crate) fn ahead(&self) -> Option<u64> {
        self.ahead.iter().next_back().map(|range| range.last)
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.open.len()
    }

    /// Forgets what the reader in order has passed.
    fn pass(&mut self) {
        self.ahead.remove_below(self.read + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> Range {
        Range { first, last }
    }

    #[test]
    fn the_floor_moves_when_all_before_are_acknowledged() {
        let mut places = Places::new(4);
        for sequence in [5, 7, 9] {
            assert_eq!(places.read(sequence), Read::Fresh);
        }
        places.acknowledge(7);
        assert_eq!(places.floor(), 4);
        places.acknowledge(5);
        assert_eq!(places.floor(), 8);
        places.acknowledge(9);
        assert_eq!(places.floor(), 9);
    }

    #[test]
    fn what_was_read_ahead_is_passed_over_and_holds_the_floor_until_it_is_acknowledged() {
        let mut places = Places::new(0);
        places.read(1);
        places.acknowledge(1);
        for sequence in [10, 12, 13] {
            assert_eq!(places.read_ahead(sequence), Read::Fresh);
        }
        places.acknowledge(10);
        assert_eq!(places.floor(), 1);
        assert_eq!(
            places.done_ahead().iter().collect::<Vec<_>>(),
            [range(10, 11)]
        );
        for sequence in 2..=9 {
            assert_eq!(places.read(sequence), Read::Fresh);
            places.acknowledge(sequence);
        }
        assert_eq!(places.floor(), 9);
        for sequence in [10, 12, 13] {
            assert_eq!(places.read(sequence), Read::Known);
        }
        assert_eq!((places.floor(), places.ahead()), (11, None));
        places.acknowledge(13);
        places.acknowledge(12);
        assert_eq!(places.floor(), 13);
        assert_eq!(places.read_ahead(13), Read::Known);
    }

    #[test]
    fn a_hole_holds_the_floor_and_is_found_again_by_the_next_run_with_what_was_dropped_since() {
        let mut places = Places::new(4);
        places.mind_holes();
        for sequence in [5, 9, 10] {
            assert_eq!(places.read(sequence), Read::Fresh);
            places.acknowledge(sequence);
        }
        let hole = places.hole().unwrap();
        assert_eq!((hole.first, hole.messages()), (6, 3));
        assert_eq!(places.floor(), 5);
        let mut next = Places::new(0);
        next.mind_holes();
        next.restore(5, &places.done_ahead());
        // 9 to 12 were dropped as well, and 9 and 10 are safe.
        assert_eq!(next.read(13), Read::Fresh);
        let found = next.hole().unwrap();
        assert_eq!((found.first, found.messages()), (6, 5));
        places.acknowledge(hole.first);
        assert_eq!((places.floor(), places.done_ahead().is_empty()), (10, true));
    }

    #[test]
    fn a_second_leap_leaves_a_gap_that_the_reader_in_order_fills() {
        let mut places = Places::new(0);
        places.read_ahead(10);
        places.leap();
        places.read_ahead(20);
        for sequence in [10, 20] {
            places.acknowledge(sequence);
        }
        let done = places.done_ahead();
        assert_eq!(
            done.iter().collect::<Vec<_>>(),
            [range(10, 10), range(20, 20)]
        );
        let mut next = Places::new(0);
        next.restore(3, &done);
        let fresh: Vec<u64> = (4..=21).filter(|s| next.read(*s) == Read::Fresh).collect();
        let expected: Vec<u64> = (4..=9).chain(11..=19).chain([21]).collect();
        assert_eq!(fresh, expected);
    }
}
