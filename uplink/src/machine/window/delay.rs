//! What the round trips tell of the path: its length, and the queue in it.

use std::time::Duration;

/// The least round trips: of the recent past for the path, of the last few for the present.
#[derive(Debug, Default)]
pub(super) struct Delay {
    /// The least of this span and of the one before it.
    base: Option<(Duration, Duration)>,
    turned: Duration,
    last: [Option<Duration>; LAST],
    place: usize,
}

/// How long a least round trip counts at least, and half of how long at most: a path that has got
/// longer is known after that.
const SPAN: Duration = Duration::from_secs(30);

/// How many round trips the present is: the least of them, since late answers say little (RFC 6817
/// section 3.1.2).
const LAST: usize = 4;

// === impl Delay ===

impl Delay {
    pub(super) fn measured(&mut self, now: Duration, trip: Duration) {
        if let Some(last) = self.last.get_mut(self.place % LAST) {
            *last = Some(trip);
        }
        self.place = self.place.wrapping_add(1) % LAST;
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
        self.last.iter().flatten().min().copied()
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
}
