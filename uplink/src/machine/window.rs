//! How many batches may be on their way: slow start, then additive increase and multiplicative
//! decrease (RFC 5681 sections 3.1 and 3.2, counted in batches), with bounds at both ends.
//!
//! The lower bound is what carries readings through radio weather: where three datagrams of ten are
//! lost for no reason of load, any window that only halves ends at its least.

use std::time::Duration;

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    size: f64,
    threshold: f64,
    /// Losses of what was sent before this moment were answered already.
    reduced: Option<Duration>,
}

/// The first window, before anything is known of the path: RFC 6928 allows 10
/// segments of 1,460 bytes; a few more spare readings a round trip.
const INITIAL: f64 = 16.0;

/// The least, and what a full window of 1,200 bytes each fills for a second and a half at 100 kbit/s.
const LEAST: f64 = 16.0;

/// What is left of the window after a loss (RFC 9438 section 4.6: CUBIC's 0.7).
const KEPT: f64 = 0.7;

/// The greatest: 256 datagrams of 1,200 bytes are 300 kB, some 24 Mbit/s at 100 ms.
const GREATEST: f64 = 256.0;

// === impl Window ===

impl Window {
    pub(super) const fn new() -> Self {
        Self {
            size: INITIAL,
            threshold: GREATEST,
            reduced: None,
        }
    }

    /// Whether another batch may go out while `in_flight` are on their way.
    pub(super) fn admits(&self, in_flight: usize) -> bool {
        u32::try_from(in_flight).is_ok_and(|in_flight| f64::from(in_flight) + 1.0 <= self.size)
    }

    /// Takes the acknowledgement of a batch.
    pub(super) fn acknowledged(&mut self) {
        let more = if self.size < self.threshold {
            1.0
        } else {
            1.0 / self.size
        };
        self.size = (self.size + more).min(GREATEST);
    }

    /// Takes the loss of a batch that was sent at `sent`: one loss in a round trip is answered.
    pub(super) fn lost(&mut self, now: Duration, sent: Duration) {
        if self.reduced.is_some_and(|reduced| sent <= reduced) {
            return;
        }
        self.reduced = Some(now);
        self.size = (self.size * KEPT).max(LEAST);
        self.threshold = self.size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_acknowledgements_and_shrinks_once_a_round_trip() {
        let mut window = Window::new();
        assert!(window.admits(15) && !window.admits(16));
        for _ in 0..1_000 {
            window.acknowledged();
        }
        assert!(window.admits(255) && !window.admits(256));
        let (sent, now) = (Duration::from_secs(1), Duration::from_secs(2));
        window.lost(now, sent);
        window.lost(now, sent);
        assert!(window.admits(178) && !window.admits(179));
        for round in 3..20 {
            window.lost(Duration::from_secs(round), Duration::from_secs(round));
        }
        assert!(window.admits(15) && !window.admits(16));
    }
}
