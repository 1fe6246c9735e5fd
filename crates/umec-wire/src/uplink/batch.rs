//! Batches: messages of many devices in as few bytes as possible.
//!
//! What all messages of a kind of a device have in common is their [`Layout`]. It has a number, and is
//! defined in each batch that uses it until the gateway is known to have it; a gateway that meets a
//! number it does not know says so and gets the definition again. A number never gets another meaning
//! while the uplink runs, so a batch is told by itself, whatever became of those before it, and the
//! numbers outlive sessions.
//!
//! The messages of a layout in a batch are a *group*, told by columns: sequences, times, and the values
//! of each field. The heads of the groups are columns too, since a batch of one message from each of a
//! hundred devices is as common as one of a hundred messages from one device.
//!
//! Groups whose messages have the same fields are told in the same columns, one after the other: all of
//! them know the same decimals, and have a value, a tag and a base in common. The tables of the format,
//! with vectors, are in `docs/uplink-protocol.md`.
//!
//! A batch stands for at most [`FREE`] messages and values, and [`PER_BYTE`] more for each byte behind
//! the definitions (eight bytes of a text or of opaque data that come up again count as one): what
//! reading it costs is bounded by its size. A few readings of constant value would otherwise be a few
//! million; the zeros at the end are for a writer that has as many.
//!
//! Messages are told by what they mean, not by the bytes they had: the body of a pack was resolved and
//! filtered on the node already, and is written as JSON by the gateway. Values come back to the last bit,
//! -0 and all, times to the microsecond, everything else byte for byte.

mod bits;
mod bytes;
mod integers;
mod layout;
mod numbers;
mod rows;
mod words;

use std::sync::Arc;

use ::bytes::Bytes;

use self::bytes::{Reader, put_number};
use super::entry::Entry;

pub use self::layout::{Field, Layout, LayoutNumber, ValueType};
pub use self::rows::{Row, encode_rows};

/// How many messages and values a batch of no length would stand for.
pub const FREE: usize = 1_024;

/// How many more it stands for with each byte: less than 1 bit each is told only of what is constant.
pub const PER_BYTE: usize = 16;

/// A batch whose messages are not told apart yet: that needs layouts that it may not define itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The number by which it is acknowledged.
    pub number: u64,
    /// The layouts that it defines.
    pub definitions: Vec<(LayoutNumber, Arc<Layout>)>,
    /// The groups, as [`encode_rows`] writes them.
    pub rows: Bytes,
}

/// Why bytes are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// It ends where something must follow.
    #[error("the batch ends within {0}")]
    Short(&'static str),
    /// Something is not as the format says.
    #[error("{0} is not of the format")]
    Wrong(&'static str),
    /// It stands for more than its length allows.
    #[error("the batch stands for more values than one of its length may")]
    TooMuch,
    /// A number is infinite or "not a number".
    #[error("a value of the batch")]
    NotFinite(#[from] crate::reading::NotFinite),
    /// Layouts are used that nobody has defined.
    #[error("{} layouts of the batch are not known", .0.len())]
    UnknownLayouts(Vec<LayoutNumber>),
}

/// How much a batch may still stand for.
#[derive(Debug)]
struct Budget(usize);

const DEFINES: u8 = 0x40;
const GOES_ON: u8 = 0x20;
const LOW: u64 = 0x1f;

// === impl Batch ===

impl Batch {
    /// Whether a message is a batch, by its first byte.
    pub fn is_one(message: &[u8]) -> bool {
        message.first().is_some_and(|first| first & 0x80 == 0)
    }

    /// Writes the batch.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + self.rows.len());
        let low = u8::try_from(self.number & LOW).unwrap_or(0);
        let defines = if self.definitions.is_empty() {
            0
        } else {
            DEFINES
        };
        let high = self.number >> 5;
        if high == 0 {
            bytes.push(low | defines);
        } else {
            bytes.push(low | defines | GOES_ON);
            put_number(&mut bytes, high);
        }
        if !self.definitions.is_empty() {
            put_number(&mut bytes, self.definitions.len() as u64);
        }
        for (number, layout) in &self.definitions {
            put_number(&mut bytes, u64::from(number.0));
            layout.encode(&mut bytes);
        }
        bytes.extend_from_slice(&self.rows);
        bytes
    }

    /// Reads a message that is a batch.
    pub fn decode(bytes: &Bytes) -> Result<Self, BatchError> {
        const HEAD: &str = "the head of the batch";
        let mut from = Reader::new(bytes);
        let first = from.byte(HEAD)?;
        if first & 0x80 != 0 {
            return Err(BatchError::Wrong(HEAD));
        }
        let high = if first & GOES_ON == 0 {
            0
        } else {
            from.number(HEAD)?
        };
        if high > u64::MAX >> 5 {
            return Err(BatchError::Wrong(HEAD));
        }
        let mut definitions = Vec::new();
        if first & DEFINES != 0 {
            for _ in 0..from.count(HEAD)? {
                let number = u32::try_from(from.number("the number of a layout")?)
                    .map_err(|_| BatchError::Wrong("the number of a layout"))?;
                definitions.push((LayoutNumber(number), Arc::new(Layout::decode(&mut from)?)));
            }
        }
        Ok(Self {
            number: high << 5 | u64::from(first) & LOW,
            definitions,
            rows: from.rest().clone(),
        })
    }

    /// The messages, in the order of layouts and for each layout in the order in which they were
    /// written. `layout` knows those that this batch does not define.
    pub fn entries(
        &self,
        mut layout: impl FnMut(LayoutNumber) -> Option<Arc<Layout>>,
    ) -> Result<Vec<Entry>, BatchError> {
        let defined = |wanted: LayoutNumber| {
            let found = self
                .definitions
                .iter()
                .find(|(number, _)| *number == wanted);
            found.map(|(_, layout)| Arc::clone(layout))
        };
        rows::decode(&self.rows, &mut |number| {
            defined(number).or_else(|| layout(number))
        })
    }
}

// === impl Budget ===

impl Budget {
    const fn of(bytes: usize) -> Self {
        Self(FREE.saturating_add(bytes.saturating_mul(PER_BYTE)))
    }

    fn take(&mut self, more: usize) -> Result<(), BatchError> {
        self.0 = self.0.checked_sub(more).ok_or(BatchError::TooMuch)?;
        Ok(())
    }

    /// Takes what a word costs each time that it comes up, beyond being a value.
    fn take_word(&mut self, length: usize) -> Result<(), BatchError> {
        self.take(word_cost(length))
    }
}

const fn word_cost(length: usize) -> usize {
    length / 8
}

#[cfg(test)]
mod tests;
