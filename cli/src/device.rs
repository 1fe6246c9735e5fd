//! `umec device`: lists, shows, watches and commands the devices of a running node.

mod plan;
mod watch;
mod write;

use std::fs;

use umec_sdk::Clock;
use umec_wire::{DeviceName, Timestamp};

use crate::arguments::{Device, Format};
use crate::failure::Failure;
use crate::http::EdgeApi;
use crate::output;
use crate::picture::told;
use crate::report;
use crate::shown;
use crate::state::Layout;
use crate::view::age;

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
        } => {
            let wanted = write::Wanted {
                device,
                assignment,
                timeout: *timeout,
            };
            write::run(&api(layout)?, &wanted, shown.output).await
        }
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
    output::show(format, &devices.items, |devices| table(devices, now))
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
    // In the order of the profile; what it does not know comes after.
    let known = device.metrics.iter().map(|metric| &metric.name);
    let unknown = device.latest.keys();
    let unknown = unknown.filter(|name| device.metrics.iter().all(|known| known.name != **name));
    let values = known.chain(unknown).filter_map(|metric| {
        let latest = device.latest.get(metric)?;
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

/// What may be written to a metric that may be written.
fn writable(limits: umec_wire::status::Limits) -> String {
    if limits == umec_wire::status::Limits::default() {
        return "any".to_owned();
    }
    limits.to_string()
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
            metric.write.map_or_else(String::new, writable),
            problem.map_or_else(String::new, ToString::to_string),
        ]
    });
    let heading = ["METRIC", "VALUE", "AGE", "EVERY", "WRITE", "PROBLEM"];
    facts.collect::<String>() + "\n" + &output::table(&heading, rows)
}
