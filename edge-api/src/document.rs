//! What applications see of a message: the JSON of readings, aggregates, status and events, the same
//! in a page of history, in a server-sent event and on a WebSocket.

mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use umec_wire::subject::Target;
use umec_wire::{Boot, DeviceName, MetricName, Sequence, Span, Status, Timestamp, Unit, Value};

use crate::position::Position;

pub use read::documents;

/// One message of the stream, or the part of one that belongs to one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The place in the stream after it: where a reader who has seen it goes on.
    pub id: Position,
    /// What it is.
    pub kind: Kind,
    /// The device it is about.
    pub device: DeviceName,
    /// When it was sampled; for an aggregate when the window began, for a status when it was told.
    pub time: Timestamp,
    /// The run of its publisher.
    pub boot: Boot,
    /// Its number in that run.
    pub sequence: Sequence,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// The kinds of messages, spelled as the subjects of the bus spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// What a device measures.
    Readings,
    /// What the windows make of it.
    Aggregates,
    /// How a device is.
    Status,
    /// What happened.
    Events,
}

/// Says that a text names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of readings, aggregates, status, events")]
pub struct UnknownKind(String);

/// What a document says, by its kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// The values of one time.
    Readings {
        /// By metric.
        values: BTreeMap<MetricName, Measured>,
    },
    /// The aggregates of one window.
    Aggregates {
        /// Its length.
        window: Span,
        /// When it ended.
        end: Timestamp,
        /// By metric.
        values: BTreeMap<MetricName, Statistics>,
    },
    /// How the device is.
    Status(Box<Status>),
    /// What happened, in the JSON format of `CloudEvents`.
    Event {
        /// The event.
        event: Box<CloudEvent>,
    },
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The value: a number, a boolean, or a text.
    pub value: Plain,
    /// Its SenML unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

/// The aggregates of one metric over one window.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// The unit of all but the counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// How many readings there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Plain>,
    /// Their mean, where all are numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Plain>,
    /// The smallest, where all are numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Plain>,
    /// The largest, where all are numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Plain>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Plain>,
    /// How many readings came too late for earlier windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<Plain>,
}

/// A value as plain JSON: whole numbers without a fraction, bytes as base64url.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain(pub Value);

/// An event in the JSON format of `CloudEvents` 1.0 (section 2 and 3 of its JSON format).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloudEvent {
    /// Always `1.0`.
    pub specversion: &'static str,
    /// Unique together with `source`.
    pub id: String,
    /// Where it happened.
    pub source: String,
    /// What kind of event it is.
    pub r#type: String,
    /// What in the source it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    pub time: Timestamp,
    /// The media type of the data.
    pub datacontenttype: String,
    /// The data, where it is JSON or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// The data in base64, where it is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

// === impl Document ===

impl Document {
    /// The document with these metrics alone, all where there are none named; nothing where none is
    /// left. A status and an event are about no metric and stay as they are.
    pub fn narrowed(&self, metrics: &[MetricName]) -> Option<Cow<'_, Self>> {
        if metrics.is_empty() {
            return Some(Cow::Borrowed(self));
        }
        let body = match &self.body {
            Body::Readings { values } => Body::Readings {
                values: pick(values, metrics)?,
            },
            Body::Aggregates {
                window,
                end,
                values,
            } => Body::Aggregates {
                window: *window,
                end: *end,
                values: pick(values, metrics)?,
            },
            Body::Status(_) | Body::Event { .. } => return Some(Cow::Borrowed(self)),
        };
        Some(Cow::Owned(Self {
            body,
            ..self.clone()
        }))
    }

    /// The JSON text, on one line.
    pub fn to_json(&self) -> String {
        // Every key is a text and every number finite, so JSON cannot refuse it.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn pick<T: Clone>(
    values: &BTreeMap<MetricName, T>,
    metrics: &[MetricName],
) -> Option<BTreeMap<MetricName, T>> {
    let picked = values.iter().filter(|(metric, _)| metrics.contains(metric));
    let picked: BTreeMap<_, _> = picked
        .map(|(m, value)| (m.clone(), value.clone()))
        .collect();
    (!picked.is_empty()).then_some(picked)
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Readings, Self::Aggregates, Self::Status, Self::Events];

    /// The name in queries, in JSON and of a server-sent event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Readings => "readings",
            Self::Aggregates => "aggregates",
            Self::Status => "status",
            Self::Events => "events",
        }
    }

    /// The last part of its subjects.
    pub const fn target(self) -> Target {
        match self {
            Self::Readings => Target::Readings,
            Self::Aggregates => Target::Aggregates,
            Self::Status => Target::Status,
            Self::Events => Target::Events,
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

// === impl Plain ===

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Value::Number(number) => match whole(number.get()) {
                Some(whole) => to.serialize_i64(whole),
                None => to.serialize_f64(number.get()),
            },
            Value::Boolean(flag) => to.serialize_bool(*flag),
            Value::Text(text) => to.serialize_str(text),
            bytes @ Value::Opaque(_) => to.collect_str(bytes),
        }
    }
}

/// The number as a whole one, where it is one that every JSON reader keeps (RFC 8259 section 6).
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    let negative_zero = number == 0.0 && number.is_sign_negative();
    (number.fract() == 0.0 && number.abs() <= EXACT && !negative_zero).then_some(number as i64)
}
