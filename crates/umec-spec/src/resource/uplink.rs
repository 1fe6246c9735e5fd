//! The kind `Uplink`: the face of nodes to the cloud.

use serde::{Deserialize, Serialize};
use umec_wire::Span;

use super::{Kind, Nodes};
use crate::settings::uplink::{
    Backlog, Budget, OriginalUplink, Protocol, Selection, default_datagram, default_linger,
    everything,
};
use crate::settings::{Pattern, SecretName};

/// The face of nodes to the cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Uplink {
    /// From which nodes.
    #[serde(default, skip_serializing_if = "Nodes::is_all")]
    pub nodes: Nodes,
    /// What carries the datagrams.
    #[serde(default)]
    pub path: Path,
    /// The gateway, `host:port`.
    pub gateway: String,
    /// Which version of the protocol it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// How a node proves to the gateway who it is; version 1 has no proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What version 1 needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<OriginalUplink>,
    /// What goes up; a message goes up when any choice takes it.
    #[serde(default = "everything")]
    pub send: Vec<Selection>,
    /// The devices that the cloud may command; none where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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

/// What carries the datagrams of an uplink.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// A UDP socket of the node.
    #[default]
    Udp,
}

/// How a node proves to the gateway who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// By a pre-shared key.
    pub key: KeyIdentity,
}

/// A pre-shared key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyIdentity {
    /// The secret that holds it: 64 hexadecimal digits. Each node has its own.
    pub secret: SecretName,
}

impl Kind for Uplink {
    const KIND: &'static str = "Uplink";
}
