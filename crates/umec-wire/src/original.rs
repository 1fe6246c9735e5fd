//! The uplink protocol, version 1: what the original modems and servers say to each other.
//!
//! One datagram is one [`Packet`]. There is no version, number, name or proof in it, so that what it
//! says is worth what its source address is worth. The first byte has two nibbles, flow and topic:
//! flows 0 and 1 are this version's, [`crate::uplink`] uses others. Integers are big-endian; in a byte
//! the field named first is the high nibble.
//!
//! [`temporenc`] is the form of times, [`integer`] that of values, [`kafka`] the form in which the same
//! facts lie in Kafka. Which of them is believed is not decided here.

pub mod integer;
pub mod kafka;
pub mod temporenc;

use std::fmt;
use std::str::FromStr;

use crate::time::Timestamp;

pub use integer::Integer;
pub use temporenc::TimeError;

/// The most bytes of a packet; both original ends receive into as many, and send no more.
pub const LARGEST: usize = 1_024;

/// The bytes of data in the packets of original senders.
pub const WIDTH: usize = 4;

/// Where the data of a data packet begins: one byte of flow and topic, four of the device id, eight of
/// the time, one of the length.
const DATA: usize = 14;

/// Which of a modem's devices speaks. It also decides the topic in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub u32);

/// A mobile network, as a number of 4 bits and a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Carrier {
    /// Number 0.
    Att,
    /// Number 1.
    TMobile,
    /// Number 2.
    Verizon,
    /// Number 15: no network.
    Disconnect,
}

/// How a modem says it is. Original modems never say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IotStatus {
    /// Number 0.
    Nominal,
    /// Number 1.
    Idle,
    /// Number 2.
    OffNominal,
}

/// Whether a modem did what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It did.
    Ack,
    /// It did not.
    Nack,
}

/// What a modem answers to [`Packet::Perform`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    /// Whether it switched.
    pub verdict: Verdict,
    /// The carrier in force after it.
    pub carrier: Carrier,
}

/// One value of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The device.
    pub device: DeviceId,
    /// When it was sampled. Original modems mean UTC.
    pub time: Timestamp,
    /// The value.
    pub value: Integer<'a>,
}

/// One datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Modem to cloud, first byte `00`: a value.
    Data(Sample<'a>),
    /// Modem to cloud, first byte `01`: how the modem is; it does not say which.
    Status(IotStatus),
    /// Cloud to modem, first byte `10`: switch to this carrier.
    Perform(Carrier),
    /// Modem to cloud, first byte `11`: the answer to that.
    Answer(Answer),
}

/// Why bytes are not a [`Packet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is not one byte.
    #[error("the datagram is empty")]
    Empty,
    /// The first byte is of another protocol.
    #[error("{0:#04x} is no first byte of this version")]
    Kind(u8),
    /// A packet of this kind has another length.
    #[error("{found} bytes, where such a packet has {expected}")]
    Length {
        /// The bytes there should be; the least, for data.
        expected: usize,
        /// The bytes there are.
        found: usize,
    },
    /// The length byte and the data disagree.
    #[error("{told} bytes of data are told and {found} are there")]
    DataLength {
        /// What the length byte says.
        told: usize,
        /// The bytes there are.
        found: usize,
    },
    /// The time is none.
    #[error("the time of a sample")]
    Time(#[from] TimeError),
    /// No carrier has this number.
    #[error("there is no carrier {0}")]
    Carrier(u8),
    /// No status has this number.
    #[error("there is no status {0}")]
    Status(u8),
}

/// Says that no carrier has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of AT&T, T-Mobile, Verizon, Disconnect")]
pub struct UnknownCarrier(pub String);

// === impl Packet ===

impl<'a> Packet<'a> {
    /// Reads a datagram. Padding is ignored, as the original does.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (first, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        match first {
            0x00 => Sample::decode(body).map(Self::Data),
            0x01 => match only(body)? >> 4 {
                0 => Ok(Self::Status(IotStatus::Nominal)),
                1 => Ok(Self::Status(IotStatus::Idle)),
                2 => Ok(Self::Status(IotStatus::OffNominal)),
                other => Err(DecodeError::Status(other)),
            },
            0x10 => Carrier::from_number(only(body)? >> 4).map(Self::Perform),
            0x11 => {
                let byte = only(body)?;
                let verdict = match byte >> 4 {
                    0 => Verdict::Ack,
                    1 => Verdict::Nack,
                    other => return Err(DecodeError::Status(other)),
                };
                let carrier = Carrier::from_number(byte & 0x0f)?;
                Ok(Self::Answer(Answer { verdict, carrier }))
            }
            other => Err(DecodeError::Kind(*other)),
        }
    }

    /// Writes a datagram; only a time can be impossible to write.
    pub fn encode(&self) -> Result<Vec<u8>, TimeError> {
        Ok(match self {
            Self::Data(sample) => sample.encode()?,
            Self::Status(status) => vec![0x01, status.number() << 4],
            Self::Perform(carrier) => vec![0x10, carrier.number() << 4],
            Self::Answer(Answer { verdict, carrier }) => {
                vec![0x11, verdict.number() << 4 | carrier.number()]
            }
        })
    }
}

/// The one byte of a body that has one.
fn only(body: &[u8]) -> Result<u8, DecodeError> {
    match body {
        [byte] => Ok(*byte),
        _ => Err(DecodeError::Length {
            expected: 2,
            found: body.len() + 1,
        }),
    }
}

// === impl Sample ===

impl<'a> Sample<'a> {
    fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let short = DecodeError::Length {
            expected: DATA,
            found: body.len() + 1,
        };
        let (device, rest) = body.split_first_chunk::<4>().ok_or(short)?;
        let (time, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
        let (told, data) = rest.split_first().ok_or(short)?;
        let (told, found) = (usize::from(*told), data.len());
        if told != found {
            return Err(DecodeError::DataLength { told, found });
        }
        let value = Integer::new(data).ok_or(DecodeError::DataLength { told, found })?;
        Ok(Self {
            device: DeviceId(u32::from_be_bytes(*device)),
            time: temporenc::decode(*time)?,
            value,
        })
    }

    fn encode(&self) -> Result<Vec<u8>, TimeError> {
        let time = temporenc::encode(self.time)?;
        let data = self.value.as_bytes();
        let mut bytes = Vec::with_capacity(DATA + data.len());
        bytes.push(0x00);
        bytes.extend_from_slice(&self.device.0.to_be_bytes());
        bytes.extend_from_slice(&time);
        bytes.push(self.value.length());
        bytes.extend_from_slice(data);
        Ok(bytes)
    }
}

// === impl Carrier ===

impl Carrier {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Att, Self::TMobile, Self::Verizon, Self::Disconnect];

    /// The number on the wire, 0 to 15.
    pub const fn number(self) -> u8 {
        match self {
            Self::Att => 0,
            Self::TMobile => 1,
            Self::Verizon => 2,
            Self::Disconnect => 15,
        }
    }

    fn from_number(number: u8) -> Result<Self, DecodeError> {
        let known = Self::ALL.into_iter().find(|c| c.number() == number);
        known.ok_or(DecodeError::Carrier(number))
    }

    /// The name in Kafka and in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Att => "AT&T",
            Self::TMobile => "T-Mobile",
            Self::Verizon => "Verizon",
            Self::Disconnect => "Disconnect",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Carrier {
    type Err = UnknownCarrier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|c| c.as_str() == text);
        known.ok_or_else(|| UnknownCarrier(text.to_owned()))
    }
}

impl serde::Serialize for Carrier {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Carrier {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

// === impl IotStatus, Verdict ===

impl IotStatus {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Nominal => 0,
            Self::Idle => 1,
            Self::OffNominal => 2,
        }
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nominal => "nominal",
            Self::Idle => "idle",
            Self::OffNominal => "off-nominal",
        }
    }
}

impl Verdict {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ack => 0,
            Self::Nack => 1,
        }
    }

    /// The name in Kafka.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ack => "ACK",
            Self::Nack => "NACK",
        }
    }
}

// === impl DecodeError ===

impl DecodeError {
    /// The name of the reason, for counters: one of a few.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Kind(_) => "unknown-kind",
            Self::Length { .. } | Self::DataLength { .. } => "wrong-length",
            Self::Time(error) => error.reason(),
            Self::Carrier(_) => "unknown-carrier",
            Self::Status(_) => "unknown-status",
        }
    }
}

#[cfg(test)]
mod tests;
