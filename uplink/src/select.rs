//! What goes up: the choice of the `Uplink` resource, applied to messages of the stream. Pure.

use umec_sdk::bus::Message;
use umec_spec::settings::uplink::{Selection, SelectionKind};
use umec_wire::subject::Target;
use umec_wire::topic::PayloadError;
use umec_wire::trace::TraceParent;
use umec_wire::uplink::{Content, Entry, EntryKind};
use umec_wire::{Aggregates, Pack, Reading, Readings, Sequence, Timestamp, header};

/// The targets of the stream among which something may be chosen.
pub(crate) fn targets(selections: &[Selection]) -> Vec<Target> {
    let mut targets: Vec<_> = selections
        .iter()
        .map(|selection| kind(selection.kind).target())
        .collect();
    targets.sort();
    targets.dedup();
    targets
}

/// The entry for a message; `None` when nothing of it goes up.
pub(crate) fn entry(
    selections: &[Selection],
    message: &Message,
    stored_at: Timestamp,
) -> Result<Option<Entry>, PayloadError> {
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
    let content = match entry_kind {
        EntryKind::Readings => match pack(&chosen, message.decode::<Readings>()?) {
            Some(pack) => Content::Readings(pack.readings),
            None => return Ok(None),
        },
        EntryKind::Aggregates => match pack(&chosen, message.decode::<Aggregates>()?) {
            Some(pack) => Content::Aggregates(pack.readings),
            None => return Ok(None),
        },
        EntryKind::Events => Content::Event {
            headers: event_headers(message),
            data: message.body.clone(),
        },
        EntryKind::Status => Content::Status {
            time: stored_at,
            body: message.body.clone(),
        },
    };
    Ok(Some(Entry {
        id: message.id.clone(),
        // The machine sets it.
        floor: Sequence::FIRST,
        trace: message.trace.filter(TraceParent::is_sampled),
        content,
    }))
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

/// The readings that any of the selections chooses; `None` where there are none.
fn pack(chosen: &[&Selection], mut pack: Pack) -> Option<Pack> {
    pack.readings
        .retain(|reading| chosen.iter().any(|s| chooses_reading(s, reading)));
    (!pack.readings.is_empty()).then_some(pack)
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
