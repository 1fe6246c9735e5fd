//! The settings of `umec-gateway`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::original::OriginalSettings;
use super::sinks::Sinks;
use umec_wire::Label;

pub use super::kafka::Kafka;

/// The settings of a gateway. The process's secrets folder is not used: keys have one of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewaySettings {
    /// Its name among the gateways of one Kafka. Of one name only one may run at a time: who starts has
    /// the modems of whoever bore the name before.
    #[serde(default = "default_name")]
    pub name: Label,
    /// The UDP address for modems; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file to which the address in use is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_file: Option<PathBuf>,
    /// The folder of pre-shared keys: a file per modem, 64 hexadecimal digits. It is looked into
    /// whenever a modem without a session calls, so new modems need no restart.
    pub keys: PathBuf,
    /// The Kafka cluster.
    pub kafka: Kafka,
    /// Original modems, which speak version 1 of the protocol; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<OriginalSettings>,
    /// Where readings are shown beside Kafka.
    #[serde(default, skip_serializing_if = "Sinks::is_empty")]
    pub sinks: Sinks,
}

/// The name of a gateway that is alone.
pub fn default_name() -> Label {
    Label::new("gateway").expect("a label")
}
