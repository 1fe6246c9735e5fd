//! The words of this crate in CBOR (RFC 8949), as sealed messages write them.
//!
//! Arrays of known length stand for structures, whole numbers for enumerations, `null` for what is
//! absent. A decoder refuses an array that is shorter or longer than it knows.

use std::time::Duration;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::{self, Encoder, Write};

use super::batch::BatchError;
use super::cookie::Cookie;
use crate::command::{CommandId, Outcome};
use crate::label::Label;
use crate::message_id::Boot;
use crate::reading::Value;
use crate::status::Reason;
use crate::time::Timestamp;

/// Why bytes are not a sealed message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is no CBOR of the right shape.
    #[error("the CBOR of the message")]
    Cbor(#[from] Error),
    /// It is no batch of the right form.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Something follows it.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
}

/// Checks that the decoder has come to the end.
pub(super) fn end(decoder: &Decoder<'_>) -> Result<(), DecodeError> {
    match decoder.input().len().saturating_sub(decoder.position()) {
        0 => Ok(()),
        more => Err(DecodeError::Trailing(more)),
    }
}

/// Reads the head of an array of `length` members.
pub(super) fn array(from: &mut Decoder<'_>, length: u64) -> Result<(), Error> {
    match from.array()? {
        Some(found) if found == length => Ok(()),
        _ => Err(Error::message("an array has another length")),
    }
}

/// The round trip as the filling of a keepalive tells it.
pub(super) fn encode_round_trip(trip: Duration) -> Vec<u8> {
    let micros = u32::try_from(trip.as_micros()).unwrap_or(u32::MAX);
    to_bytes(|to| to.array(1)?.u32(micros).map(drop))
}

/// The round trip in the filling of a keepalive; none where it is filling and no more.
pub(super) fn round_trip(filling: &[u8]) -> Option<Duration> {
    let mut from = Decoder::new(filling);
    array(&mut from, 1).ok()?;
    from.u32()
        .ok()
        .map(|micros| Duration::from_micros(micros.into()))
}

/// Reads an array of any known length, each member by `member`. Memory grows with what is there,
/// not with what the head promises.
pub(super) fn list<'b, T>(
    from: &mut Decoder<'b>,
    mut member: impl FnMut(&mut Decoder<'b>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let length = from
        .array()?
        .ok_or_else(|| Error::message("an array of unknown length"))?;
    let mut members = Vec::new();
    for _ in 0..length {
        members.push(member(from)?);
    }
    Ok(members)
}

/// Reads something or `null`.
pub(super) fn option<'b, T>(
    from: &mut Decoder<'b>,
    value: impl FnOnce(&mut Decoder<'b>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if from.datatype()? == Type::Null {
        from.null()?;
        return Ok(None);
    }
    value(from).map(Some)
}

/// Reads a name.
pub(super) fn label<T: From<Label>>(from: &mut Decoder<'_>) -> Result<T, Error> {
    Label::new(from.str()?).map(T::from).map_err(Error::custom)
}

impl From<Label> for CommandId {
    fn from(label: Label) -> Self {
        Self(label)
    }
}

pub(super) fn boot(from: &mut Decoder<'_>) -> Result<Boot, Error> {
    from.u64().map(Boot::from_bits)
}

pub(super) fn cookie(from: &mut Decoder<'_>) -> Result<Cookie, Error> {
    let bytes = from.bytes()?.try_into();
    bytes
        .map(Cookie)
        .map_err(|_| Error::message("a cookie has 17 bytes"))
}

pub(super) fn timestamp(from: &mut Decoder<'_>) -> Result<Timestamp, Error> {
    from.i64().map(Timestamp::from_micros)
}

pub(super) fn outcome(from: &mut Decoder<'_>) -> Result<Outcome, Error> {
    match from.u8()? {
        0 => Ok(Outcome::Done),
        1 => Ok(Outcome::Refused),
        2 => Ok(Outcome::Failed),
        3 => Ok(Outcome::Expired),
        _ => Err(Error::message("an outcome that is not known")),
    }
}

pub(super) const fn outcome_number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Refused => 1,
        Outcome::Failed => 2,
        Outcome::Expired => 3,
    }
}

pub(super) fn reason(from: &mut Decoder<'_>) -> Result<Reason, Error> {
    array(from, 2)?;
    Ok(Reason {
        code: label(from)?,
        text: from.str()?.to_owned(),
    })
}

pub(super) fn value(from: &mut Decoder<'_>) -> Result<Value, Error> {
    match from.datatype()? {
        Type::Bool => from.bool().map(Value::Boolean),
        Type::String => from.str().map(Value::from),
        Type::Bytes => from
            .bytes()
            .map(|bytes| Value::Opaque(bytes.to_vec().into())),
        _ => Value::number(from.f64()?).map_err(Error::custom),
    }
}

pub(super) type Encoded<W> = Result<(), encode::Error<<W as Write>::Error>>;

/// Writes something or `null`.
pub(super) fn encode_option<W: Write, T>(
    to: &mut Encoder<W>,
    value: Option<&T>,
    write: impl FnOnce(&mut Encoder<W>, &T) -> Encoded<W>,
) -> Encoded<W> {
    match value {
        Some(value) => write(to, value),
        None => to.null().map(drop),
    }
}

pub(super) fn encode_reason<W: Write>(to: &mut Encoder<W>, reason: &Reason) -> Encoded<W> {
    to.array(2)?.str(reason.code.as_str())?.str(&reason.text)?;
    Ok(())
}

pub(super) fn encode_value<W: Write>(to: &mut Encoder<W>, value: &Value) -> Encoded<W> {
    match value {
        Value::Number(number) => to.f64(number.get())?,
        Value::Boolean(flag) => to.bool(*flag)?,
        Value::Text(text) => to.str(text)?,
        Value::Opaque(bytes) => to.bytes(bytes)?,
    };
    Ok(())
}

/// Writes with `write` into bytes.
pub(super) fn to_bytes(write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Encoded<Vec<u8>>) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder).expect("a Vec takes every byte, and no value refuses");
    encoder.into_writer()
}
