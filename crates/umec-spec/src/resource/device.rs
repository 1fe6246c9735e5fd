//! The kind `Device`: one thing that is read or controlled, and where it hangs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umec_wire::{Label, NodeName, PluginName, Span};

use super::Kind;
use crate::settings::modbus::{Serial, Transport};

/// One thing that is read or controlled, and where it hangs. It names exactly one protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Device {
    /// The node it hangs on.
    pub node: NodeName,
    /// The profile that says what it measures.
    pub profile: Label,
    /// Where it is, for a Modbus device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusDevice>,
    /// Where it is, for a device of somebody else's plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomDevice>,
}

/// Where a Modbus device is. It names exactly one of `tcp`, `rtuOverTcp` and `serial`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModbusDevice {
    /// Modbus TCP, `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// RTU frames through a TCP connection, `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtu_over_tcp: Option<String>,
    /// RTU on a serial line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// The unit id: 1 to 247, on TCP also 0 and 255.
    #[serde(default = "default_unit")]
    pub unit: u8,
    /// How long one answer may take.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

/// Where a device of somebody else's plugin is: the plugin's name and whatever it wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomDevice {
    /// The plugin that owns the device.
    pub plugin: PluginName,
    /// The plugin's own settings.
    #[serde(flatten)]
    pub settings: BTreeMap<String, serde_json::Value>,
}

impl Kind for Device {
    const KIND: &'static str = "Device";
}

impl ModbusDevice {
    /// How its line is reached; `None` where the resource names none or several.
    pub fn transport(&self) -> Option<Transport> {
        match (&self.tcp, &self.rtu_over_tcp, &self.serial) {
            (Some(address), None, None) => Some(Transport::Tcp {
                address: address.clone(),
            }),
            (None, Some(address), None) => Some(Transport::RtuOverTcp {
                address: address.clone(),
            }),
            (None, None, Some(serial)) => Some(Transport::Serial(serial.clone())),
            _ => None,
        }
    }
}

/// A device that is alone behind its address is usually unit 1.
const fn default_unit() -> u8 {
    1
}

const fn default_timeout() -> Span {
    Span::from_secs(1)
}
