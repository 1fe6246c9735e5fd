//! What `umec up` knows about the node at one moment: the picture that is drawn and told.
//!
//! Plain values; [`crate::view`] lays them out, [`crate::plain`] tells the differences.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The node at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// The node's name.
    pub node: String,
    /// How long `umec up` has been running.
    pub uptime: Duration,
    /// Where in its life it is.
    pub phase: Phase,
    /// The devices, in the order of their names.
    pub devices: Vec<DeviceRow>,
    /// How far readings have got.
    pub pipeline: Pipeline,
    /// The processes, in the order in which they are started.
    pub processes: Vec<ProcessRow>,
    /// What to try.
    pub hints: Vec<Hint>,
}

/// Where `umec up` is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Processes are being started.
    #[default]
    Starting,
    /// Everything has been ready once.
    Running,
    /// Everything is being stopped.
    Stopping,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceRow {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: DeviceState,
    /// Why it is down, or which metrics give no good value.
    pub reason: Option<String>,
    /// Its last values: metric, and value with unit.
    pub values: Vec<(String, String)>,
    /// How old the youngest value is.
    pub age: Option<Duration>,
    /// The sequence of its last message that the edge API has shown.
    pub served: Option<u64>,
    /// The sequence of its last message that the cloud has acknowledged.
    pub in_cloud: Option<u64>,
}

/// How a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceState {
    /// Nothing has been heard of it.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It does not answer.
    Down,
}

/// How many messages have passed each stage; absent where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// Samples taken by plugins.
    pub sampled: Option<u64>,
    /// Messages that the bus keeps or kept.
    pub bus: Option<u64>,
    /// Messages that the edge API has shown us.
    pub api: Option<u64>,
    /// Records that Kafka has acknowledged; absent where there is no uplink.
    pub cloud: Option<u64>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessRow {
    /// Its name.
    pub name: String,
    /// Its id, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How it is, in a word.
    pub state: String,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was started again.
    pub restarts: u32,
    /// The file that it logs to.
    pub log: std::path::PathBuf,
}

/// Something to try in another terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What it shows, in a word.
    pub what: &'static str,
    /// The command.
    pub command: String,
}

// === impl DeviceState ===

impl DeviceState {
    /// The state in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "…",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}
