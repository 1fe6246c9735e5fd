//! As many messages as fill a datagram.

use std::collections::VecDeque;

use bytes::Bytes;
use umec_wire::uplink::batch::{Row, encode_rows};
use umec_wire::uplink::message::FRAGMENT_OVERHEAD;
use umec_wire::uplink::{Batch, Fragment, Up};

use super::layouts::{Layouts, Numbered};
use super::waiting::Waiting;

/// The first messages of a queue as a batch.
#[derive(Debug)]
pub(super) struct Packed {
    /// How many.
    pub(super) count: usize,
    /// What they are told by.
    pub(super) batch: Batch,
    /// The layouts that the batch uses.
    pub(super) layouts: Vec<Numbered>,
    /// The bytes of the encoded batch.
    pub(super) length: usize,
}

/// The most messages of a batch, so that a gateway with little room for each modem can take one whole.
const MOST: usize = 256;

/// How often a batch is encoded at most before the best so far is taken. Lengths grow almost evenly
/// with the number of messages, so that a good guess needs two or three.
const TRIES: u32 = 8;

/// Fills `room` bytes with messages from the front of a queue that is not empty. A message that does
/// not fit alone is alone in its batch. `guess` is how many may fit.
pub(super) fn pack(
    queue: &VecDeque<Waiting>,
    number: u64,
    room: usize,
    layouts: &Layouts,
    guess: usize,
) -> Packed {
    let mut fits: Option<Packed> = None;
    let mut too_many = queue.len().min(MOST) + 1;
    let mut count = guess.clamp(1, queue.len().clamp(1, MOST));
    for _ in 0..TRIES {
        let packed = Packed::of(queue, number, layouts, count);
        let length = packed.length.max(1);
        let proportion = count.saturating_mul(room) / length;
        let least = if length > room {
            too_many = count;
            fits.as_ref().map_or(1, |fits| fits.count + 1)
        } else {
            let left = room - length;
            fits = Some(packed);
            if left < length / count || count == MOST {
                break;
            }
            count + 1
        };
        if least >= too_many {
            break;
        }
        count = proportion.clamp(least, too_many - 1);
    }
    fits.unwrap_or_else(|| Packed::of(queue, number, layouts, 1))
}

/// Cuts a batch into messages that fit a datagram each.
pub(super) fn fragments(number: u64, encoded: &Bytes, room: usize) -> VecDeque<Vec<u8>> {
    let size = room.saturating_sub(FRAGMENT_OVERHEAD).max(1);
    let count = u32::try_from(encoded.len().div_ceil(size)).unwrap_or(u32::MAX);
    let parts = (0..count).zip(encoded.chunks(size));
    parts
        .map(|(index, part)| {
            Up::Fragment(Fragment {
                number,
                index,
                count,
                bytes: encoded.slice_ref(part),
            })
            .encode()
        })
        .collect()
}

// === impl Packed ===

impl Packed {
    /// How many messages may fill the room, at least one more than there are where some is left.
    pub(super) fn filling(&self, room: usize) -> usize {
        let each = self.length / self.count.max(1);
        if self.length + each > room || self.count >= MOST {
            return self.count;
        }
        let most = (self.count.saturating_mul(room) / self.length.max(1)).max(self.count + 1);
        most.min(MOST)
    }

    fn of(queue: &VecDeque<Waiting>, number: u64, layouts: &Layouts, count: usize) -> Self {
        let messages = || queue.iter().take(count);
        let rows: Vec<Row<'_>> = messages().filter_map(Waiting::row).collect();
        let mut used: Vec<Numbered> = messages().map(|message| message.layout.clone()).collect();
        used.sort_by_key(|(number, _)| *number);
        used.dedup_by_key(|(number, _)| *number);
        let batch = Batch {
            number,
            definitions: layouts.undefined(&used),
            rows: encode_rows(&rows).into(),
        };
        Self {
            count,
            length: batch.encode().len(),
            batch,
            layouts: used,
        }
    }
}
