//! The largest datagram that the path carries (RFC 8899): probed upwards from a size that is safe, and
//! given up where large datagrams vanish.
//!
//! Nothing of ICMP is believed or needed. A path through a card is given as a maximum of 237 bytes, and
//! is not probed, as is no path whose maximum is safe.

use std::time::Duration;

#[derive(Debug)]
pub(super) struct PathSize {
    /// The largest that is wanted.
    most: usize,
    /// The largest that is known to arrive.
    size: usize,
    /// The smallest that is known not to.
    failed: usize,
    trial: Option<Trial>,
    next_number: u32,
    /// When the next probe goes out.
    next: Duration,
    /// How many large datagrams were lost since one arrived.
    vanished: u32,
}

#[derive(Debug)]
struct Trial {
    number: u32,
    size: usize,
    tries: u32,
}

/// The size that is safe: an IPv6 link of 1,280 bytes, the least that IPv6 allows (RFC 8200 section 5).
const BASE: usize = 1_200;

/// The size when even that vanishes: 576 bytes, which every IPv4 host takes (RFC 1122 section 3.3.2), less headers.
const LEAST: usize = 548;

/// How often a probe is sent before its size counts as too large (RFC 8899 section 5.1.2: 3).
const TRIES: u32 = 3;

/// The search ends when what is left to find is less.
const STEP: usize = 16;

/// The least time between two probes (RFC 8899 section 5.1.1).
const PAUSE: Duration = Duration::from_secs(1);

/// How long after the end of a search a larger size is tried again (RFC 8899 section 5.1.1).
const RAISE: Duration = Duration::from_mins(10);

/// How long after large datagrams have vanished a larger size is tried again.
const RECOVER: Duration = Duration::from_mins(1);

/// How many large datagrams in a row are lost when they count as vanished: one in 15,000 rows by chance
/// where three of ten are lost.
const VANISHED: u32 = 8;

// === impl PathSize ===

impl PathSize {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            size: most.min(BASE),
            failed: most + 1,
            trial: None,
            next_number: 0,
            next: Duration::ZERO,
            vanished: 0,
        }
    }

    /// The size of a full datagram.
    pub(super) const fn datagram(&self) -> usize {
        self.size
    }

    /// The probe to send now: its number and its size. `timeout` is how long an answer may take.
    pub(super) fn probe(&mut self, now: Duration, timeout: Duration) -> Option<(u32, usize)> {
        if now < self.next() {
            return None;
        }
        if self
            .trial
            .as_ref()
            .is_some_and(|trial| trial.tries >= TRIES)
        {
            self.failed = self.trial.take().map_or(self.failed, |trial| trial.size);
        }
        let Some(trial) = &mut self.trial else {
            return self.begin(now, timeout);
        };
        trial.tries += 1;
        self.next = now + timeout.max(PAUSE);
        Some((trial.number, trial.size))
    }

    fn begin(&mut self, now: Duration, timeout: Duration) -> Option<(u32, usize)> {
        if self.failed <= self.size + STEP {
            // The search has ended; the next one begins after a while, from the top.
            self.failed = self.most + 1;
            self.next = now + RAISE;
            return None;
        }
        let size = if self.failed > self.most {
            self.most
        } else {
            usize::midpoint(self.size, self.failed)
        };
        self.next_number = self.next_number.wrapping_add(1);
        self.trial = Some(Trial {
            number: self.next_number,
            size,
            tries: 1,
        });
        self.next = now + timeout.max(PAUSE);
        Some((self.next_number, size))
    }

    /// Takes the word that a probe has arrived.
    pub(super) fn arrived(&mut self, now: Duration, number: u32) {
        if let Some(trial) = self.trial.take_if(|trial| trial.number == number) {
            self.size = trial.size;
            self.vanished = 0;
            self.next = now;
        }
    }

    /// Takes the arrival of a datagram.
    pub(super) fn acknowledged(&mut self, bytes: usize) {
        if bytes > self.smaller() {
            self.vanished = 0;
        }
    }

    /// Takes the loss of a datagram, on a path on which others arrive.
    pub(super) fn lost(&mut self, now: Duration, bytes: usize) {
        let smaller = self.smaller();
        if bytes <= smaller || self.size <= smaller {
            return;
        }
        self.vanished += 1;
        if self.vanished >= VANISHED {
            self.failed = self.size;
            self.size = smaller;
            self.vanished = 0;
            self.trial = None;
            self.next = now + RECOVER;
        }
    }

    /// When the next probe is due.
    pub(super) const fn next(&self) -> Duration {
        if self.size < self.most {
            self.next
        } else {
            Duration::MAX
        }
    }

    /// The size to fall back to.
    const fn smaller(&self) -> usize {
        if self.size > BASE { BASE } else { LEAST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(300);

    /// Probes a path that carries `carries` bytes until nothing is due for a minute.
    fn search(size: &mut PathSize, now: &mut Duration, carries: usize) -> usize {
        let mut probes = 0;
        while size.next() < *now + Duration::from_secs(59) {
            *now = (*now).max(size.next());
            if let Some((number, bytes)) = size.probe(*now, TIMEOUT) {
                probes += 1;
                if bytes <= carries {
                    size.arrived(*now, number);
                }
            }
        }
        probes
    }

    #[test]
    fn the_largest_size_is_found_with_few_probes() {
        for carries in [1_200, 1_213, 1_300, 1_452, 1_472, 9_000] {
            let (mut size, mut now) = (PathSize::new(1_472), Duration::from_secs(1));
            let probes = search(&mut size, &mut now, carries);
            let found = size.datagram();
            assert!(found <= carries, "{carries}: {found}");
            assert!(found + STEP >= carries.min(1_472), "{carries}: {found}");
            assert!(probes <= 6 * 3, "{carries}: {probes} probes");
        }
    }

    #[test]
    fn a_card_and_a_path_that_is_safe_are_not_probed() {
        for most in [237, 1_200] {
            let mut size = PathSize::new(most);
            assert_eq!(size.next(), Duration::MAX);
            assert_eq!(size.probe(Duration::from_hours(1), TIMEOUT), None);
            for _ in 0..100 {
                size.lost(Duration::from_secs(1), 237);
            }
            assert_eq!(size.datagram(), most);
        }
    }

    #[test]
    fn where_large_datagrams_vanish_smaller_ones_are_sent_and_larger_ones_tried_later() {
        let (mut size, mut now) = (PathSize::new(1_472), Duration::from_secs(1));
        search(&mut size, &mut now, 1_472);
        for _ in 0..VANISHED {
            assert_eq!(size.datagram(), 1_472);
            size.lost(now, 1_472);
        }
        assert_eq!(size.datagram(), 1_200);
        for _ in 0..VANISHED {
            size.lost(now, 1_200);
        }
        assert_eq!(size.datagram(), 548);
        now += RECOVER;
        search(&mut size, &mut now, 1_000);
        assert!(size.datagram() > 980 && size.datagram() <= 1_000);
        now += RAISE;
        search(&mut size, &mut now, 1_472);
        assert_eq!(size.datagram(), 1_472);
    }
}
