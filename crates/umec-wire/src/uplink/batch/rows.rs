//! The groups of a batch.

mod read;
mod write;

use std::collections::HashMap;

use super::layout::{Field, Layout, LayoutNumber};
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

/// Sequences do not follow each other by one.
const GAPS: u64 = 8;

/// How many bits the flags take.
const FLAG_BITS: u32 = 4;

/// What decides in which columns the messages of a group are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape<'l> {
    Fields(&'l [Field]),
    States,
    Events,
}

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
    let worth = write::write(&groups, &mut bytes);
    let least = worth.saturating_sub(FREE).div_ceil(PER_BYTE);
    if bytes.len() < least {
        bytes.resize(least, 0);
    }
    bytes
}

// === impl Shape ===

impl<'l> Shape<'l> {
    const fn of(layout: &'l Layout) -> Self {
        match layout.kind {
            EntryKind::Status => Self::States,
            EntryKind::Events => Self::Events,
            EntryKind::Readings | EntryKind::Aggregates => Self::Fields(layout.fields.as_slice()),
        }
    }

    /// Whether the messages have times of their own.
    const fn has_times(self) -> bool {
        match self {
            Self::Fields(fields) => !fields.is_empty(),
            Self::States => true,
            Self::Events => false,
        }
    }
}

/// The places of groups of the same shape, in the order of the first of each.
fn by_shape<'l>(layouts: impl Iterator<Item = &'l Layout>) -> Vec<(Shape<'l>, Vec<usize>)> {
    let mut known: HashMap<Shape<'_>, usize> = HashMap::new();
    let mut shapes: Vec<(Shape<'_>, Vec<usize>)> = Vec::new();
    for (place, layout) in layouts.enumerate() {
        let shape = Shape::of(layout);
        let next = shapes.len();
        let which = *known.entry(shape).or_insert(next);
        if which == next {
            shapes.push((shape, Vec::new()));
        }
        if let Some((_, places)) = shapes.get_mut(which) {
            places.push(place);
        }
    }
    shapes
}

/// What the times of a batch are told from: when the publisher began whose boot this is. Most batches
/// are made within days of it, which spares three bytes.
fn origin(layout: &Layout) -> i64 {
    let millis = layout.boot.to_bits() >> 16;
    millis.cast_signed().wrapping_mul(1_000)
}
