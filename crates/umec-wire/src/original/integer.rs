//! Values of version 1: signed integers of 0 to 255 bytes, big-endian, in two's complement.
//!
//! Original senders use four bytes; an original server dies of more than 128. Here every width is kept,
//! to the last digit.

use std::fmt;

/// A signed integer of 0 to 255 bytes; no bytes are 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Integer<'a>(&'a [u8]);

/// Nine decimal digits, the most that a `u32` holds whatever they are.
const LIMB: u64 = 1_000_000_000;

/// The largest magnitude up to which a double holds every integer: 2 to the power of 53.
const EXACT: i64 = 1 << 53;

// === impl Integer ===

impl<'a> Integer<'a> {
    /// Takes bytes, at most 255.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() <= 255 {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// Its bytes as on the wire.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// How many bytes it has.
    pub(super) fn length(self) -> u8 {
        u8::try_from(self.0.len()).unwrap_or(u8::MAX)
    }

    /// The number, where 64 bits hold it.
    pub fn as_i64(self) -> Option<i64> {
        let fill = self.fill();
        let (head, tail) = match self.0.len().checked_sub(8) {
            Some(more) => self.0.split_at(more),
            None => (&[] as &[u8], self.0),
        };
        let number = tail.iter().fold(i64::from(fill.cast_signed()), |n, byte| {
            n << 8 | i64::from(*byte)
        });
        // What is cut off must be nothing but the sign.
        let is_whole = head.iter().all(|byte| *byte == fill) && (number < 0) == (fill != 0);
        is_whole.then_some(number)
    }

    /// The number, where a double holds it exactly.
    pub fn as_f64(self) -> Option<f64> {
        let number = self.as_i64()?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "up to 2^53 a double holds every integer"
        )]
        (-EXACT..=EXACT).contains(&number).then_some(number as f64)
    }

    /// What stands, as it were, before the first byte: the sign.
    fn fill(self) -> u8 {
        match self.0.first() {
            Some(first) if first & 0x80 != 0 => 0xff,
            _ => 0,
        }
    }

    /// The magnitude in limbs of nine decimal digits, the lowest first.
    fn limbs(self) -> Vec<u64> {
        let is_negative = self.fill() != 0;
        // Two's complement: each bit turned over, and one added in the end.
        let turned = |byte: u8| if is_negative { !byte } else { byte };
        let mut limbs = vec![0_u64];
        for chunk in self.0.chunks(4) {
            let (factor, chunk) = chunk.iter().fold((1_u64, 0_u64), |(factor, number), byte| {
                (factor << 8, number << 8 | u64::from(turned(*byte)))
            });
            grow(&mut limbs, factor, chunk);
        }
        if is_negative {
            grow(&mut limbs, 1, 1);
        }
        limbs
    }
}

/// Multiplies by `factor`, at most 2^32, and adds `carry`.
fn grow(limbs: &mut Vec<u64>, factor: u64, mut carry: u64) {
    for limb in limbs.iter_mut() {
        let number = *limb * factor + carry;
        *limb = number % LIMB;
        carry = number / LIMB;
    }
    while carry > 0 {
        limbs.push(carry % LIMB);
        carry /= LIMB;
    }
}

impl fmt::Display for Integer<'_> {
    /// Writes the number in decimal, whatever its width.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.as_i64() {
            return fmt::Display::fmt(&number, f);
        }
        if self.fill() != 0 {
            f.write_str("-")?;
        }
        let limbs = self.limbs();
        let mut from_high = limbs.iter().rev();
        write!(f, "{}", from_high.next().copied().unwrap_or_default())?;
        from_high.try_for_each(|limb| write!(f, "{limb:09}"))
    }
}

impl fmt::Debug for Integer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
