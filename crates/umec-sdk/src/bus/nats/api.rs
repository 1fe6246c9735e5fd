//! The few requests of the `JetStream` API that are needed, and the reply subjects that tell of a message.
//!
//! Source: the API reference of NATS 2.12, "`JetStream` wire API", and ADR-15 for the reply subjects.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use umec_spec::settings::stream::{NAME, StreamSettings};
use umec_wire::subject::{PREFIX, Target};
use umec_wire::{DeviceName, Timestamp};

use super::{DEADLINE, Nats};
use crate::bus::{AskError, Filter, StreamBounds};

/// The error codes of `JetStream` that mean that something is not there.
const STREAM_NOT_FOUND: u64 = 10_059;
const CONSUMER_NOT_FOUND: u64 = 10_014;

/// An error of the API.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// What the server says about a consumer.
#[derive(Debug, Deserialize)]
pub(crate) struct Consumer {
    pub(crate) config: Begin,
    #[serde(default)]
    pub(crate) ack_floor: Place,
    #[serde(default)]
    pub(crate) delivered: Place,
    #[serde(default)]
    pub(crate) num_pending: u64,
}

/// Where a consumer was told to begin.
#[derive(Debug, Deserialize)]
pub(crate) struct Begin {
    #[serde(default)]
    pub(crate) opt_start_seq: u64,
    /// Texts that belong to it, ours and the server's.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Up to where a consumer is acknowledged, or has delivered.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    #[serde(default)]
    pub(crate) stream_seq: u64,
}

/// How a consumer is created; absent parts are the server's defaults.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConsumerConfig {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) durable_name: Option<String>,
    #[serde(flatten)]
    pub(crate) begin: Deliver,
    pub(crate) ack_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ack_wait: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_ack_pending: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inactive_threshold: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mem_storage: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter_subject: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) filter_subjects: Vec<String>,
    pub(crate) replay_policy: &'static str,
    pub(crate) num_replicas: u8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Where a consumer begins.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "deliver_policy", rename_all = "snake_case")]
pub(crate) enum Deliver {
    ByStartSequence { opt_start_seq: u64 },
    ByStartTime { opt_start_time: String },
    LastPerSubject,
    New,
}

#[derive(Debug, Deserialize)]
struct StreamInfo {
    state: StreamState,
}

#[derive(Debug, Deserialize)]
struct StreamState {
    first_seq: u64,
    first_ts: Timestamp,
    last_seq: u64,
    last_ts: Timestamp,
}

/// What the reply subject of a delivered message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) stream_sequence: u64,
    pub(crate) consumer_sequence: u64,
    pub(crate) stored_at: Timestamp,
    /// How many more there are for the consumer.
    pub(crate) pending: u64,
}

/// Reads an answer.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AskError> {
    serde_json::from_slice(body).map_err(|error| AskError::Refused {
        code: 0,
        text: format!("the answer cannot be read: {error}"),
    })
}

impl Nats {
    /// Asks the `JetStream` API.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        call: &str,
        body: &Value,
    ) -> Result<T, AskError> {
        let subject = format!("{}.{call}", self.api);
        let body = Bytes::from(body.to_string());
        let answer = self.request(subject, None, body, DEADLINE).await?;
        let answer: Value = read(&answer.body)?;
        if let Some(error) = answer.get("error") {
            let refusal: Refusal = read(error.to_string().as_bytes())?;
            return Err(refusal.into());
        }
        read(answer.to_string().as_bytes())
    }

    pub(crate) async fn bounds(&self) -> Result<StreamBounds, AskError> {
        let info: StreamInfo = self.ask(&format!("STREAM.INFO.{NAME}"), &json!({})).await?;
        Ok(StreamBounds {
            first_sequence: info.state.first_seq.max(1),
            first_time: info.state.first_ts,
            last_sequence: info.state.last_seq,
            last_time: info.state.last_ts,
        })
    }

    pub(crate) async fn ensure_stream(&self, stream: &StreamSettings) -> Result<(), AskError> {
        let nanos = |span: umec_wire::Span| span.as_micros().saturating_mul(1_000);
        let config = json!({
            "name": stream.name,
            "subjects": stream.subjects,
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "max_bytes": stream.bytes,
            "max_age": nanos(stream.age),
            "duplicate_window": nanos(stream.duplicates),
            "num_replicas": 1,
            "allow_direct": true,
        });
        let update = format!("STREAM.UPDATE.{}", stream.name);
        let updated: Result<Value, AskError> = self.ask(&update, &config).await;
        match updated {
            Err(AskError::Refused { code, .. }) if code == STREAM_NOT_FOUND => {
                let create = format!("STREAM.CREATE.{}", stream.name);
                self.ask::<Value>(&create, &config).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    pub(crate) async fn create_consumer(
        &self,
        config: &ConsumerConfig,
    ) -> Result<Consumer, AskError> {
        let mut call = format!("CONSUMER.CREATE.{NAME}.{}", config.name);
        if let Some(filter) = &config.filter_subject {
            call = format!("{call}.{filter}");
        }
        let body = json!({ "stream_name": NAME, "config": config });
        self.ask(&call, &body).await
    }

    /// What the server knows of a consumer; `None` where there is none of that name.
    pub(crate) async fn consumer(&self, name: &str) -> Result<Option<Consumer>, AskError> {
        let info = self
            .ask(&format!("CONSUMER.INFO.{NAME}.{name}"), &json!({}))
            .await;
        absent_is_none(info)
    }

    pub(crate) async fn delete_consumer(&self, name: &str) -> Result<(), AskError> {
        let call = format!("CONSUMER.DELETE.{NAME}.{name}");
        let deleted: Result<Value, AskError> = self.ask(&call, &json!({})).await;
        absent_is_none(deleted).map(drop)
    }

    /// The subject on which a consumer is asked for messages.
    pub(crate) fn next_subject(&self, name: &str) -> String {
        format!("{}.CONSUMER.MSG.NEXT.{NAME}.{name}", self.api)
    }
}

fn absent_is_none<T>(answer: Result<T, AskError>) -> Result<Option<T>, AskError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(AskError::Refused { code, .. }) if code == CONSUMER_NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

impl AskError {
    /// Whether waiting may help: the server, or the stream, is not there yet.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Away(_) | Self::Unanswered | Self::NoStream { .. } => true,
            Self::Refused { code, .. } => *code == STREAM_NOT_FOUND,
            Self::TooLarge { .. } => false,
        }
    }
}

impl From<Refusal> for AskError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            code: refusal.err_code,
            text: refusal.description,
        }
    }
}

// === impl ConsumerConfig ===

impl ConsumerConfig {
    pub(crate) fn new(name: String, begin: Deliver, filter: &Filter) -> Self {
        let mut subjects = subjects(filter);
        let one = subjects.len() == 1;
        Self {
            name,
            durable_name: None,
            begin,
            ack_policy: "none",
            ack_wait: None,
            max_ack_pending: None,
            inactive_threshold: None,
            mem_storage: None,
            filter_subject: one.then(|| subjects.remove(0)),
            filter_subjects: subjects,
            replay_policy: "instant",
            num_replicas: 1,
            metadata: BTreeMap::new(),
        }
    }
}

/// The subjects that a filter means; none for all.
fn subjects(filter: &Filter) -> Vec<String> {
    if filter.targets.is_empty() && filter.devices.is_empty() {
        return Vec::new();
    }
    let kept = Target::PUBLISHED.into_iter().filter(Target::is_kept);
    let targets: Vec<Target> = if filter.targets.is_empty() {
        kept.collect()
    } else {
        filter.targets.clone()
    };
    let mut devices: Vec<&str> = filter.devices.iter().map(DeviceName::as_str).collect();
    if devices.is_empty() {
        devices.push("*");
    }
    let subject = |device: &str, target: &Target| match target {
        Target::Command(name) => format!("{PREFIX}.*.{device}.command.{name}"),
        target => format!("{PREFIX}.*.{device}.{}", target.token()),
    };
    let pairs = devices
        .iter()
        .flat_map(|device| targets.iter().map(move |target| subject(device, target)));
    pairs.collect()
}

// === impl Delivery ===

impl Delivery {
    /// Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>`,
    /// or the form that has domain and account after `ACK`.
    pub(crate) fn parse(reply: &str) -> Option<Self> {
        let parts: Vec<&str> = reply.split('.').collect();
        let rest = match (parts.first()?, parts.get(1)?, parts.len()) {
            (&"$JS", &"ACK", 9) => parts.get(4..)?,
            (&"$JS", &"ACK", 11..) => parts.get(6..)?,
            _ => return None,
        };
        let number = |index: usize| rest.get(index)?.parse::<u64>().ok();
        let nanos: i64 = rest.get(3)?.parse().ok()?;
        Some(Self {
            stream_sequence: number(1)?,
            consumer_sequence: number(2)?,
            stored_at: Timestamp::from_micros(nanos.div_euclid(1_000)),
            pending: number(4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_subject_tells_of_its_message() {
        let expected = Delivery {
            stream_sequence: 100,
            consumer_sequence: 7,
            stored_at: Timestamp::from_micros(1_790_230_470_084_404),
            pending: 42,
        };
        for reply in [
            "$JS.ACK.UMEC.f.1.100.7.1790230470084404000.42",
            "$JS.ACK._.szMpdrwD.UMEC.f.1.100.7.1790230470084404000.42",
            "$JS.ACK._.szMpdrwD.UMEC.f.1.100.7.1790230470084404000.42.token",
        ] {
            assert_eq!(Delivery::parse(reply), Some(expected), "{reply}");
        }
        for reply in ["", "$JS.ACK", "_INBOX.x", "$JS.ACK.UMEC.f.1.x.7.0.42"] {
            assert_eq!(Delivery::parse(reply), None, "{reply}");
        }
    }

    #[test]
    fn a_filter_becomes_subjects_that_do_not_overlap() {
        assert!(subjects(&Filter::default()).is_empty());
        let filter = Filter {
            targets: vec![Target::Readings, Target::Status],
            devices: vec![DeviceName::new("a").unwrap()],
        };
        assert_eq!(
            subjects(&filter),
            ["umec.v1.*.a.readings", "umec.v1.*.a.status"]
        );
        let filter = Filter::targets([Target::Readings]);
        assert_eq!(subjects(&filter), ["umec.v1.*.*.readings"]);
    }
}
