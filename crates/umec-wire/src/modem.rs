//! How modems are, as a gateway tells whoever looks after it: the document at `/modems` of its own face.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::label::{ModemName, NodeName};
use crate::original::Carrier;
use crate::time::Timestamp;

/// All modems that a gateway has heard since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modems {
    /// The modems, by name.
    pub items: Vec<ModemState>,
}

/// How one modem is. What nobody knows is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModemState {
    /// Its name; for a modem of version 1, which has none, that of its node.
    pub modem: ModemName,
    /// The node for which it speaks.
    pub node: NodeName,
    /// The version of the protocol that it speaks.
    pub protocol: Protocol,
    /// Whether it is heard.
    pub state: Heard,
    /// Where it has shown that it hears; for a modem of version 1, from where it sends.
    pub address: SocketAddr,
    /// Since when its session works; for a modem of version 1, since when it is at that address.
    pub since: Timestamp,
    /// When it was heard last.
    pub last_seen: Timestamp,
    /// The mobile network in force; version 1 alone tells it, with each answer to a switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The largest datagram that has come in this session, in bytes: what its path carries at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_datagram: Option<u32>,
    /// What of the last datagrams has not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// What it has told of itself last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// The version of the uplink protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// That of the original system.
    V1,
    /// Ours.
    V2,
}

/// Whether a modem is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heard {
    /// Within its keepalives.
    Up,
    /// Not for a while.
    Down,
}

/// Datagrams by their numbers: of those sent last in the session, at most 2,048.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// How many have not come; those on their way are among them.
    pub missing: u64,
    /// Of how many.
    pub of: u64,
}

/// What a modem tells of itself in keepalives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// When it did.
    pub at: Timestamp,
    /// How many messages wait on the node for acknowledgement.
    pub queue: u64,
    /// From sending a batch to its acknowledgement, smoothed, in microseconds: the path both ways, and
    /// Kafka. Absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_microseconds: Option<u64>,
}
