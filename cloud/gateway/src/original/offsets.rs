//! Which requests are open: up to where a partition need not be read again.

use std::collections::{BTreeMap, BTreeSet};

use super::Place;

/// Open requests by partition.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeMap<i32, Partition>);

#[derive(Debug, Default)]
struct Partition {
    open: BTreeSet<i64>,
    next: i64,
}

// === impl Open ===

impl Open {
    pub(super) fn count(&self) -> usize {
        self.0.values().map(|partition| partition.open.len()).sum()
    }

    pub(super) fn begin(&mut self, (partition, offset): Place) {
        let partition = self.0.entry(partition).or_default();
        partition.open.insert(offset);
        partition.next = partition.next.max(offset + 1);
    }

    /// The offset from which the partition would be read again; `None` for what was not open.
    pub(super) fn end(&mut self, (partition, offset): Place) -> Option<(i32, i64)> {
        let own = self.0.get_mut(&partition)?;
        let was_open = own.open.remove(&offset);
        let from = own.open.first().copied().unwrap_or(own.next);
        was_open.then_some((partition, from))
    }
}
