//! Columns to messages.

use std::sync::Arc;

use bytes::Bytes;

use super::super::bytes::Reader;
use super::super::layout::{Field, Layout, LayoutNumber, ValueType};
use super::super::{BatchError, Budget, integers, numbers, words};
use super::{FLAG_BITS, OFFSETS, REPEATS, TRACES, has_times};
use crate::message_id::{MessageId, Sequence};
use crate::reading::{Reading, Value};
use crate::time::Timestamp;
use crate::trace::TraceParent;
use crate::uplink::entry::{Content, Entry, EntryKind};

/// What stands at the head of a group.
struct Head {
    layout: Arc<Layout>,
    messages: usize,
    flags: u64,
    floor: Sequence,
    sequence: u64,
    time: i64,
}

/// Reads the messages of all groups.
pub(in super::super) fn decode(
    bytes: &Bytes,
    layout: &mut dyn FnMut(LayoutNumber) -> Option<Arc<Layout>>,
) -> Result<Vec<Entry>, BatchError> {
    let mut from = Reader::new(bytes);
    let mut budget = Budget::of(bytes.len());
    let heads = read_heads(&mut from, &mut budget, layout)?;
    let mut entries = Vec::with_capacity(heads.iter().map(|head| head.messages).sum());
    for head in heads {
        read_group(&mut from, &mut budget, &head, &mut entries)?;
    }
    if from.rest().iter().any(|byte| *byte != 0) {
        return Err(BatchError::Wrong("what follows the groups"));
    }
    Ok(entries)
}

fn read_heads(
    from: &mut Reader,
    budget: &mut Budget,
    layout: &mut dyn FnMut(LayoutNumber) -> Option<Arc<Layout>>,
) -> Result<Vec<Head>, BatchError> {
    const COUNTS: &str = "the numbers of messages";
    const FLOORS: &str = "the floors";
    let count = from.count("the number of groups")?;
    budget.take(count)?;
    let layouts = known(
        integers::decode(from, count, "the layouts of the groups")?,
        layout,
    )?;
    let counts = integers::decode(from, count, COUNTS)?;
    let floors = integers::decode(from, count, FLOORS)?;
    let sequences = integers::decode(from, count, "the first sequences")?;
    let with_time = layouts.iter().filter(|layout| has_times(layout)).count();
    let mut times = integers::decode(from, with_time, "the first times")?.into_iter();
    let mut heads = Vec::with_capacity(count);
    let columns = counts.into_iter().zip(floors).zip(sequences);
    for (layout, ((count, floor), sequence)) in layouts.into_iter().zip(columns) {
        let messages = count.cast_unsigned() >> FLAG_BITS;
        let messages = usize::try_from(messages).map_err(|_| BatchError::TooMuch)?;
        budget.take(messages)?;
        let sequence = sequence.cast_unsigned();
        let floor = sequence.checked_sub(floor.cast_unsigned());
        let floor = floor.and_then(Sequence::new);
        heads.push(Head {
            messages: Some(messages)
                .filter(|m| *m > 0)
                .ok_or(BatchError::Wrong(COUNTS))?,
            flags: count.cast_unsigned() & ((1 << FLAG_BITS) - 1),
            floor: floor.ok_or(BatchError::Wrong(FLOORS))?,
            sequence,
            time: if has_times(&layout) {
                times.next().unwrap_or(0)
            } else {
                0
            },
            layout,
        });
    }
    Ok(heads)
}

/// Looks the layouts up; an error with all that are not known.
fn known(
    numbers: Vec<i64>,
    layout: &mut dyn FnMut(LayoutNumber) -> Option<Arc<Layout>>,
) -> Result<Vec<Arc<Layout>>, BatchError> {
    let mut layouts = Vec::with_capacity(numbers.len());
    let mut unknown = Vec::new();
    for number in numbers {
        let number = u32::try_from(number);
        let number = number.map_err(|_| BatchError::Wrong("the number of a layout"))?;
        match layout(LayoutNumber(number)) {
            Some(layout) => layouts.push(layout),
            None => unknown.push(LayoutNumber(number)),
        }
    }
    if unknown.is_empty() {
        Ok(layouts)
    } else {
        unknown.sort();
        unknown.dedup();
        Err(BatchError::UnknownLayouts(unknown))
    }
}

fn read_group(
    from: &mut Reader,
    budget: &mut Budget,
    head: &Head,
    entries: &mut Vec<Entry>,
) -> Result<(), BatchError> {
    const SEQUENCES: &str = "the sequences of a group";
    let traces = if head.flags & TRACES == 0 {
        Vec::new()
    } else {
        read_traces(from, head.messages)?
    };
    let sequences = sums(
        head.sequence.cast_signed(),
        integers::decode(from, head.messages - 1, SEQUENCES)?,
    );
    let contents = match head.layout.kind {
        EntryKind::Status => read_states(from, budget, head)?,
        EntryKind::Events => read_events(from, budget, head)?,
        EntryKind::Readings | EntryKind::Aggregates => read_packs(from, budget, head)?,
    };
    let mut traces = traces.into_iter().peekable();
    for (place, (sequence, content)) in sequences.into_iter().zip(contents).enumerate() {
        let sequence = Sequence::new(sequence.cast_unsigned());
        let sequence = sequence.filter(|sequence| *sequence >= head.floor);
        entries.push(Entry {
            id: MessageId {
                device: head.layout.device.clone(),
                boot: head.layout.boot,
                sequence: sequence.ok_or(BatchError::Wrong(SEQUENCES))?,
            },
            floor: head.floor,
            trace: traces.next_if(|(p, _)| *p == place).map(|(_, trace)| trace),
            content,
        });
    }
    Ok(())
}

fn read_traces(from: &mut Reader, count: usize) -> Result<Vec<(usize, TraceParent)>, BatchError> {
    const WHAT: &str = "the traces of a group";
    let mut traces = Vec::new();
    let mut next = 0_usize;
    for _ in 0..from.count(WHAT)? {
        let place = next.checked_add(from.count(WHAT)?);
        let place = place.filter(|place| *place < count);
        let place = place.ok_or(BatchError::Wrong(WHAT))?;
        let trace = TraceParent {
            trace_id: from.array(WHAT)?,
            parent_id: from.array(WHAT)?,
            flags: from.byte(WHAT)?,
        };
        traces.push((place, trace));
        next = place + 1;
    }
    Ok(traces)
}

fn read_states(
    from: &mut Reader,
    budget: &mut Budget,
    head: &Head,
) -> Result<Vec<Content>, BatchError> {
    let times = sums(
        head.time,
        integers::decode(from, head.messages - 1, "the times of states")?,
    );
    let bodies = words::decode(
        from,
        head.messages,
        budget,
        "the bodies of states",
        words::bytes,
    )?;
    let pairs = times.into_iter().zip(bodies);
    let states = pairs.map(|(time, body)| Content::Status {
        time: Timestamp::from_micros(time),
        body,
    });
    Ok(states.collect())
}

fn read_events(
    from: &mut Reader,
    budget: &mut Budget,
    head: &Head,
) -> Result<Vec<Content>, BatchError> {
    let count = head.messages;
    let headers = words::decode(from, count, budget, "the headers of events", |word| {
        read_headers(word).map(Arc::new)
    })?;
    let bodies = words::decode(from, count, budget, "the data of events", words::bytes)?;
    let pairs = headers.into_iter().zip(bodies);
    let events = pairs.map(|(headers, data)| Content::Event {
        headers: (*headers).clone(),
        data,
    });
    Ok(events.collect())
}

fn read_headers(word: &Bytes) -> Result<Vec<(String, String)>, BatchError> {
    const WHAT: &str = "a header of an event";
    let mut from = Reader::new(word);
    let mut text = || -> Result<(String, bool), BatchError> {
        let length = from.count(WHAT)?;
        let text = from.take(length, WHAT)?;
        let text = std::str::from_utf8(&text).map_err(|_| BatchError::Wrong(WHAT))?;
        Ok((text.to_owned(), from.rest().is_empty()))
    };
    let mut headers = Vec::new();
    let mut is_end = word.is_empty();
    while !is_end {
        let (name, _) = text()?;
        let (value, ends) = text()?;
        headers.push((name, value));
        is_end = ends;
    }
    Ok(headers)
}

fn read_packs(
    from: &mut Reader,
    budget: &mut Budget,
    head: &Head,
) -> Result<Vec<Content>, BatchError> {
    const REPEATED: &str = "the numbers of samples";
    let fields = &head.layout.fields;
    let make = |readings| match head.layout.kind {
        EntryKind::Aggregates => Content::Aggregates(readings),
        _ => Content::Readings(readings),
    };
    if fields.is_empty() {
        return Ok((0..head.messages).map(|_| make(Vec::new())).collect());
    }
    let mut samples = vec![1; head.messages];
    if head.flags & REPEATS != 0 {
        samples.clear();
        for more in integers::decode(from, head.messages, REPEATED)? {
            let more = usize::try_from(more).map_err(|_| BatchError::Wrong(REPEATED))?;
            budget.take(more)?;
            samples.push(more + 1);
        }
    }
    // Each was taken from the budget, so that the sum is within it.
    let count = samples.iter().sum();
    let times = integers::decode(from, count - 1, "the times of samples")?;
    let mut times = sums(head.time, times).into_iter();
    let mut offsets = Vec::new();
    if head.flags & OFFSETS != 0 {
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
    let packs = samples.into_iter().map(|samples| {
        let mut readings = Vec::with_capacity(samples * fields.len());
        for time in times.by_ref().take(samples) {
            let mut offsets = offsets.iter_mut();
            for (place, (field, column)) in fields.iter().zip(&mut columns).enumerate() {
                let offsets = if place == 0 { None } else { offsets.next() };
                let offset = offsets.and_then(Iterator::next).unwrap_or(0);
                let value = column.next();
                readings
                    .extend(value.map(|value| reading(field, time.wrapping_add(offset), value)));
            }
        }
        make(readings)
    });
    Ok(packs.collect())
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

/// The first value, and each sum of the one before and a difference.
fn sums(first: i64, differences: Vec<i64>) -> Vec<i64> {
    let mut values = Vec::with_capacity(differences.len() + 1);
    values.push(first);
    let mut sum = first;
    values.extend(differences.into_iter().map(|difference| {
        sum = sum.wrapping_add(difference);
        sum
    }));
    values
}
