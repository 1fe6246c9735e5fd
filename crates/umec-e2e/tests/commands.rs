//! Commands and poll intervals over the death of a plugin (`kill -9`), on a whole node.

#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use umec_e2e::kafka::Broker;
use umec_e2e::node::Node;
use umec_e2e::{eventually, fail};
use umec_sdk::Clock;

const EXAMPLE: &str = include_str!("../../../examples/first/first.yaml");

/// Longer than every back-off and time limit on the way.
const SOON: Duration = Duration::from_mins(2);

/// A Modbus device that answers every read with zeros, and no write.
struct Mute {
    address: SocketAddr,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
}

#[test]
fn a_plugin_that_is_killed_between_a_write_and_its_result_does_not_write_again() {
    let device = Mute::start();
    let node = Node::up(Some(&site(&device)), &[]);
    shows(&node, "heater", None);
    let expires = Clock::system().now().saturating_add(20 * SOON);
    let body = json!({ "value": 21, "id": "once", "expires": expires }).to_string();
    let give = |prefer: &str| {
        let mut curl = node.curl("/api/v1/devices/heater/commands/setpoint");
        curl.args(["--header", prefer, "--json", &body]);
        let output = curl.output().expect("curl runs");
        let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        answer.unwrap_or_else(|| fail(&format!("no answer: {output:?}")))
    };
    assert_eq!(give("Prefer: respond-async")["outcome"], "pending");
    eventually(SOON, || match device.writes.load(Ordering::SeqCst) {
        0 => Err("nothing is written"),
        _ => Ok(()),
    });
    restart(&node, "modbus");
    // The edge API waits for an answer that never comes; a new one asks again.
    restart(&node, "edge-api");
    shows(&node, "heater", None);
    for _ in 0..2 {
        let answer = give("Prefer: wait=20");
        assert_eq!(answer["outcome"], "failed", "{answer}");
        assert_eq!(answer["reason"]["code"], "interrupted", "{answer}");
        restart(&node, "edge-api");
    }
    assert_eq!(device.writes.load(Ordering::SeqCst), 1);
}

#[test]
fn a_poll_interval_holds_after_a_plugin_was_killed() {
    let device = Mute::start();
    let node = Node::up(Some(&site(&device)), &[]);
    shows(&node, "heater", Some("1h"));
    let written = node.umec(&["device", "write", "heater", "poll-interval=0.2"]);
    assert!(written.status.success(), "{written:?}");
    shows(&node, "heater", Some("200ms"));
    restart(&node, "modbus");
    let before = device.reads.load(Ordering::SeqCst);
    eventually(SOON, || match device.reads.load(Ordering::SeqCst) {
        reads if reads > before + 10 => Ok(()),
        reads => Err(reads),
    });
    shows(&node, "heater", Some("200ms"));
    let refused = node.umec(&["device", "write", "heater", "poll-interval=0"]);
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    let back = node.umec(&["device", "write", "heater", "poll-interval"]);
    assert!(back.status.success(), "{back:?}");
    shows(&node, "heater", Some("1h"));
}

#[test]
fn the_cloud_sets_the_poll_interval_of_a_device_that_cannot_be_written() {
    let broker = Broker::start();
    let site = EXAMPLE.replace(r#"["thermometer-*", "pump-*"]"#, r#"["meter-*"]"#);
    let node = Node::up(Some(&site), &["--kafka", &broker.bootstrap()]);
    shows(&node, "meter-3", None);
    let expires = Clock::system().now().saturating_add(20 * SOON);
    let command =
        json!({ "id": "often", "name": "poll-interval", "value": 0.5, "expires": expires });
    broker.produce("umec.commands", "pole-7/meter-3", &command.to_string(), &[]);
    let result = eventually(SOON, || {
        let records = broker.records("umec.command-results");
        let values = records.iter().filter_map(|record| record.value.as_deref());
        let mut values = values.filter_map(|text| serde_json::from_str::<Value>(text).ok());
        values
            .find(|value| value["id"] == "often")
            .ok_or(records.len())
    });
    assert_eq!(
        (&result["outcome"], &result["value"]),
        (&json!("done"), &json!(0.5))
    );
    shows(&node, "meter-3", Some("500ms"));
}

/// Kills a process, and waits until another is in its place and does its work.
fn restart(node: &Node, process: &str) {
    let pid = node.kill(process).expect("it runs");
    eventually(SOON, || {
        let found = node.process(process);
        match found.pid {
            Some(new) if new != pid && found.state == "ready" => Ok(()),
            _ => Err(found),
        }
    });
}

/// Waits until the device is up, and its first metric has this interval.
fn shows(node: &Node, device: &str, every: Option<&str>) {
    eventually(SOON, || {
        let output = node.umec(&["device", "get", device, "-o", "json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
        let interval = shown["metrics"][0]["every"].as_str();
        if shown["state"] == "up" && every.is_none_or(|every| interval == Some(every)) {
            Ok(())
        } else {
            Err(shown.to_string())
        }
    });
}

impl Mute {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mute = Self {
            address: listener.local_addr().unwrap(),
            reads: Arc::default(),
            writes: Arc::default(),
        };
        let (reads, writes) = (Arc::clone(&mute.reads), Arc::clone(&mute.writes));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reads, writes) = (Arc::clone(&reads), Arc::clone(&writes));
                // A connection ends when the plugin does.
                std::thread::spawn(move || drop(serve(stream, &reads, &writes)));
            }
        });
        mute
    }
}

/// Serves one connection (Modbus Messaging on TCP/IP V1.0b section 3.1.3).
fn serve(mut stream: TcpStream, reads: &AtomicUsize, writes: &AtomicUsize) -> std::io::Result<()> {
    loop {
        let mut header = [0; 7];
        stream.read_exact(&mut header)?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]])) - 1;
        let mut request = vec![0; length];
        stream.read_exact(&mut request)?;
        let answer = match request[0] {
            3 => {
                reads.fetch_add(1, Ordering::SeqCst);
                let bytes = request[4] * 2;
                [vec![3, bytes], vec![0; usize::from(bytes)]].concat()
            }
            5 | 6 | 15 | 16 => {
                writes.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            // It knows no other function.
            other => vec![other | 0x80, 1],
        };
        let length = u16::try_from(answer.len() + 1)
            .expect("short")
            .to_be_bytes();
        header[4..6].copy_from_slice(&length);
        stream.write_all(&[header.as_slice(), &answer].concat())?;
    }
}

fn site(device: &Mute) -> String {
    SITE.replace("ADDRESS", &device.address.to_string())
}

const SITE: &str = r#"
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: heater }
spec:
  metrics:
    - { name: setpoint, modbus: { table: holding, address: 0 }, every: 1h, write: {} }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: heater }
spec: { node: pole-1, profile: heater, modbus: { tcp: "ADDRESS", unit: 1, timeout: 1m } }
---
apiVersion: umec.dev/v1alpha1
kind: EdgeApi
metadata: { name: default }
spec: {}
"#;
