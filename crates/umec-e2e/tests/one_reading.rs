//! One reading on its whole way: the same value, time and sequence wherever it is seen, by whatever client.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::Value;
use umec_e2e::kafka::Broker;
use umec_e2e::node::Node;
use umec_e2e::{eventually, fail};

/// Ten readings at one a second, and some air.
const SOON: Duration = Duration::from_mins(1);

/// What is seen of a reading.
#[derive(Debug, Clone, PartialEq)]
struct Sight {
    value: f64,
    milliseconds: i64,
}

/// Readings by device, boot and sequence.
type Sights = BTreeMap<String, Sight>;

/// A client that prints lines.
struct Client {
    child: Child,
    lines: Receiver<String>,
}

impl Client {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn new_lines(&self) -> Vec<Value> {
        self.lines
            .try_iter()
            .map(|line| {
                line.strip_prefix("data:")
                    .unwrap_or(&line)
                    .trim()
                    .to_owned()
            })
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn one_reading_is_the_same_on_the_bus_the_event_stream_the_command_line_and_in_kafka() {
    let broker = Broker::start();
    let node = Node::up(None, &["--kafka", &broker.bootstrap()]);

    let subject = "umec.v1.*.thermometer-1.readings";
    let bus = Client::start(node.python("subscribe.py", &[subject]));
    let stream = Client::start(
        node.curl("/api/v1/stream?kind=readings&device=thermometer-1&metric=temperature"),
    );
    let watch = [
        "device",
        "watch",
        "thermometer-1",
        "--metric",
        "temperature",
        "-o",
        "json",
    ];
    let watch = Client::start(node.command(&watch));

    let mut seen: [Sights; 4] = Default::default();
    let everywhere = eventually(SOON, || {
        seen[0].extend(bus.new_lines().iter().filter_map(on_the_bus));
        seen[1].extend(stream.new_lines().iter().filter_map(on_the_event_stream));
        seen[2].extend(watch.new_lines().iter().filter_map(on_the_command_line));
        seen[3].extend(in_kafka(&broker));
        let everywhere: Vec<_> = seen[0]
            .keys()
            .filter(|id| seen.iter().all(|place| place.contains_key(*id)))
            .cloned()
            .collect();
        if everywhere.len() >= 3 {
            Ok(everywhere)
        } else {
            Err(seen.clone())
        }
    });
    for id in everywhere {
        let sights: Vec<_> = seen.iter().map(|place| &place[&id]).collect();
        assert!(
            sights.windows(2).all(|pair| pair[0] == pair[1]),
            "{id}: {sights:#?}"
        );
    }
}

fn on_the_bus(line: &Value) -> Option<(String, Sight)> {
    let id = line["headers"]["Nats-Msg-Id"].as_str()?;
    let pack = line["payload"].as_str()?;
    temperature(pack).map(|sight| (id.to_owned(), sight))
}

fn in_kafka(broker: &Broker) -> Vec<(String, Sight)> {
    broker
        .records("umec.readings")
        .iter()
        .filter_map(|record| {
            let id = record.header("umec_message_id")?;
            let sight = temperature(record.value.as_deref()?)?;
            assert_eq!(record.time, sight.milliseconds, "the record's own time");
            assert_eq!(record.key.as_deref(), Some("pole-7/thermometer-1"));
            Some((id.to_owned(), sight))
        })
        .filter(|(id, _)| id.starts_with("thermometer-1:"))
        .collect()
}

fn on_the_event_stream(document: &Value) -> Option<(String, Sight)> {
    let part = |name: &str| document[name].as_str();
    let id = format!(
        "{}:{}:{}",
        part("device")?,
        part("boot")?,
        document["sequence"]
    );
    let value = document["values"]["temperature"]["value"].as_f64()?;
    Some((
        id,
        Sight {
            value,
            milliseconds: milliseconds(part("time")?),
        },
    ))
}

fn on_the_command_line(line: &Value) -> Option<(String, Sight)> {
    let value = line["value"].as_f64()?;
    let milliseconds = milliseconds(line["time"].as_str()?);
    Some((
        line["id"].as_str()?.to_owned(),
        Sight {
            value,
            milliseconds,
        },
    ))
}

/// The temperature in a SenML pack (RFC 8428 sections 4.1 and 4.2), read without the platform's own decoder.
fn temperature(pack: &str) -> Option<Sight> {
    let records: Vec<Value> =
        serde_json::from_str(pack).unwrap_or_else(|e| fail(&format!("{pack}: {e}")));
    let (mut name, mut time, mut value) = (String::new(), 0.0, 0.0);
    for record in &records {
        if let Some(base) = record["bn"].as_str() {
            base.clone_into(&mut name);
        }
        time = record["bt"].as_f64().unwrap_or(time);
        value = record["bv"].as_f64().unwrap_or(value);
        let whole = format!("{name}{}", record["n"].as_str().unwrap_or_default());
        if whole.ends_with("temperature") {
            let seconds = time + record["t"].as_f64().unwrap_or(0.0);
            // Exact to the microsecond on the bus, whole milliseconds in Kafka.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "microseconds since 1970 fit"
            )]
            let microseconds = (seconds * 1e6).round() as i64;
            let milliseconds = microseconds.div_euclid(1_000);
            let value = value + record["v"].as_f64()?;
            return Some(Sight {
                value,
                milliseconds,
            });
        }
    }
    None
}

/// Milliseconds since 1970 of an RFC 3339 time, by way of the platform's own type.
fn milliseconds(time: &str) -> i64 {
    let time: umec_wire::Timestamp = time
        .parse()
        .unwrap_or_else(|e| fail(&format!("{time}: {e}")));
    time.as_millis()
}
