//! What is kept with a position besides its floor, as the server keeps it: texts under names.

#[cfg(feature = "nats")]
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use umec_wire::uplink::Ranges;
#[cfg(feature = "nats")]
use umec_wire::uplink::ranges::Range;

/// What is kept with a position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What is acknowledged above the floor.
    pub(crate) done: Ranges,
    /// The floor as its owner knows it, a while ago: that of the server goes up by itself when the stream
    /// drops what is above it.
    pub(crate) floor: Option<u64>,
    /// What the position's owner wants to find again.
    pub(crate) note: Option<String>,
}

/// When the server is to be told of the floor.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    /// The floor, and since when it is there.
    floor: Option<(u64, Instant)>,
    /// When the server was last told.
    told: Option<Instant>,
}

/// How long the floor stays where it is before the server is told.
const REST: Duration = Duration::from_secs(5);

/// How often the server is told a floor that moves: after a crash as much may count as dropped that was not.
const EVERY: Duration = Duration::from_mins(1);

/// The names under which the server keeps them.
#[cfg(feature = "nats")]
const DONE: &str = "umec-done";
#[cfg(feature = "nats")]
const FLOOR: &str = "umec-floor";
#[cfg(feature = "nats")]
const NOTE: &str = "umec-note";

// === impl Resting ===

impl Resting {
    /// Whether the server, which knows the floor as `kept`, is to be told now.
    pub(crate) fn is_due(&mut self, floor: u64, kept: Option<u64>, now: Instant) -> bool {
        let since = match self.floor {
            Some((known, since)) if known == floor => since,
            _ => now,
        };
        self.floor = Some((floor, since));
        let is_old = self.told.is_none_or(|told| now >= told + EVERY);
        let is_due = kept != Some(floor) && (is_old || now >= since + REST);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }

    /// Whether the server was ever told.
    pub(crate) const fn is_minded(&self) -> bool {
        self.told.is_some()
    }
}

// === impl Kept ===

#[cfg(feature = "nats")]
impl Kept {
    /// As texts, ranges as `first-last,first-last`.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        if !self.done.is_empty() {
            let ranges = self.done.iter();
            let ranges: Vec<String> = ranges.map(|r| format!("{}-{}", r.first, r.last)).collect();
            texts.insert(DONE.to_owned(), ranges.join(","));
        }
        if let Some(floor) = self.floor {
            texts.insert(FLOOR.to_owned(), floor.to_string());
        }
        if let Some(note) = &self.note {
            texts.insert(NOTE.to_owned(), note.clone());
        }
        texts
    }

    /// Reads them. What cannot be read counts as not done, and is read and sent again.
    pub(crate) fn of(texts: &BTreeMap<String, String>) -> Self {
        let ranges = texts.get(DONE).map_or("", String::as_str).split(',');
        Self {
            done: ranges.filter_map(range).collect(),
            floor: texts.get(FLOOR).and_then(|floor| floor.parse().ok()),
            note: texts.get(NOTE).cloned(),
        }
    }
}

#[cfg(feature = "nats")]
fn range(text: &str) -> Option<Range> {
    let (first, last) = text.split_once('-')?;
    Some(Range {
        first: first.parse().ok()?,
        last: last.parse().ok()?,
    })
}

#[cfg(all(test, feature = "nats"))]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_told_when_it_rests_and_once_a_minute_while_it_moves() {
        let mut resting = Resting::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(resting.is_due(1, None, at(0)));
        let told: Vec<u64> = (1..=70)
            .filter(|second| resting.is_due(1 + second, Some(1), at(*second)))
            .collect();
        assert_eq!(told, [60]);
        assert!(!resting.is_due(71, Some(61), at(74)));
        assert!(resting.is_due(71, Some(61), at(75)));
        assert!(!resting.is_due(71, Some(71), at(300)));
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_broken_is_nothing() {
        let kept = Kept {
            done: ["5-9", "12-12"].into_iter().filter_map(range).collect(),
            floor: Some(4),
            note: Some("2026-11-21 17".to_owned()),
        };
        assert_eq!(kept.texts()[DONE], "5-9,12-12");
        assert_eq!(Kept::of(&kept.texts()), kept);
        let broken = [(DONE.to_owned(), "x,7-,3-4".to_owned())].into();
        assert_eq!(Kept::of(&broken).texts()[DONE], "3-4");
    }
}
