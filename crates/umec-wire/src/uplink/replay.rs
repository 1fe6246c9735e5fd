//! The window in which a receiver tells a late datagram from a replayed one (RFC 6479, without its ring).

/// Which numbers of a session were received: all below the window count as seen.
#[derive(Debug, Clone)]
pub struct ReplayWindow {
    /// One above the highest number received.
    next: u64,
    /// Bit `n % SIZE` tells whether number `n` of the window was received.
    seen: [u64; WORDS],
}

/// Why a number is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Replayed {
    /// It was received before.
    #[error("the number was received before")]
    Seen,
    /// It is so far behind that nobody knows.
    #[error("the number is older than the window")]
    TooOld,
}

/// How many numbers the window spans: a burst of 2,048 datagrams may be reordered in any way.
pub const SIZE: u64 = 2_048;

const WORDS: usize = 32;

// === impl ReplayWindow ===

impl ReplayWindow {
    /// A window that has seen nothing.
    pub const fn new() -> Self {
        Self {
            next: 0,
            seen: [0; WORDS],
        }
    }

    /// Whether `number` would be taken: asked before the datagram is opened.
    pub fn check(&self, number: u64) -> Result<(), Replayed> {
        if number >= self.next {
            return Ok(());
        }
        if self.next - number > SIZE {
            return Err(Replayed::TooOld);
        }
        let (word, bit) = place(number);
        match self.seen.get(word) {
            Some(bits) if bits & bit == 0 => Ok(()),
            _ => Err(Replayed::Seen),
        }
    }

    /// Takes `number`: said after the datagram was opened, since before that anyone can write any number.
    pub fn mark(&mut self, number: u64) {
        if number >= self.next {
            if number - self.next >= SIZE {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.next..number {
                    self.set(skipped, false);
                }
            }
            self.next = number.saturating_add(1);
        }
        self.set(number, true);
    }

    /// Whether `number` is above all that were received.
    pub const fn is_newest(&self, number: u64) -> bool {
        number >= self.next
    }

    /// How many numbers of the window were not received, and of how many: of the last [`SIZE`] below the
    /// highest received one, or of fewer at the beginning.
    pub fn missing(&self) -> (u64, u64) {
        let of = self.next.min(SIZE);
        let seen: u64 = self.seen.iter().map(|w| u64::from(w.count_ones())).sum();
        (of.saturating_sub(seen), of)
    }

    fn set(&mut self, number: u64, seen: bool) {
        let (word, bit) = place(number);
        if let Some(bits) = self.seen.get_mut(word) {
            if seen {
                *bits |= bit;
            } else {
                *bits &= !bit;
            }
        }
    }
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

/// The word and the bit of a number.
fn place(number: u64) -> (usize, u64) {
    let slot = number % SIZE;
    let word = usize::try_from(slot / 64).unwrap_or(0);
    (word, 1 << (slot % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_missing_is_counted_over_the_window() {
        let mut window = ReplayWindow::new();
        assert_eq!(window.missing(), (0, 0));
        for number in [0, 1, 3, 9] {
            window.mark(number);
        }
        assert_eq!(window.missing(), (6, 10));
        window.mark(2);
        assert_eq!(window.missing(), (5, 10));
        for number in (10..3 * SIZE).filter(|number| number % 4 != 0) {
            window.mark(number);
        }
        assert_eq!(window.missing(), (SIZE / 4, SIZE));
        window.mark(100 * SIZE);
        assert_eq!(window.missing(), (SIZE - 1, SIZE));
    }

    #[test]
    fn a_number_is_taken_once() {
        let mut window = ReplayWindow::new();
        for number in [5, 0, 3, 2_000] {
            assert_eq!(window.check(number), Ok(()));
            window.mark(number);
            assert_eq!(window.check(number), Err(Replayed::Seen));
        }
        assert_eq!(window.check(4), Ok(()));
        window.mark(10_000);
        assert_eq!(window.check(4), Err(Replayed::TooOld));
        assert_eq!(window.check(10_000 - SIZE), Err(Replayed::TooOld));
        assert_eq!(window.check(10_000 - SIZE + 1), Ok(()));
    }

    #[test]
    fn the_last_number_of_all_is_no_trap() {
        let mut window = ReplayWindow::new();
        window.mark(u64::MAX);
        assert!(window.check(1).is_err());
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set(steps in prop::collection::vec(-3_000_i64..3_000, 1..400)) {
            let mut window = ReplayWindow::new();
            let (mut taken, mut next) = (HashSet::new(), 0_u64);
            for step in steps {
                let number = next.saturating_add_signed(step);
                let expected = if next > number && next - number > SIZE {
                    Err(Replayed::TooOld)
                } else if taken.contains(&number) {
                    Err(Replayed::Seen)
                } else {
                    Ok(())
                };
                prop_assert_eq!(window.check(number), expected);
                if expected.is_ok() {
                    window.mark(number);
                    taken.insert(number);
                    next = next.max(number + 1);
                }
            }
        }
    }
}
