//! What a running `umec up` tells other commands, in `run/status.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use umec_wire::Timestamp;

use crate::failure::Failure;
use crate::overview::ProcessRow;
use crate::state::Layout;

/// A running node on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The node's name.
    pub node: String,
    /// `starting`, `running` or `stopping`.
    pub phase: String,
    /// The process id of `umec up`.
    pub pid: u32,
    /// When it began.
    pub started: Timestamp,
    /// The state folder.
    pub state: PathBuf,
    /// The files and folders of resources; none for the example.
    pub sources: Vec<PathBuf>,
    /// Where the node can be reached.
    pub faces: Faces,
    /// The tokens of the edge API: name, and the file that holds it.
    pub tokens: BTreeMap<String, PathBuf>,
    /// The credentials of the bus: whose, and the file that holds them.
    pub credentials: BTreeMap<String, PathBuf>,
    /// The processes.
    pub processes: Vec<ProcessRow>,
}

/// Where a node can be reached; what is absent does not run, or not yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Faces {
    /// The edge API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_api: Option<EdgeApiFace>,
    /// The bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<NatsFace>,
    /// The cloud's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaFace>,
    /// The gateway for modems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayFace>,
}

/// The edge API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeApiFace {
    /// Such as `http://127.0.0.1:8080`.
    pub url: String,
    /// The file with this command's own token.
    pub token: PathBuf,
}

/// The bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatsFace {
    /// Such as `nats://127.0.0.1:4222`.
    pub url: String,
    /// The file with this command's own credentials.
    pub credentials: PathBuf,
    /// The prefix that its inboxes must have.
    pub inbox: String,
}

/// The cloud's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaFace {
    /// `host:port` of a broker.
    pub bootstrap: String,
    /// Whether it is in the gateway's memory.
    pub embedded: bool,
}

/// The gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayFace {
    /// Where modems reach it.
    pub udp: String,
    /// Where it tells how it is: `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
}

/// Reads what a running `umec up` tells; a failure where none runs on this state.
pub fn running(layout: &Layout) -> Result<Report, Failure> {
    let absent = |why: &str| {
        Failure::unavailable(format!(
            "nothing runs on {}: {why}; start it with `umec up`, or name its folder with --state",
            layout.root().display()
        ))
    };
    if !layout.root().exists() {
        return Err(absent("there is no such folder"));
    }
    let Some(holder) = layout.holder() else {
        return Err(absent("no `umec up` has it"));
    };
    let begun = || absent("it has only just begun");
    let text = fs::read(layout.status()).map_err(|_| begun())?;
    let report: Report = serde_json::from_slice(&text)
        .map_err(|error| Failure::other(format!("{}: {error}", layout.status().display())))?;
    // One that was killed has left its report behind, which is not of the one that follows it.
    if report.pid.to_string() != holder {
        return Err(begun());
    }
    Ok(report)
}
