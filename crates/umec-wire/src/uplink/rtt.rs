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

/// The least that is added to the smoothed round trip (`G` of RFC 6298 section 2.3). The least timeout
/// of 1 s in section 2.4 is for the sake of coarse clocks; Linux adds 200 ms, as here.
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

    /// Says that the path is another one, or that nothing was heard of it for so long that it may be.
    pub const fn forgive(&mut self) {
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
        let base = self.smoothed.map_or(INITIAL, |smoothed| {
            smoothed + (self.variation * 4).max(LEAST)
        });
        let factor = 1_u32.checked_shl(self.backed_off.min(16)).unwrap_or(1);
        base.saturating_mul(factor).min(GREATEST)
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
        for _ in 0..400 {
            trip.measured(Duration::from_millis(10));
        }
        assert_eq!(trip.timeout(), Duration::from_millis(10) + LEAST);
    }

    #[test]
    fn the_steps_of_rfc_6298_by_hand() {
        // Section 2.2: SRTT = R, RTTVAR = R/2. Section 2.3, first RTTVAR, then SRTT, with the old SRTT:
        // RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'|, SRTT = 7/8 SRTT + 1/8 R'; RTO = SRTT + 4 RTTVAR.
        let mut trip = RoundTrip::new();
        for (sample, smoothed, timeout) in [
            (1_000_000, 1_000_000, 3_000_000),
            (2_000_000, 1_125_000, 3_625_000),
            (500_000, 1_046_875, 3_546_875),
            (1_046_875, 1_046_875, 2_921_875),
        ] {
            trip.measured(Duration::from_micros(sample));
            assert_eq!(trip.smoothed(), Some(Duration::from_micros(smoothed)));
            assert_eq!(trip.timeout(), Duration::from_micros(timeout));
        }
        // Section 5.5. An answer that may be to either sending changes nothing (section 3).
        trip.timed_out();
        assert_eq!(trip.timeout(), Duration::from_micros(2 * 2_921_875));
        trip.timed_out();
        assert_eq!(trip.timeout(), GREATEST);
        trip.forgive();
        assert_eq!(trip.timeout(), Duration::from_micros(2_921_875));
    }
}
