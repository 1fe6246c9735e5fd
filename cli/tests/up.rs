//! `umec up` with the example, on real servers and real daemons.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use umec_e2e::eventually;
use umec_e2e::node::Node;

const SOON: Duration = Duration::from_secs(30);

fn pids(node: &Node) -> Vec<u32> {
    let processes = node.status().unwrap().processes.into_iter();
    processes.filter_map(|process| process.pid).collect()
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn shown(node: &Node, device: &str, metric: &str) -> Option<f64> {
    let device = node.umec_json(&["device", "get", device, "-o", "json"]);
    device["latest"][metric]["value"].as_f64()
}

#[test]
fn the_example_reaches_every_stage_and_ctrl_c_leaves_no_process_behind() {
    let mut node = Node::up(None, &[]);
    for stage in ["the plugins", "the bus", "the edge API", "Kafka"] {
        eventually(SOON, || {
            let log = node.log();
            let reached = log.contains(&format!("readings have reached {stage}"));
            if reached { Ok(()) } else { Err(log) }
        });
    }
    eventually(SOON, || {
        let devices = node.umec_json(&["device", "list", "-o", "json"]);
        let up = |device: &Value| device["state"] == "up" && device["latest"] != Value::Null;
        let all = devices
            .as_array()
            .is_some_and(|d| d.len() == 3 && d.iter().all(up));
        if all { Ok(()) } else { Err(devices) }
    });
    eventually(SOON, || {
        let modems = node.umec_json(&["gateway", "modems", "-o", "json"]);
        let modem = &modems[0];
        let is_told = modem["state"] == "up"
            && modem["told"]["roundTripMicroseconds"].as_u64() > Some(0)
            && modem["loss"]["missing"] == 0
            && modem["largestDatagram"].as_u64() > Some(100);
        if is_told { Ok(()) } else { Err(modems) }
    });
    let running = pids(&node);
    assert_eq!(running.len(), 6);
    assert!(node.stop().success());
    for pid in running {
        assert!(!is_alive(pid), "{pid} outlives umec up");
    }
}

#[test]
fn a_written_setpoint_is_shown_and_watched_and_a_wrong_one_refused() {
    let node = Node::up(None, &[]);
    let write = |assignment: &str| {
        let output = node.umec(&["device", "write", "thermometer-1", assignment, "-o", "json"]);
        let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        let outcome = answer.and_then(|answer| answer["outcome"].as_str().map(str::to_owned));
        (output.status.code(), outcome)
    };
    eventually(SOON, || match write("setpoint=23.5") {
        (Some(0), Some(outcome)) if outcome == "done" => Ok(()),
        other => Err(other),
    });
    eventually(SOON, || match shown(&node, "thermometer-1", "setpoint") {
        Some(23.5) => Ok(()),
        other => Err(other),
    });
    let (code, _) = write("setpoint=99");
    assert_eq!(code, Some(64));
    let watched = node.umec(&[
        "device",
        "watch",
        "thermometer-1",
        "--metric",
        "temperature",
        "--count",
        "2",
        "-o",
        "json",
    ]);
    let lines = String::from_utf8(watched.stdout).unwrap();
    assert_eq!(lines.lines().count(), 2);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["metric"], "temperature");
        assert!(line["id"].as_str().unwrap().starts_with("thermometer-1:"));
    }
}

#[test]
fn a_second_up_continues_on_the_same_ports_with_what_was_stored() {
    let mut node = Node::up(None, &[]);
    let url = node.face("/edgeApi/url");
    let token = fs::read(node.face("/edgeApi/token")).unwrap();
    let beside = node.umec(&["up", "--plain"]);
    assert_eq!(beside.status.code(), Some(69));
    let told = String::from_utf8(beside.stderr).unwrap();
    assert!(told.contains("already runs on"), "{told}");
    eventually(SOON, || {
        shown(&node, "meter-3", "energy").ok_or("no energy yet")
    });
    node.stop();
    node.restart();
    assert_eq!(node.face("/edgeApi/url"), url);
    assert_eq!(fs::read(node.face("/edgeApi/token")).unwrap(), token);
    eventually(SOON, || {
        shown(&node, "meter-3", "energy").ok_or("no energy yet")
    });
}

#[test]
fn a_killed_process_is_started_again_and_a_killed_umec_takes_all_with_it() {
    let mut node = Node::up(None, &[]);
    let before = node.kill("modbus").unwrap();
    eventually(SOON, || {
        let process = node.process("modbus");
        let again = process.state == "ready" && process.pid.is_some_and(|pid| pid != before);
        if again { Ok(()) } else { Err(process) }
    });
    let running = pids(&node);
    node.kill_umec();
    eventually(SOON, || {
        let left: Vec<u32> = running
            .iter()
            .copied()
            .filter(|pid| is_alive(*pid))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    node.restart();
    assert_eq!(node.status().unwrap().phase, "running");
}
