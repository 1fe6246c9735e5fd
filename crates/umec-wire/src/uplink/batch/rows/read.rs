//! Columns to messages.

mod packs;

use std::sync::Arc;

use bytes::Bytes;

use super::super::bytes::Reader;
use super::super::layout::{Layout, LayoutNumber};
use super::super::{BatchError, Budget, integers, words};
use super::{FLAG_BITS, GAPS, Shape, TRACES, by_shape, origin};
use crate::message_id::{MessageId, Sequence};
use crate::time::Timestamp;
use crate::trace::TraceParent;
use crate::uplink::entry::{Content, Entry};

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
    let (traces, sequences) = read_ids(&mut from, &heads)?;
    let mut contents: Vec<_> = heads.iter().map(|_| Vec::new().into_iter()).collect();
    for (shape, places) in by_shape(heads.iter().map(|head| &*head.layout)) {
        let heads: Vec<&Head> = places.iter().filter_map(|p| heads.get(*p)).collect();
        let read = read_shape(&mut from, &mut budget, shape, &heads)?.into_iter();
        for (place, messages) in places.into_iter().zip(read) {
            if let Some(contents) = contents.get_mut(place) {
                *contents = messages.into_iter();
            }
        }
    }
    if from.rest().iter().any(|byte| *byte != 0) {
        return Err(BatchError::Wrong("what follows the groups"));
    }
    let mut entries = Vec::with_capacity(heads.iter().map(|head| head.messages).sum());
    for (((head, contents), traces), sequences) in
        heads.iter().zip(contents).zip(traces).zip(sequences)
    {
        let mut traces = traces.into_iter().peekable();
        for (place, (sequence, content)) in sequences.into_iter().zip(contents).enumerate() {
            entries.push(Entry {
                id: MessageId {
                    device: head.layout.device.clone(),
                    boot: head.layout.boot,
                    sequence,
                },
                floor: head.floor,
                trace: traces.next_if(|(p, _)| *p == place).map(|(_, trace)| trace),
                content,
            });
        }
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
    let has_times = |layout: &Layout| Shape::of(layout).has_times();
    let with_time = layouts.iter().filter(|layout| has_times(layout)).count();
    let origin = layouts.first().map_or(0, |layout| origin(layout));
    let times = integers::decode(from, with_time, "the first times")?;
    let mut times = times.into_iter().map(|time| time.wrapping_add(origin));
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
    const NUMBER: &str = "the number of a layout";
    let is_ascending = numbers.is_sorted_by(|one, next| one < next);
    if !is_ascending {
        return Err(BatchError::Wrong(NUMBER));
    }
    let mut layouts = Vec::with_capacity(numbers.len());
    let mut unknown = Vec::new();
    for number in numbers {
        let number = u32::try_from(number);
        let number = number.map_err(|_| BatchError::Wrong(NUMBER))?;
        match layout(LayoutNumber(number)) {
            Some(layout) => layouts.push(layout),
            None => unknown.push(LayoutNumber(number)),
        }
    }
    if unknown.is_empty() {
        Ok(layouts)
    } else {
        Err(BatchError::UnknownLayouts(unknown))
    }
}

type Traces = Vec<(usize, TraceParent)>;

/// Reads the traces and the sequences of each group.
fn read_ids(
    from: &mut Reader,
    heads: &[Head],
) -> Result<(Vec<Traces>, Vec<Vec<Sequence>>), BatchError> {
    const SEQUENCES: &str = "the sequences of a group";
    let traces = heads.iter().map(|head| {
        if head.flags & TRACES == 0 {
            return Ok(Vec::new());
        }
        read_traces(from, head.messages)
    });
    let traces = traces.collect::<Result<Vec<_>, BatchError>>()?;
    let told = heads.iter().filter(|head| head.flags & GAPS != 0);
    let told = told.map(|head| head.messages - 1).sum();
    let mut gaps = integers::decode(from, told, SEQUENCES)?.into_iter();
    let sequences = heads.iter().map(|head| {
        let mut next = head.sequence;
        let first = std::iter::once(next);
        let others = (1..head.messages).map(|_| {
            let gap = if head.flags & GAPS == 0 {
                1
            } else {
                gaps.next().unwrap_or(1)
            };
            next = next.wrapping_add(gap.cast_unsigned());
            next
        });
        let sequences = first.chain(others).map(|sequence| {
            let sequence = Sequence::new(sequence).filter(|s| *s >= head.floor);
            sequence.ok_or(BatchError::Wrong(SEQUENCES))
        });
        sequences.collect()
    });
    let sequences = sequences.collect::<Result<_, _>>()?;
    Ok((traces, sequences))
}

/// Reads the columns of groups of one shape: the contents of each group's messages.
fn read_shape(
    from: &mut Reader,
    budget: &mut Budget,
    shape: Shape<'_>,
    heads: &[&Head],
) -> Result<Vec<Vec<Content>>, BatchError> {
    let contents = match shape {
        Shape::States => read_states(from, budget, heads)?,
        Shape::Events => read_events(from, budget, heads)?,
        Shape::Fields(fields) => return packs::read(from, budget, heads, fields),
    };
    let mut contents = contents.into_iter();
    let groups = heads
        .iter()
        .map(|head| contents.by_ref().take(head.messages).collect());
    Ok(groups.collect())
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

/// Reads the times of the messages of groups.
fn read_times(
    from: &mut Reader,
    heads: &[&Head],
    what: &'static str,
) -> Result<Vec<i64>, BatchError> {
    let told = heads.iter().map(|head| head.messages - 1).sum();
    let mut pauses = integers::decode(from, told, what)?.into_iter();
    let mut times = Vec::with_capacity(heads.iter().map(|head| head.messages).sum());
    for head in heads {
        let mut time = head.time;
        times.push(time);
        for pause in pauses.by_ref().take(head.messages - 1) {
            time = time.wrapping_add(pause);
            times.push(time);
        }
    }
    Ok(times)
}

fn read_states(
    from: &mut Reader,
    budget: &mut Budget,
    heads: &[&Head],
) -> Result<Vec<Content>, BatchError> {
    let times = read_times(from, heads, "the times of states")?;
    let count = times.len();
    let bodies = words::decode(from, count, budget, "the bodies of states", words::bytes)?;
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
    heads: &[&Head],
) -> Result<Vec<Content>, BatchError> {
    let count = heads.iter().map(|head| head.messages).sum();
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
