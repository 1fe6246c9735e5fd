//! Columns to packs of readings.

use super::super::super::bytes::Reader;
use super::super::super::layout::{Field, ValueType};
use super::super::super::{BatchError, Budget, integers, numbers, words};
use super::super::{OFFSETS, REPEATS};
use super::{Head, read_times};
use crate::reading::{Reading, Value};
use crate::time::Timestamp;
use crate::uplink::entry::{Content, EntryKind};

/// Reads the packs of groups of one shape: each group's, in its order.
pub(super) fn read(
    from: &mut Reader,
    budget: &mut Budget,
    heads: &[&Head],
    fields: &[Field],
) -> Result<Vec<Vec<Content>>, BatchError> {
    if fields.is_empty() {
        let empty = |head: &&Head| (0..head.messages).map(|_| pack(head, Vec::new())).collect();
        return Ok(heads.iter().map(empty).collect());
    }
    let samples = read_samples(from, budget, heads)?;
    // Each was taken from the budget, so that the sums are within it.
    let count: usize = samples.iter().flatten().sum();
    let messages: usize = samples.iter().map(Vec::len).sum();
    let within = integers::decode(from, count - messages, "the times within messages")?;
    let mut within = within.into_iter();
    let mut starts = read_times(from, heads, "the times of messages")?.into_iter();
    let mut offsets = Vec::new();
    if heads.iter().any(|head| head.flags & OFFSETS != 0) {
        for _ in fields.iter().skip(1) {
            budget.take(count)?;
            let column = integers::decode(from, count, "the times of a field")?;
            offsets.push(column.into_iter());
        }
    }
    let mut columns = Vec::new();
    for field in fields {
        budget.take(count)?;
        columns.push(read_values(from, budget, field.value, count)?.into_iter());
    }
    let mut message = |samples: usize| {
        let mut readings = Vec::with_capacity(samples * fields.len());
        let mut time = starts.next().unwrap_or(0);
        for sample in 0..samples {
            if sample > 0 {
                time = time.wrapping_add(within.next().unwrap_or(0));
            }
            let mut offsets = offsets.iter_mut();
            for (place, (field, column)) in fields.iter().zip(&mut columns).enumerate() {
                let offsets = if place == 0 { None } else { offsets.next() };
                let offset = offsets.and_then(Iterator::next).unwrap_or(0);
                let value = column.next();
                let micros = time.wrapping_add(offset);
                readings.extend(value.map(|value| reading(field, micros, value)));
            }
        }
        readings
    };
    let groups = heads.iter().zip(samples).map(|(head, samples)| {
        let messages = samples
            .into_iter()
            .map(|samples| pack(head, message(samples)));
        messages.collect()
    });
    Ok(groups.collect())
}

/// Reads how many samples each message of each group has.
fn read_samples(
    from: &mut Reader,
    budget: &mut Budget,
    heads: &[&Head],
) -> Result<Vec<Vec<usize>>, BatchError> {
    const WHAT: &str = "the numbers of samples";
    let told = heads.iter().filter(|head| head.flags & REPEATS != 0);
    let told = told.map(|head| head.messages).sum();
    let mut more = Vec::with_capacity(told);
    for samples in integers::decode(from, told, WHAT)? {
        let samples = usize::try_from(samples).map_err(|_| BatchError::Wrong(WHAT))?;
        // What was taken from the budget does not overflow when it is added.
        budget.take(samples)?;
        more.push(samples + 1);
    }
    let mut more = more.into_iter();
    let groups = heads.iter().map(|head| {
        if head.flags & REPEATS == 0 {
            return vec![1; head.messages];
        }
        more.by_ref().take(head.messages).collect()
    });
    Ok(groups.collect())
}

fn pack(head: &Head, readings: Vec<Reading>) -> Content {
    match head.layout.kind {
        EntryKind::Aggregates => Content::Aggregates(readings),
        _ => Content::Readings(readings),
    }
}

fn reading(field: &Field, micros: i64, value: Value) -> Reading {
    Reading {
        series: field.series.clone(),
        time: Timestamp::from_micros(micros),
        unit: field.unit,
        value,
    }
}

fn read_values(
    from: &mut Reader,
    budget: &mut Budget,
    value: ValueType,
    count: usize,
) -> Result<Vec<Value>, BatchError> {
    match value {
        ValueType::Number => {
            let numbers = numbers::decode(from, count)?.into_iter();
            let values = numbers.map(|number| Value::number(number).map_err(BatchError::from));
            values.collect()
        }
        ValueType::Boolean => {
            let flags = words::decode_booleans(from, count)?;
            Ok(flags.into_iter().map(Value::Boolean).collect())
        }
        ValueType::Text => {
            let texts = words::decode(from, count, budget, "a column of texts", words::text)?;
            Ok(texts.into_iter().map(Value::Text).collect())
        }
        ValueType::Opaque => {
            let blobs = words::decode(from, count, budget, "a column of bytes", words::bytes)?;
            Ok(blobs.into_iter().map(Value::Opaque).collect())
        }
    }
}
