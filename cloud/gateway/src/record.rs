//! What a message of a device is in Kafka; and what else the gateway writes there.

use bytes::Bytes;
use serde::Serialize;
use umec_wire::command::CommandResult;
use umec_wire::event::Event;
use umec_wire::kafka::{self, KafkaTopic};
use umec_wire::subject::Subject;
use umec_wire::topic::{Headers, PayloadError};
use umec_wire::uplink::{Content, Entry, EntryKind, Freshness};
use umec_wire::{MessageId, ModemName, NodeName, Pack, Timestamp, header, senml, trace};

use crate::kafka::Outgoing;

/// Makes the record of an entry. Packs are written as JSON, as on the bus.
pub fn of_entry(
    modem: &ModemName,
    node: &NodeName,
    entry: Entry,
    freshness: Freshness,
) -> Result<Outgoing, PayloadError> {
    let Entry {
        id, trace, content, ..
    } = entry;
    let kind = content.kind();
    let subject = Subject {
        node: node.clone(),
        device: id.device.clone(),
        target: kind.target(),
    };
    let headers =
        |time, content_type: &str| kafka::headers(&subject, &id, modem, time, content_type);
    let (topic, time, mut headers, body) = match content {
        Content::Readings(readings) | Content::Aggregates(readings) => {
            let topic = match kind {
                EntryKind::Aggregates => KafkaTopic::Aggregates,
                _ => KafkaTopic::Readings,
            };
            let sampled = readings.iter().map(|reading| reading.time).min();
            let time = sampled.unwrap_or_default();
            let format = senml::Format::Json;
            let pack = Pack {
                node: node.clone(),
                device: id.device.clone(),
                readings,
            };
            let body = senml::encode(format, &pack);
            (topic, time, headers(time, format.content_type()), body)
        }
        Content::Event { headers, data } => {
            let header = |name: &str| {
                let mut found = headers.iter();
                let found = found.find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_str())
            };
            let event = Event::decode("ce-", &header, &data)?;
            let headers = event_headers(&event, modem, &id);
            (KafkaTopic::Events, event.time, headers, data)
        }
        Content::Status { time, body } => {
            let headers = headers(time, "application/json");
            (KafkaTopic::Status, time, headers, body)
        }
    };
    if let Some(trace) = trace {
        headers.push((trace::HEADER, trace.to_string()));
    }
    if freshness == Freshness::Backlog {
        headers.push((header::REPLAYED, "true".to_owned()));
    }
    Ok(Outgoing {
        topic,
        key: kafka::key(node, &id.device),
        time: time.as_millis(),
        headers: owned(headers),
        value: Some(body),
    })
}

/// An event's own attributes, and how it came.
fn event_headers(event: &Event, modem: &ModemName, id: &MessageId) -> Headers {
    let attributes = event.encode("ce_").headers.into_iter();
    let mut headers: Headers = attributes
        .map(|(name, value)| match name {
            "Content-Type" => (kafka::CONTENT_TYPE, value),
            name => (name, value),
        })
        .collect();
    headers.push((kafka::MODEM, modem.to_string()));
    headers.push((kafka::MESSAGE_ID, id.to_string()));
    headers
}

/// Makes the record of a command's result. `key` is the command's.
pub fn of_result(key: &str, result: &CommandResult) -> Outgoing {
    Outgoing {
        topic: KafkaTopic::CommandResults,
        key: key.to_owned(),
        time: result.time.as_millis(),
        headers: owned(vec![(kafka::CONTENT_TYPE, "application/json".to_owned())]),
        value: Some(json(result)),
    }
}

/// How a modem is: the value of a record in `umec.modems`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModemRecord {
    /// The node for which it speaks.
    pub node: NodeName,
    /// Whether it is heard: `up` or `down`.
    pub state: &'static str,
    /// Where it was heard from last, `address:port`.
    pub address: String,
    /// Since when its session works.
    pub since: Timestamp,
    /// When it was heard last.
    pub last_seen: Timestamp,
    /// How many messages wait on the node for acknowledgement.
    pub queue: u64,
}

/// Makes the record of a modem.
pub fn of_modem(modem: &ModemName, now: Timestamp, value: &ModemRecord) -> Outgoing {
    Outgoing {
        topic: KafkaTopic::Modems,
        key: modem.to_string(),
        time: now.as_millis(),
        headers: owned(vec![(kafka::CONTENT_TYPE, "application/json".to_owned())]),
        value: Some(json(value)),
    }
}

/// Writes a value that has no map with other keys than texts, the only thing JSON could refuse.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

pub(crate) fn owned(headers: Headers) -> Vec<(String, Bytes)> {
    headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Bytes::from(value)))
        .collect()
}
