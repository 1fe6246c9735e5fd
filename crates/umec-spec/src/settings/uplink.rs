//! The settings of `umec-uplink`.

mod original;
mod share;

use serde::{Deserialize, Serialize};
use umec_wire::{Label, MetricName, ModemName, Span};

use super::{Pattern, SecretName};

pub use original::{OriginalSeries, OriginalUplink, Protocol, SwitchPolicy};
pub use share::{Backlog, Budget, Priority};

/// The settings of an uplink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UplinkSettings {
    /// The name under which the gateway knows this node.
    pub modem: ModemName,
    /// The gateway, `host:port`.
    pub gateway: String,
    /// The name of the durable position in the node's stream.
    #[serde(default = "default_position")]
    pub position: Label,
    /// The secret that holds the pre-shared key: 64 hexadecimal digits. Version 1 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretName>,
    /// An original server at the other end, which speaks version 1 of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<OriginalUplink>,
    /// What goes up.
    pub send: Vec<Selection>,
    /// The devices that the cloud may command.
    #[serde(default)]
    pub command: Vec<Pattern>,
    /// The largest datagram in bytes, UDP payload.
    #[serde(default = "default_datagram")]
    pub datagram: usize,
    /// How long a reading may wait for company.
    #[serde(default = "default_linger")]
    pub linger: Span,
    /// How what has piled up goes up beside what is new.
    #[serde(default, skip_serializing_if = "Backlog::is_default")]
    pub backlog: Backlog,
    /// What may be spent; anything where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// One choice of what goes up; a message goes up when any choice takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selection {
    /// Which kind.
    pub kind: SelectionKind,
    /// The devices; all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Pattern>,
    /// The metrics; all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricName>,
    /// The window, for aggregates; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// How soon it is left out where there is a budget. What several choices take has the highest of theirs.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
}

/// What can go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SelectionKind {
    /// Raw readings.
    Readings,
    /// Window aggregates.
    Aggregates,
    /// Events.
    Events,
    /// Births, deaths and reasons.
    Status,
}

/// Fits an IPv6 link of 1,280 bytes, the least that IPv6 allows (RFC 8200 section 5), with its headers.
pub(crate) const fn default_datagram() -> usize {
    1_200
}

pub(crate) const fn default_linger() -> Span {
    Span::from_millis(5)
}

/// What goes up where nothing is chosen.
pub(crate) fn everything() -> Vec<Selection> {
    let all = |kind| Selection {
        kind,
        devices: Vec::new(),
        metrics: Vec::new(),
        window: None,
        priority: Priority::Normal,
    };
    vec![
        all(SelectionKind::Readings),
        all(SelectionKind::Events),
        all(SelectionKind::Status),
    ]
}

fn default_position() -> Label {
    Label::new("uplink").expect("\"uplink\" is a label")
}
