//! How long to wait for an answer before sending again (RFC 6298).

use std::time::Duration;

/// The estimate of the round trip on one path, and the timeout that follows from it.
#[derive(Debug, Clone)]
pub struct RoundTrip {
    smoothed: Option<Duration>,
    variation: Duration,
    /// How many timeouts in a row doubled the timeout.
    backed_off: u32,
}

/// The timeout before the first measurement (RFC 6298 section 2.1).
pub const INITIAL: Duration = Duration::from_secs(1);

/// The least timeout. RFC 6298 section 2.4 says 1 s for the sake of coarse clocks; Linux uses 200 ms.
pub const LEAST: Duration = Duration::from_millis(200);

/// The greatest timeout: a path that comes back is noticed within this time.
pub const GREATEST: Duration = Duration::from_secs(10);

// === impl RoundTrip ===

impl RoundTrip {
    /// Nothing measured yet.
    pub const fn new() -> Self {
        Self {
            smoothed: None,
            variation: Duration::ZERO,
            backed_off: 0,
        }
    }

    /// Takes a measurement, of something sent once only (Karn's rule, RFC 6298 section 3).
    pub fn measured(&mut self, sample: Duration) {
        self.backed_off = 0;
        match self.smoothed {
            None => {
                self.smoothed = Some(sample);
                self.variation = sample / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(sample)) / 4;
                self.smoothed = Some((smoothed * 7 + sample) / 8);
            }
        }
    }

    /// Says that an answer came, though to something sent more than once.
    pub const fn answered(&mut self) {
        self.backed_off = 0;
    }

    /// Says that the timeout has passed.
    pub const fn timed_out(&mut self) {
        self.backed_off = self.backed_off.saturating_add(1);
    }

    /// The smoothed round trip, once measured.
    pub const fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How long to wait (RFC 6298 sections 2.3 and 5.5).
    pub fn timeout(&self) -> Duration {
        let base = self
            .smoothed
            .map_or(INITIAL, |smoothed| smoothed + self.variation * 4);
        let factor = 1_u32.checked_shl(self.backed_off.min(16)).unwrap_or(1);
        base.max(LEAST).saturating_mul(factor).min(GREATEST)
    }
}

impl Default for RoundTrip {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_follows_the_measurements_and_doubles_in_silence() {
        let mut trip = RoundTrip::new();
        assert_eq!(trip.timeout(), INITIAL);
        trip.measured(Duration::from_millis(400));
        assert_eq!(trip.timeout(), Duration::from_millis(1_200));
        trip.timed_out();
        trip.timed_out();
        assert_eq!(trip.timeout(), Duration::from_millis(4_800));
        trip.timed_out();
        trip.timed_out();
        assert_eq!(trip.timeout(), GREATEST);
        for _ in 0..100 {
            trip.measured(Duration::from_millis(10));
        }
        assert_eq!(trip.timeout(), LEAST);
    }
}
