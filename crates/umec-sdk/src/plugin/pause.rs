//! How long to wait before trying again; pure.

use std::time::Duration;

/// Pauses that double up to a longest one, spread so that many who failed together do not return together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Pauses {
    /// The pause after `failures` in a row; `random` lies in 0 to 1.
    pub(crate) fn after(self, failures: u32, random: f64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(16));
        let full = doubled.min(self.longest);
        full.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        let pauses = Pauses {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
        };
        let whole = |failures| pauses.after(failures, 1.0).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 99].map(whole), [1, 2, 4, 8, 10, 10]);
        assert_eq!(pauses.after(3, 0.0), Duration::from_secs(2));
    }
}
