//! What has been heard of each device so far, and how far its messages have got. Pure.

use std::collections::{BTreeMap, VecDeque};

use umec_wire::status::{State, Status};
use umec_wire::{DeviceName, MessageId, Reading, Timestamp, Unit, Value};

use crate::overview::{DeviceRow, DeviceState};
use crate::shown::{Device, Place};

/// How many messages of a device may be on their way to the cloud before the oldest are no longer followed.
const FOLLOWED: usize = 4_096;

/// All devices of the node.
#[derive(Debug, Default)]
pub struct Picture {
    devices: BTreeMap<DeviceName, Seen>,
    served: u64,
}

/// Readings as the edge API has shown them.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Where they stand in the node's stream.
    pub place: Place,
    /// Which message they came in.
    pub id: MessageId,
    /// The readings.
    pub readings: Vec<Reading>,
}

/// A value with its unit, once there is one.
type Measured = Option<(Value, Option<Unit>)>;

#[derive(Debug, Default)]
struct Seen {
    state: DeviceState,
    reason: Option<String>,
    /// The metrics in the order of the profile, as far as that is known.
    values: Vec<(String, Measured)>,
    sampled: Option<Timestamp>,
    served: Option<u64>,
    in_cloud: Option<u64>,
    /// Places in the stream and sequences of messages that the cloud has not acknowledged.
    on_the_way: VecDeque<(u64, u64)>,
}

// === impl Picture ===

impl Picture {
    /// Takes a device as the edge API knows it.
    pub fn device(&mut self, device: &Device) {
        let seen = self.devices.entry(device.name.clone()).or_default();
        seen.state = match device.state.as_str() {
            "up" => DeviceState::Up,
            "down" => DeviceState::Down,
            _ => DeviceState::Unknown,
        };
        seen.reason = device.why();
        for metric in &device.metrics {
            seen.value(metric.name.as_str());
        }
        for (metric, latest) in &device.latest {
            let value = latest.value.clone().map(|value| (value, latest.unit));
            *seen.value(metric.as_str()) = value;
            seen.sampled = seen.sampled.max(Some(latest.time));
        }
        seen.served = seen
            .served
            .or_else(|| device.last().map(|l| l.sequence.get()));
    }

    /// Takes readings.
    pub fn readings(&mut self, served: Served) {
        let seen = self.pass(served.place, &served.id);
        for reading in served.readings {
            seen.sampled = seen.sampled.max(Some(reading.time));
            *seen.value(&reading.series.to_string()) = Some((reading.value, reading.unit));
        }
    }

    /// Takes a status that came in a message.
    pub fn status(&mut self, place: Place, id: &MessageId, status: &Status) {
        let seen = self.pass(place, id);
        seen.state = match status.state {
            State::Up => DeviceState::Up,
            State::Down => DeviceState::Down,
        };
        seen.reason = reason(status);
    }

    /// Notes that the edge API has shown a message, or a part of one.
    fn pass(&mut self, place: Place, id: &MessageId) -> &mut Seen {
        let seen = self.devices.entry(id.device.clone()).or_default();
        if place.whole {
            self.served += 1;
            let sequence = id.sequence.get();
            seen.served = Some(sequence);
            seen.on_the_way.push_back((place.message, sequence));
            if seen.on_the_way.len() > FOLLOWED {
                seen.on_the_way.pop_front();
            }
        }
        seen
    }

    /// Hears that the cloud has everything up to this place in the stream.
    pub fn acknowledged(&mut self, stream: u64) {
        for seen in self.devices.values_mut() {
            while let Some((place, sequence)) = seen.on_the_way.front().copied() {
                if place > stream {
                    break;
                }
                seen.on_the_way.pop_front();
                seen.in_cloud = Some(sequence);
            }
        }
    }

    /// How many messages the edge API has shown.
    pub fn served(&self) -> u64 {
        self.served
    }

    /// The devices as they are told at `now`.
    pub fn rows(&self, now: Timestamp) -> Vec<DeviceRow> {
        let rows = self.devices.iter();
        rows.map(|(name, seen)| seen.row(name, now)).collect()
    }
}

// === impl Seen ===

impl Seen {
    /// The place of a metric's value.
    fn value(&mut self, metric: &str) -> &mut Measured {
        let known = self.values.iter().position(|(name, _)| name == metric);
        let index = known.unwrap_or_else(|| {
            self.values.push((metric.to_owned(), None));
            self.values.len() - 1
        });
        &mut self.values[index].1
    }

    fn row(&self, name: &DeviceName, now: Timestamp) -> DeviceRow {
        let values = self.values.iter().filter_map(|(metric, value)| {
            let (value, unit) = value.as_ref()?;
            Some((metric.clone(), told(value, *unit)))
        });
        DeviceRow {
            name: name.to_string(),
            state: self.state,
            reason: self.reason.clone(),
            values: values.collect(),
            age: self.sampled.map(|at| now.saturating_since(at)),
            served: self.served,
            in_cloud: self.in_cloud,
        }
    }
}

/// Why a device is down, or which of its metrics give no good value.
pub fn reason(status: &Status) -> Option<String> {
    if let Some(reason) = &status.reason {
        return Some(reason.to_string());
    }
    let problems = status.problems.iter();
    let problems = problems.map(|(metric, reason)| format!("{metric}: {}", reason.text));
    let problems: Vec<String> = problems.collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// A value for people: switches as on and off, numbers rounded to what a screen has room for.
pub fn told(value: &Value, unit: Option<Unit>) -> String {
    let text = match value {
        Value::Boolean(true) => "on".to_owned(),
        Value::Boolean(false) => "off".to_owned(),
        Value::Number(number) => rounded(number.get()),
        Value::Text(_) | Value::Opaque(_) => value.to_string(),
    };
    match unit.map(Unit::as_str) {
        None | Some("/") => text,
        Some("Cel") => format!("{text} °C"),
        Some("%RH") => format!("{text} %"),
        Some(unit) => format!("{text} {unit}"),
    }
}

/// A number at six significant digits, without zeros at its end.
fn rounded(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return "0".to_owned();
    }
    let magnitude = number.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{number:.5e}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the magnitude lies between -5 and 15, so that this is 0 to 10"
    )]
    let decimals = (5.0 - magnitude).max(0.0) as usize;
    let text = format!("{number:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use umec_wire::{Boot, MetricName, Reason, Sequence, Series};

    use super::*;

    fn device(name: &str) -> DeviceName {
        DeviceName::new(name).unwrap()
    }

    fn served(name: &str, stream: u64, sequence: u64, value: f64) -> Served {
        Served {
            place: Place {
                message: stream,
                whole: true,
            },
            id: MessageId {
                device: device(name),
                boot: Boot::new(Timestamp::from_millis(1), 1),
                sequence: Sequence::new(sequence).unwrap(),
            },
            readings: vec![Reading {
                series: Series::raw(MetricName::new("temperature").unwrap()),
                time: Timestamp::from_millis(1_000 + i64::try_from(stream).unwrap()),
                unit: Some("Cel".parse().unwrap()),
                value: Value::number(value).unwrap(),
            }],
        }
    }

    #[test]
    fn a_message_is_in_the_cloud_when_the_stream_is_acknowledged_up_to_its_place() {
        let mut picture = Picture::default();
        picture.readings(served("a", 10, 1, 20.0));
        picture.readings(served("b", 11, 1, 30.0));
        picture.readings(served("a", 12, 2, 21.0));
        picture.acknowledged(11);
        let rows = picture.rows(Timestamp::from_millis(1_500));
        let stages: Vec<_> = rows.iter().map(|row| (row.served, row.in_cloud)).collect();
        assert_eq!(stages, [(Some(2), Some(1)), (Some(1), Some(1))]);
        assert_eq!(
            rows[0].values,
            [("temperature".to_owned(), "21 °C".to_owned())]
        );
        assert_eq!(rows[0].age, Some(Duration::from_millis(488)));
        assert_eq!(picture.served(), 3);
    }

    #[test]
    fn a_device_is_known_before_its_first_reading_and_its_metrics_keep_their_order() {
        let mut picture = Picture::default();
        let device: Device = serde_json::from_str(
            r#"{"name":"a","state":"unknown","metrics":[{"name":"temperature"},{"name":"heater"}],
                "latest":{"heater":{"value":true,"time":"2026-01-01T00:00:00Z",
                "boot":"019aa5ad7640beef","sequence":7}}}"#,
        )
        .unwrap();
        picture.device(&device);
        let rows = picture.rows(Timestamp::from_millis(0));
        assert_eq!(rows[0].state, DeviceState::Unknown);
        assert_eq!(rows[0].values, [("heater".to_owned(), "on".to_owned())]);
        assert_eq!(rows[0].served, Some(7));
        picture.readings(served("a", 10, 8, 20.0));
        let rows = picture.rows(Timestamp::from_millis(0));
        assert_eq!(rows[0].values[0].0, "temperature");
    }

    #[test]
    fn a_status_gives_the_reason_of_the_device_or_of_its_metrics() {
        let mut status = Status {
            state: State::Up,
            reason: None,
            since: Timestamp::from_millis(0),
            plugin: umec_wire::PluginName::new("modbus").unwrap(),
            identity: umec_wire::status::Identity::default(),
            metrics: Vec::new(),
            problems: BTreeMap::new(),
        };
        assert_eq!(reason(&status), None);
        status.problems.insert(
            MetricName::new("power").unwrap(),
            Reason::new("range", "9000 is above 5000"),
        );
        assert_eq!(
            reason(&status).as_deref(),
            Some("power: 9000 is above 5000")
        );
        status.state = State::Down;
        status.reason = Some(Reason::new("no-answer", "unit 3"));
        assert_eq!(reason(&status).as_deref(), Some("no-answer: unit 3"));
    }

    #[test]
    fn values_are_told_for_people() {
        let number = |n| told(&Value::number(n).unwrap(), None);
        let numbers = [
            21.400_000_000_000_002,
            0.0,
            -0.5,
            1_234_567.8,
            230.0,
            1e-9,
            1e20,
        ];
        assert_eq!(
            numbers.map(number),
            [
                "21.4",
                "0",
                "-0.5",
                "1234568",
                "230",
                "1.00000e-9",
                "1.00000e20"
            ]
        );
        assert_eq!(told(&Value::from(true), None), "on");
        assert_eq!(
            told(&Value::number(40.0).unwrap(), Some("%RH".parse().unwrap())),
            "40 %"
        );
    }
}
