//! What the edge API shows, as far as this command reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umec_wire::status::{Identity, MetricBirth};
use umec_wire::{
    Boot, DeviceName, MessageId, MetricName, Reading, Reason, Sequence, Series, Status, Timestamp,
    Unit, Value, senml,
};

use crate::sse::Sent;

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it stands in the node's stream.
    pub place: Place,
    /// Which message it came in.
    pub id: MessageId,
    /// When it was sampled or told.
    pub time: Timestamp,
    /// What it says.
    pub body: Body,
}

/// What a document says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Values of one time.
    Readings(Vec<Reading>),
    /// How the device is.
    Status(Box<Status>),
    /// Something that is not read here.
    Other,
}

/// A place in the node's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the message.
    pub message: u64,
    /// Whether the message ends with this document.
    pub whole: bool,
}

/// Why an event is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Its id is no place in the stream.
    #[error("{0:?} is no place in the stream")]
    Place(String),
    /// It is no JSON of the right shape.
    #[error("the JSON of a document")]
    Json(#[source] serde_json::Error),
}

/// A list of devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Devices {
    /// The devices, by name.
    pub items: Vec<Device>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: DeviceName,
    /// The plugin that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The profile it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Who it is.
    #[serde(default)]
    pub identity: Identity,
    /// `up`, `down` or `unknown`.
    pub state: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What it measures.
    #[serde(default)]
    pub metrics: Vec<MetricBirth>,
    /// The metrics that give no good value, and why.
    #[serde(default)]
    pub problems: BTreeMap<MetricName, Reason>,
    /// The latest value of each metric.
    #[serde(default)]
    pub latest: BTreeMap<MetricName, Latest>,
}

/// The latest value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    /// The value.
    #[serde(with = "senml::plain_option")]
    pub value: Option<Value>,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// When it was sampled.
    pub time: Timestamp,
    /// The run of its publisher.
    pub boot: Boot,
    /// The number of its message in that run.
    pub sequence: Sequence,
}

/// What all documents have.
#[derive(Debug, Deserialize)]
struct Head {
    device: DeviceName,
    time: Timestamp,
    boot: Boot,
    sequence: Sequence,
    #[serde(default)]
    values: BTreeMap<MetricName, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Measured {
    #[serde(with = "senml::plain_option")]
    value: Option<Value>,
    #[serde(default)]
    unit: Option<Unit>,
}

// === impl Document ===

impl TryFrom<&Sent> for Document {
    type Error = DocumentError;

    fn try_from(sent: &Sent) -> Result<Self, DocumentError> {
        let head: Head = serde_json::from_str(&sent.data).map_err(DocumentError::Json)?;
        let body = match sent.event.as_str() {
            "readings" => Body::Readings(head.readings().map_err(DocumentError::Json)?),
            "status" => {
                let status = serde_json::from_str(&sent.data);
                Body::Status(Box::new(status.map_err(DocumentError::Json)?))
            }
            _ => Body::Other,
        };
        Ok(Self {
            place: sent.id.parse()?,
            id: MessageId {
                device: head.device,
                boot: head.boot,
                sequence: head.sequence,
            },
            time: head.time,
            body,
        })
    }
}

impl Head {
    fn readings(&self) -> Result<Vec<Reading>, serde_json::Error> {
        let mut readings = Vec::with_capacity(self.values.len());
        for (metric, measured) in &self.values {
            let measured = Measured::deserialize(measured)?;
            readings.extend(measured.value.map(|value| Reading {
                series: Series::raw(metric.clone()),
                time: self.time,
                unit: measured.unit,
                value,
            }));
        }
        Ok(readings)
    }
}

// === impl Place ===

impl std::str::FromStr for Place {
    type Err = DocumentError;

    fn from_str(text: &str) -> Result<Self, DocumentError> {
        let (message, part) = match text.split_once('.') {
            Some((message, part)) => (message, Some(part)),
            None => (text, None),
        };
        let message = message.parse();
        Ok(Self {
            message: message.map_err(|_| DocumentError::Place(text.to_owned()))?,
            whole: part.is_none(),
        })
    }
}

// === impl Device ===

impl Device {
    /// Why it is down, or which of its metrics give no good value.
    pub fn why(&self) -> Option<String> {
        if let Some(reason) = self.reason.as_ref() {
            return Some(reason.to_string());
        }
        let problems = self.problems.iter();
        let problems = problems.map(|(metric, reason)| format!("{metric}: {}", reason.text));
        let problems: Vec<String> = problems.collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// The latest message of it that is known.
    pub fn last(&self) -> Option<&Latest> {
        self.latest.values().max_by_key(|latest| latest.time)
    }
}

#[cfg(test)]
mod tests {
    use umec_wire::status::State;

    use super::*;

    fn sent(event: &str, id: &str, data: &str) -> Sent {
        Sent {
            id: id.to_owned(),
            event: event.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn readings_are_read_with_their_place_and_message() {
        let data = r#"{"id":"12","kind":"readings","device":"meter-3","time":"2026-01-01T00:00:00Z",
            "boot":"019aa5ad7640beef","sequence":7,
            "values":{"power":{"value":1234,"unit":"W"},"on":{"value":true}}}"#;
        let document = Document::try_from(&sent("readings", "12", data)).unwrap();
        assert_eq!(document.id.to_string(), "meter-3:019aa5ad7640beef:7");
        assert_eq!(
            document.place,
            Place {
                message: 12,
                whole: true
            }
        );
        let Body::Readings(readings) = document.body else {
            panic!("{:?}", document.body)
        };
        let told: Vec<String> = readings
            .iter()
            .map(|reading| format!("{} {}", reading.series, reading.value))
            .collect();
        assert_eq!(told, ["on true", "power 1234"]);
    }

    #[test]
    fn a_status_is_read_beside_what_all_documents_have() {
        let data = r#"{"id":"3","kind":"status","device":"pump-1","time":"2026-01-01T00:00:00Z",
            "boot":"019aa5ad7640beef","sequence":1,"state":"down","since":"2026-01-01T00:00:00Z",
            "plugin":"modbus","reason":{"code":"no-answer","text":"unit 3"}}"#;
        let document = Document::try_from(&sent("status", "3.1", data)).unwrap();
        assert!(!document.place.whole);
        let Body::Status(status) = document.body else {
            panic!("{:?}", document.body)
        };
        assert_eq!(status.state, State::Down);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        assert!(Document::try_from(&sent("readings", "1", "{}")).is_err());
        assert!("x".parse::<Place>().is_err());
    }
}
