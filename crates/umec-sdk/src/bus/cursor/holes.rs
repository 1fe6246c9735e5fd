//! What the stream dropped before it was read; pure.
//!
//! The stream drops its oldest messages, whatever they are. A reader of all of them thus sees what was
//! dropped as positions that are passed and were never read.

use std::collections::{BTreeSet, VecDeque};

use umec_wire::uplink::Ranges;
use umec_wire::uplink::ranges::Range;

/// Positions of the stream that nobody will read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// Which; one at the least.
    pub positions: Ranges,
    /// The lowest. It is acknowledged like that of a message when the hole has been dealt with; until
    /// then the position stays below it, and the next run finds the hole again.
    pub first: u64,
}

/// The holes that were found, and what was read above those that are not dealt with.
#[derive(Debug, Default)]
pub(crate) struct Holes {
    found: VecDeque<Hole>,
    open: BTreeSet<u64>,
    /// What was read or passed over above an open hole: the next run is to pass over it again.
    passed: Ranges,
}

// === impl Hole ===

impl Hole {
    /// How many messages lay there.
    pub fn messages(&self) -> u64 {
        let sizes = self.positions.iter().map(|r| r.last - r.first + 1);
        sizes.sum()
    }
}

// === impl Holes ===

impl Holes {
    /// The reader in order comes from `read` to `sequence`, with what is in `ahead` read by the other.
    /// Gives the first position of a hole between them.
    pub(crate) fn step(&mut self, read: u64, sequence: u64, ahead: &Ranges) -> Option<u64> {
        if sequence <= read {
            return None;
        }
        let mut positions = Ranges::new();
        let mut known = Vec::new();
        let mut next = read + 1;
        for range in ahead.iter().filter(|range| range.last > read) {
            if range.first >= sequence {
                break;
            }
            positions.insert_range(Range {
                first: next,
                last: range.first.saturating_sub(1),
            });
            known.push(Range {
                first: range.first.max(next),
                last: range.last.min(sequence),
            });
            next = range.last.saturating_add(1);
        }
        positions.insert_range(Range {
            first: next,
            last: sequence - 1,
        });
        let first = positions.iter().next().map(|range| range.first);
        if let Some(first) = first {
            self.open.insert(first);
            self.found.push_back(Hole { positions, first });
        }
        if !self.open.is_empty() {
            for range in known {
                self.passed.insert_range(range);
            }
            self.passed.insert(sequence);
        }
        first
    }

    /// Takes an acknowledgement.
    pub(crate) fn acknowledge(&mut self, position: u64) {
        if self.open.remove(&position) && self.open.is_empty() {
            self.passed = Ranges::new();
        }
    }

    /// What was read above an open hole.
    pub(crate) const fn passed(&self) -> &Ranges {
        &self.passed
    }

    /// A hole that was found since the last was taken.
    pub(crate) fn take(&mut self) -> Option<Hole> {
        self.found.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(list: &[(u64, u64)]) -> Ranges {
        let range = |(first, last): &(u64, u64)| Range {
            first: *first,
            last: *last,
        };
        list.iter().map(range).collect()
    }

    #[test]
    fn a_hole_is_what_lies_between_less_what_the_other_reader_has_read() {
        let mut holes = Holes::default();
        let ahead = ranges(&[(3, 4), (8, 9), (20, 30)]);
        assert_eq!(holes.step(1, 2, &ahead), None);
        assert_eq!(holes.take(), None);
        assert_eq!(holes.step(2, 12, &ahead), Some(5));
        let hole = holes.take().unwrap();
        assert_eq!(hole.positions, ranges(&[(5, 7), (10, 11)]));
        assert_eq!((hole.first, hole.messages()), (5, 5));
        assert_eq!(holes.passed(), &ranges(&[(3, 4), (8, 9), (12, 12)]));
        holes.step(12, 13, &ahead);
        assert_eq!(holes.step(13, 22, &ahead), Some(14));
        assert_eq!(holes.take().unwrap().positions, ranges(&[(14, 19)]));
        holes.acknowledge(5);
        let passed = ranges(&[(3, 4), (8, 9), (12, 13), (20, 22)]);
        assert_eq!(holes.passed(), &passed);
        holes.acknowledge(14);
        assert!(holes.passed().is_empty());
    }
}
