//! What original modems say, as records: those of the original, byte for byte, and the platform's.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use umec_spec::settings::original::{OriginalDevice, OriginalModem};
use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::kafka::{self as platform, KafkaTopic};
use umec_wire::original::{Answer, Carrier, DeviceId, Integer, Sample, kafka};
use umec_wire::subject::{Subject, Target};
use umec_wire::{
    DeviceName, Label, MetricName, NodeName, Pack, Reading, Reason, Series, Timestamp, Unit, Value,
    senml,
};

use super::Place;
use super::modem::Records;
use crate::kafka::Headers;

/// A record to be written. Those of the original have neither key nor headers nor a time of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: Arc<str>,
    /// The key.
    pub key: Option<Arc<str>>,
    /// Its time in milliseconds since 1970; that of writing where absent.
    pub time: Option<i64>,
    /// Names and values.
    pub headers: Headers,
    /// The value.
    pub value: Bytes,
}

/// Where the samples of one modem go.
#[derive(Debug)]
pub(super) struct Topics {
    devices: HashMap<DeviceId, Device>,
    unknown: Device,
    readings: Arc<str>,
}

#[derive(Debug)]
struct Device {
    nickname: Label,
    name: DeviceName,
    /// None for a device without a name: its number tells it from others.
    metric: Option<MetricName>,
    unit: Option<Unit>,
    topic: Arc<str>,
    grafana: Arc<str>,
    key: Arc<str>,
}

/// How an original modem is: the value of a record in `umec.modems`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModemRecord {
    pub(super) node: NodeName,
    pub(super) state: &'static str,
    pub(super) protocol: &'static str,
    pub(super) address: String,
    pub(super) since: Timestamp,
    pub(super) last_seen: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) carrier: Option<Carrier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
}

/// The times that SenML carries, in microseconds since 1970: below 2^28 s they would be relative, and
/// readers of packs refuse those from 2^33 s on.
const SENML_TIMES: std::ops::Range<i64> = (1 << 28) * 1_000_000..(1 << 33) * 1_000_000;

// === impl Topics ===

impl Topics {
    pub(super) fn of(modem: &OriginalModem) -> Self {
        let unknown = Label::new(kafka::UNKNOWN).expect("letters are a label");
        let device = |device: &OriginalDevice| {
            let metric = Some(device.metric.clone());
            let known = Device::new(&modem.node, device.nickname.clone(), metric, device.unit);
            (DeviceId(device.id), known)
        };
        Self {
            devices: modem.devices.iter().map(device).collect(),
            unknown: Device::new(&modem.node, unknown, None, None),
            readings: KafkaTopic::Readings.name().into(),
        }
    }

    /// The records of a sample that arrived at `now`.
    pub(super) fn records(
        &self,
        modem: &OriginalModem,
        now: Timestamp,
        sample: &Sample<'_>,
    ) -> Records {
        let device = self.devices.get(&sample.device).unwrap_or(&self.unknown);
        let plain = |topic: &Arc<str>, value: String| Record {
            topic: Arc::clone(topic),
            key: None,
            time: Some(now.as_millis()),
            headers: Headers::default(),
            value: value.into(),
        };
        let value = sample.value;
        let own = plain(&device.topic, kafka::sample(sample.time, value));
        let grafana = kafka::for_grafana(&device.nickname, value);
        let reading = SENML_TIMES.contains(&sample.time.as_micros());
        Records {
            original: [own, plain(&device.grafana, grafana)],
            reading: reading.then(|| self.reading(modem, device, sample)),
        }
    }

    fn reading(&self, modem: &OriginalModem, device: &Device, sample: &Sample<'_>) -> Record {
        let named = || format!("device-{}", sample.device.0);
        let metric = match &device.metric {
            Some(metric) => metric.clone(),
            None => Label::new(&named()).expect("a word and a number").into(),
        };
        let pack = Pack {
            node: modem.node.clone(),
            device: device.name.clone(),
            readings: vec![Reading {
                series: Series::raw(metric),
                time: sample.time,
                unit: device.unit,
                value: exact(sample.value),
            }],
        };
        let format = senml::Format::Json;
        Record {
            topic: Arc::clone(&self.readings),
            key: Some(Arc::clone(&device.key)),
            time: Some(sample.time.as_millis()),
            headers: device.headers(modem, sample.time),
            value: senml::encode(format, &pack),
        }
    }
}

/// A value as SenML holds it: a number where a double is exact, and its digits as a text where not.
fn exact(value: Integer<'_>) -> Value {
    let number = value.as_f64().and_then(|number| Value::number(number).ok());
    number.unwrap_or_else(|| Value::from(value.to_string().as_str()))
}

// === impl Device ===

impl Device {
    fn new(
        node: &NodeName,
        nickname: Label,
        metric: Option<MetricName>,
        unit: Option<Unit>,
    ) -> Self {
        let name = DeviceName::from(nickname.clone());
        Self {
            topic: nickname.as_str().into(),
            grafana: format!("{nickname}{}", kafka::GRAFANA_SUFFIX).into(),
            key: platform::key(node, &name).into(),
            nickname,
            name,
            metric,
            unit,
        }
    }

    /// Those of version 2 but for the id of a message, which an original modem does not give.
    fn headers(&self, modem: &OriginalModem, time: Timestamp) -> Headers {
        let readings = Subject {
            node: modem.node.clone(),
            device: self.name.clone(),
            target: Target::Readings,
        };
        let (prefix, kind) = (platform::TYPE_PREFIX, readings.target.token());
        let media = senml::Format::Json.content_type();
        let mut headers = Headers::new();
        headers.push("ce_specversion", format_args!("1.0"));
        headers.push("ce_id", format_args!("{}:{}", self.name, time.as_micros()));
        headers.push("ce_source", format_args!("/{}", self.key));
        headers.push("ce_type", format_args!("{prefix}.{kind}"));
        headers.push("ce_time", format_args!("{time}"));
        headers.push(platform::CONTENT_TYPE, format_args!("{media}"));
        headers.push(platform::MODEM, format_args!("{}", modem.node));
        headers
    }
}

/// The original's record of an answer.
pub(super) fn answer(answer: Answer) -> Record {
    Record {
        topic: kafka::CARRIER_SWITCH_ACK.into(),
        key: None,
        time: None,
        headers: Headers::default(),
        value: kafka::answer(answer).into(),
    }
}

/// The platform's record of how a request ended.
pub(super) fn result(
    now: Timestamp,
    (partition, offset): Place,
    node: &NodeName,
    outcome: Outcome,
    reason: Option<Reason>,
) -> Record {
    let id = format!("{}-{partition}-{offset}", kafka::DOWNSTREAM_REQUEST);
    let result = CommandResult {
        id: CommandId(Label::new(&id).expect("words and numbers are a label")),
        outcome,
        reason,
        value: None,
        time: now,
    };
    crate::record::of_result(&format!("{node}/modem"), &result).into()
}

/// The platform's record of how a modem is.
pub(super) fn modem(now: Timestamp, modem: &ModemRecord) -> Record {
    Record {
        topic: KafkaTopic::Modems.name().into(),
        key: Some(modem.node.as_str().into()),
        time: Some(now.as_millis()),
        headers: Headers::default(),
        value: crate::record::json(modem),
    }
}

impl From<crate::kafka::Outgoing> for Record {
    fn from(outgoing: crate::kafka::Outgoing) -> Self {
        Self {
            topic: outgoing.topic.name().into(),
            key: Some(outgoing.key.into()),
            time: Some(outgoing.time),
            headers: outgoing.headers,
            value: outgoing.value.unwrap_or_default(),
        }
    }
}
