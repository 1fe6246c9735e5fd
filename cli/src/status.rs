//! `umec status`: a running node's addresses, tokens, credentials, processes and devices.

use serde::Serialize;

use crate::arguments::Format;
use crate::device::{api, table};
use crate::failure::Failure;
use crate::output;
use crate::report::{self, Report};
use crate::shown::{Device, Devices};
use crate::state::Layout;

/// What is told.
#[derive(Debug, Serialize)]
struct Status {
    #[serde(flatten)]
    report: Report,
    /// The devices, as far as the edge API tells.
    devices: Vec<Device>,
}

/// Tells of the node that runs on this state; fails with 69 where none does.
pub async fn run(layout: &Layout, format: Format) -> Result<(), Failure> {
    let report = report::running(layout)?;
    // A node whose edge API does not answer still has all the rest to tell.
    let devices = match api(layout) {
        Ok(api) => api.get::<Devices>("/api/v1/devices").await.ok(),
        Err(_) => None,
    };
    let status = Status {
        report,
        devices: devices.map(|devices| devices.items).unwrap_or_default(),
    };
    output::show(format, &status, text)
}

fn text(status: &Status) -> String {
    let report = &status.report;
    let faces = &report.faces;
    let absent = || "-".to_owned();
    let sources = match report.sources.as_slice() {
        [] => "the example".to_owned(),
        sources => {
            let sources = sources.iter().map(|path| path.display().to_string());
            sources.collect::<Vec<_>>().join(" ")
        }
    };
    let api = faces.edge_api.as_ref();
    let kafka = faces.kafka.as_ref().map(|kafka| {
        let place = if kafka.embedded {
            " (in the gateway's memory)"
        } else {
            ""
        };
        format!("{}{place}", kafka.bootstrap)
    });
    let lines = [
        ("node", format!("{} is {}", report.node, report.phase)),
        ("since", report.started.to_string()),
        ("process", report.pid.to_string()),
        ("state", report.state.display().to_string()),
        ("resources", sources),
        ("edge API", api.map_or_else(absent, |api| api.url.clone())),
        (
            "NATS",
            faces
                .nats
                .as_ref()
                .map_or_else(absent, |nats| nats.url.clone()),
        ),
        ("Kafka", kafka.unwrap_or_else(absent)),
        (
            "gateway",
            faces
                .gateway
                .as_ref()
                .map_or_else(absent, |gateway| format!("udp {}", gateway.udp)),
        ),
    ];
    let lines = lines.map(|(name, fact)| format!("{name:<11}{fact}\n"));
    let processes = report.processes.iter().map(|process| {
        vec![
            process.name.clone(),
            process.pid.map_or_else(absent, |pid| pid.to_string()),
            process.state.clone(),
            process.restarts.to_string(),
            process.reason.clone().unwrap_or_default(),
        ]
    });
    let processes = output::table(
        &["PROCESS", "PID", "STATE", "RESTARTS", "REASON"],
        processes,
    );
    let files = |heading: &str, files: &std::collections::BTreeMap<String, std::path::PathBuf>| {
        let rows = files.iter();
        let rows = rows.map(|(name, path)| vec![name.clone(), path.display().to_string()]);
        output::table(&[heading, "FILE"], rows)
    };
    let now = umec_sdk::Clock::system().now();
    [
        lines.concat(),
        processes,
        files("TOKEN", &report.tokens),
        files("CREDENTIALS", &report.credentials),
        table(&status.devices, now),
    ]
    .join("\n")
}
