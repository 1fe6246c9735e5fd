//! What is spent of a day's bytes on a metered link, and what is admitted before they run out; pure.

use umec_spec::settings::uplink::{Budget as Settings, Priority};
use umec_wire::Timestamp;

/// The account of one day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Budget {
    /// The most bytes a day by configuration; anything where absent.
    configured: Option<u64>,
    /// The same as the cloud has set it, which goes before.
    set: Option<u64>,
    /// Whether the cloud has said something in this run or an earlier one.
    was_set: bool,
    /// Days since 1970, UTC.
    day: i64,
    /// Bytes spent on that day.
    spent: u64,
    /// What messages have cost in this run: bytes of all kinds, and messages that arrived.
    bytes: u64,
    arrived: u64,
}

/// What a datagram costs beyond its payload: the headers of UDP (RFC 768) and IPv4 (RFC 791).
const HEADERS: u64 = 8 + 20;

/// What a message is taken to cost before the first have shown it.
const GUESS: u64 = 32;

const MICROS_PER_DAY: i64 = 24 * 3_600 * 1_000_000;

// === impl Budget ===

impl Budget {
    pub(crate) fn new(settings: Option<&Settings>) -> Self {
        Self {
            configured: settings.map(|settings| settings.per_day.get()),
            set: None,
            was_set: false,
            day: 0,
            spent: 0,
            bytes: 0,
            arrived: 0,
        }
    }

    /// Takes what the cloud wants to be spent a day; where absent, what is configured holds again.
    pub(crate) const fn set(&mut self, per_day: Option<u64>) {
        self.set = per_day;
        self.was_set = true;
    }

    fn per_day(&self) -> Option<u64> {
        self.set.or(self.configured)
    }

    /// Takes a datagram of `bytes` payload, either way.
    pub(crate) fn spend(&mut self, now: Timestamp, bytes: usize) {
        self.turn(now);
        let bytes = HEADERS.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.spent = self.spent.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes how many messages have arrived in this run.
    pub(crate) const fn arrived(&mut self, messages: u64) {
        self.arrived = messages;
    }

    /// Whether a message of this priority still goes up, while `waiting` others are on their way.
    pub(crate) fn admits(&mut self, now: Timestamp, priority: Priority, waiting: u64) -> bool {
        self.turn(now);
        let Some(limit) = self.limit(priority) else {
            return true;
        };
        let each = match self.arrived {
            0 => GUESS,
            arrived => self.bytes / arrived + 1,
        };
        let promised = self.spent.saturating_add(waiting.saturating_mul(each));
        promised < limit
    }

    /// What is left of the day's bytes; `None` where there is no budget.
    pub(crate) fn left(&mut self, now: Timestamp) -> Option<u64> {
        self.turn(now);
        Some(self.per_day()?.saturating_sub(self.spent))
    }

    /// What was spent on the day.
    pub(crate) fn spent(&mut self, now: Timestamp) -> u64 {
        self.turn(now);
        self.spent
    }

    /// The account, and what the cloud has set, as a text for the next run; `None` where there was never
    /// a budget.
    pub(crate) fn note(&self) -> Option<String> {
        let (day, spent) = (self.day, self.spent);
        match self.set {
            Some(per_day) => Some(format!("budget {day} {spent} {per_day}")),
            None if self.was_set || self.configured.is_some() => {
                Some(format!("budget {day} {spent}"))
            }
            None => None,
        }
    }

    /// Adds what an earlier run has spent on the same day. A text that is none adds nothing.
    pub(crate) fn restore(&mut self, now: Timestamp, note: &str) {
        self.turn(now);
        let mut words = note.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let ("budget", day, spent) = (next(), next(), next()) else {
            return;
        };
        if day.parse() == Ok(self.day) {
            let spent: u64 = spent.parse().unwrap_or(0);
            self.spent = self.spent.saturating_add(spent);
        }
        // What was set since goes before.
        if !self.was_set {
            self.set = next().parse().ok();
            self.was_set = self.set.is_some();
        }
    }

    fn limit(&self, priority: Priority) -> Option<u64> {
        let per_day = self.per_day()?;
        let percent = match priority {
            Priority::Low => 50,
            Priority::Normal => 80,
            Priority::High => 95,
        };
        // Divided first, so that no budget is too large.
        Some(per_day / 100 * percent + per_day % 100 * percent / 100)
    }

    /// Begins the day that it is. A clock that is set back begins none.
    fn turn(&mut self, now: Timestamp) {
        let day = now.as_micros().div_euclid(MICROS_PER_DAY);
        if day > self.day {
            self.day = day;
            self.spent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use umec_spec::resource::Bytes;

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_800_014_400_000);

    fn budget(per_day: u64) -> Budget {
        Budget::new(Some(&Settings {
            per_day: Bytes::new(per_day),
        }))
    }

    #[test]
    fn what_matters_less_is_left_out_sooner_and_a_new_day_begins_anew() {
        let mut budget = budget(100_000);
        let mut last = Vec::new();
        for priority in [Priority::Low, Priority::Normal, Priority::High] {
            while budget.admits(NOON, priority, 0) {
                budget.spend(NOON, 1_000 - 28);
            }
            last.push(budget.spent(NOON));
        }
        assert_eq!(last, [50_000, 80_000, 95_000]);
        assert_eq!(budget.left(NOON), Some(5_000));
        let tomorrow = NOON.saturating_add(Duration::from_hours(24));
        assert!(budget.admits(tomorrow, Priority::Low, 0));
        assert_eq!(budget.left(tomorrow), Some(100_000));
    }

    #[test]
    fn what_is_on_its_way_is_spent_in_advance() {
        let mut budget = budget(100_000);
        assert!(budget.admits(NOON, Priority::Low, 1_562));
        assert!(!budget.admits(NOON, Priority::Low, 1_563));
        budget.spend(NOON, 972);
        budget.arrived(100);
        assert!(budget.admits(NOON, Priority::Low, 4_400));
        assert!(!budget.admits(NOON, Priority::Low, 4_500));
    }

    #[test]
    fn the_account_outlives_a_restart_on_the_same_day_only() {
        let mut before = budget(100_000);
        before.spend(NOON, 72);
        let mut next = budget(100_000);
        next.spend(NOON, 22);
        next.restore(NOON, &before.note().unwrap());
        assert_eq!(next.spent(NOON), 150);
        for nonsense in ["", "budget", "budget x y", "weather 1 2"] {
            next.restore(NOON, nonsense);
        }
        let tomorrow = NOON.saturating_add(Duration::from_hours(24));
        next.restore(tomorrow, &before.note().unwrap());
        assert_eq!(next.spent(tomorrow), 0);
    }

    #[test]
    fn what_the_cloud_has_set_goes_before_the_configuration_and_outlives_a_restart() {
        let mut before = Budget::new(None);
        assert_eq!((before.note(), before.left(NOON)), (None, None));
        before.set(Some(7_000));
        let mut next = budget(100_000);
        next.restore(NOON, &before.note().unwrap());
        assert_eq!(next.left(NOON), Some(7_000));
        next.set(None);
        assert_eq!(next.left(NOON), Some(100_000));
        next.restore(NOON, &before.note().unwrap());
        assert_eq!(next.left(NOON), Some(100_000));
        let mut last = Budget::new(None);
        last.restore(NOON, &next.note().unwrap());
        assert_eq!(last.left(NOON), None);
    }
}
