//! What the round trips tell of the path: its length, and the queue in it.

use std::collections::VecDeque;
use std::time::Duration;

/// The least round trips: of the recent past for the path, of the last few for the present.
#[derive(Debug, Default)]
pub(super) struct Delay {
    /// The least of this span and of the one before it.
    base: Option<(Duration, Duration)>,
    turned: Duration,
    /// The last round trips, the newest first.
    last: VecDeque<Duration>,
}

/// How long a least round trip counts at least, and half of how long at most: a path that has got
/// longer is known after that.
const SPAN: Duration = Duration::from_secs(30);

/// How many round trips the present is: the least of them, since late answers say little (RFC 6817
/// section 3.1.2).
const LAST: usize = 4;

/// How many it is on a restless path: the least of a few would be taken for a queue there.
const LAST_OF_RESTLESS: usize = 16;

/// How many pairs of neighbours these are.
const PAIRS: u32 = 15;

/// By how much neighbouring round trips differ on a restless path at least, on the average: more than by
/// one datagram in the queue, which is 96 ms with 1,200 bytes at 100 kbit/s. Where the queue is long, it is
/// half of the least round trip: those who share it make it change by several.
const RESTLESS: Duration = Duration::from_millis(120);

// === impl Delay ===

impl Delay {
    pub(super) fn measured(&mut self, now: Duration, trip: Duration) {
        self.last.truncate(LAST_OF_RESTLESS - 1);
        self.last.push_front(trip);
        let (this, before) = self.base.unwrap_or((trip, trip));
        if now >= self.turned + SPAN {
            self.turned = now;
            self.base = Some((trip, this));
        } else {
            self.base = Some((this.min(trip), before));
        }
    }

    /// The round trip at present.
    pub(super) fn recent(&self) -> Option<Duration> {
        let count = if self.is_restless() {
            LAST_OF_RESTLESS
        } else {
            LAST
        };
        self.last.iter().take(count).min().copied()
    }

    /// Whether the round trips scatter; a few of them do not tell.
    fn is_restless(&self) -> bool {
        let neighbours = self.last.iter().zip(self.last.iter().skip(1));
        let differences = neighbours.map(|(one, other)| one.abs_diff(*other));
        let sum: Duration = differences.sum();
        let least = self.last.iter().min().copied().unwrap_or_default();
        self.last.len() == LAST_OF_RESTLESS && sum > RESTLESS.max(least / 2) * PAIRS
    }

    /// The round trip of the path when nothing waits.
    pub(super) fn path(&self) -> Option<Duration> {
        self.base.map(|(this, before)| this.min(before))
    }

    /// How long datagrams wait on the path.
    pub(super) fn queue(&self) -> Option<Duration> {
        let (recent, path) = self.recent().zip(self.path())?;
        Some(recent.saturating_sub(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_what_the_least_of_the_last_few_is_above_the_least_of_a_while() {
        let mut delay = Delay::default();
        let millis = Duration::from_millis;
        for (second, trip) in [(1, 100), (2, 500), (3, 300), (4, 400)] {
            delay.measured(Duration::from_secs(second), millis(trip));
        }
        assert_eq!(delay.queue(), Some(Duration::ZERO));
        delay.measured(Duration::from_secs(5), millis(600));
        assert_eq!(delay.queue(), Some(millis(200)));
        for second in [40, 71, 72, 73] {
            delay.measured(Duration::from_secs(second), millis(300));
        }
        assert_eq!(
            delay.queue(),
            Some(Duration::ZERO),
            "the path has got longer"
        );
    }

    #[test]
    fn on_a_restless_path_the_present_is_the_least_of_more() {
        let mut delay = Delay::default();
        let millis = Duration::from_millis;
        for second in 0..16 {
            let trip = if second % 2 == 0 { 500 } else { 700 };
            delay.measured(Duration::from_secs(second), millis(trip));
        }
        delay.measured(Duration::from_secs(16), millis(150));
        for second in 17..30 {
            let trip = if second % 2 == 0 { 500 } else { 700 };
            delay.measured(Duration::from_secs(second), millis(trip));
        }
        assert_eq!(delay.queue(), Some(Duration::ZERO));
        for second in 30..46 {
            delay.measured(Duration::from_secs(second), millis(500 + second));
        }
        assert_eq!(
            delay.queue(),
            Some(millis(392)),
            "it is calm: the last four count"
        );
    }
}
