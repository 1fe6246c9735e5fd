//! From a message of the stream to documents.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use umec_sdk::bus::Stored;
use umec_wire::event::Event;
use umec_wire::subject::Target;
use umec_wire::topic::PayloadError;
use umec_wire::{
    Aggregates, Events, Pack, Reading, Readings, Span, Statistic, Statuses, Timestamp,
};

use super::{Body, CloudEvent, Document, Kind, Measured, Plain, Statistics};
use crate::position::Position;

/// The documents of a message: one, or one for each time that its readings have. None for a kind
/// that is not shown.
pub fn documents(stored: &Stored) -> Result<Vec<Document>, PayloadError> {
    let message = &stored.message;
    let (kind, bodies) = match &message.subject.target {
        Target::Readings => (Kind::Readings, readings(&message.decode::<Readings>()?)),
        Target::Aggregates => {
            let bodies = aggregates(&message.decode::<Aggregates>()?);
            (Kind::Aggregates, bodies)
        }
        Target::Status => {
            let body = Body::Status(Box::new(message.decode::<Statuses>()?));
            (Kind::Status, vec![(stored.stored_at, body)])
        }
        Target::Events => {
            let event = message.decode::<Events>()?;
            (Kind::Events, vec![(event.time, happened(event))])
        }
        Target::Frames | Target::Command(_) => return Ok(Vec::new()),
    };
    let count = bodies.len();
    let parts = bodies.into_iter().enumerate();
    Ok(parts
        .map(|(index, (time, body))| Document {
            id: Position::after_part(stored.sequence, index, count),
            kind,
            device: message.subject.device.clone(),
            time,
            boot: message.id.boot,
            sequence: message.id.sequence,
            body,
        })
        .collect())
}

/// A part for each run of readings of one time, so that no value hides another of its metric.
fn readings(pack: &Pack) -> Vec<(Timestamp, Body)> {
    let mut parts: Vec<(Timestamp, BTreeMap<_, _>)> = Vec::new();
    for reading in pack
        .readings
        .iter()
        .filter(|r| r.series.aggregate.is_none())
    {
        let metric = &reading.series.metric;
        let measured = Measured {
            value: Plain(reading.value.clone()),
            unit: reading.unit,
        };
        match parts.last_mut() {
            Some((time, values)) if *time == reading.time && !values.contains_key(metric) => {
                values.insert(metric.clone(), measured);
            }
            _ => parts.push((reading.time, BTreeMap::from([(metric.clone(), measured)]))),
        }
    }
    let parts = parts.into_iter();
    parts
        .map(|(time, values)| (time, Body::Readings { values }))
        .collect()
}

/// A part for each window.
fn aggregates(pack: &Pack) -> Vec<(Timestamp, Body)> {
    let mut parts: Vec<((Timestamp, Span), BTreeMap<_, Statistics>)> = Vec::new();
    for reading in &pack.readings {
        let Some((window, statistic)) = reading.series.aggregate else {
            continue;
        };
        let key = (reading.time, window);
        if parts.last().is_none_or(|(last, _)| *last != key) {
            parts.push((key, BTreeMap::new()));
        }
        if let Some((_, values)) = parts.last_mut() {
            let statistics = values.entry(reading.series.metric.clone()).or_default();
            note(statistics, statistic, reading);
        }
    }
    let parts = parts.into_iter();
    parts
        .map(|((start, window), values)| {
            let end = start.saturating_add(window.duration());
            let body = Body::Aggregates {
                window,
                end,
                values,
            };
            (start, body)
        })
        .collect()
}

fn note(statistics: &mut Statistics, statistic: Statistic, reading: &Reading) {
    let place = match statistic {
        Statistic::Count => &mut statistics.count,
        Statistic::Mean => &mut statistics.mean,
        Statistic::Min => &mut statistics.min,
        Statistic::Max => &mut statistics.max,
        Statistic::Last => &mut statistics.last,
        Statistic::Late => &mut statistics.late,
    };
    *place = Some(Plain(reading.value.clone()));
    if reading.unit.is_some() {
        statistics.unit = reading.unit;
    }
}

fn happened(event: Event) -> Body {
    let is_json = event.content_type.contains("json");
    let json = is_json
        .then(|| serde_json::from_slice(&event.data).ok())
        .flatten();
    let text = || {
        std::str::from_utf8(&event.data)
            .ok()
            .map(serde_json::Value::from)
    };
    let data = json.or_else(text);
    let data_base64 = data.is_none().then(|| BASE64.encode(&event.data));
    Body::Event {
        event: Box::new(CloudEvent {
            specversion: "1.0",
            id: event.id,
            source: event.source,
            r#type: event.r#type,
            subject: event.subject,
            time: event.time,
            datacontenttype: event.content_type,
            data,
            data_base64,
        }),
    }
}
