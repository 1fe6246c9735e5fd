//! The examples of the document: values, written by the codecs themselves.

use nkeys::{KeyPair, KeyPairType};

use crate::command::{CommandId, CommandRequest, CommandResult, Outcome};
use crate::kafka;
use crate::label::{DeviceName, Label, ModemName, NodeName, PluginName};
use crate::message_id::{Boot, MessageId, Sequence};
use crate::problem::Problem;
use crate::reading::{Pack, Reading, Value};
use crate::senml::{Format, encode};
use crate::signature::Signature;
use crate::span::Span;
use crate::status::{Identity, Limits, MetricBirth, Reason, State, Status};
use crate::subject::{Subject, Target};
use crate::time::Timestamp;
use crate::topic::Headers;

/// A message and its signature, for people who write the same in another language.
pub(super) struct Signed {
    pub(super) seed: String,
    pub(super) subject: String,
    pub(super) message_id: String,
    pub(super) payload: String,
    pub(super) header: String,
}

fn label(text: &str) -> Label {
    Label::new(text).expect("an example's name is a label")
}

fn node() -> NodeName {
    label("pole-7").into()
}

fn device() -> DeviceName {
    label("thermometer-1").into()
}

const fn time() -> Timestamp {
    Timestamp::from_micros(1_795_253_400_250_000)
}

fn reading(series: &str, unit: Option<&str>, value: Value) -> Reading {
    Reading {
        series: series.parse().expect("an example's series is one"),
        time: time(),
        unit: unit.map(|unit| unit.parse().expect("an example's unit is one")),
        value,
    }
}

fn number(number: f64) -> Value {
    Value::number(number).expect("an example's number is finite")
}

fn pack(readings: Vec<Reading>) -> Pack {
    Pack {
        node: node(),
        device: device(),
        readings,
    }
}

pub(super) fn message_id() -> MessageId {
    MessageId {
        device: device(),
        boot: Boot::new(Timestamp::from_millis(1_795_253_340_000), 0xbeef),
        sequence: Sequence::new(42).expect("42 is above 0"),
    }
}

pub(super) fn signature() -> Signed {
    let pair = KeyPair::new_from_raw(KeyPairType::User, *b"an example key, known to anybody")
        .expect("32 bytes are a key");
    let subject = Subject {
        node: node(),
        device: device(),
        target: Target::Readings,
    };
    let body = encode(
        Format::Json,
        &pack(vec![reading("temperature", Some("Cel"), number(21.5))]),
    );
    let (subject, message_id) = (subject.to_string(), message_id().to_string());
    let signature = Signature::sign(&pair, &subject, &message_id, &body);
    Signed {
        seed: pair.seed().expect("the pair has its seed"),
        header: signature.expect("the pair has its seed").to_string(),
        subject,
        message_id,
        payload: String::from_utf8_lossy(&body).into_owned(),
    }
}

pub(super) fn packs() -> [(&'static str, Pack); 2] {
    [
        (
            "Readings of one device at one time:",
            pack(vec![
                reading("temperature", Some("Cel"), number(21.5)),
                reading("heater", None, true.into()),
                reading("mode", None, "eco".into()),
            ]),
        ),
        (
            "Aggregates of a minute:",
            pack(vec![
                reading("temperature/1m/count", Some("count"), number(60.0)),
                reading("temperature/1m/mean", Some("Cel"), number(21.48)),
                reading("temperature/1m/min", Some("Cel"), number(21.4)),
                reading("temperature/1m/max", Some("Cel"), number(21.6)),
                reading("temperature/1m/last", Some("Cel"), number(21.5)),
            ]),
        ),
    ]
}

fn birth() -> Status {
    let metric = |name, unit: &str, every, write| MetricBirth {
        name: label(name).into(),
        unit: Some(unit.parse().expect("an example's unit is one")),
        every: Some(Span::from_secs(every)),
        write,
    };
    Status {
        state: State::Up,
        reason: None,
        since: time(),
        plugin: PluginName::from(label("modbus")),
        identity: Identity {
            manufacturer: Some("Example".to_owned()),
            model: Some("X1".to_owned()),
            ..Identity::default()
        },
        metrics: vec![
            metric("temperature", "Cel", 1, None),
            metric(
                "setpoint",
                "Cel",
                10,
                Some(Limits {
                    min: Some(5.0),
                    max: Some(30.0),
                }),
            ),
        ],
        problems: [(
            label("setpoint").into(),
            Reason::new("out-of-range", "120 lies outside 5 to 30"),
        )]
        .into(),
    }
}

pub(super) fn statuses() -> [(&'static str, Status); 2] {
    let death = Status {
        state: State::Down,
        reason: Some(Reason::new("stopped", "the plugin has stopped")),
        metrics: Vec::new(),
        problems: std::collections::BTreeMap::new(),
        ..birth()
    };
    [
        ("A birth, with a metric that gives no good value:", birth()),
        ("A death:", death),
    ]
}

pub(super) fn command() -> (CommandRequest, [CommandResult; 2]) {
    let id = CommandId(label("6f1c2a9e-setpoint"));
    let request = CommandRequest {
        id: id.clone(),
        value: Some(number(21.5)),
        issuer: "building-control".to_owned(),
        expires: Timestamp::from_millis(1_795_253_410_000),
    };
    let done = CommandResult {
        id: id.clone(),
        outcome: Outcome::Done,
        reason: None,
        value: Some(number(21.5)),
        time: time(),
    };
    let refused = CommandResult {
        id,
        outcome: Outcome::Refused,
        reason: Some(Reason::new("out-of-range", "45 lies outside 5 to 30")),
        value: None,
        time: time(),
    };
    (request, [done, refused])
}

pub(super) fn problem() -> Problem {
    Problem::bad_request("limit", "\"many\" is not a whole number above 0")
        .at("/api/v1/devices/thermometer-1/readings")
}

pub(super) fn record_headers() -> Headers {
    let subject = Subject {
        node: node(),
        device: device(),
        target: Target::Readings,
    };
    let modem = ModemName::from(label("pole-7"));
    let content_type = Format::Json.content_type();
    let mut headers = Headers::new();
    kafka::headers(
        &subject,
        &message_id(),
        &modem,
        time(),
        content_type,
        |name, value| headers.push((name, value.to_string())),
    );
    headers
}
