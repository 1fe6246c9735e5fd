//! Sets of numbers that are mostly without gaps, kept as ranges.

use std::fmt;

/// A set of numbers as its ranges: ascending, apart by at least one number.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<Range>);

/// All numbers from `first` to `last`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Range {
    /// The smallest.
    pub first: u64,
    /// The largest; not below `first`.
    pub last: u64,
}

// === impl Ranges ===

impl Ranges {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|range| range.first <= number);
        let range = after.checked_sub(1).and_then(|index| self.0.get(index));
        range.is_some_and(|range| number <= range.last)
    }

    /// Adds a number and says whether it was new.
    pub fn insert(&mut self, number: u64) -> bool {
        // Numbers mostly come in their order.
        if let Some(last) = self.0.last_mut()
            && number.checked_sub(1) == Some(last.last)
        {
            last.last = number;
            return true;
        }
        if self.contains(number) {
            return false;
        }
        self.insert_range(Range {
            first: number,
            last: number,
        });
        true
    }

    /// Adds all numbers of a range.
    pub fn insert_range(&mut self, range: Range) {
        if range.last < range.first {
            return;
        }
        // Everything that overlaps or touches becomes one range.
        let start = self
            .0
            .partition_point(|r| r.last.saturating_add(1) < range.first);
        let end = self
            .0
            .partition_point(|r| r.first <= range.last.saturating_add(1));
        let touched = self.0.get(start..end).unwrap_or_default();
        let merged = Range {
            first: touched
                .first()
                .map_or(range.first, |r| r.first.min(range.first)),
            last: touched
                .last()
                .map_or(range.last, |r| r.last.max(range.last)),
        };
        self.0.splice(start..end.max(start), [merged]);
    }

    /// Adds every number from 1 up to, but without, `floor`.
    pub fn close_below(&mut self, floor: u64) {
        let is_closed = |first: &Range| first.first <= 1 && first.last.saturating_add(1) >= floor;
        if floor > 1 && !self.0.first().is_some_and(is_closed) {
            self.insert_range(Range {
                first: 1,
                last: floor - 1,
            });
        }
    }

    /// Takes every number below `floor` out.
    pub fn remove_below(&mut self, floor: u64) {
        self.0.retain(|range| range.last >= floor);
        if let Some(range) = self.0.first_mut() {
            range.first = range.first.max(floor);
        }
    }

    /// Forgets the lowest ranges until at most `count` are left.
    pub fn keep_highest(&mut self, count: usize) {
        let surplus = self.0.len().saturating_sub(count);
        self.0.drain(..surplus);
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range> + ExactSizeIterator + '_ {
        self.0.iter().copied()
    }

    /// Whether no number is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges the set has.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl FromIterator<Range> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert_range(range);
        }
        set
    }
}

// === impl Range ===

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut set = Ranges::new();
        assert!(set.insert(1) && set.insert(3) && set.insert(2));
        assert!(!set.insert(2));
        assert_eq!(set.count(), 1);
        set.insert(9);
        set.close_below(8);
        assert_eq!(format!("{set:?}"), "[1..=7, 9..=9]");
        set.remove_below(5);
        assert_eq!(format!("{set:?}"), "[5..=7, 9..=9]");
        set.keep_highest(1);
        assert_eq!(format!("{set:?}"), "[9..=9]");
    }

    #[test]
    fn the_ends_of_the_numbers_are_no_traps() {
        let mut set = Ranges::new();
        set.insert(u64::MAX);
        set.insert(0);
        set.close_below(u64::MAX);
        assert!(set.contains(u64::MAX) && set.contains(0));
        set.close_below(0);
        set.insert_range(Range { first: 9, last: 3 });
        assert_eq!(set.count(), 1);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set(adds in prop::collection::vec((1_u64..120, 0_u64..6, any::<bool>()), 0..60)) {
            let (mut set, mut model) = (Ranges::new(), BTreeSet::new());
            for (first, more, single) in adds {
                if single {
                    prop_assert_eq!(set.insert(first), model.insert(first));
                } else {
                    set.insert_range(Range { first, last: first + more });
                    model.extend(first..=first + more);
                }
            }
            for number in 0..140 {
                prop_assert_eq!(set.contains(number), model.contains(&number));
            }
            let ranges: Vec<_> = set.iter().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
        }
    }
}
