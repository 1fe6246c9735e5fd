//! The groups of a batch.

mod read;
mod write;

use super::layout::{Layout, LayoutNumber};
use super::{FREE, PER_BYTE};
use crate::uplink::entry::{Entry, EntryKind};

pub(super) use self::read::decode;

/// A message on its way into a batch, with its layout.
#[derive(Debug, Clone, Copy)]
pub struct Row<'e> {
    number: LayoutNumber,
    layout: &'e Layout,
    entry: &'e Entry,
}

/// Some messages are part of a trace.
const TRACES: u64 = 1;

/// Some messages have several samples.
const REPEATS: u64 = 2;

/// Some readings have another time than their sample.
const OFFSETS: u64 = 4;

/// How many bits the flags take.
const FLAG_BITS: u32 = 3;

// === impl Row ===

impl<'e> Row<'e> {
    /// Takes a message that is of the layout with this number; `None` for one that is not.
    pub fn new(number: LayoutNumber, layout: &'e Layout, entry: &'e Entry) -> Option<Self> {
        let row = Self {
            number,
            layout,
            entry,
        };
        layout.fits(entry).then_some(row)
    }
}

/// Writes messages, for [`super::Batch::rows`]. Those of a layout keep their order. A batch tells one
/// floor for all messages of a layout: the lowest of theirs.
pub fn encode_rows(rows: &[Row<'_>]) -> Vec<u8> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.number);
    let groups = rows.chunk_by(|one, next| one.number == next.number);
    let groups: Vec<_> = groups.filter_map(write::Group::new).collect();
    let mut bytes = Vec::with_capacity(256);
    write::heads(&groups, &mut bytes);
    let mut worth = groups.len();
    for group in &groups {
        worth += group.write(&mut bytes);
    }
    let least = worth.saturating_sub(FREE).div_ceil(PER_BYTE);
    if bytes.len() < least {
        bytes.resize(least, 0);
    }
    bytes
}

/// Whether the messages of a layout have times of their own.
const fn has_times(layout: &Layout) -> bool {
    match layout.kind {
        EntryKind::Status => true,
        EntryKind::Events => false,
        EntryKind::Readings | EntryKind::Aggregates => !layout.fields.is_empty(),
    }
}
