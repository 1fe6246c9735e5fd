//! The settings of `umec-edge-api`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use umec_wire::status::{Identity, Limits};
use umec_wire::{DeviceName, Label, MetricName, PluginName, Span, Unit};

use super::{Pattern, SecretName};

/// The settings of the edge API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EdgeApiSettings {
    /// Where HTTP is served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file to which the address in use is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_file: Option<PathBuf>,
    /// Who may do what. Without a token nothing but health is served.
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// The lengths of the windows that are aggregated; each divides a day.
    #[serde(default = "default_windows")]
    pub windows: Vec<Span>,
    /// How long after its end a window waits for readings; those that come later are counted as late.
    #[serde(default = "default_lateness")]
    pub lateness: Span,
    /// How long a command may take where its caller does not say.
    #[serde(default = "default_command_deadline")]
    pub command_deadline: Span,
    /// The limits on callers.
    #[serde(default)]
    pub limits: HttpLimits,
    /// The devices of the node.
    #[serde(default)]
    pub devices: Vec<DeviceEntry>,
}

/// One bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// Its name, for logs and command records.
    pub name: Label,
    /// What it allows.
    pub allow: Vec<Scope>,
    /// For which devices.
    pub devices: Vec<Pattern>,
    /// The secret that holds the token itself.
    pub secret: SecretName,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To see devices, readings and streams.
    Read,
    /// To give commands.
    Command,
}

/// What one caller, and all together, may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HttpLimits {
    /// Connections at once.
    pub connections: usize,
    /// Streams at once.
    pub streams: usize,
    /// Bytes in a request's body.
    pub body: u64,
    /// How long a request may take, streams excepted.
    pub time: Span,
    /// Readings on one page.
    pub page: usize,
    /// Messages that a stream may fall behind before it is ended; its reader resumes where it was.
    pub behind: usize,
    /// How long a connection may take no bytes before it is closed.
    pub stall: Span,
    /// How often a quiet stream shows that it lives.
    pub heartbeat: Span,
    /// Commands whose results are remembered; the oldest are forgotten first.
    pub commands: usize,
}

/// One device, as the resources know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceEntry {
    /// Its name.
    pub name: DeviceName,
    /// The plugin that owns it.
    pub plugin: PluginName,
    /// The profile it is made from.
    pub profile: Label,
    /// Who it is.
    #[serde(default, skip_serializing_if = "Identity::is_empty")]
    pub identity: Identity,
    /// What it measures.
    #[serde(default)]
    pub metrics: Vec<MetricEntry>,
}

/// One metric, as the resources know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricEntry {
    /// Its name.
    pub name: MetricName,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// How often it is sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// What values are believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Limits>,
    /// What may be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Limits>,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            streams: 64,
            body: 64 * 1024,
            time: Span::from_secs(30),
            page: 1_000,
            behind: 1_024,
            stall: Span::from_secs(20),
            heartbeat: Span::from_secs(15),
            commands: 1_000,
        }
    }
}

pub(crate) fn default_windows() -> Vec<Span> {
    vec![
        Span::from_secs(10),
        Span::from_secs(60),
        Span::from_secs(900),
    ]
}

pub(crate) const fn default_lateness() -> Span {
    Span::from_secs(2)
}

pub(crate) const fn default_command_deadline() -> Span {
    Span::from_secs(10)
}
