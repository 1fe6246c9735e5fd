//! What an uplink needs to speak version 1 of the protocol, to an original server.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use umec_wire::original::Carrier;
use umec_wire::{DeviceName, MetricName};

/// Which version of the protocol the other end speaks.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// The original: an integer a datagram, without proof and without acknowledgement.
    V1,
    /// Our own.
    #[default]
    V2,
}

/// An uplink to an original server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OriginalUplink {
    /// What goes up, and under which number.
    pub series: Vec<OriginalSeries>,
    /// The most datagrams a second. The original server takes 200, and loses what is beyond 300.
    #[serde(default = "default_rate")]
    pub rate: u32,
    /// The address of this end; any free port where absent. A server in local mode calls port 6002.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// The carrier in force when the uplink starts.
    #[serde(default = "no_carrier")]
    pub carrier: Carrier,
    /// What is answered when the server wants another carrier.
    #[serde(default)]
    pub switch: SwitchPolicy,
}

/// One series, and how it becomes an integer: `round((value - offset) / scale)`, in four bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OriginalSeries {
    /// The number of the device on the wire.
    pub id: u32,
    /// The device.
    pub device: DeviceName,
    /// Its metric.
    pub metric: MetricName,
    /// What one step of the integer means; as in the device's profile where absent, and 1 where that
    /// does not say either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// What the integer 0 means; as in the device's profile where absent, and 0 where that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
}

/// What is answered when the server wants another carrier.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SwitchPolicy {
    /// There is no card that could switch: NACK, with the carrier in force.
    #[default]
    Refuse,
    /// There is no card either: ACK, as if there were one. For trying out.
    Simulate,
}

pub(crate) const fn default_rate() -> u32 {
    200
}

const fn no_carrier() -> Carrier {
    Carrier::Disconnect
}
