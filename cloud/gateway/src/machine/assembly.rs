//! Batches that are larger than a datagram, put together from their fragments.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use umec_wire::Boot;
use umec_wire::uplink::Fragment;

/// The unfinished batches of one modem.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    unfinished: BTreeMap<(Boot, u64), Unfinished>,
    bytes: usize,
}

#[derive(Debug)]
struct Unfinished {
    count: u32,
    parts: BTreeMap<u32, Bytes>,
    bytes: usize,
}

/// The most bytes that wait for the rest of their batch. Beyond it the lowest batch is forgotten;
/// the modem sends it again.
const MOST_BYTES: usize = 4 << 20;

/// The most batches that wait.
const MOST_BATCHES: usize = 16;

// === impl Assembly ===

impl Assembly {
    /// Takes a part; gives the batch when it is complete.
    pub(super) fn insert(&mut self, boot: Boot, fragment: Fragment) -> Option<Bytes> {
        let Fragment {
            number,
            index,
            count,
            bytes,
        } = fragment;
        if index >= count {
            return None;
        }
        let key = (boot, number);
        let batch = self.unfinished.entry(key).or_insert_with(|| Unfinished {
            count,
            parts: BTreeMap::new(),
            bytes: 0,
        });
        if batch.count != count {
            // The path has got narrower or wider, and the modem has cut the batch anew.
            self.bytes -= batch.bytes;
            *batch = Unfinished {
                count,
                parts: BTreeMap::new(),
                bytes: 0,
            };
        }
        if batch.parts.contains_key(&index) {
            return None;
        }
        batch.bytes += bytes.len();
        self.bytes += bytes.len();
        batch.parts.insert(index, bytes);
        if usize::try_from(count) == Ok(batch.parts.len()) {
            return self.complete(key);
        }
        while self.bytes > MOST_BYTES || self.unfinished.len() > MOST_BATCHES {
            let (_, forgotten) = self.unfinished.pop_first()?;
            self.bytes -= forgotten.bytes;
        }
        None
    }

    fn complete(&mut self, key: (Boot, u64)) -> Option<Bytes> {
        let batch = self.unfinished.remove(&key)?;
        self.bytes -= batch.bytes;
        let mut whole = BytesMut::with_capacity(batch.bytes);
        for part in batch.parts.values() {
            whole.extend_from_slice(part);
        }
        Some(whole.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(number: u64, index: u32, count: u32, size: usize) -> Fragment {
        let byte = u8::try_from(index).unwrap_or(0);
        let bytes = vec![byte; size].into();
        Fragment {
            number,
            index,
            count,
            bytes,
        }
    }

    #[test]
    fn parts_in_any_order_and_twice_make_one_batch() {
        let (mut assembly, boot) = (Assembly::default(), Boot::from_bits(1));
        assert_eq!(assembly.insert(boot, fragment(7, 2, 3, 1)), None);
        assert_eq!(assembly.insert(boot, fragment(7, 2, 3, 1)), None);
        assert_eq!(assembly.insert(boot, fragment(7, 0, 3, 1)), None);
        assert_eq!(assembly.insert(boot, fragment(7, 9, 3, 1)), None);
        let whole = assembly.insert(boot, fragment(7, 1, 3, 1));
        assert_eq!(whole.as_deref(), Some(&[0, 1, 2][..]));
        assert_eq!(assembly.bytes, 0);
    }

    #[test]
    fn a_batch_that_is_cut_anew_begins_anew() {
        let (mut assembly, boot) = (Assembly::default(), Boot::from_bits(1));
        assert_eq!(assembly.insert(boot, fragment(7, 0, 2, 9)), None);
        assert_eq!(assembly.insert(boot, fragment(7, 0, 3, 5)), None);
        assert_eq!(assembly.insert(boot, fragment(7, 2, 3, 5)), None);
        let whole = assembly.insert(boot, fragment(7, 1, 3, 5));
        assert_eq!(whole.map(|whole| whole.len()), Some(15));
        assert_eq!(assembly.bytes, 0);
    }

    #[test]
    fn memory_has_a_bound() {
        let (mut assembly, boot) = (Assembly::default(), Boot::from_bits(1));
        for number in 0..1_000 {
            assembly.insert(boot, fragment(number, 0, 2, 1_000_000));
        }
        assert!(assembly.bytes <= MOST_BYTES);
        for number in 0..1_000 {
            assembly.insert(boot, fragment(number, 0, 2, 1));
        }
        assert!(assembly.unfinished.len() <= MOST_BATCHES);
    }
}
