//! Readings as lines in Influx's form, as Grafana Live takes them.
//!
//! `meter-3,node=pole-7 power=1234,on=true 1763716200001000000`: the device is the measurement, and so the
//! channel `stream/<stream>/meter-3`; the node is a tag, each metric a field, the time that of the sample in
//! nanoseconds.

use std::fmt::Write as _;

use umec_wire::{Pack, Reading, Value};

/// Writes the readings of a pack, a line for each time. Bytes have no form there and are left out, and so
/// are times that nanoseconds do not hold (before 1677, after 2262).
pub(super) fn write(pack: &Pack, lines: &mut String) {
    for readings in pack.readings.chunk_by(|one, next| one.time == next.time) {
        let Some(nanos) = readings
            .first()
            .and_then(|first| first.time.as_micros().checked_mul(1_000))
        else {
            continue;
        };
        let mut fields = readings.iter().filter_map(field).peekable();
        if fields.peek().is_none() {
            continue;
        }
        // A text takes whatever is written into it. Names are labels, in which nothing is to be escaped.
        let _all_fits = write!(lines, "{},node={} ", pack.device, pack.node);
        for (index, (name, value)) in fields.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _all_fits = write!(lines, "{comma}{name}={value}");
        }
        let _all_fits = writeln!(lines, " {nanos}");
    }
}

fn field(reading: &Reading) -> Option<(String, String)> {
    let value = match &reading.value {
        // Without a mark for whole numbers all of a field are of one type, whatever their values.
        Value::Number(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Text(text) => quoted(text),
        Value::Opaque(_) => return None,
    };
    Some((reading.series.to_string(), value))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // A line ends with the line.
            '\n' | '\r' => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use umec_wire::{Series, Timestamp};

    use super::*;

    fn reading(metric: &str, millis: i64, value: Value) -> Reading {
        Reading {
            series: Series::raw(metric.parse().unwrap()),
            time: Timestamp::from_millis(millis),
            unit: None,
            value,
        }
    }

    #[test]
    fn each_time_is_a_line_with_the_device_the_node_and_all_that_has_a_form() {
        let number = |value| Value::number(value).unwrap();
        let pack = Pack {
            node: "pole-7".parse().unwrap(),
            device: "meter-3".parse().unwrap(),
            readings: vec![
                reading("power", 1_700_000_000_001, number(1234.5)),
                reading("on", 1_700_000_000_001, Value::Boolean(true)),
                reading("power", 1_700_000_000_002, number(-3.0)),
                reading(
                    "mode",
                    1_700_000_000_002,
                    Value::Text("a \"b\"\\\nc".into()),
                ),
                reading("raw", 1_700_000_000_003, Value::Opaque(vec![1].into())),
                reading("power", i64::MAX / 1_000, number(1.0)),
            ],
        };
        let mut lines = String::new();
        write(&pack, &mut lines);
        assert_eq!(
            lines,
            "meter-3,node=pole-7 power=1234.5,on=true 1700000000001000000\n\
             meter-3,node=pole-7 power=-3,mode=\"a \\\"b\\\"\\\\ c\" 1700000000002000000\n"
        );
    }
}
