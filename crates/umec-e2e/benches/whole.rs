//! The whole on one machine: how long a reading takes to an application and to Kafka, and how much memory
//! each process takes with 100 devices that are all sampled at once.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use umec_e2e::figure::{Goal, quantile, tell};
use umec_e2e::kafka::Broker;
use umec_e2e::node::Node;
use umec_e2e::{eventually, tools};

const DEVICES: usize = 100;

/// As many samples of each time, after as many that warm up.
const SAMPLES: usize = 3_000;
const WARMING: usize = 500;

const LONG: Duration = Duration::from_mins(3);

/// How the store may write: each message through to the disk, or what has come in every ten seconds.
const SYNCS: [&str; 2] = ["always", "10s"];

fn main() {
    for sync in SYNCS {
        let broker = Broker::start();
        let node = Node::up(Some(&site(sync)), &["--kafka", &broker.bootstrap()]);
        times(&node, &broker, sync);
        if sync == SYNCS[0] {
            memories(&node);
        }
    }
}

/// How long samples take to applications and to Kafka.
fn times(node: &Node, broker: &Broker, sync: &str) {
    let stream = node.curl("/api/v1/stream?kind=readings");
    let to_stream = delays(stream, |line| {
        let document: Value = serde_json::from_str(line.strip_prefix("data:")?).ok()?;
        let time: umec_wire::Timestamp = document["time"].as_str()?.parse().ok()?;
        Some(seconds(time))
    });
    tell_times(&format!("sample to event, sync: {sync}"), to_stream, 2.0);

    let mut kcat = Command::new(tools::installed("kcat"));
    kcat.args(["-C", "-q", "-u", "-J", "-o", "end"])
        .args(["-X", "fetch.wait.max.ms=1"])
        .args(["-b", &broker.bootstrap(), "-t", "umec.readings"]);
    let to_kafka = delays(kcat, |line| {
        let record: Value = serde_json::from_str(line).ok()?;
        let pack: Value = serde_json::from_str(record["payload"].as_str()?).ok()?;
        pack[0]["bt"].as_f64().or_else(|| pack[0]["t"].as_f64())
    });
    tell_times(&format!("sample to Kafka, sync: {sync}"), to_kafka, 10.0);
}

fn tell_times(name: &str, mut delays: Vec<f64>, goal: f64) {
    let half = quantile(&mut delays, 0.5);
    tell(&format!("{name}, p50"), half, "ms", Goal::AtMost(goal));
    let most = quantile(&mut delays, 0.99);
    tell(&format!("{name}, p99"), most, "ms", Goal::Open);
}

fn memories(node: &Node) {
    let status = node.status().expect("the node runs");
    let mut ours = 0.0;
    for process in status.processes {
        let mebibytes = memory(process.pid.expect("it runs"));
        let name = format!("memory of {}, {DEVICES} devices", process.name);
        tell(&name, mebibytes, "MiB", Goal::Open);
        if !matches!(process.name.as_str(), "nats" | "modbus-line") {
            ours += mebibytes;
        }
    }
    let name = format!("memory of all of ours, {DEVICES} devices");
    tell(&name, ours, "MiB", Goal::AtMost(40.0));
}

/// Runs a client that prints lines, and tells how many milliseconds after its sampling each arrived.
fn delays(mut client: Command, sampled: impl Fn(&str) -> Option<f64>) -> Vec<f64> {
    let mut client = client
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client starts");
    let lines = arrivals(&mut client);
    let mut delays = Vec::new();
    eventually(LONG, || {
        delays.extend(
            lines
                .try_iter()
                .filter_map(|(line, at)| Some((at - sampled(&line)?) * 1_000.0)),
        );
        if delays.len() >= WARMING + SAMPLES {
            Ok(())
        } else {
            Err(delays.len())
        }
    });
    client.kill().expect("the client ends");
    client.wait().expect("the client is reaped");
    delays.split_off(WARMING)
}

/// The client's lines, each with the time at which it was read.
fn arrivals(client: &mut Child) -> Receiver<(String, f64)> {
    let out = BufReader::new(client.stdout.take().expect("it was asked for"));
    let (sender, lines) = sync_channel(100_000);
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if sender.send((line, now())).is_err() {
                return;
            }
        }
    });
    lines
}

#[expect(
    clippy::disallowed_methods,
    reason = "the very clock that the samples were stamped by"
)]
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds since 1970 are exact in 53 bits"
)]
fn seconds(time: umec_wire::Timestamp) -> f64 {
    time.as_micros() as f64 / 1e6
}

/// What a process takes alone and its share of what it shares (`Pss`), in MiB.
fn memory(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the kernel tells");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .expect("a line Pss");
    let kibibytes: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    kibibytes / 1024.0
}

/// 100 simulated devices, each sampled once a second.
fn site(sync: &str) -> String {
    let device = |number: usize| {
        format!(
            "---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: {{ name: meter-{number}, annotations: {{ umec.dev/simulate: \"true\" }} }}
spec:
  node: pole-1
  profile: meter
  modbus: {{ tcp: \"10.0.{}.{}:502\" }}
",
            number / 100,
            number % 100 + 1
        )
    };
    let devices: Vec<String> = (0..DEVICES).map(device).collect();
    let node = format!("{NODE}{sync} }} }} }}\n---\n");
    node + PROFILE + &devices.concat()
}

/// Ends where the value of `sync` belongs.
const NODE: &str = "
apiVersion: umec.dev/v1alpha1
kind: EdgeNode
metadata: { name: pole-1 }
spec: { bus: { store: { sync: ";

const PROFILE: &str = r#"
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: meter }
spec:
  metrics:
    - name: power
      unit: W
      modbus: { table: input, address: 0, type: f32 }
      every: 1s
      simulate: { kind: sine, min: 0, max: 2000, period: 10s }
    - name: energy
      unit: Wh
      modbus: { table: input, address: 2, type: u32 }
      every: 1s
      simulate: { kind: counter, start: 0, perSecond: 1 }
---
apiVersion: umec.dev/v1alpha1
kind: EdgeApi
metadata: { name: default }
spec: {}
---
apiVersion: umec.dev/v1alpha1
kind: Uplink
metadata: { name: cloud }
spec:
  gateway: "127.0.0.1:6001"
  identity: { key: { secret: uplink-key } }
  send:
    - { kind: readings }
"#;
