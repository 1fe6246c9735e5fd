//! `--plain`: what has changed between two overviews, a line each. Pure.

use crate::overview::{DeviceRow, DeviceState, Overview, Phase, Pipeline, ProcessRow};
use crate::view::{clock, grouped};

/// How many seconds lie between two lines that only tell how far readings have got.
const COUNTS_EVERY: u64 = 60;

/// The lines that tell how `after` differs from `before`.
pub fn changes(before: &Overview, after: &Overview) -> Vec<String> {
    let mut told = Vec::new();
    for process in &after.processes {
        let earlier = before.processes.iter().find(|p| p.name == process.name);
        told.extend(process_change(earlier, process));
    }
    for device in &after.devices {
        let earlier = before.devices.iter().find(|d| d.name == device.name);
        told.extend(device_change(earlier, device));
    }
    told.extend(stages(&before.pipeline, &after.pipeline));
    if before.phase != after.phase {
        match after.phase {
            Phase::Starting => {}
            Phase::Running => {
                told.push("running".to_owned());
                let hints = after.hints.iter();
                told.extend(hints.map(|hint| format!("try {}: {}", hint.what, hint.command)));
            }
            Phase::Stopping => told.push("stopping".to_owned()),
        }
    }
    let minute = |overview: &Overview| overview.uptime.as_secs() / COUNTS_EVERY;
    if minute(before) != minute(after) && after.phase == Phase::Running {
        told.push(counts(&after.pipeline));
    }
    let at = clock(after.uptime);
    told.into_iter()
        .map(|line| format!("{at} {line}"))
        .collect()
}

fn process_change(before: Option<&ProcessRow>, after: &ProcessRow) -> Option<String> {
    let same = before.is_some_and(|before| {
        before.state == after.state && before.reason == after.reason && before.pid == after.pid
    });
    if same || (before.is_none() && after.state == "waiting") {
        return None;
    }
    let pid = after.pid.map(|pid| format!(" pid {pid}"));
    let reason = after.reason.as_ref().map(|reason| format!(": {reason}"));
    let log = (after.state == "failed").then(|| format!("; log {}", after.log.display()));
    Some(format!(
        "process {} {}{}{}{}",
        after.name,
        after.state,
        pid.unwrap_or_default(),
        reason.unwrap_or_default(),
        log.unwrap_or_default()
    ))
}

fn device_change(before: Option<&DeviceRow>, after: &DeviceRow) -> Option<String> {
    let known = before.map_or((DeviceState::Unknown, None), |b| {
        (b.state, b.reason.as_deref())
    });
    if known == (after.state, after.reason.as_deref()) {
        return None;
    }
    let reason = after.reason.as_deref();
    let reason = reason.map(|reason| format!(": {reason}"));
    Some(format!(
        "device {} {}{}",
        after.name,
        after.state.word(),
        reason.unwrap_or_default()
    ))
}

/// A line for each stage that readings have reached for the first time.
fn stages(before: &Pipeline, after: &Pipeline) -> Vec<String> {
    let stages = [
        ("the plugins", before.sampled, after.sampled),
        ("the bus", before.bus, after.bus),
        ("the edge API", before.api, after.api),
        ("Kafka", before.cloud, after.cloud),
    ];
    let reached = |count: Option<u64>| count.is_some_and(|count| count > 0);
    let first = stages
        .into_iter()
        .filter(|(_, before, after)| !reached(*before) && reached(*after));
    first
        .map(|(stage, _, _)| format!("readings have reached {stage}"))
        .collect()
}

fn counts(pipeline: &Pipeline) -> String {
    let count = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), grouped);
    format!(
        "readings: sampled {}, bus {}, API {}, Kafka {}",
        count(pipeline.sampled),
        count(pipeline.bus),
        count(pipeline.api),
        count(pipeline.cloud)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn process(state: &str, reason: Option<&str>) -> ProcessRow {
        ProcessRow {
            name: "modbus".to_owned(),
            pid: (state == "ready").then_some(42),
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
            restarts: 0,
            log: "modbus.log".into(),
        }
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let before = Overview {
            processes: vec![process("ready", None)],
            pipeline: Pipeline {
                sampled: Some(1),
                ..Pipeline::default()
            },
            ..Overview::default()
        };
        assert_eq!(changes(&before, &before), Vec::<String>::new());
        let after = Overview {
            uptime: Duration::from_secs(3),
            processes: vec![process("failed", Some("exit status: 1"))],
            devices: vec![DeviceRow {
                name: "meter-3".to_owned(),
                state: DeviceState::Down,
                reason: Some("no-answer: unit 3".to_owned()),
                ..DeviceRow::default()
            }],
            pipeline: Pipeline {
                sampled: Some(2),
                bus: Some(1),
                ..Pipeline::default()
            },
            ..before.clone()
        };
        assert_eq!(
            changes(&before, &after),
            [
                "0:00:03 process modbus failed: exit status: 1; log modbus.log",
                "0:00:03 device meter-3 down: no-answer: unit 3",
                "0:00:03 readings have reached the bus",
            ]
        );
    }

    #[test]
    fn counts_are_told_once_a_minute() {
        let at = |seconds| Overview {
            uptime: Duration::from_secs(seconds),
            phase: Phase::Running,
            ..Overview::default()
        };
        assert_eq!(changes(&at(58), &at(59)), Vec::<String>::new());
        assert_eq!(
            changes(&at(59), &at(60)),
            ["0:01:00 readings: sampled -, bus -, API -, Kafka -"]
        );
    }
}
