//! Columns of whole numbers.
//!
//! A column is told by its differences of order 0, 1 or 2, whichever are the least, and these in one of
//! three ways: in a fixed width above their least, or by the code of Rice (1979) around zero or above
//! their least. Rice's code is the best that spends whole bits where small differences are more
//! frequent than large ones, as noise makes them; the fixed width is where they are spread evenly. A
//! difference that is far out costs 88 bits and no more.
//!
//! Where all differences are multiples of a number, as those of times in milliseconds or of readings in
//! steps of a quarter are, the column may be told by what they are multiples of.

use super::BatchError;
use super::bits::{BitReader, BitWriter};
use super::bytes::{Reader, bits, number_length, put_number, put_signed, unzigzag, zigzag};

/// How a column is written, and how much that takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// What the differences are multiples of; the rest is about how often they have it.
    step: Option<i64>,
    order: usize,
    coder: Coder,
    /// The whole column in bits, without the tag.
    pub(super) cost: usize,
}

/// How differences are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coder {
    /// Above the least, each in so many bits.
    Packed(u32),
    /// Folded with their sign, with so many low bits.
    Around(u32),
    /// Above the least, with so many low bits.
    Above(u32),
}

/// How many ones stand for a difference in 64 bits.
const ESCAPE: u32 = 24;

/// Parameters of Rice's code from 0.
const PARAMETERS: u32 = 24;

/// Widths up to this one have a coder each; above it go whole bytes.
const NARROW: u32 = 32;

/// The coders of one order: widths 0 to 32, 40, 48, 56, 64, and the parameters twice.
const CODERS: u32 = NARROW + 1 + 4 + 2 * PARAMETERS;

/// The tag of a column of multiples.
const MULTIPLES: u8 = u8::MAX;

/// With fewer values a step is not worth telling.
const FEWEST_MULTIPLES: usize = 4;

/// Appends a column. Its length is known to the reader; a single value stands alone.
pub(super) fn encode(values: &[i64], to: &mut Vec<u8>) {
    match values {
        [] => {}
        [value] => put_signed(to, *value),
        values => write(values, plan(values), to),
    }
}

/// Reads a column of `count` values.
pub(super) fn decode(
    from: &mut Reader,
    count: usize,
    what: &'static str,
) -> Result<Vec<i64>, BatchError> {
    match count {
        0 => Ok(Vec::new()),
        1 => Ok(vec![from.signed(what)?]),
        _ => read(from, count, what),
    }
}

/// Chooses how two or more values are written.
pub(super) fn plan(values: &[i64]) -> Plan {
    let best = plan_orders(values);
    let Some(step) = common_step(values) else {
        return best;
    };
    let more = values.first().map_or(0, |first| {
        8 * (1 + number_length(zigzag(*first)) + number_length(step.unsigned_abs()))
    });
    let stepped = plan_orders(&multiples(values, step));
    if stepped.cost + more < best.cost {
        Plan {
            step: Some(step),
            cost: stepped.cost + more,
            ..stepped
        }
    } else {
        best
    }
}

fn plan_orders(values: &[i64]) -> Plan {
    let mut best = Plan::of(0, values, 0);
    let mut seeds = 0;
    let mut differences = values.to_vec();
    for order in 1..=2.min(values.len().saturating_sub(1)) {
        seeds += differences
            .first()
            .map_or(0, |first| 8 * number_length(zigzag(*first)));
        differences = differentiate(&differences);
        let plan = Plan::of(order, &differences, seeds);
        if plan.cost < best.cost {
            best = plan;
        }
    }
    best
}

/// What all differences are multiples of, where there are enough of them and it is more than 1.
fn common_step(values: &[i64]) -> Option<i64> {
    if values.len() < FEWEST_MULTIPLES {
        return None;
    }
    let pairs = values.iter().zip(values.iter().skip(1));
    let mut step = 0;
    for (one, next) in pairs {
        step = divisor(next.wrapping_sub(*one).unsigned_abs(), step);
        if step == 1 {
            return None;
        }
    }
    i64::try_from(step).ok().filter(|step| *step > 0)
}

/// The greatest common divisor.
const fn divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

fn multiples(values: &[i64], step: i64) -> Vec<i64> {
    let differences = differentiate(values).into_iter();
    differences.map(|difference| difference / step).collect()
}

/// Appends two or more values as planned.
pub(super) fn write(values: &[i64], plan: Plan, to: &mut Vec<u8>) {
    if let Some(step) = plan.step {
        to.push(MULTIPLES);
        put_signed(to, values.first().copied().unwrap_or(0));
        put_number(to, step.unsigned_abs());
        let plan = Plan { step: None, ..plan };
        return write(&multiples(values, step), plan, to);
    }
    to.push(plan.tag());
    let mut differences = values.to_vec();
    for _ in 0..plan.order {
        put_signed(to, differences.first().copied().unwrap_or(0));
        differences = differentiate(&differences);
    }
    let least = differences.iter().copied().min().unwrap_or(0);
    if plan.coder.has_base() {
        put_signed(to, least);
    }
    let mut bits = BitWriter::new(to);
    for difference in differences {
        match plan.coder {
            Coder::Packed(width) => bits.put(above(difference, least), width),
            Coder::Around(low) => put_rice(&mut bits, zigzag(difference), low),
            Coder::Above(low) => put_rice(&mut bits, above(difference, least), low),
        }
    }
    bits.finish();
}

fn read(from: &mut Reader, count: usize, what: &'static str) -> Result<Vec<i64>, BatchError> {
    let tag = from.byte(what)?;
    if tag == MULTIPLES {
        return read_multiples(from, count, what);
    }
    read_orders(from, tag, count, what)
}

fn read_multiples(
    from: &mut Reader,
    count: usize,
    what: &'static str,
) -> Result<Vec<i64>, BatchError> {
    let first = from.signed(what)?;
    let step = from.number(what)?.cast_signed();
    let tag = from.byte(what)?;
    if tag == MULTIPLES || count < FEWEST_MULTIPLES {
        return Err(BatchError::Wrong(what));
    }
    let mut values = read_orders(from, tag, count - 1, what)?;
    for value in &mut values {
        *value = value.wrapping_mul(step);
    }
    integrate(&mut values, first);
    Ok(values)
}

fn read_orders(
    from: &mut Reader,
    tag: u8,
    count: usize,
    what: &'static str,
) -> Result<Vec<i64>, BatchError> {
    let (order, coder) = untag(tag).ok_or(BatchError::Wrong(what))?;
    let mut seeds = Vec::with_capacity(order);
    for _ in 0..order {
        seeds.push(from.signed(what)?);
    }
    let left = count
        .checked_sub(order)
        .filter(|left| *left > 0)
        .ok_or(BatchError::Wrong(what))?;
    let least = if coder.has_base() {
        from.signed(what)?
    } else {
        0
    };
    let rest = from.rest().clone();
    let mut bits = BitReader::new(&rest);
    let mut values = Vec::with_capacity(count);
    for _ in 0..left {
        values.push(match coder {
            Coder::Packed(width) => least.wrapping_add(bits.take(width, what)?.cast_signed()),
            Coder::Around(low) => unzigzag(take_rice(&mut bits, low, what)?),
            Coder::Above(low) => least.wrapping_add(take_rice(&mut bits, low, what)?.cast_signed()),
        });
    }
    from.take(bits.bytes_begun(), what)?;
    for seed in seeds.into_iter().rev() {
        integrate(&mut values, seed);
    }
    Ok(values)
}

fn differentiate(values: &[i64]) -> Vec<i64> {
    let pairs = values.iter().zip(values.iter().skip(1));
    pairs.map(|(one, next)| next.wrapping_sub(*one)).collect()
}

fn integrate(differences: &mut Vec<i64>, first: i64) {
    let mut sum = first;
    for difference in &mut *differences {
        let next = sum.wrapping_add(*difference);
        *difference = std::mem::replace(&mut sum, next);
    }
    differences.push(sum);
}

const fn above(difference: i64, least: i64) -> u64 {
    difference.wrapping_sub(least).cast_unsigned()
}

fn put_rice(to: &mut BitWriter<'_>, number: u64, low: u32) {
    let high = number >> low;
    if high < u64::from(ESCAPE) {
        // As many ones, a zero, and the low bits.
        let width = high + 1;
        let ones = (1 << high) - 1;
        to.put(ones, u32::try_from(width).unwrap_or(ESCAPE));
        to.put(number, low);
    } else {
        to.put(u64::MAX, ESCAPE);
        to.put(number, 64);
    }
}

fn take_rice(from: &mut BitReader<'_>, low: u32, what: &'static str) -> Result<u64, BatchError> {
    match from.ones(ESCAPE, what)? {
        ESCAPE => from.take(64, what),
        high => Ok(u64::from(high) << low | from.take(low, what)?),
    }
}

// === impl Plan ===

impl Plan {
    /// The cheapest coder for these differences.
    fn of(order: usize, differences: &[i64], seeds: usize) -> Self {
        let least = differences.iter().copied().min().unwrap_or(0);
        let greatest = differences.iter().copied().max().unwrap_or(0);
        let base = seeds + 8 * number_length(zigzag(least));
        let width = step(bits(above(greatest, least)));
        let mut best = Self {
            step: None,
            order,
            coder: Coder::Packed(width),
            cost: base + width as usize * differences.len(),
        };
        if width == 0 {
            return best;
        }
        // Where differences go both ways alike, those above the least are twice as large; where none is
        // below zero, folding the sign in makes them so.
        let sum: i128 = differences.iter().map(|d| i128::from(*d)).sum();
        let size: u128 = differences
            .iter()
            .map(|d| u128::from(d.unsigned_abs()))
            .sum();
        let is_centred = sum.unsigned_abs() * 4 < size;
        if least < 0 {
            let (low, cost) = rice(differences, zigzag);
            best = best.or(Coder::Around(low), seeds + cost);
        }
        if !is_centred {
            let (low, cost) = rice(differences, |difference| above(difference, least));
            best = best.or(Coder::Above(low), base + cost);
        }
        best
    }

    fn or(self, coder: Coder, cost: usize) -> Self {
        if cost < self.cost {
            Self {
                coder,
                cost,
                ..self
            }
        } else {
            self
        }
    }

    fn tag(self) -> u8 {
        let coder = match self.coder {
            Coder::Packed(width @ 0..=NARROW) => width,
            Coder::Packed(width) => NARROW + (width - NARROW) / 8,
            Coder::Around(low) => NARROW + 5 + low,
            Coder::Above(low) => NARROW + 5 + PARAMETERS + low,
        };
        let order = u32::try_from(self.order).unwrap_or(0);
        u8::try_from(order * CODERS + coder).unwrap_or(u8::MAX)
    }
}

/// What a tag says; `None` for that of multiples.
fn untag(tag: u8) -> Option<(usize, Coder)> {
    let tag = u32::from(tag);
    let coder = match tag % CODERS {
        width @ 0..=NARROW => Coder::Packed(width),
        wide if wide <= NARROW + 4 => Coder::Packed(NARROW + 8 * (wide - NARROW)),
        around if around < NARROW + 5 + PARAMETERS => Coder::Around(around - NARROW - 5),
        above => Coder::Above(above - NARROW - 5 - PARAMETERS),
    };
    let order = usize::try_from(tag / CODERS).ok()?;
    (order <= 2).then_some((order, coder))
}

/// The next width that has a coder.
const fn step(width: u32) -> u32 {
    if width <= NARROW {
        width
    } else {
        width.next_multiple_of(8)
    }
}

/// The best parameter of Rice's code for these differences, and the bits they take with it.
fn rice(differences: &[i64], fold: impl Fn(i64) -> u64) -> (u32, usize) {
    let numbers: Vec<u64> = differences.iter().map(|d| fold(*d)).collect();
    let cost = |low: u32| -> u64 {
        let each = numbers.iter().map(|number| match number >> low {
            high if high < u64::from(ESCAPE) => high + 1 + u64::from(low),
            _ => u64::from(ESCAPE) + 64,
        });
        each.sum()
    };
    let sum = numbers
        .iter()
        .fold(0_u64, |sum, number| sum.saturating_add(*number));
    let mean = sum / (numbers.len() as u64).max(1);
    // About the logarithm of the mean; a few values far out make it too high, never too low.
    let mut low = bits(mean).min(PARAMETERS - 1);
    let mut least = cost(low);
    while low > 0 {
        let less = cost(low - 1);
        if less > least {
            break;
        }
        (low, least) = (low - 1, less);
    }
    (low, usize::try_from(least).unwrap_or(usize::MAX))
}

// === impl Coder ===

impl Coder {
    const fn has_base(self) -> bool {
        matches!(self, Self::Packed(_) | Self::Above(_))
    }
}
