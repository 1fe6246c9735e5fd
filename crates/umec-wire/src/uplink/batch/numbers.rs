//! Columns of doubles, each value to its last bit.
//!
//! Most numbers of a device are decimals with few places, so a column is told as whole numbers where
//! it can be ([`decimal`]), with what is not such a decimal told apart. Else its bits are: as whole
//! numbers that sort as the doubles do, or by what differs from the value before ([`xor`], after
//! Gorilla, Pelkonen et al. 2015), in 32 bits where every value is a single. The cheapest wins.

mod decimal;
mod xor;

use self::decimal::Decimal;
use super::BatchError;
use super::bytes::{Reader, put_number};
use super::integers;

/// The tags of columns that are not decimals; those of decimals follow.
const ORDERED_64: u8 = 0;
const ORDERED_32: u8 = 1;
const XOR_64: u8 = 2;
const XOR_32: u8 = 3;
const DECIMAL: u8 = 4;

/// A column that costs at most so many bits a value is taken without a look at other ways.
const GOOD_ENOUGH: usize = 12;

/// What tells one value of a decimal column apart: its place and its bits.
const EXCEPTION: usize = 8 * (1 + 8);

/// Appends a column, whose length is known to the reader.
pub(super) fn encode(values: &[f64], to: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let decimal = Decimal::of(values).map(|decimal| Candidate::decimal(decimal, values));
    if let Some(candidate) = &decimal
        && candidate.cost <= GOOD_ENOUGH * values.len()
    {
        return candidate.write(to);
    }
    let is_single = values.iter().all(|value| xor::single(*value).is_some());
    let bits = Candidate::bits(values, is_single);
    let best = match decimal {
        Some(decimal) if decimal.cost <= bits.cost => decimal,
        _ => bits,
    };
    let different = xor::cost(values, is_single);
    if different < best.cost {
        to.push(if is_single { XOR_32 } else { XOR_64 });
        xor::encode(values, is_single, to);
    } else {
        best.write(to);
    }
}

/// Reads a column of `count` values. They may not be finite.
pub(super) fn decode(from: &mut Reader, count: usize) -> Result<Vec<f64>, BatchError> {
    const WHAT: &str = "a column of numbers";
    if count == 0 {
        return Ok(Vec::new());
    }
    match from.byte(WHAT)? {
        ORDERED_64 => {
            let values = integers::decode(from, count, WHAT)?;
            Ok(values.into_iter().map(xor::from_order).collect())
        }
        ORDERED_32 => {
            let values = integers::decode(from, count, WHAT)?;
            let values = values.into_iter().map(|value| {
                let value = i32::try_from(value).ok()?;
                Some(f64::from(xor::from_order_single(value)))
            });
            let values: Option<_> = values.collect();
            values.ok_or(BatchError::Wrong(WHAT))
        }
        XOR_64 => xor::decode(from, count, false),
        XOR_32 => xor::decode(from, count, true),
        tag => {
            let (decimal, has_exceptions) =
                Decimal::from_tag(tag - DECIMAL).ok_or(BatchError::Wrong(WHAT))?;
            let exceptions = if has_exceptions {
                read_exceptions(from, count)?
            } else {
                Vec::new()
            };
            let values = integers::decode(from, count, WHAT)?;
            let mut values: Vec<f64> = values.into_iter().map(|n| decimal.value(n)).collect();
            for (place, exception) in exceptions {
                if let Some(value) = values.get_mut(place) {
                    *value = exception;
                }
            }
            Ok(values)
        }
    }
}

/// A column as whole numbers.
struct Candidate {
    tag: u8,
    numbers: Vec<i64>,
    /// Where whole numbers do not say it: the place, and the value.
    exceptions: Vec<(usize, f64)>,
    plan: Option<integers::Plan>,
    /// The column in bits.
    cost: usize,
}

// === impl Candidate ===

impl Candidate {
    fn new(tag: u8, numbers: Vec<i64>, exceptions: Vec<(usize, f64)>) -> Self {
        let plan = (numbers.len() > 1).then(|| integers::plan(&numbers));
        let single = numbers.first().map_or(0, |number| {
            8 * super::bytes::number_length(super::bytes::zigzag(*number))
        });
        let cost = plan.map_or(single, |plan| plan.cost) + EXCEPTION * exceptions.len();
        Self {
            tag,
            numbers,
            exceptions,
            plan,
            cost,
        }
    }

    fn decimal(decimal: Decimal, values: &[f64]) -> Self {
        let mut exceptions = Vec::new();
        let mut numbers: Vec<i64> = Vec::with_capacity(values.len());
        let mut before = values.iter().find_map(|value| decimal.number(*value));
        for (place, value) in values.iter().enumerate() {
            let number = decimal.number(*value);
            if number.is_none() {
                exceptions.push((place, *value));
            }
            // In the place of an exception stands what costs the least.
            before = number.or(before);
            numbers.push(before.unwrap_or(0));
        }
        Self::new(
            DECIMAL + decimal.tag(!exceptions.is_empty()),
            numbers,
            exceptions,
        )
    }

    fn bits(values: &[f64], is_single: bool) -> Self {
        let (tag, numbers) = if is_single {
            let singles = values.iter().filter_map(|value| xor::single(*value));
            let numbers = singles.map(|value| i64::from(xor::order_single(value)));
            (ORDERED_32, numbers.collect())
        } else {
            let numbers = values.iter().map(|value| xor::order(*value));
            (ORDERED_64, numbers.collect())
        };
        Self::new(tag, numbers, Vec::new())
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.push(self.tag);
        if !self.exceptions.is_empty() {
            put_number(to, self.exceptions.len() as u64);
            let mut next = 0;
            for (place, value) in &self.exceptions {
                put_number(to, (place - next) as u64);
                to.extend_from_slice(&value.to_le_bytes());
                next = place + 1;
            }
        }
        match self.plan {
            Some(plan) => integers::write(&self.numbers, plan, to),
            None => integers::encode(&self.numbers, to),
        }
    }
}

fn read_exceptions(from: &mut Reader, count: usize) -> Result<Vec<(usize, f64)>, BatchError> {
    const WHAT: &str = "the exceptions of a column";
    let mut exceptions = Vec::new();
    let mut next = 0_usize;
    for _ in 0..from.count(WHAT)? {
        let place = next.checked_add(from.count(WHAT)?);
        let place = place.filter(|place| *place < count);
        let place = place.ok_or(BatchError::Wrong(WHAT))?;
        exceptions.push((place, f64::from_le_bytes(from.array(WHAT)?)));
        next = place + 1;
    }
    Ok(exceptions)
}
