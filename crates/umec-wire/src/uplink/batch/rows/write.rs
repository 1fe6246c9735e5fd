//! Messages to columns.

use super::super::bytes::put_number;
use super::super::layout::{Field, Layout, ValueType};
use super::super::{integers, numbers, words};
use super::{FLAG_BITS, GAPS, OFFSETS, REPEATS, Row, Shape, TRACES, by_shape, origin};
use crate::reading::{Reading, Value};
use crate::uplink::entry::Content;

/// The messages of one layout.
pub(super) struct Group<'r> {
    first: Row<'r>,
    rows: &'r [Row<'r>],
    layout: &'r Layout,
    /// How many samples each message has beyond the first; empty where none has more.
    repeats: Vec<i64>,
    sequences: Vec<i64>,
    /// The times of samples, in microseconds.
    times: Vec<i64>,
    /// The times of states, and of the first samples of messages.
    starts: Vec<i64>,
    /// The differences of the times of samples within messages.
    within: Vec<i64>,
    has_offsets: bool,
    has_traces: bool,
    has_gaps: bool,
}

/// Appends all groups; says how much of the reader's budget they take.
pub(super) fn write(groups: &[Group<'_>], to: &mut Vec<u8>) -> usize {
    put_number(to, groups.len() as u64);
    write_heads(groups, to);
    for group in groups.iter().filter(|group| group.has_traces) {
        group.write_traces(to);
    }
    let gaps = groups.iter().filter(|group| group.has_gaps);
    let gaps: Vec<i64> = gaps
        .flat_map(|group| differences(&group.sequences))
        .collect();
    integers::encode(&gaps, to);
    let mut worth = groups.len();
    for (shape, places) in by_shape(groups.iter().map(|group| group.layout)) {
        let groups: Vec<&Group<'_>> = places.iter().filter_map(|p| groups.get(*p)).collect();
        worth += groups.iter().map(|group| group.rows.len()).sum::<usize>();
        worth += write_shape(shape, &groups, to);
    }
    worth
}

fn write_heads(groups: &[Group<'_>], to: &mut Vec<u8>) {
    let mut column = |value: &dyn Fn(&Group<'_>) -> Option<i64>| {
        let values: Vec<i64> = groups.iter().filter_map(value).collect();
        integers::encode(&values, to);
    };
    column(&|group| Some(i64::from(group.first.number.0)));
    column(&|group| {
        let count = (group.rows.len() as u64) << FLAG_BITS;
        Some((count | group.flags()).cast_signed())
    });
    column(&|group| {
        let floors = group.rows.iter().map(|row| row.entry.floor.get());
        let floor = floors.min().unwrap_or(1);
        Some(group.sequence().wrapping_sub(floor).cast_signed())
    });
    column(&|group| Some(group.sequence().cast_signed()));
    let origin = groups.first().map_or(0, |group| origin(group.layout));
    column(&|group| {
        let time = group.starts.first().filter(|_| group.has_times());
        time.map(|time| time.wrapping_sub(origin))
    });
}

/// Appends the columns of groups of one shape.
fn write_shape(shape: Shape<'_>, groups: &[&Group<'_>], to: &mut Vec<u8>) -> usize {
    let rows = || groups.iter().flat_map(|group| group.rows);
    let repeats: Vec<i64> = groups
        .iter()
        .flat_map(|g| g.repeats.iter().copied())
        .collect();
    integers::encode(&repeats, to);
    let within: Vec<i64> = groups
        .iter()
        .flat_map(|g| g.within.iter().copied())
        .collect();
    integers::encode(&within, to);
    let times: Vec<i64> = groups.iter().flat_map(|g| differences(&g.starts)).collect();
    integers::encode(&times, to);
    match shape {
        Shape::States => words::encode(rows().map(body), to),
        Shape::Events => {
            let headers: Vec<Vec<u8>> = rows().map(headers).collect();
            let headers = headers.iter().map(Vec::as_slice);
            words::encode(headers, to) + words::encode(rows().map(body), to)
        }
        Shape::Fields(fields) => {
            let repeats = repeats
                .iter()
                .map(|more| usize::try_from(*more).unwrap_or(0));
            repeats.sum::<usize>() + write_readings(fields, groups, to)
        }
    }
}

fn write_readings(fields: &[Field], groups: &[&Group<'_>], to: &mut Vec<u8>) -> usize {
    let mut worth = 0;
    let column = |place: usize| groups.iter().flat_map(move |group| group.column(place));
    let samples = || groups.iter().flat_map(|group| &group.times);
    if groups.iter().any(|group| group.has_offsets) {
        for place in 1..fields.len() {
            let times = column(place).map(|reading| reading.time.as_micros());
            let offsets = times.zip(samples()).map(|(t, base)| t.wrapping_sub(*base));
            let offsets: Vec<i64> = offsets.collect();
            worth += offsets.len();
            integers::encode(&offsets, to);
        }
    }
    for (place, field) in fields.iter().enumerate() {
        let values = column(place).map(|reading| &reading.value);
        worth += samples().count();
        match field.value {
            ValueType::Number => {
                let numbers: Vec<f64> = values.filter_map(Value::as_number).collect();
                numbers::encode(&numbers, to);
            }
            ValueType::Boolean => {
                let flags = values.filter_map(|value| match value {
                    Value::Boolean(flag) => Some(*flag),
                    _ => None,
                });
                words::encode_booleans(&flags.collect::<Vec<bool>>(), to);
            }
            ValueType::Text | ValueType::Opaque => {
                worth += words::encode(values.filter_map(word), to);
            }
        }
    }
    worth
}

// === impl Group ===

impl<'r> Group<'r> {
    pub(super) fn new(rows: &'r [Row<'r>]) -> Option<Self> {
        let first = *rows.first()?;
        let layout = first.layout;
        let period = layout.fields.len();
        let sequences = rows.iter().map(|row| row.entry.id.sequence.get());
        let sequences: Vec<i64> = sequences.map(u64::cast_signed).collect();
        let has_gaps = differences(&sequences).iter().any(|more| *more != 1);
        let mut group = Self {
            first,
            rows,
            layout,
            sequences,
            has_gaps,
            repeats: Vec::new(),
            times: Vec::with_capacity(rows.len()),
            starts: Vec::with_capacity(rows.len()),
            within: Vec::new(),
            has_offsets: false,
            has_traces: rows.iter().any(|row| row.entry.trace.is_some()),
        };
        for row in rows {
            match &row.entry.content {
                Content::Status { time, .. } => group.starts.push(time.as_micros()),
                Content::Event { .. } => {}
                Content::Readings(readings) | Content::Aggregates(readings) => {
                    let before = group.times.len();
                    for sample in readings.chunks(period.max(1)) {
                        group.note(sample);
                    }
                    let times = group.times.get(before..).unwrap_or_default();
                    group.starts.extend(times.first());
                    group.within.append(&mut differences(times));
                    let samples = times.len();
                    let more = i64::try_from(samples).unwrap_or(i64::MAX).saturating_sub(1);
                    group.repeats.push(more);
                }
            }
        }
        if group.repeats.iter().all(|more| *more == 0) || period == 0 {
            group.repeats.clear();
        }
        Some(group)
    }

    fn note(&mut self, sample: &[Reading]) {
        let mut times = sample.iter().map(|reading| reading.time);
        if let Some(time) = times.next() {
            self.times.push(time.as_micros());
            self.has_offsets |= times.any(|other| other != time);
        }
    }

    fn sequence(&self) -> u64 {
        self.first.entry.id.sequence.get()
    }

    const fn has_times(&self) -> bool {
        Shape::of(self.layout).has_times()
    }

    fn flags(&self) -> u64 {
        let mut flags = 0;
        if self.has_traces {
            flags |= TRACES;
        }
        if !self.repeats.is_empty() {
            flags |= REPEATS;
        }
        if self.has_offsets {
            flags |= OFFSETS;
        }
        if self.has_gaps {
            flags |= GAPS;
        }
        flags
    }

    fn write_traces(&self, to: &mut Vec<u8>) {
        let traced = self.rows.iter().enumerate();
        let traced = traced.filter_map(|(place, row)| Some((place, row.entry.trace?)));
        put_number(to, traced.clone().count() as u64);
        let mut next = 0;
        for (place, trace) in traced {
            put_number(to, (place - next) as u64);
            to.extend_from_slice(&trace.trace_id);
            to.extend_from_slice(&trace.parent_id);
            to.push(trace.flags);
            next = place + 1;
        }
    }

    /// The readings of one field.
    fn column(&self, place: usize) -> impl Iterator<Item = &'r Reading> + use<'r> {
        let readings = self
            .rows
            .iter()
            .filter_map(|row| row.entry.content.readings());
        let period = self.layout.fields.len().max(1);
        readings.flat_map(move |readings| readings.iter().skip(place).step_by(period))
    }
}

fn differences(values: &[i64]) -> Vec<i64> {
    let pairs = values.iter().zip(values.iter().skip(1));
    pairs.map(|(one, next)| next.wrapping_sub(*one)).collect()
}

fn word(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Text(text) => Some(text.as_bytes()),
        Value::Opaque(bytes) => Some(bytes),
        Value::Number(_) | Value::Boolean(_) => None,
    }
}

fn body<'r>(row: &Row<'r>) -> &'r [u8] {
    match &row.entry.content {
        Content::Event { data, .. } => data,
        Content::Status { body, .. } => body,
        Content::Readings(_) | Content::Aggregates(_) => &[],
    }
}

/// The headers of an event: name and value by turns, each after its length.
fn headers(row: &Row<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Content::Event { headers, .. } = &row.entry.content {
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            put_number(&mut bytes, text.len() as u64);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}
