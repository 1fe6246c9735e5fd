//! What is away is told, with the reason, wherever a person looks; and it recovers without one.

#![cfg(test)]

use std::net::TcpListener;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use umec_e2e::eventually;
use umec_e2e::kafka::Broker;
use umec_e2e::node::Node;
use umec_e2e::program::{Running, binary};

/// Longer than every back-off and time limit on the way.
const SOON: Duration = Duration::from_mins(2);

#[test]
fn a_dead_line_and_a_dead_device_are_told_apart_and_recover() {
    let port = free_port();
    let play = || Running::with_config(&binary("umec-modbus-line"), &LINE.replace("PORT", &port));
    let line = play();
    let node = Node::up(Some(&SITE.replace("PORT", &port)), &[]);
    shows(&node, "whole", "up", "");
    // The other unit falls silent after some answers, for some answers.
    shows(&node, "frail", "down", "no answer");
    shows(&node, "whole", "up", "");
    shows(&node, "frail", "up", "");

    drop(line);
    shows(&node, "whole", "down", "refused");
    shows(&node, "frail", "down", "refused");
    let _line = play();
    shows(&node, "whole", "up", "");
    shows(&node, "frail", "up", "");
}

#[test]
fn an_absent_bus_and_an_absent_kafka_are_told_with_their_reason_and_recover() {
    let mut broker = Broker::start();
    let node = Node::up(None, &["--kafka", &broker.bootstrap()]);
    arrive(&broker);

    broker.kill();
    is(&node, "gateway", "unready", "kafka");
    shows(&node, "thermometer-1", "up", "");
    broker.restart();
    is(&node, "gateway", "ready", "");
    arrive(&broker);

    // A bus that hangs is away for its clients, and comes back as it was.
    let nats = node.process("nats").pid.unwrap();
    let send = |signal| kill(Pid::from_raw(i32::try_from(nats).unwrap()), signal).unwrap();
    send(Signal::SIGSTOP);
    is(&node, "modbus", "unready", "bus");
    send(Signal::SIGCONT);
    is(&node, "modbus", "ready", "");
    is(&node, "edge-api", "ready", "");
    shows(&node, "thermometer-1", "up", "");
    arrive(&broker);
}

/// Waits until a device is in this state, with a reason that says `why`.
fn shows(node: &Node, device: &str, state: &str, why: &str) {
    eventually(SOON, || {
        let shown: Value =
            serde_json::from_slice(&node.umec(&["device", "get", device, "-o", "json"]).stdout)
                .map_err(|e| e.to_string())?;
        let reason = shown["reason"].to_string().to_lowercase();
        if shown["state"] == state && reason.contains(why) {
            Ok(())
        } else {
            Err(shown.to_string())
        }
    });
}

/// Waits until a process is in this state, with a reason that says `why`.
fn is(node: &Node, process: &str, state: &str, why: &str) {
    eventually(SOON, || {
        let found = node.process(process);
        let reason = found.reason.clone().unwrap_or_default().to_lowercase();
        if found.state == state && reason.contains(why) {
            Ok(())
        } else {
            Err(found)
        }
    });
}

/// Waits until further readings have got to Kafka.
fn arrive(broker: &Broker) {
    let before = broker.count("umec.readings", 1);
    eventually(SOON, || {
        let now = broker.count("umec.readings", 1);
        if now > before + 3 { Ok(()) } else { Err(now) }
    });
}

/// A port that nobody listens on just now.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

const LINE: &str = r#"
node: pole-1
settings:
  lines:
    - offer: { kind: tcp, listen: "127.0.0.1:PORT" }
      units:
        - unit: 1
          registers:
            - { register: { table: input, address: 0 }, wave: { kind: constant, value: 7 } }
        - unit: 2
          registers:
            - { register: { table: input, address: 0 }, wave: { kind: constant, value: 8 } }
          faults:
            - { effect: { kind: silence }, after: 60, count: 6 }
"#;

const SITE: &str = r#"
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: gauge }
spec:
  metrics:
    - { name: level, modbus: { table: input, address: 0 }, every: 200ms }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: whole }
spec: { node: pole-1, profile: gauge, modbus: { tcp: "127.0.0.1:PORT", unit: 1, timeout: 500ms } }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: frail }
spec: { node: pole-1, profile: gauge, modbus: { tcp: "127.0.0.1:PORT", unit: 2, timeout: 500ms } }
---
apiVersion: umec.dev/v1alpha1
kind: EdgeApi
metadata: { name: default }
spec: {}
"#;
