//! Numbers: whole ones and floats, scaled.

use umec_spec::settings::modbus::{ByteOrder, RegisterType};
use umec_wire::Value;

use super::{Unreadable, Unwritable, arrange};

/// `value = raw * scale + offset`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    scale: f64,
    offset: f64,
    decimal: Option<Decimal>,
}

/// The same in whole numbers: `value = (raw * step + offset) / divisor`.
#[derive(Debug, Clone, PartialEq)]
struct Decimal {
    step: i128,
    offset: i128,
    divisor: f64,
}

/// What a register shows, before scale and offset.
enum Raw {
    Whole(i128),
    Float(f64),
}

/// A float holds each whole number up to here.
const EXACT: u128 = 1 << 53;

/// Powers of ten are exact floats up to 10^22; scales with more places are floats, not decimals.
const PLACES: u32 = 15;

pub(super) fn decode(
    kind: RegisterType,
    order: ByteOrder,
    scaling: &Scaling,
    words: &[u16],
) -> Result<Value, Unreadable> {
    let value = match raw(kind, order, words) {
        Raw::Whole(raw) => {
            if raw.unsigned_abs() > EXACT && from_float(to_float(raw)) != raw {
                return Err(Unreadable::NotExact(raw));
            }
            scaling.of_whole(raw)
        }
        Raw::Float(raw) => scaling.of_float(raw),
    };
    Value::number(value).map_err(|_| Unreadable::NotFinite(value.to_string()))
}

pub(super) fn encode(
    kind: RegisterType,
    order: ByteOrder,
    scaling: &Scaling,
    value: f64,
) -> Result<Vec<u16>, Unwritable> {
    let range = |first: f64, last: f64| {
        let (min, max) = (first.min(last), first.max(last));
        let got = value;
        Unwritable::Range { got, min, max }
    };
    let floats = |min: f64, max: f64| range(scaling.of_float(min), scaling.of_float(max));
    let whole = |min: i128, max: i128| {
        let raw = scaling.whole_of(value);
        let raw = raw.filter(|raw| (min..=max).contains(raw));
        raw.ok_or_else(|| range(scaling.of_whole(min), scaling.of_whole(max)))
    };
    let words = match kind {
        RegisterType::U16 => laid(whole(0, u16::MAX.into())?, 1, order),
        RegisterType::I16 => laid(whole(i16::MIN.into(), i16::MAX.into())?, 1, order),
        RegisterType::U32 => laid(whole(0, u32::MAX.into())?, 2, order),
        RegisterType::I32 => laid(whole(i32::MIN.into(), i32::MAX.into())?, 2, order),
        RegisterType::U64 => laid(whole(0, u64::MAX.into())?, 4, order),
        RegisterType::I64 => laid(whole(i64::MIN.into(), i64::MAX.into())?, 4, order),
        RegisterType::F32 => {
            let raw = narrow(scaling.float_of(value));
            if !raw.is_finite() {
                return Err(floats(f64::from(f32::MIN), f64::from(f32::MAX)));
            }
            laid(raw.to_bits().into(), 2, order)
        }
        RegisterType::F64 => {
            let raw = scaling.float_of(value);
            if !raw.is_finite() {
                return Err(floats(f64::MIN, f64::MAX));
            }
            laid(raw.to_bits().into(), 4, order)
        }
        // Neither is a number; the caller keeps them apart.
        RegisterType::Bit | RegisterType::String => Vec::new(),
    };
    Ok(words)
}

fn raw(kind: RegisterType, order: ByteOrder, words: &[u16]) -> Raw {
    // The low end of a buffer of 16 bytes, so that the sign can be told from the width.
    let mut bytes = [0; 8];
    let width = words.len().min(4) * 2;
    let Some(low) = bytes.get_mut(..width) else {
        return Raw::Whole(0);
    };
    for (pair, word) in low.chunks_exact_mut(2).zip(words) {
        pair.copy_from_slice(&word.to_be_bytes());
    }
    arrange(low, order);
    let number = low
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let signed = |bits: u32| {
        let shift = 64 - bits;
        i128::from((number << shift).cast_signed() >> shift)
    };
    match kind {
        RegisterType::I16 => Raw::Whole(signed(16)),
        RegisterType::I32 => Raw::Whole(signed(32)),
        RegisterType::I64 => Raw::Whole(signed(64)),
        RegisterType::F32 => {
            let bits = u32::try_from(number).unwrap_or_default();
            Raw::Float(widen(f32::from_bits(bits)))
        }
        RegisterType::F64 => Raw::Float(f64::from_bits(number)),
        _ => Raw::Whole(number.into()),
    }
}

/// Lays the low bits of a number into registers.
fn laid(number: i128, width: usize, order: ByteOrder) -> Vec<u16> {
    let bytes = number.to_be_bytes();
    let mut low = bytes.get(16 - width * 2..).unwrap_or_default().to_vec();
    arrange(&mut low, order);
    let word = |pair: &[u8]| {
        pair.iter()
            .fold(0, |word, byte| word << 8 | u16::from(*byte))
    };
    low.chunks(2).map(word).collect()
}

/// The float of 64 bits that is written like the one of 32: 21.3 stays 21.3. Both are the same float of 32 bits.
fn widen(float: f32) -> f64 {
    if !float.is_finite() || float.fract() == 0.0 {
        return f64::from(float);
    }
    float
        .to_string()
        .parse()
        .unwrap_or_else(|_| f64::from(float))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float of 32 bits is what the device has"
)]
fn narrow(float: f64) -> f32 {
    float as f32
}

#[expect(
    clippy::cast_precision_loss,
    reason = "whoever must be exact has compared the way back"
)]
fn to_float(whole: i128) -> f64 {
    whole as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates far outside of every register"
)]
fn from_float(float: f64) -> i128 {
    float as i128
}

// === impl Scaling ===

impl Scaling {
    pub(super) fn new(scale: f64, offset: f64) -> Self {
        let decimal = Decimal::new(scale, offset);
        Self {
            scale,
            offset,
            decimal,
        }
    }

    fn of_whole(&self, raw: i128) -> f64 {
        if let Some(decimal) = &self.decimal {
            let numerator = raw * decimal.step + decimal.offset;
            if numerator.unsigned_abs() <= EXACT {
                return to_float(numerator) / decimal.divisor;
            }
        }
        self.of_float(to_float(raw))
    }

    fn of_float(&self, raw: f64) -> f64 {
        raw * self.scale + self.offset
    }

    fn float_of(&self, value: f64) -> f64 {
        (value - self.offset) / self.scale
    }

    /// The raw number whose value is nearest.
    fn whole_of(&self, value: f64) -> Option<i128> {
        let near = self.float_of(value).round();
        if !near.is_finite() {
            return None;
        }
        let near = from_float(near);
        // The division may have been rounded past the middle of two steps.
        let candidates = [near, near.saturating_sub(1), near.saturating_add(1)];
        let distance = |raw: &i128| (self.of_whole(*raw) - value).abs();
        candidates
            .into_iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}

// === impl Decimal ===

impl Decimal {
    fn new(scale: f64, offset: f64) -> Option<Self> {
        let (step, step_places) = digits(scale)?;
        let (begin, begin_places) = digits(offset)?;
        let places = step_places.max(begin_places);
        let power = |places: u32| 10_i128.checked_pow(places);
        Some(Self {
            step: step.checked_mul(power(places - step_places)?)?,
            offset: begin.checked_mul(power(places - begin_places)?)?,
            divisor: to_float(power(places)?),
        })
    }
}

/// A float as its shortest decimal: the digits, and how many of them stand behind the point.
fn digits(float: f64) -> Option<(i128, u32)> {
    let text = float.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let places = u32::try_from(fraction.len()).ok()?;
    if places > PLACES || whole.len() > 16 {
        return None;
    }
    let number = format!("{whole}{fraction}").parse().ok()?;
    Some((number, places))
}
