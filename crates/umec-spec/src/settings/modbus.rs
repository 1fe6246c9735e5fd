//! The settings of `umec-modbus`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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

// === impl Register ===

impl Register {
    /// A plain register: big-endian, one step is 1.
    pub const fn new(table: Table, address: u16, kind: RegisterType) -> Self {
        Self {
            table,
            address,
            kind,
            bit: None,
            length: None,
            byte_order: ByteOrder::Abcd,
            scale: default_scale(),
            offset: 0.0,
        }
    }

    /// How many registers it takes, or bits in the tables of bits.
    pub fn width(&self) -> u16 {
        match self.kind {
            RegisterType::Bit | RegisterType::U16 | RegisterType::I16 => 1,
            RegisterType::U32 | RegisterType::I32 | RegisterType::F32 => 2,
            RegisterType::U64 | RegisterType::I64 | RegisterType::F64 => 4,
            RegisterType::String => self.length.unwrap_or(1).max(1),
        }
    }

    /// The address behind its last one, at most 65536 for a register that can be.
    pub fn end(&self) -> u32 {
        u32::from(self.address) + u32::from(self.width())
    }
}

// === impl Table ===

impl Table {
    /// Whether its entries are bits rather than registers of 16 bits.
    pub const fn holds_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// Whether a master can write it.
    pub const fn is_writable(self) -> bool {
        matches!(self, Self::Coil | Self::Holding)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Holding => "holding",
            Self::Input => "input",
        })
    }
}

// === impl Transport ===

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address } | Self::RtuOverTcp { address } => f.write_str(address),
            Self::Serial(serial) => write!(f, "{}", serial.path.display()),
        }
    }
}

// === impl Serial ===

impl Serial {
    /// The bits of one character: start, eight of data, parity and one stop, or two stops without parity.
    pub const BITS_PER_CHARACTER: u32 = 11;

    /// How long one character takes on the wire.
    pub fn character(baud: u32) -> Duration {
        Duration::from_secs(1) * Self::BITS_PER_CHARACTER / baud.max(1)
    }

    /// The silence that separates frames: 3.5 characters, and 1.75 ms above 19200 bits per second
    /// (Modbus over Serial Line V1.02 section 2.5.1.1).
    pub fn silence(baud: u32) -> Duration {
        if baud > 19_200 {
            Duration::from_micros(1_750)
        } else {
            Self::character(baud) * 7 / 2
        }
    }
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
