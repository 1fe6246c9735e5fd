//! The kind `DeviceProfile`: a type of device, written once by whoever reads its data sheet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umec_wire::status::Limits;
use umec_wire::{MetricName, Span, Unit};

use super::{Kind, Simulation};
use crate::settings::modbus::{
    ByteOrder, RegisterType, Table, default_max_bits, default_max_registers, default_scale,
};
use crate::settings::plugin::Report;

/// A type of device: what it measures and what can be written to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceProfile {
    /// Who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it likes to be asked, for a Modbus device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusProfile>,
    /// What it measures.
    pub metrics: Vec<Metric>,
}

/// How a type of Modbus device likes to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ModbusProfile {
    /// The order of bytes and words, where a metric does not say.
    pub byte_order: ByteOrder,
    /// The most registers in one request, 1 to 125; 1 for devices that only know single registers.
    pub max_registers: u16,
    /// The most coils or discrete inputs in one request, 1 to 2000.
    pub max_bits: u16,
    /// The most unused addresses that are read along to spare a request.
    pub max_gap: u16,
    /// A pause before each request on its line, for devices that need one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Span>,
}

/// One thing that a device measures. It names exactly one protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metric {
    /// Its name, unique in the profile.
    pub name: MetricName,
    /// Its unit, of the SenML registry (RFC 8428 section 12.1, RFC 8798).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Where it is, for a Modbus device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusMetric>,
    /// Where it is, for a device of somebody else's plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomMetric>,
    /// How often it is sampled.
    #[serde(default = "default_every")]
    pub every: Span,
    /// What values are believed; one outside becomes a visible problem instead of a reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Limits>,
    /// Publish on change; each sample where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// What may be written; makes the metric a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Limits>,
    /// What a simulator shows; something fitting where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulate: Option<Simulation>,
}

/// Where a metric is on a Modbus device: `value = raw * scale + offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModbusMetric {
    /// Which table.
    pub table: Table,
    /// The first address, from 0.
    pub address: u16,
    /// How the bits are read; `bit` for coils and discrete inputs, `u16` for registers where absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<RegisterType>,
    /// Which bit of the register, for the type `bit` in a register table; 0 is the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit: Option<u8>,
    /// How many registers, for the type `string`; two characters each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u16>,
    /// The order of bytes and words, where it is not the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_order: Option<ByteOrder>,
    /// What one step of the raw number means.
    #[serde(default = "default_scale")]
    pub scale: f64,
    /// What the raw number 0 means.
    #[serde(default)]
    pub offset: f64,
}

/// Where a metric is on a device of somebody else's plugin: whatever the plugin wants to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomMetric(pub BTreeMap<String, serde_json::Value>);

impl Kind for DeviceProfile {
    const KIND: &'static str = "DeviceProfile";
}

impl Default for ModbusProfile {
    fn default() -> Self {
        Self {
            byte_order: ByteOrder::default(),
            max_registers: default_max_registers(),
            max_bits: default_max_bits(),
            max_gap: 0,
            pause: None,
        }
    }
}

impl ModbusMetric {
    /// How the bits are read, the default of the table included.
    pub fn register_type(&self) -> RegisterType {
        self.kind.unwrap_or(match self.table {
            Table::Coil | Table::Discrete => RegisterType::Bit,
            Table::Holding | Table::Input => RegisterType::U16,
        })
    }
}

const fn default_every() -> Span {
    Span::from_secs(10)
}
