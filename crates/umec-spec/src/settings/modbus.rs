//! The settings of `umec-modbus`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use umec_wire::Span;

use super::plugin::Protocol;

/// Modbus, as the settings of a plugin know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modbus {}

impl Protocol for Modbus {
    type Link = Line;
    type Device = Slave;
    type Metric = Register;
}

/// A line: what one task owns, and all units on it share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// How it is reached.
    pub transport: Transport,
    /// A pause before each request, for devices that need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Span>,
    /// A pause after connecting, for gateways that need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Span>,
}

/// How a line is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[serde(tag = "kind")]
pub enum Transport {
    /// Modbus TCP; the address is `host:port`.
    Tcp {
        /// `host:port`
        address: String,
    },
    /// RTU frames through a TCP connection.
    RtuOverTcp {
        /// `host:port`
        address: String,
    },
    /// RTU on a serial line.
    Serial(Serial),
}

/// A serial line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Serial {
    /// The device file.
    pub path: PathBuf,
    /// Bits per second.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// The parity bit. Without one there are two stop bits (Modbus over Serial Line V1.02 section 2.5.1).
    #[serde(default)]
    pub parity: Parity,
}

/// The parity bit.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// The default of the standard.
    #[default]
    Even,
    /// Odd.
    Odd,
    /// No parity bit.
    None,
}

/// Where a device is on its line, and how it likes to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slave {
    /// The unit id, 1 to 247; 0 and 255 are allowed on TCP.
    pub unit: u8,
    /// The most registers in one request, 1 to 125.
    #[serde(default = "default_max_registers")]
    pub max_registers: u16,
    /// The most coils or discrete inputs in one request, 1 to 2000.
    #[serde(default = "default_max_bits")]
    pub max_bits: u16,
    /// The most unused addresses that are read along to spare a request.
    #[serde(default)]
    pub max_gap: u16,
}

/// Where a metric is, and how its bits become a value: `value = raw * scale + offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Register {
    /// Which table.
    pub table: Table,
    /// The first address, from 0.
    pub address: u16,
    /// How the bits are read.
    #[serde(rename = "type", default)]
    pub kind: RegisterType,
    /// Which bit of the register, for the type `bit` in a register table; 0 is the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit: Option<u8>,
    /// How many registers, for the type `string`; two characters each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u16>,
    /// The order of bytes and words.
    #[serde(default)]
    pub byte_order: ByteOrder,
    /// What one step of the raw number means.
    #[serde(default = "default_scale")]
    pub scale: f64,
    /// What the raw number 0 means.
    #[serde(default)]
    pub offset: f64,
}

/// The four tables of Modbus (Modbus Application Protocol V1.1b3 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// Bits, readable and writable.
    Coil,
    /// Bits, readable.
    Discrete,
    /// Registers, readable and writable.
    Holding,
    /// Registers, readable.
    Input,
}

/// How bits become a value.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RegisterType {
    /// One bit; the only type of coils and discrete inputs.
    Bit,
    /// One register, unsigned.
    #[default]
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, two's complement.
    I32,
    /// Four registers, unsigned.
    U64,
    /// Four registers, two's complement.
    I64,
    /// Two registers, IEEE 754.
    F32,
    /// Four registers, IEEE 754.
    F64,
    /// Two characters a register, ended by a zero byte or the length.
    String,
}

/// The order of bytes on the wire, `A` being the most significant of four; longer numbers alike.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum ByteOrder {
    /// Big-endian: the standard's.
    #[default]
    Abcd,
    /// Little-endian: words and bytes swapped.
    Dcba,
    /// Bytes swapped inside words.
    Badc,
    /// Words swapped.
    Cdab,
}

pub(crate) const fn default_baud() -> u32 {
    19_200 // Modbus over Serial Line V1.02 section 3.2
}

pub(crate) const fn default_max_registers() -> u16 {
    125 // Modbus Application Protocol V1.1b3 section 6.3
}

pub(crate) const fn default_max_bits() -> u16 {
    2_000 // Modbus Application Protocol V1.1b3 section 6.1
}

pub(crate) const fn default_scale() -> f64 {
    1.0
}
