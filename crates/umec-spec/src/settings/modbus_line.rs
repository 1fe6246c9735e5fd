//! The settings of the simulator `umec-modbus-line`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use umec_wire::Span;

use super::modbus::{Parity, Register};

/// Several simulated lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModbusLineSettings {
    /// The lines.
    pub lines: Vec<SimulatedLine>,
}

/// One line with the units on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimulatedLine {
    /// Where the line is offered.
    pub offer: Offer,
    /// The units.
    pub units: Vec<SimulatedUnit>,
}

/// Where a line is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum Offer {
    /// Modbus TCP on `host:port`; port 0 takes a free one.
    Tcp {
        /// `host:port`
        listen: String,
        /// The file to which the address in use is written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address_file: Option<PathBuf>,
    },
    /// RTU frames over TCP.
    RtuOverTcp {
        /// `host:port`
        listen: String,
        /// The file to which the address in use is written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address_file: Option<PathBuf>,
    },
    /// RTU on a pseudo-terminal.
    Serial {
        /// Where a symbolic link to the pseudo-terminal is put.
        link: PathBuf,
        /// Bits per second, honoured where the line is paced.
        baud: u32,
        /// The parity bit, for the length of a character.
        #[serde(default)]
        parity: Parity,
        /// Whether bytes and silent intervals take the time they take on a wire.
        #[serde(default)]
        paced: bool,
    },
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimulatedUnit {
    /// Its id.
    pub unit: u8,
    /// Who it says it is (function code 43/14): vendor, product code and revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<[String; 3]>,
    /// What it shows.
    pub registers: Vec<SimulatedRegister>,
    /// What goes wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// One value that a unit shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimulatedRegister {
    /// Where and how.
    pub register: Register,
    /// What it shows over time.
    pub wave: Wave,
    /// Whether a write changes it from then on.
    #[serde(default)]
    pub writable: bool,
}

/// A value over time, before scale and offset are taken out. What it follows are addresses of the same
/// unit, in the holding table and in the coil table.
pub type Wave = crate::wave::Wave<u16>;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub effect: Effect,
    /// The first request it strikes, from 0.
    #[serde(default)]
    pub after: u64,
    /// How many requests it strikes; all further ones where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// It strikes each n-th of them.
    #[serde(default = "default_each")]
    pub each: u64,
}

/// What goes wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// No answer.
    Silence,
    /// It comes late.
    Delay {
        /// By this much.
        by: Span,
    },
    /// It comes from another unit.
    WrongUnit,
    /// Its end is missing.
    Cut,
    /// Its checksum is wrong; on TCP, which has none, its transaction id.
    BadCrc,
    /// It holds one register, or eight bits, less than asked for, in a frame that is right otherwise.
    Short,
    /// An exception.
    Exception {
        /// Its code.
        code: u8,
    },
    /// The connection is closed.
    Drop,
}

const fn default_each() -> u64 {
    1
}
