//! What the bits of a register mean, both ways: `value = raw * scale + offset`.
//!
//! Scales and offsets are decimal fractions, so the value of raw 3 at scale 0.1 is 0.3 and not
//! 0.30000000000000004: numerator and denominator stay whole for as long as a float holds them exactly.

mod number;
mod text;

use umec_spec::settings::modbus::{ByteOrder, Register, RegisterType};
use umec_wire::Value;
use umec_wire::status::Reason;

use number::Scaling;

/// One register, ready to be read and written many times.
#[derive(Debug, Clone, PartialEq)]
pub struct Codec {
    kind: RegisterType,
    bit: u32,
    order: ByteOrder,
    width: usize,
    scaling: Scaling,
}

/// Why registers show no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The answer has another size.
    #[error("{got} registers came where {wanted} were wanted")]
    Size {
        /// How many came.
        got: usize,
        /// How many make the value.
        wanted: usize,
    },
    /// The device shows "not a number" or an infinity, as many do for "no measurement".
    #[error("the device shows {0}")]
    NotFinite(String),
    /// More than a float carries exactly (RFC 8428 numbers are floats of 64 bits).
    #[error("{0} cannot be carried exactly by a number of 53 bits")]
    NotExact(i128),
    /// The bytes are no text.
    #[error("the bytes are no text (UTF-8)")]
    NotText,
}

/// Why a value cannot be written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unwritable {
    /// The value is of another type.
    #[error("{got} is no {wanted}")]
    Type {
        /// The value.
        got: String,
        /// What the register takes.
        wanted: &'static str,
    },
    /// The register cannot hold it.
    #[error("{got} does not fit: the register holds {min} to {max}")]
    Range {
        /// The value.
        got: f64,
        /// The smallest that fits.
        min: f64,
        /// The largest that fits.
        max: f64,
    },
    /// The text is longer than the register.
    #[error("{got} bytes do not fit: the register holds {most}")]
    Length {
        /// The bytes of the text.
        got: usize,
        /// The bytes of the register.
        most: usize,
    },
}

// === impl Codec ===

impl Codec {
    /// Prepares a register.
    pub fn new(register: &Register) -> Self {
        Self {
            kind: register.kind,
            bit: u32::from(register.bit.unwrap_or(0).min(15)),
            order: register.byte_order,
            width: usize::from(register.width()),
            scaling: Scaling::new(register.scale, register.offset),
        }
    }

    /// The value of a bit of the tables of bits.
    pub fn decode_bit(bit: bool) -> Value {
        Value::Boolean(bit)
    }

    /// The value that registers show.
    pub fn decode(&self, words: &[u16]) -> Result<Value, Unreadable> {
        if words.len() != self.width {
            return Err(Unreadable::Size {
                got: words.len(),
                wanted: self.width,
            });
        }
        match self.kind {
            RegisterType::Bit => {
                let word = words.first().copied().unwrap_or_default();
                Ok(Value::Boolean(word >> self.bit & 1 == 1))
            }
            RegisterType::String => text::decode(words, self.order),
            kind => number::decode(kind, self.order, &self.scaling, words),
        }
    }

    /// The bit that a value is.
    pub fn encode_bit(value: &Value) -> Result<bool, Unwritable> {
        match value {
            Value::Boolean(bit) => Ok(*bit),
            Value::Number(number) if number.get().to_bits() == 0.0_f64.to_bits() => Ok(false),
            Value::Number(number) if number.get().to_bits() == 1.0_f64.to_bits() => Ok(true),
            other => Err(Unwritable::of(other, "boolean, and neither 0 nor 1")),
        }
    }

    /// The registers that show a value, or the nearest one that they can. A single bit is put into `before`,
    /// which is what the register shows.
    pub fn encode(&self, value: &Value, before: u16) -> Result<Vec<u16>, Unwritable> {
        match self.kind {
            RegisterType::Bit => {
                let bit = u16::from(Self::encode_bit(value)?);
                Ok(vec![before & !(1 << self.bit) | bit << self.bit])
            }
            RegisterType::String => match value {
                Value::Text(text) => text::encode(text, self.width, self.order),
                other => Err(Unwritable::of(other, "text")),
            },
            kind => match value.as_number() {
                Some(value) => number::encode(kind, self.order, &self.scaling, value),
                None => Err(Unwritable::of(value, "number")),
            },
        }
    }

    /// Whether the register holds other bits too, so that it must be read before it is written.
    pub fn is_part_of_a_register(&self) -> bool {
        self.kind == RegisterType::Bit
    }
}

/// Puts big-endian bytes into the order of the wire, or back: each order is its own inverse.
fn arrange(bytes: &mut [u8], order: ByteOrder) {
    if matches!(order, ByteOrder::Dcba | ByteOrder::Cdab) {
        bytes.reverse();
    }
    if matches!(order, ByteOrder::Badc | ByteOrder::Cdab) {
        for pair in bytes.chunks_exact_mut(2) {
            pair.reverse();
        }
    }
}

// === impl Unreadable ===

impl From<&Unreadable> for Reason {
    fn from(error: &Unreadable) -> Self {
        let code = match error {
            Unreadable::Size { .. } => "wrong-size",
            Unreadable::NotFinite(_) => "not-a-number",
            Unreadable::NotExact(_) => "not-exact",
            Unreadable::NotText => "not-text",
        };
        Self::new(code, error.to_string())
    }
}

// === impl Unwritable ===

impl Unwritable {
    fn of(value: &Value, wanted: &'static str) -> Self {
        let got = value.to_string();
        Self::Type { got, wanted }
    }
}

impl From<&Unwritable> for Reason {
    fn from(error: &Unwritable) -> Self {
        let code = match error {
            Unwritable::Type { .. } => "wrong-type",
            Unwritable::Range { .. } | Unwritable::Length { .. } => "does-not-fit",
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests;
