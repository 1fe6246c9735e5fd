//! Bits, the lowest of each byte first.

use super::BatchError;

/// Appends bits to bytes.
#[derive(Debug)]
pub(super) struct BitWriter<'t> {
    to: &'t mut Vec<u8>,
    held: u64,
    count: u32,
}

/// Takes bits from bytes.
#[derive(Debug)]
pub(super) struct BitReader<'b> {
    bytes: &'b [u8],
    place: usize,
}

// === impl BitWriter ===

impl<'t> BitWriter<'t> {
    pub(super) const fn new(to: &'t mut Vec<u8>) -> Self {
        Self {
            to,
            held: 0,
            count: 0,
        }
    }

    /// Appends the lowest `width` bits of a number, at most 64.
    pub(super) fn put(&mut self, number: u64, width: u32) {
        let number = number & mask(width);
        self.held |= number << self.count;
        let total = self.count + width;
        if total < 64 {
            self.count = total;
            return;
        }
        self.to.extend_from_slice(&self.held.to_le_bytes());
        // What did not fit; a shift by all 64 bits leaves nothing.
        self.held = number.checked_shr(64 - self.count).unwrap_or(0);
        self.count = total - 64;
    }

    /// Fills the last byte with zeros.
    pub(super) fn finish(self) {
        let length = self.count.div_ceil(8) as usize;
        self.to
            .extend(self.held.to_le_bytes().into_iter().take(length));
    }
}

// === impl BitReader ===

impl<'b> BitReader<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, place: 0 }
    }

    /// Takes `width` bits, at most 64.
    pub(super) fn take(&mut self, width: u32, what: &'static str) -> Result<u64, BatchError> {
        let number = self.peek() & mask(width);
        let shift = self.shift();
        let more = (shift + width).saturating_sub(64);
        let number = if more > 0 {
            let next = self.bytes.get(self.place / 8 + 8).copied();
            let high = u64::from(next.unwrap_or(0)) & mask(more);
            number & mask(64 - shift) | high << (64 - shift)
        } else {
            number
        };
        self.skip(width, what)?;
        Ok(number)
    }

    /// Takes ones up to `most`, and the zero after them where there are fewer.
    pub(super) fn ones(&mut self, most: u32, what: &'static str) -> Result<u32, BatchError> {
        // Behind the end lie zeros, so that the count ends there at the latest.
        let ones = self.peek().trailing_ones();
        if ones >= most {
            self.skip(most, what)?;
            return Ok(most);
        }
        self.skip(ones + 1, what)?;
        Ok(ones)
    }

    /// How many bytes were begun.
    pub(super) const fn bytes_begun(&self) -> usize {
        self.place.div_ceil(8)
    }

    /// At least the next 57 bits; zeros behind the end.
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.place / 8..).unwrap_or_default();
        let word = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut word = [0; 8];
            word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            word
        });
        u64::from_le_bytes(word) >> self.shift()
    }

    #[expect(clippy::cast_possible_truncation, reason = "below 8")]
    const fn shift(&self) -> u32 {
        (self.place % 8) as u32
    }

    const fn skip(&mut self, width: u32, what: &'static str) -> Result<(), BatchError> {
        self.place += width as usize;
        if self.place > self.bytes.len() * 8 {
            return Err(BatchError::Short(what));
        }
        Ok(())
    }
}

const fn mask(width: u32) -> u64 {
    match u64::MAX.checked_shr(64 - width) {
        Some(mask) => mask,
        None => 0,
    }
}
