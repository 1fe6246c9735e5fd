//! The last value of each series, as Prometheus reads it. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use umec_wire::{DeviceName, NodeName, Pack, Series, Timestamp, Unit, Value};

/// The last values, of so many series and no more.
#[derive(Debug)]
pub(super) struct LastValues {
    most: usize,
    forget: Duration,
    known: HashMap<Name, Last>,
}

/// One series of the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    node: NodeName,
    device: DeviceName,
    series: Series,
}

#[derive(Debug)]
struct Last {
    value: f64,
    unit: Option<Unit>,
    /// When it was sampled.
    time: Timestamp,
    /// When it came here.
    heard: Duration,
}

/// The family of values.
const VALUE: &str = "umec_reading";

/// The family of the times at which they were sampled.
const TIME: &str = "umec_reading_time_seconds";

// === impl LastValues ===

impl LastValues {
    /// None yet, and never more than `most`; each is known for `forget` after it came.
    pub(super) fn new(most: usize, forget: Duration) -> Self {
        Self {
            most,
            forget,
            known: HashMap::new(),
        }
    }

    /// Takes readings. Texts and bytes are no numbers and are left out; of each series the newest counts,
    /// whatever comes late. Gives how many readings found no room.
    pub(super) fn take(&mut self, now: Duration, pack: Pack) -> usize {
        let mut refused = 0;
        for reading in pack.readings {
            let value = match reading.value {
                Value::Number(number) => number.get(),
                Value::Boolean(value) => f64::from(u8::from(value)),
                Value::Text(_) | Value::Opaque(_) => continue,
            };
            let name = Name {
                node: pack.node.clone(),
                device: pack.device.clone(),
                series: reading.series,
            };
            let last = Last {
                value,
                unit: reading.unit,
                time: reading.time,
                heard: now,
            };
            let is_full = self.known.len() >= self.most;
            match self.known.get_mut(&name) {
                Some(known) if known.time <= last.time => *known = last,
                Some(_) => {}
                None if is_full => refused += 1,
                None => drop(self.known.insert(name, last)),
            }
        }
        refused
    }

    /// Forgets series of which nothing came for long.
    pub(super) fn forget(&mut self, now: Duration) {
        let forget = self.forget;
        self.known.retain(|_, last| now < last.heard + forget);
    }

    /// How many series there are.
    pub(super) fn length(&self) -> usize {
        self.known.len()
    }

    /// All values in the text form of `OpenMetrics` 1.0: the value and when it was sampled, in two families
    /// with the same labels. Prometheus would refuse a sample under a time of its own where it comes late.
    pub(super) fn text(&self) -> String {
        let mut sorted: Vec<_> = self.known.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        let mut text =
            format!("# HELP {VALUE} Last value of a series; true is 1.\n# TYPE {VALUE} gauge\n");
        // A text takes whatever is written into it.
        for (name, last) in &sorted {
            let value = last.value;
            let _all_fits = writeln!(text, "{VALUE}{{{}}} {value}", labels(name, last));
        }
        let _all_fits = writeln!(
            text,
            "# HELP {TIME} When the last value was sampled, since 1970.\n# TYPE {TIME} gauge\n# UNIT {TIME} seconds"
        );
        for (name, last) in &sorted {
            let (labels, millis) = (labels(name, last), last.time.as_millis());
            let (seconds, rest) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
            let _all_fits = writeln!(text, "{TIME}{{{labels}}} {seconds}.{rest:03}");
        }
        text + "# EOF\n"
    }
}

/// The labels of a series. Names are labels and units are from a list, in which nothing is to be escaped.
fn labels(name: &Name, last: &Last) -> String {
    let Name {
        node,
        device,
        series,
    } = name;
    let unit = last.unit.map(|unit| format!(",unit=\"{unit}\""));
    let unit = unit.unwrap_or_default();
    format!("node=\"{node}\",device=\"{device}\",metric=\"{series}\"{unit}")
}

#[cfg(test)]
mod tests {
    use umec_wire::Reading;

    use super::*;

    fn pack(metric: &str, millis: i64, value: Value) -> Pack {
        Pack {
            node: "pole-7".parse().unwrap(),
            device: "meter-3".parse().unwrap(),
            readings: vec![Reading {
                series: Series::raw(metric.parse().unwrap()),
                time: Timestamp::from_millis(millis),
                unit: Some("W".parse().unwrap()),
                value,
            }],
        }
    }

    #[test]
    fn the_newest_value_of_each_series_is_shown_and_those_beyond_the_bound_are_counted() {
        let now = Duration::ZERO;
        let number = |value| Value::number(value).unwrap();
        let mut values = LastValues::new(2, Duration::from_mins(10));
        for (metric, millis, value, refused) in [
            ("power", 2_500, number(20.5), 0),
            ("power", 1_000, number(10.0), 0),
            ("mode", 1_000, Value::Text("eco".into()), 0),
            ("on", 1_000, Value::Boolean(true), 0),
            ("energy", 1_000, number(1.0), 1),
        ] {
            assert_eq!(
                values.take(now, pack(metric, millis, value)),
                refused,
                "{metric}"
            );
        }
        assert_eq!(
            values.text(),
            "# HELP umec_reading Last value of a series; true is 1.\n\
             # TYPE umec_reading gauge\n\
             umec_reading{node=\"pole-7\",device=\"meter-3\",metric=\"on\",unit=\"W\"} 1\n\
             umec_reading{node=\"pole-7\",device=\"meter-3\",metric=\"power\",unit=\"W\"} 20.5\n\
             # HELP umec_reading_time_seconds When the last value was sampled, since 1970.\n\
             # TYPE umec_reading_time_seconds gauge\n\
             # UNIT umec_reading_time_seconds seconds\n\
             umec_reading_time_seconds{node=\"pole-7\",device=\"meter-3\",metric=\"on\",unit=\"W\"} 1.000\n\
             umec_reading_time_seconds{node=\"pole-7\",device=\"meter-3\",metric=\"power\",unit=\"W\"} 2.500\n\
             # EOF\n"
        );
    }

    #[test]
    fn a_series_that_is_silent_makes_room_for_another() {
        let mut values = LastValues::new(1, Duration::from_mins(10));
        let one = || Value::number(1.0).unwrap();
        values.take(Duration::ZERO, pack("power", 1, one()));
        values.forget(Duration::from_mins(9));
        assert_eq!(values.length(), 1);
        values.forget(Duration::from_mins(10));
        assert_eq!(
            values.take(Duration::from_mins(10), pack("energy", 2, one())),
            0
        );
    }
}
