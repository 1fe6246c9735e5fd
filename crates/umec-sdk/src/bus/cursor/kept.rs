//! What is kept with a position besides its floor, as the server keeps it: texts under names.

#[cfg(feature = "nats")]
use std::collections::BTreeMap;

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

/// The names under which the server keeps them.
#[cfg(feature = "nats")]
const DONE: &str = "umec-done";
#[cfg(feature = "nats")]
const FLOOR: &str = "umec-floor";
#[cfg(feature = "nats")]
const NOTE: &str = "umec-note";

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
