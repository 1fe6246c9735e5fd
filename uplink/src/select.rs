//! What goes up: the choice of the `Uplink` resource, applied to messages of the stream. Pure.

use umec_sdk::bus::Message;
use umec_spec::settings::uplink::{Priority, Selection, SelectionKind};
use umec_wire::topic::PayloadError;
use umec_wire::trace::TraceParent;
use umec_wire::uplink::{Content, Entry, EntryKind};
use umec_wire::{Aggregates, Pack, Reading, Readings, Sequence, Timestamp, header};

use crate::machine::{LeftOut, Why};

/// What becomes of a message of which something is to go up.
#[derive(Debug)]
pub(crate) struct Choice {
    /// What goes up.
    pub(crate) entry: Option<Entry>,
    /// What the budget leaves out.
    pub(crate) left_out: Option<LeftOut>,
}

/// What goes up of a message, as far as `admits` says that there is money for it; `None` when nothing
/// of it is to go up at all.
pub(crate) fn choose(
    selections: &[Selection],
    message: &Message,
    stored_at: Timestamp,
    admits: &mut dyn FnMut(Priority) -> bool,
) -> Result<Option<Choice>, PayloadError> {
    let Some(entry_kind) = EntryKind::of(&message.subject.target) else {
        return Ok(None);
    };
    let device = message.subject.device.as_str();
    let chosen: Vec<_> = selections
        .iter()
        .filter(|s| kind(s.kind) == entry_kind && chooses_device(s, device))
        .collect();
    if chosen.is_empty() {
        return Ok(None);
    }
    let (content, left_out) = match entry_kind {
        EntryKind::Readings | EntryKind::Aggregates => {
            let pack = match entry_kind {
                EntryKind::Readings => message.decode::<Readings>()?,
                _ => message.decode::<Aggregates>()?,
            };
            let (readings, left_out) = ration(&chosen, pack, admits);
            let content = match (readings.is_empty(), entry_kind) {
                (true, _) if left_out.is_empty() => return Ok(None),
                (true, _) => None,
                (false, EntryKind::Readings) => Some(Content::Readings(readings)),
                (false, _) => Some(Content::Aggregates(readings)),
            };
            (content, left_out_of(message, &left_out, stored_at))
        }
        EntryKind::Events if admits(highest(chosen.iter().copied())) => {
            let headers = event_headers(message);
            let data = message.body.clone();
            (Some(Content::Event { headers, data }), None)
        }
        EntryKind::Events => (None, Some(left_out(message, Vec::new(), stored_at))),
        EntryKind::Status => {
            let (time, body) = (stored_at, message.body.clone());
            (Some(Content::Status { time, body }), None)
        }
    };
    let entry = content.map(|content| Entry {
        id: message.id.clone(),
        // The machine sets it.
        floor: Sequence::FIRST,
        trace: message.trace.filter(TraceParent::is_sampled),
        content,
    });
    Ok(Some(Choice { entry, left_out }))
}

/// The readings that any of the selections chooses, apart by whether there is money for them.
fn ration(
    chosen: &[&Selection],
    mut pack: Pack,
    admits: &mut dyn FnMut(Priority) -> bool,
) -> (Vec<Reading>, Vec<Reading>) {
    let by = |reading: &Reading| {
        let by: Vec<&Selection> = chosen
            .iter()
            .copied()
            .filter(|s| chooses_reading(s, reading))
            .collect();
        (!by.is_empty()).then(|| highest(by.into_iter()))
    };
    pack.readings.retain(|reading| by(reading).is_some());
    let admitted = |reading: &Reading| by(reading).is_some_and(&mut *admits);
    pack.readings.into_iter().partition(admitted)
}

fn highest<'s>(selections: impl Iterator<Item = &'s Selection>) -> Priority {
    selections.map(|s| s.priority).max().unwrap_or_default()
}

fn left_out_of(message: &Message, readings: &[Reading], stored_at: Timestamp) -> Option<LeftOut> {
    let series = readings.iter();
    let series: Vec<_> = series.map(|r| (r.series.to_string(), r.time)).collect();
    (!series.is_empty()).then(|| left_out(message, series, stored_at))
}

fn left_out(message: &Message, series: Vec<(String, Timestamp)>, stored_at: Timestamp) -> LeftOut {
    let times = || series.iter().map(|(_, time)| *time);
    let span = (
        times().min().unwrap_or(stored_at),
        times().max().unwrap_or(stored_at),
    );
    LeftOut {
        device: message.subject.device.clone(),
        why: Why::Budget,
        series,
        span,
        messages: 1,
        which: Vec::new(),
    }
}

const fn kind(kind: SelectionKind) -> EntryKind {
    match kind {
        SelectionKind::Readings => EntryKind::Readings,
        SelectionKind::Aggregates => EntryKind::Aggregates,
        SelectionKind::Events => EntryKind::Events,
        SelectionKind::Status => EntryKind::Status,
    }
}

fn chooses_device(selection: &Selection, device: &str) -> bool {
    let devices = &selection.devices;
    devices.is_empty() || devices.iter().any(|pattern| pattern.matches(device))
}

fn chooses_reading(selection: &Selection, reading: &Reading) -> bool {
    let metrics = &selection.metrics;
    let metric = metrics.is_empty() || metrics.contains(&reading.series.metric);
    let window = match (selection.window, reading.series.aggregate) {
        (Some(wanted), Some((window, _))) => wanted == window,
        (Some(_), None) => false,
        (None, _) => true,
    };
    metric && window
}

/// The attributes of an event and its media type.
fn event_headers(message: &Message) -> Vec<(String, String)> {
    let belongs = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("ce-") || name == header::CONTENT_TYPE.to_ascii_lowercase()
    };
    let headers = message.headers.iter();
    headers.filter(|(name, _)| belongs(name)).cloned().collect()
}
