//! The layouts of one run of an uplink.

use std::sync::Arc;

use hashbrown::HashMap;
use umec_wire::uplink::batch::{Batch, BatchError};
use umec_wire::uplink::{Entry, Layout, LayoutNumber};

/// The layouts that batches have defined.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    known: HashMap<LayoutNumber, Known>,
    /// The fields of all.
    fields: usize,
    /// How many batches were read.
    read: u64,
}

#[derive(Debug)]
struct Known {
    layout: Arc<Layout>,
    /// The batch that defined or used it last.
    used: u64,
}

/// How many layouts are kept for a modem. Beyond it the half that was not used for longest is
/// forgotten: the uplink defines them again when it is asked.
const MOST: usize = 1_024;

/// How many fields these may have together: some 2 MB.
const MOST_FIELDS: usize = 16_384;

// === impl Layouts ===

impl Layouts {
    /// Reads the messages of a batch, and keeps what it defines.
    pub(super) fn read(&mut self, batch: &Batch) -> Result<Vec<Entry>, BatchError> {
        self.read += 1;
        for (number, layout) in &batch.definitions {
            self.learn(*number, layout);
        }
        let (known, read) = (&mut self.known, self.read);
        batch.entries(|number| {
            let known = known.get_mut(&number)?;
            known.used = read;
            Some(Arc::clone(&known.layout))
        })
    }

    fn learn(&mut self, number: LayoutNumber, layout: &Arc<Layout>) {
        let known = Known {
            layout: Arc::clone(layout),
            used: self.read,
        };
        self.fields += layout.fields.len();
        if let Some(before) = self.known.insert(number, known) {
            self.fields -= before.layout.fields.len();
        }
        while self.known.len() > MOST || self.fields > MOST_FIELDS {
            self.forget();
        }
    }

    /// Forgets the half that was not used for longest: all where all were used at once.
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.known.values().map(|known| known.used).collect();
        used.sort_unstable();
        let middle = used.get(used.len() / 2).copied().unwrap_or(u64::MAX);
        self.known.retain(|_, known| known.used > middle);
        let fields = self.known.values().map(|known| known.layout.fields.len());
        self.fields = fields.sum();
    }
}

#[cfg(test)]
mod tests {
    use umec_wire::uplink::EntryKind;
    use umec_wire::{Boot, DeviceName};

    use super::*;

    fn defines(number: u32) -> Batch {
        let layout = Arc::new(Layout {
            kind: EntryKind::Status,
            device: DeviceName::new("meter-3").unwrap(),
            boot: Boot::from_bits(u64::from(number)),
            fields: Vec::new(),
        });
        Batch {
            number: 0,
            definitions: vec![(LayoutNumber(number), layout)],
            rows: vec![0].into(),
        }
    }

    #[test]
    fn memory_has_a_bound_and_what_is_in_use_stays() {
        let mut layouts = Layouts::default();
        for number in 1..=5_000 {
            layouts.read(&defines(number)).unwrap();
            layouts.read(&defines(1)).unwrap();
            assert!(layouts.known.len() <= MOST);
        }
        assert!(layouts.known.contains_key(&LayoutNumber(1)));
        assert!(layouts.known.contains_key(&LayoutNumber(4_999)));
        assert!(!layouts.known.contains_key(&LayoutNumber(2)));
    }
}
