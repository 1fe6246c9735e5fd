//! The layouts of the messages that go up, their numbers, and which of them the gateway has.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use umec_wire::DeviceName;
use umec_wire::uplink::{Entry, EntryKind, Layout, LayoutNumber};

/// A layout and its number.
pub(super) type Numbered = (LayoutNumber, Arc<Layout>);

/// The layouts. Numbers are given once in a run: what is on its way must never be read by another's
/// layout.
#[derive(Debug)]
pub(super) struct Layouts {
    /// The latest last.
    of: HashMap<(DeviceName, EntryKind), VecDeque<Numbered>>,
    known: HashSet<LayoutNumber>,
    next: u32,
}

/// How many layouts of one kind are kept for a device: a pack has fewer readings where a register does
/// not answer, and that changes. What is forgotten gets a new number.
const KEPT: usize = 16;

// === impl Layouts ===

impl Layouts {
    pub(super) fn new() -> Self {
        Self {
            of: HashMap::new(),
            known: HashSet::new(),
            next: 1,
        }
    }

    /// The layout of a message.
    pub(super) fn of(&mut self, entry: &Entry) -> Numbered {
        let key = (entry.id.device.clone(), entry.content.kind());
        let kept = self.of.entry(key).or_default();
        if let Some(place) = kept.iter().rposition(|(_, layout)| layout.fits(entry)) {
            let found = kept.remove(place);
            kept.extend(found.clone());
            if let Some(found) = found {
                return found;
            }
        }
        // At a new layout each 10 ms the numbers last for a year, and a run ends long before.
        let numbered = (LayoutNumber(self.next), Arc::new(Layout::of(entry)));
        self.next = self.next.saturating_add(1);
        kept.push_back(numbered.clone());
        if kept.len() > KEPT
            && let Some((forgotten, _)) = kept.pop_front()
        {
            self.known.remove(&forgotten);
        }
        numbered
    }

    /// Takes the word that the gateway read a batch with these layouts.
    pub(super) fn known(&mut self, layouts: &[Numbered]) {
        self.known.extend(layouts.iter().map(|(number, _)| *number));
    }

    /// Takes the word that the gateway does not have these.
    pub(super) fn unknown(&mut self, layouts: &[LayoutNumber]) {
        for number in layouts {
            self.known.remove(number);
        }
    }

    /// Those of `layouts` that the gateway may not have.
    pub(super) fn undefined(&self, layouts: &[Numbered]) -> Vec<Numbered> {
        let undefined = layouts.iter().filter(|(n, _)| !self.known.contains(n));
        undefined.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use umec_wire::reading::{Reading, Series, Value};
    use umec_wire::uplink::Content;
    use umec_wire::{Boot, MessageId, MetricName, Sequence, Timestamp};

    use super::*;

    fn entry(boot: u64) -> Entry {
        Entry {
            id: MessageId {
                device: DeviceName::new("meter-3").unwrap(),
                boot: Boot::from_bits(boot),
                sequence: Sequence::FIRST,
            },
            floor: Sequence::FIRST,
            trace: None,
            content: Content::Readings(vec![Reading {
                series: Series::raw(MetricName::new("power").unwrap()),
                time: Timestamp::from_micros(0),
                unit: None,
                value: Value::from(true),
            }]),
        }
    }

    #[test]
    fn a_number_is_given_once_and_defined_until_it_is_known() {
        let mut layouts = Layouts::new();
        let first = layouts.of(&entry(1));
        assert_eq!(layouts.of(&entry(1)), first);
        let used = [first.clone()];
        assert_eq!(layouts.undefined(&used).len(), 1);
        layouts.known(&used);
        assert_eq!(layouts.undefined(&used).len(), 0);
        layouts.unknown(&[first.0]);
        assert_eq!(layouts.undefined(&used).len(), 1);
        for boot in 2..=100 {
            let (number, _) = layouts.of(&entry(boot));
            layouts.known(&[(number, Arc::clone(&first.1))]);
        }
        assert!(layouts.known.len() <= KEPT);
        assert_eq!(layouts.of(&entry(1)).0, LayoutNumber(101));
    }
}
