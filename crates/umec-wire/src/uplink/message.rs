//! What is sealed: a [batch](super::batch), whose first byte is below 128, or an array in CBOR whose
//! first member tells what it is.
//!
//! | up | members after the first |
//! |---|---|
//! | 1 fragment of a batch | number, index, how many, bytes of the batch |
//! | 2 result of a command | id, outcome, reason, value, time |
//! | 3 keepalive | entries that wait for acknowledgement, filling |
//! | 4 answer to a challenge | the challenge's number |
//! | 5 probe of the path's size | number, filling |
//! | 6 batch of the backlog | bytes of the batch |
//!
//! | down | members after the first |
//! |---|---|
//! | 0 acknowledgement | ranges of batch numbers: first, how many more |
//! | 1 command | id, device, name, value, issuer, expiry |
//! | 2 results received | ids |
//! | 3 answer to a keepalive | why nothing is taken at present, or null |
//! | 4 challenge of a new address | number |
//! | 5 answer to a probe | the probe's number |
//! | 6 setting of the node | id, name, value, issuer, expiry |
//! | 7 layouts that are not known | number of the batch that uses them, their numbers |
//!
//! Batch numbers belong to one run of the uplink: a number stands for the same entries as long as it
//! runs, in whatever session it is sent. Results, commands and settings travel in the lane for commands,
//! all else in the lane for data; in the other lane they are refused.
//!
//! Filling is bytes of any value. That of a keepalive makes it as long as a challenge at least, so that
//! the gateway can challenge a new address without sending more to it than came from it. Where it begins
//! with an array of one whole number, that is the round trip in microseconds.

use std::time::Duration;

use bytes::Bytes;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::{Encoder, Write};

use super::batch::{Batch, LayoutNumber};
use super::cbor::{self, Encoded};
use super::datagram::Lane;
use super::ranges::{Range, Ranges};
use crate::command::{CommandId, CommandRequest, CommandResult};
use crate::label::{CommandName, DeviceName};
use crate::status::Reason;

pub use super::cbor::DecodeError;

/// A message from the modem to the gateway.
#[derive(Debug, Clone, PartialEq)]
pub enum Up {
    /// Messages of devices that are acknowledged together.
    Batch(Batch),
    /// The same of messages that had piled up while nothing could be sent.
    Backlog(Batch),
    /// A part of a batch that is larger than a datagram.
    Fragment(Fragment),
    /// How a command ended; sent until received.
    Result(CommandResult),
    /// Asks for an answer, and keeps address translation on the way alive.
    Keepalive {
        /// How many entries wait for acknowledgement on the node.
        waiting: u64,
        /// From sending a batch to its acknowledgement, smoothed, in whole microseconds and at most 71
        /// minutes; none before the first one, and from uplinks that do not tell.
        round_trip: Option<Duration>,
    },
    /// Shows that the modem hears at its new address: the number of the challenge.
    Answer(u32),
    /// Asks whether a datagram of this size arrives.
    Probe {
        /// The number by which it is answered.
        number: u32,
        /// How many bytes of filling make it as large as it is.
        filling: usize,
    },
}

/// A part of a batch in its encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The number of the batch.
    pub number: u64,
    /// Which part this is, from 0.
    pub index: u32,
    /// How many parts there are.
    pub count: u32,
    /// The part.
    pub bytes: Bytes,
}

/// A message from the gateway to the modem.
#[derive(Debug, Clone, PartialEq)]
pub enum Down {
    /// These batches are safe in Kafka.
    Acknowledged(Ranges),
    /// A device is to be told something; sent until a result arrives.
    Command(Command),
    /// These results are safe in Kafka.
    ResultsReceived(Vec<CommandId>),
    /// The gateway lives.
    Alive {
        /// Why it takes no batches at present.
        refusing: Option<Reason>,
    },
    /// To be answered from the address to which it went.
    Challenge(u32),
    /// The probe of this number arrived.
    ProbeArrived(u32),
    /// The node itself is to be told something; sent until a result arrives.
    Setting(Setting),
    /// A batch was not read, since it uses layouts that the gateway does not know.
    UnknownLayouts {
        /// The number of the batch.
        batch: u64,
        /// The layouts to define again.
        layouts: Vec<LayoutNumber>,
    },
}

/// What a node's own services are to be told: `carrier`, `budget`, `poll-interval` and the like.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Which setting.
    pub name: CommandName,
    /// Id, value, issuer and expiry.
    pub request: CommandRequest,
}

/// What a device is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The device.
    pub device: DeviceName,
    /// What to do.
    pub name: CommandName,
    /// Id, value, issuer and expiry.
    pub request: CommandRequest,
}

/// The most bytes that a fragment takes beyond its part.
pub const FRAGMENT_OVERHEAD: usize = 1 + 1 + 9 + 5 + 5 + 5;

/// The least bytes of an encoded keepalive: those of a challenge with the longest header before it.
const KEEPALIVE: usize = CHALLENGE + 7;

/// The most bytes of an encoded challenge.
const CHALLENGE: usize = 1 + 1 + 5;

/// The most bytes that a probe takes beyond its filling.
pub const PROBE_OVERHEAD: usize = 1 + 1 + 5 + 3;

// === impl Up ===

impl Up {
    /// The lane in which this message travels.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Result(_) => Lane::Command,
            Self::Batch(_)
            | Self::Backlog(_)
            | Self::Fragment(_)
            | Self::Keepalive { .. }
            | Self::Answer(_)
            | Self::Probe { .. } => Lane::Data,
        }
    }

    /// Writes the message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Batch(batch) => batch.encode(),
            other => cbor::to_bytes(|to| other.write(to)),
        }
    }

    /// Reads a message that is all of `bytes`; bodies share them.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        if Batch::is_one(bytes) {
            return Ok(Self::Batch(Batch::decode(bytes)?));
        }
        let mut from = Decoder::new(bytes);
        let length = from.array().map_err(DecodeError::Cbor)?;
        let message = match (length, from.u8()?) {
            (Some(5), 1) => Self::Fragment(Fragment {
                number: from.u64()?,
                index: from.u32()?,
                count: from.u32()?,
                bytes: bytes.slice_ref(from.bytes()?),
            }),
            (Some(6), 2) => Self::Result(CommandResult {
                id: cbor::label(&mut from)?,
                outcome: cbor::outcome(&mut from)?,
                reason: cbor::option(&mut from, cbor::reason)?,
                value: cbor::option(&mut from, cbor::value)?,
                time: cbor::timestamp(&mut from)?,
            }),
            (Some(3), 3) => {
                let waiting = from.u64()?;
                let round_trip = cbor::round_trip(from.bytes()?);
                Self::Keepalive {
                    waiting,
                    round_trip,
                }
            }
            (Some(2), 4) => Self::Answer(from.u32()?),
            (Some(3), 5) => Self::Probe {
                number: from.u32()?,
                filling: from.bytes()?.len(),
            },
            (Some(2), 6) => Self::Backlog(Batch::decode(&bytes.slice_ref(from.bytes()?))?),
            _ => return Err(Error::message("a message that is not known").into()),
        };
        cbor::end(&from)?;
        Ok(message)
    }

    fn write<W: Write>(&self, to: &mut Encoder<W>) -> Encoded<W> {
        match self {
            Self::Backlog(batch) => to.array(2)?.u8(6)?.bytes(&batch.encode()).map(drop),
            // A batch has a form of its own.
            Self::Batch(_) => Ok(()),
            Self::Fragment(fragment) => {
                to.array(5)?.u8(1)?.u64(fragment.number)?;
                to.u32(fragment.index)?.u32(fragment.count)?;
                to.bytes(&fragment.bytes).map(drop)
            }
            Self::Result(result) => {
                to.array(6)?.u8(2)?.str(result.id.0.as_str())?;
                to.u8(cbor::outcome_number(result.outcome))?;
                cbor::encode_option(to, result.reason.as_ref(), cbor::encode_reason)?;
                cbor::encode_option(to, result.value.as_ref(), cbor::encode_value)?;
                to.i64(result.time.as_micros()).map(drop)
            }
            Self::Keepalive {
                waiting,
                round_trip,
            } => {
                to.array(3)?.u8(3)?.u64(*waiting)?;
                let mut filling = round_trip.map_or_else(Vec::new, cbor::encode_round_trip);
                let least = KEEPALIVE.saturating_sub(1 + 1 + minicbor::len(waiting) + 1);
                filling.resize(filling.len().max(least), 0);
                to.bytes(&filling).map(drop)
            }
            Self::Answer(number) => to.array(2)?.u8(4)?.u32(*number).map(drop),
            Self::Probe { number, filling } => {
                to.array(3)?.u8(5)?.u32(*number)?;
                to.bytes(&vec![0; *filling]).map(drop)
            }
        }
    }
}

// === impl Down ===

impl Down {
    /// The lane in which this message travels.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Command(_) | Self::Setting(_) | Self::ResultsReceived(_) => Lane::Command,
            Self::Acknowledged(_)
            | Self::Alive { .. }
            | Self::Challenge(_)
            | Self::ProbeArrived(_)
            | Self::UnknownLayouts { .. } => Lane::Data,
        }
    }

    /// Writes the message.
    pub fn encode(&self) -> Vec<u8> {
        cbor::to_bytes(|to| self.write(to))
    }

    /// Reads a message that is all of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let length = from.array().map_err(DecodeError::Cbor)?;
        let message = match (length, from.u8()?) {
            (Some(2), 0) => Self::Acknowledged(ranges(&mut from)?),
            (Some(7), 1) => Self::Command(command(&mut from)?),
            (Some(2), 2) => Self::ResultsReceived(cbor::list(&mut from, cbor::label)?),
            (Some(2), 3) => Self::Alive {
                refusing: cbor::option(&mut from, cbor::reason)?,
            },
            (Some(2), 4) => Self::Challenge(from.u32()?),
            (Some(2), 5) => Self::ProbeArrived(from.u32()?),
            (Some(6), 6) => {
                let id = cbor::label(&mut from)?;
                let name = cbor::label(&mut from)?;
                let request = request(id, &mut from)?;
                Self::Setting(Setting { name, request })
            }
            (Some(3), 7) => Self::UnknownLayouts {
                batch: from.u64()?,
                layouts: cbor::list(&mut from, |from| from.u32().map(LayoutNumber))?,
            },
            _ => return Err(Error::message("a message that is not known").into()),
        };
        cbor::end(&from)?;
        Ok(message)
    }

    fn write<W: Write>(&self, to: &mut Encoder<W>) -> Encoded<W> {
        match self {
            Self::Acknowledged(ranges) => {
                to.array(2)?.u8(0)?.array(2 * ranges.count() as u64)?;
                for range in ranges.iter() {
                    to.u64(range.first)?.u64(range.last - range.first)?;
                }
                Ok(())
            }
            Self::Command(Command {
                device,
                name,
                request,
            }) => {
                to.array(7)?.u8(1)?.str(request.id.0.as_str())?;
                to.str(device.as_str())?.str(name.as_str())?;
                write_request(to, request)
            }
            Self::Setting(Setting { name, request }) => {
                to.array(6)?.u8(6)?.str(request.id.0.as_str())?;
                to.str(name.as_str())?;
                write_request(to, request)
            }
            Self::Challenge(number) => to.array(2)?.u8(4)?.u32(*number).map(drop),
            Self::ProbeArrived(number) => to.array(2)?.u8(5)?.u32(*number).map(drop),
            Self::ResultsReceived(ids) => {
                to.array(2)?.u8(2)?.array(ids.len() as u64)?;
                for id in ids {
                    to.str(id.0.as_str())?;
                }
                Ok(())
            }
            Self::Alive { refusing } => {
                to.array(2)?.u8(3)?;
                cbor::encode_option(to, refusing.as_ref(), cbor::encode_reason)
            }
            Self::UnknownLayouts { batch, layouts } => {
                to.array(3)?.u8(7)?.u64(*batch)?;
                to.array(layouts.len() as u64)?;
                for layout in layouts {
                    to.u32(layout.0)?;
                }
                Ok(())
            }
        }
    }
}

fn ranges(from: &mut Decoder<'_>) -> Result<Ranges, Error> {
    let numbers = cbor::list(from, Decoder::u64)?;
    let (pairs, []) = numbers.as_chunks::<2>() else {
        return Err(Error::message("half a range"));
    };
    Ok(pairs
        .iter()
        .map(|[first, more]| Range {
            first: *first,
            last: first.saturating_add(*more),
        })
        .collect())
}

fn command(from: &mut Decoder<'_>) -> Result<Command, Error> {
    let id = cbor::label(from)?;
    Ok(Command {
        device: cbor::label(from)?,
        name: cbor::label(from)?,
        request: request(id, from)?,
    })
}

/// What a command and a setting have in common, behind their names.
fn request(id: CommandId, from: &mut Decoder<'_>) -> Result<CommandRequest, Error> {
    Ok(CommandRequest {
        id,
        value: cbor::option(from, cbor::value)?,
        issuer: from.str()?.to_owned(),
        expires: cbor::timestamp(from)?,
    })
}

fn write_request<W: Write>(to: &mut Encoder<W>, request: &CommandRequest) -> Encoded<W> {
    cbor::encode_option(to, request.value.as_ref(), cbor::encode_value)?;
    to.str(&request.issuer)?;
    to.i64(request.expires.as_micros()).map(drop)
}

#[cfg(test)]
mod tests;
