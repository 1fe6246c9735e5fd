//! The bits of doubles and singles: in the order of their values, and as differences by exclusive or.

use super::super::BatchError;
use super::super::bits::{BitReader, BitWriter};
use super::super::bytes::{Reader, bits};

/// The single that is exactly this double, to the sign of zero.
pub(super) fn single(value: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is looked at")]
    let short = value as f32;
    (f64::from(short).to_bits() == value.to_bits()).then_some(short)
}

/// Whole numbers in the order of `f64::total_cmp`.
pub(super) const fn order(value: f64) -> i64 {
    turn(value.to_bits().cast_signed())
}

pub(super) const fn from_order(number: i64) -> f64 {
    f64::from_bits(turn(number).cast_unsigned())
}

/// Whole numbers in the order of `f32::total_cmp`.
pub(super) const fn order_single(value: f32) -> i32 {
    turn_single(value.to_bits().cast_signed())
}

pub(super) const fn from_order_single(number: i32) -> f32 {
    f32::from_bits(turn_single(number).cast_unsigned())
}

/// Turns the size around where the sign is set; done twice it is undone.
const fn turn(number: i64) -> i64 {
    number ^ ((number >> 63).cast_unsigned() >> 1).cast_signed()
}

const fn turn_single(number: i32) -> i32 {
    number ^ ((number >> 31).cast_unsigned() >> 1).cast_signed()
}

/// What the column takes in bits.
pub(super) fn cost(values: &[f64], is_single: bool) -> usize {
    let width = width(is_single);
    let (first, differences) = differences(values, is_single);
    if first.is_none() || differences.is_empty() {
        return width as usize;
    }
    let low = trailing_zeros(&differences);
    let each = differences.iter().map(|difference| match *difference {
        0 => 1,
        // The highest bit of what differs is known to be set.
        difference => length_width(width) + bits(difference >> low),
    });
    (width + 8) as usize + each.sum::<u32>() as usize
}

/// Appends the first value, and how each value after it differs from the one before.
pub(super) fn encode(values: &[f64], is_single: bool, to: &mut Vec<u8>) {
    let width = width(is_single);
    let (first, differences) = differences(values, is_single);
    let first = first.unwrap_or(0).to_le_bytes();
    to.extend(first.into_iter().take(width as usize / 8));
    if differences.is_empty() {
        return;
    }
    let low = trailing_zeros(&differences);
    to.push(u8::try_from(low).unwrap_or(0));
    let mut writer = BitWriter::new(to);
    for difference in differences {
        if difference == 0 {
            writer.put(0, 1);
            continue;
        }
        let rest = difference >> low;
        let length = bits(rest) - 1;
        writer.put(1, 1);
        writer.put(u64::from(length), length_width(width));
        writer.put(rest, length);
    }
    writer.finish();
}

pub(super) fn decode(
    from: &mut Reader,
    count: usize,
    is_single: bool,
) -> Result<Vec<f64>, BatchError> {
    const WHAT: &str = "a column of bits that differ";
    let width = width(is_single);
    let mut last = if is_single {
        u64::from(u32::from_le_bytes(from.array(WHAT)?))
    } else {
        u64::from_le_bytes(from.array(WHAT)?)
    };
    let mut values = Vec::with_capacity(count);
    values.push(value(last, is_single));
    if count == 1 {
        return Ok(values);
    }
    let low = u32::from(from.byte(WHAT)?);
    let rest = from.rest().clone();
    let mut reader = BitReader::new(&rest);
    for _ in 1..count {
        if reader.take(1, WHAT)? == 1 {
            let length = reader.take(length_width(width), WHAT)?;
            let length = u32::try_from(length).unwrap_or(0);
            if length + low >= width {
                return Err(BatchError::Wrong(WHAT));
            }
            let difference = 1 << length | reader.take(length, WHAT)?;
            last ^= difference << low;
        }
        values.push(value(last, is_single));
    }
    from.take(reader.bytes_begun(), WHAT)?;
    Ok(values)
}

fn differences(values: &[f64], is_single: bool) -> (Option<u64>, Vec<u64>) {
    let pattern = |value: &f64| match single(*value) {
        Some(short) if is_single => u64::from(short.to_bits()),
        _ => value.to_bits(),
    };
    let next = values.iter().skip(1).map(pattern);
    let pairs = values.iter().map(pattern).zip(next);
    let differences = pairs.map(|(one, next)| one ^ next).collect();
    (values.first().map(pattern), differences)
}

/// The low bits that no difference has, as far as a reader accepts them.
fn trailing_zeros(differences: &[u64]) -> u32 {
    let all = differences.iter().fold(0, |all, bits| all | bits);
    if all == 0 { 0 } else { all.trailing_zeros() }
}

const fn width(is_single: bool) -> u32 {
    if is_single { 32 } else { 64 }
}

/// How many bits tell how many bits differ.
const fn length_width(width: u32) -> u32 {
    width.trailing_zeros()
}

#[expect(clippy::cast_possible_truncation, reason = "32 bits were taken")]
fn value(bits: u64, is_single: bool) -> f64 {
    if is_single {
        f64::from(f32::from_bits(bits as u32))
    } else {
        f64::from_bits(bits)
    }
}
