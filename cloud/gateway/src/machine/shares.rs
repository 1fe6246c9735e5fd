//! A fair share of what may be on its way to Kafka for each modem that sends.

use std::time::Duration;

/// How many modems send.
#[derive(Debug, Default)]
pub(super) struct Shares {
    turn: Turn,
    ends: Duration,
    /// The modems that have sent in this turn, and in the one before.
    now: usize,
    before: usize,
}

/// The turn in which a modem sent last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Turn(u64);

/// How long a turn takes: a modem that found no room comes again within two of them, and finds its share
/// free. A share that is small for so long hinders nobody much: Kafka frees it within milliseconds.
const TURN: Duration = Duration::from_secs(30);

/// The least share: a quarter of a batch.
const LEAST: usize = 64;

// === impl Shares ===

impl Shares {
    /// The share of a modem that sends, of `capacity`.
    pub(super) fn of(&mut self, now: Duration, capacity: usize, modem: &mut Turn) -> usize {
        if now >= self.ends {
            self.ends = now + TURN;
            self.turn.0 += 1;
            self.before = std::mem::take(&mut self.now);
        }
        if *modem != self.turn {
            *modem = self.turn;
            self.now += 1;
        }
        let sending = self.now.max(self.before).max(1);
        (capacity / sending).max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sends_alone_has_all_and_the_others_their_share_as_soon_as_they_come() {
        let (mut shares, mut modems) = (Shares::default(), [Turn::default(); 10]);
        let mut now = Duration::from_secs(1);
        assert_eq!(shares.of(now, 1_000, &mut modems[0]), 1_000);
        for modem in &mut modems {
            shares.of(now, 1_000, modem);
        }
        assert_eq!(shares.of(now, 1_000, &mut modems[0]), 100);
        now += TURN;
        assert_eq!(
            shares.of(now, 1_000, &mut modems[0]),
            100,
            "the turn before"
        );
        now += TURN;
        assert_eq!(shares.of(now, 1_000, &mut modems[0]), 1_000);
        assert_eq!(shares.of(now, 10, &mut modems[0]), LEAST);
    }
}
