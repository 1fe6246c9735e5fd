//! Bytes and whole numbers of variable length: what everything in a batch is made of.

use bytes::Bytes;

use super::BatchError;

/// Bytes that are read from the front.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    bytes: Bytes,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(bytes: &Bytes) -> Self {
        Self {
            bytes: bytes.clone(),
        }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &Bytes {
        &self.bytes
    }

    /// Takes `count` bytes, which share the message's memory.
    pub(super) fn take(&mut self, count: usize, what: &'static str) -> Result<Bytes, BatchError> {
        if count > self.bytes.len() {
            return Err(BatchError::Short(what));
        }
        Ok(self.bytes.split_to(count))
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, BatchError> {
        let byte = self.bytes.first().copied();
        self.take(1, what)?;
        byte.ok_or(BatchError::Short(what))
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], BatchError> {
        let array = self.bytes.first_chunk().copied();
        self.take(N, what)?;
        array.ok_or(BatchError::Short(what))
    }

    /// Takes a whole number of up to 64 bits.
    pub(super) fn number(&mut self, what: &'static str) -> Result<u64, BatchError> {
        let mut number = 0;
        for (place, byte) in (0..).step_by(7).zip(self.bytes.iter()) {
            let part = u64::from(byte & 0x7f);
            // The tenth byte has room for the highest bit alone.
            if place > 63 || (place == 63 && part > 1) {
                return Err(BatchError::Wrong(what));
            }
            number |= part << place;
            if byte & 0x80 == 0 {
                self.take(place / 7 + 1, what)?;
                return Ok(number);
            }
        }
        Err(BatchError::Short(what))
    }

    /// Takes a whole number with a sign.
    pub(super) fn signed(&mut self, what: &'static str) -> Result<i64, BatchError> {
        self.number(what).map(unzigzag)
    }

    /// Takes a number that counts something in memory.
    pub(super) fn count(&mut self, what: &'static str) -> Result<usize, BatchError> {
        usize::try_from(self.number(what)?).map_err(|_| BatchError::TooMuch)
    }
}

/// Appends a whole number: seven bits a byte, the lowest first, the eighth bit on all but the last.
pub(super) fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        to.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    to.push(low_byte(number));
}

/// Appends a whole number with a sign.
pub(super) fn put_signed(to: &mut Vec<u8>, number: i64) {
    put_number(to, zigzag(number));
}

/// How many bytes [`put_number`] appends.
pub(super) const fn number_length(number: u64) -> usize {
    (bits(number | 1) as usize).div_ceil(7)
}

/// How many bits a number has without its leading zeros.
pub(super) const fn bits(number: u64) -> u32 {
    64 - number.leading_zeros()
}

/// Folds the sign into the lowest bit: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// What was folded.
pub(super) const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[expect(clippy::cast_possible_truncation, reason = "the lowest byte is meant")]
const fn low_byte(number: u64) -> u8 {
    number as u8
}
