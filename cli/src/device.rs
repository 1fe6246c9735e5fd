//! `umec device`: lists, shows, watches and commands the devices of a running node.

mod plan;
mod watch;

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use umec_sdk::Clock;
use umec_wire::command::Outcome;
use umec_wire::{DeviceName, Reason, Span, Timestamp, Value, senml};

use crate::arguments::{Assignment, Device, Format};
use crate::failure::Failure;
use crate::http::EdgeApi;
use crate::output;
use crate::picture::told;
use crate::report;
use crate::shown;
use crate::state::Layout;
use crate::view::age;

/// How much longer than the command itself its answer may take on the way.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Answer {
    /// Which command it was.
    id: String,
    /// How it ended.
    outcome: Outcome,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// What the device shows after it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "senml::plain_option"
    )]
    value: Option<Value>,
    /// When it ended.
    time: Timestamp,
}

/// Does what the command line says.
pub async fn run(layout: &Layout, command: &Device) -> Result<(), Failure> {
    match command {
        Device::List(shown) => list(&api(layout)?, shown.output).await,
        Device::Get { device, shown } => get(&api(layout)?, device, shown.output).await,
        Device::Watch {
            devices,
            metric,
            count,
            shown,
        } => {
            let wanted = watch::Wanted {
                devices,
                metrics: metric,
                count: *count,
            };
            watch::run(&api(layout)?, &wanted, shown.output).await
        }
        Device::Write {
            device,
            assignment,
            timeout,
            shown,
        } => write(&api(layout)?, device, assignment, *timeout, shown.output).await,
        Device::Plan {
            device,
            file,
            shown,
        } => plan::run(layout, device.as_ref(), file, shown.output),
    }
}

/// The edge API of the running node, with this command's own token.
pub fn api(layout: &Layout) -> Result<EdgeApi, Failure> {
    let report = report::running(layout)?;
    let face = report.faces.edge_api.ok_or_else(|| {
        Failure::unavailable("the edge API has not started yet; `umec status` tells more")
    })?;
    let token = fs::read_to_string(&face.token)
        .map_err(|error| Failure::other(format!("{}: {error}", face.token.display())))?;
    Ok(EdgeApi::new(
        reqwest::Client::new(),
        &face.url,
        token.trim(),
    ))
}

async fn list(api: &EdgeApi, format: Format) -> Result<(), Failure> {
    let devices: shown::Devices = api.get("/api/v1/devices").await?;
    let now = Clock::system().now();
    output::show(format, &devices.devices, |devices| table(devices, now))
}

/// The devices as a table.
pub fn table(devices: &[shown::Device], now: Timestamp) -> String {
    let rows = devices.iter().map(|device| {
        let last = device.last();
        let old = last.map(|latest| age(now.saturating_since(latest.time)));
        let message = last.map(|latest| latest.sequence.to_string());
        vec![
            device.name.to_string(),
            device.state.clone(),
            old.unwrap_or_default(),
            message.unwrap_or_default(),
            device.why().unwrap_or_else(|| values(device)),
        ]
    });
    output::table(&["DEVICE", "STATE", "AGE", "MESSAGE", "LAST VALUES"], rows)
}

fn values(device: &shown::Device) -> String {
    let values = device.latest.iter().filter_map(|(metric, latest)| {
        let value = latest.value.as_ref()?;
        Some(format!("{metric} {}", told(value, latest.unit)))
    });
    values.collect::<Vec<_>>().join("  ")
}

async fn get(api: &EdgeApi, device: &DeviceName, format: Format) -> Result<(), Failure> {
    let device: shown::Device = api.get(&format!("/api/v1/devices/{device}")).await?;
    let now = Clock::system().now();
    output::show(format, &device, |device| sheet(device, now))
}

/// One device as a person reads it.
fn sheet(device: &shown::Device, now: Timestamp) -> String {
    let identity = &device.identity;
    let facts = [
        ("device", Some(device.name.to_string())),
        ("state", Some(device.state.clone())),
        ("reason", device.why()),
        (
            "since",
            device
                .since
                .map(|since| format!("{since} ({} ago)", age(now.saturating_since(since)))),
        ),
        ("plugin", device.plugin.clone()),
        ("profile", device.profile.clone()),
        ("manufacturer", identity.manufacturer.clone()),
        ("model", identity.model.clone()),
        ("revision", identity.revision.clone()),
        ("serial", identity.serial.clone()),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(name, fact)| Some((name, fact?)));
    let facts = facts.map(|(name, fact)| format!("{name:<14}{fact}\n"));
    let rows = device.metrics.iter().map(|metric| {
        let latest = device.latest.get(&metric.name);
        let value = latest.and_then(|latest| Some(told(latest.value.as_ref()?, latest.unit)));
        let problem = device.problems.get(&metric.name);
        vec![
            metric.name.to_string(),
            value.unwrap_or_else(|| "-".to_owned()),
            latest.map_or_else(String::new, |l| age(now.saturating_since(l.time))),
            metric
                .every
                .map_or_else(String::new, |every| every.to_string()),
            metric
                .write
                .map_or_else(String::new, |limits| limits.to_string()),
            problem.map_or_else(String::new, ToString::to_string),
        ]
    });
    let heading = ["METRIC", "VALUE", "AGE", "EVERY", "WRITE", "PROBLEM"];
    facts.collect::<String>() + "\n" + &output::table(&heading, rows)
}

async fn write(
    api: &EdgeApi,
    device: &DeviceName,
    assignment: &Assignment,
    timeout: Span,
    format: Format,
) -> Result<(), Failure> {
    let path = format!("/api/v1/devices/{device}/commands/{}", assignment.metric);
    let body = serde_json::json!({ "value": assignment.value, "timeout": timeout });
    let deadline = timeout.duration() + ON_THE_WAY;
    let answer: Answer = api.post(&path, &body, deadline).await?;
    output::show(format, &answer, |answer| {
        let value = answer.value.as_ref();
        let value = value.map(|value| format!(", the device shows {}", told(value, None)));
        let reason = answer.reason.as_ref();
        let reason = reason.map(|reason| format!(": {reason}"));
        format!(
            "{}{}{}\n",
            answer.outcome.as_str(),
            reason.unwrap_or_default(),
            value.unwrap_or_default()
        )
    })?;
    match answer.outcome {
        Outcome::Done => Ok(()),
        Outcome::Refused => Err(Failure::bad_input(format!("{device} was not written"))),
        Outcome::Failed => Err(Failure::other(format!(
            "whether {device} was written is not known"
        ))),
        Outcome::Expired => Err(Failure::other(format!(
            "{device} was not written within {timeout}"
        ))),
    }
}
