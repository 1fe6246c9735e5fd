//! `umec device watch`: readings as they arrive.

use futures_util::StreamExt;
use serde::Serialize;
use umec_wire::{DeviceName, MetricName, Reading, Timestamp, Value, senml};

use crate::arguments::Format;
use crate::failure::Failure;
use crate::http::EdgeApi;
use crate::output;
use crate::shown::{Body, Document};

/// What is watched.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Which devices; all where empty.
    pub(super) devices: &'a [DeviceName],
    /// Which metrics; all where empty.
    pub(super) metrics: &'a [MetricName],
    /// How many readings; without an end where absent.
    pub(super) count: Option<u64>,
}

/// One reading, as programs read it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: Timestamp,
    id: String,
    device: &'a DeviceName,
    metric: &'a MetricName,
    #[serde(with = "senml::plain_option")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
}

/// Prints readings until enough have been seen, or the connection is no more.
pub(super) async fn run(api: &EdgeApi, wanted: &Wanted<'_>, format: Format) -> Result<(), Failure> {
    let mut events = std::pin::pin!(api.events(&path(wanted), None).await?);
    let mut farewell = String::new();
    let mut left = wanted.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(sent) = events.next().await else {
            return Err(Failure::unavailable(format!(
                "the edge API has ended the stream{farewell}; `umec status` tells more"
            )));
        };
        if sent.event == "bye" {
            farewell = format!(": {}", sent.data);
        }
        let Ok(document) = Document::try_from(&sent) else {
            continue;
        };
        let Body::Readings(readings) = &document.body else {
            continue;
        };
        for reading in readings {
            if left > 0 {
                output::print(&line(&document, reading, format)?)?;
                left -= 1;
            }
        }
    }
    Ok(())
}

fn path(wanted: &Wanted<'_>) -> String {
    let devices = wanted
        .devices
        .iter()
        .map(|device| ("device", device.as_str()));
    let metrics = wanted
        .metrics
        .iter()
        .map(|metric| ("metric", metric.as_str()));
    // Names are labels, so that nothing in them has to be escaped.
    let query = devices
        .chain(metrics)
        .map(|(key, name)| format!("&{key}={name}"));
    format!("/api/v1/stream?kind=readings{}", query.collect::<String>())
}

fn line(document: &Document, reading: &Reading, format: Format) -> Result<String, Failure> {
    let line = Line {
        time: reading.time,
        id: document.id.to_string(),
        device: &document.id.device,
        metric: &reading.series.metric,
        value: Some(reading.value.clone()),
        unit: reading.unit.map(umec_wire::Unit::as_str),
    };
    match format {
        Format::Json => serde_json::to_string(&line)
            .map(|text| text + "\n")
            .map_err(|error| Failure::other(error.to_string())),
        Format::Yaml => {
            Ok("---\n".to_owned() + &output::rendered(format, &line, |_| String::new())?)
        }
        Format::Table => Ok(format!(
            "{}  {}:{}  {}  {} {}\n",
            reading.time,
            document.id.boot,
            document.id.sequence,
            document.id.device,
            reading.series,
            exact(reading),
        )),
    }
}

/// Value and unit as they are, not rounded: the same that every other reader of the message sees.
fn exact(reading: &Reading) -> String {
    match reading.unit {
        Some(unit) => format!("{} {}", reading.value, unit.as_str()),
        None => reading.value.to_string(),
    }
}
