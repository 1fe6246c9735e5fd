//! What a message of a device is in Kafka; and what else the gateway writes there.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use umec_wire::command::CommandResult;
use umec_wire::event::Event;
use umec_wire::kafka::{self, KafkaTopic};
use umec_wire::subject::Subject;
use umec_wire::topic::PayloadError;
use umec_wire::uplink::{Content, Entry, EntryKind, Freshness};
use umec_wire::{MessageId, ModemName, NodeName, Pack, Timestamp, header, senml, trace};

use crate::kafka::{Headers, Outgoing};

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
    let mut headers = Headers::new();
    let mut describe = |time, content_type: &str| {
        let tell = |name, value: fmt::Arguments<'_>| headers.push(name, value);
        kafka::headers(&subject, &id, modem, time, content_type, tell);
    };
    let (topic, time, body) = match content {
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
            describe(time, format.content_type());
            (topic, time, senml::encode(format, &pack))
        }
        Content::Event {
            headers: told,
            data,
        } => {
            let header = |name: &str| {
                let mut found = told.iter();
                let found = found.find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_str())
            };
            let event = Event::decode("ce-", &header, &data)?;
            describe_event(&mut headers, &event, modem, &id);
            (KafkaTopic::Events, event.time, data)
        }
        Content::Status { time, body } => {
            describe(time, "application/json");
            (KafkaTopic::Status, time, body)
        }
    };
    if let Some(trace) = trace {
        headers.push(trace::HEADER, format_args!("{trace}"));
    }
    if freshness == Freshness::Backlog {
        headers.push(header::REPLAYED, format_args!("true"));
    }
    Ok(Outgoing {
        topic,
        key: kafka::key(node, &id.device),
        time: time.as_millis(),
        headers,
        value: Some(body),
    })
}

/// An event's own attributes, and how it came.
fn describe_event(headers: &mut Headers, event: &Event, modem: &ModemName, id: &MessageId) {
    for (name, value) in event.encode("ce_").headers {
        let name = match name {
            "Content-Type" => kafka::CONTENT_TYPE,
            name => name,
        };
        headers.push(name, format_args!("{value}"));
    }
    headers.push(kafka::MODEM, format_args!("{modem}"));
    headers.push(kafka::MESSAGE_ID, format_args!("{id}"));
}

/// Makes the record of a command's result. `key` is the command's.
pub fn of_result(key: &str, result: &CommandResult) -> Outgoing {
    Outgoing {
        topic: KafkaTopic::CommandResults,
        key: key.to_owned(),
        time: result.time.as_millis(),
        headers: of_json(),
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
        headers: of_json(),
        value: Some(json(value)),
    }
}

/// Writes a value that has no map with other keys than texts, the only thing JSON could refuse.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn of_json() -> Headers {
    let mut headers = Headers::default();
    headers.push(kafka::CONTENT_TYPE, format_args!("application/json"));
    headers
}
