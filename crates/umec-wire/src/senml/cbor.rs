//! SenML in CBOR (RFC 8428 section 6): the records of JSON, with integers for labels.

use std::convert::Infallible;

use minicbor::data::{Tag, Type};
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder, encode};

use super::encode::{Item, items, whole};
use super::field::{Field, Key};
use super::record::{Content, Record};
use super::{DecodeError, Place, RecordError, SyntaxError};
use crate::reading::{Pack, Value};

/// The tag of a decimal fraction: an array of exponent and mantissa (RFC 8949 section 3.4.4).
const DECIMAL_FRACTION: u64 = 4;

/// Reads the records of a pack and hands each to `take`.
pub(super) fn read<'b>(
    body: &'b [u8],
    take: &mut dyn FnMut(usize, Record<'b>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut from = Decoder::new(body);
    let mut left = from.array().map_err(at(Place::Pack))?;
    let mut index = 0;
    while more(&mut from, &mut left).map_err(at(Place::Pack))? {
        let record = read_record(&mut from, index)?;
        take(index, record)?;
        index += 1;
    }
    if from.position() == body.len() {
        Ok(())
    } else {
        Err(at(Place::Pack)(Error::message("bytes after the pack")))
    }
}

fn at(place: Place) -> impl Fn(Error) -> DecodeError {
    move |source| DecodeError::Syntax {
        place,
        source: SyntaxError::Cbor(source),
    }
}

/// Whether an array or a map has a further element, given how many its head says are left.
fn more(from: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(count) => {
            *count -= 1;
            Ok(true)
        }
        None if from.datatype()? == Type::Break => {
            from.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

fn read_record<'b>(from: &mut Decoder<'b>, index: usize) -> Result<Record<'b>, DecodeError> {
    let place = Place::Record(index);
    let refuse = |source| DecodeError::Record {
        record: index,
        source,
    };
    let mut record = Record::default();
    let mut left = from.map().map_err(at(place))?;
    while more(from, &mut left).map_err(at(place))? {
        match read_key(from).map_err(at(place))? {
            Key::Known(field) => {
                record.note(field).map_err(refuse)?;
                let filled = read_field(from, field, &mut record).map_err(at(place.at(field)))?;
                filled.map_err(refuse)?;
            }
            Key::Ignored => from.skip().map_err(at(place))?,
            Key::MustUnderstand(label) => {
                return Err(refuse(RecordError::MustUnderstand(label)));
            }
        }
    }
    Ok(record)
}

fn read_key(from: &mut Decoder<'_>) -> Result<Key, Error> {
    if from.datatype()? == Type::String {
        return from.str().map(Key::foreign);
    }
    // The table of integer labels is closed (RFC 8428 section 6), so another one is a mistake.
    let field = Field::from_label(from.i64()?);
    field
        .map(Key::Known)
        .ok_or_else(|| Error::message("an integer label outside table 4 of RFC 8428"))
}

/// Reads the value of a field; the inner error is the record's own.
fn read_field<'b>(
    from: &mut Decoder<'b>,
    field: Field,
    record: &mut Record<'b>,
) -> Result<Result<(), RecordError>, Error> {
    Ok(match field {
        Field::BaseVersion => {
            record.base_version = Some(from.u64()?);
            Ok(())
        }
        Field::Boolean => record.set_content(Content::Boolean(from.bool()?)),
        Field::Data => record.set_content(Content::Data(from.bytes()?.to_vec())),
        Field::BaseName | Field::BaseUnit | Field::Name | Field::Unit | Field::Text => {
            record.set_text(field, from.str()?.into())
        }
        Field::BaseTime
        | Field::BaseValue
        | Field::BaseSum
        | Field::Value
        | Field::Sum
        | Field::Time
        | Field::UpdateTime => record.set_number(field, read_number(from)?),
    })
}

/// Reads a number: an integer, a float of any width or a decimal fraction.
fn read_number(from: &mut Decoder<'_>) -> Result<f64, Error> {
    match from.datatype()? {
        Type::F16 | Type::F32 | Type::F64 => from.f64(),
        Type::Tag => {
            if from.tag()? != Tag::new(DECIMAL_FRACTION) || from.array()? != Some(2) {
                return Err(Error::message("expected a decimal fraction after the tag"));
            }
            let (exponent, mantissa) = (from.int()?, from.int()?);
            // The text's way to a double rounds once, which multiplying by a power of ten would not.
            let text = format!("{mantissa}e{exponent}");
            text.parse()
                .map_err(|_| Error::message("no decimal fraction"))
        }
        _ => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "as a JSON number of so many digits is rounded"
            )]
            let number = i128::from(from.int()?) as f64;
            Ok(number)
        }
    }
}

/// Writes a pack.
pub(super) fn write(pack: &Pack) -> Vec<u8> {
    // What a record of an ordinary series takes; a longer one lets the buffer grow.
    let mut to = Encoder::new(Vec::with_capacity(64 + pack.readings.len() * 32));
    write_pack(&mut to, pack).expect("a Vec takes all bytes");
    to.into_writer()
}

type Written = Result<(), encode::Error<Infallible>>;

fn write_pack(to: &mut Encoder<Vec<u8>>, pack: &Pack) -> Written {
    to.array(pack.readings.len() as u64)?;
    for item in items(pack) {
        write_record(to, pack, &item)?;
    }
    Ok(())
}

fn write_record(to: &mut Encoder<Vec<u8>>, pack: &Pack, item: &Item<'_>) -> Written {
    let bases = item
        .base
        .as_ref()
        .map_or(0, |base| 2 + u64::from(base.version.is_some()));
    let optional = u64::from(item.unit.is_some()) + u64::from(item.offset_micros != 0);
    to.map(bases + 2 + optional)?;
    if let Some(base) = &item.base {
        if let Some(version) = base.version {
            to.i8(Field::BaseVersion.label())?.u64(version)?;
        }
        let name = format!("{}/{}/", pack.node, pack.device);
        to.i8(Field::BaseName.label())?.str(&name)?;
        to.i8(Field::BaseTime.label())?;
        write_seconds(to, base.micros)?;
    }
    to.i8(Field::Name.label())?;
    match item.series.aggregate {
        None => to.str(item.series.metric.as_str())?,
        Some(_) => to.str(&item.series.to_string())?,
    };
    if let Some((field, unit)) = item.unit {
        to.i8(field.label())?.str(unit.as_str())?;
    }
    if item.offset_micros != 0 {
        to.i8(Field::Time.label())?;
        write_seconds(to, item.offset_micros)?;
    }
    match item.value {
        Value::Number(number) => {
            to.i8(Field::Value.label())?;
            write_number(to, number.get())?;
        }
        Value::Boolean(flag) => {
            to.i8(Field::Boolean.label())?.bool(*flag)?;
        }
        Value::Text(text) => {
            to.i8(Field::Text.label())?.str(text)?;
        }
        Value::Opaque(bytes) => {
            to.i8(Field::Data.label())?.bytes(bytes)?;
        }
    }
    Ok(())
}

fn write_seconds(to: &mut Encoder<Vec<u8>>, micros: i64) -> Written {
    #[expect(
        clippy::cast_precision_loss,
        reason = "doubles hold the microseconds of this century"
    )]
    write_number(to, micros as f64 / 1e6)
}

/// Writes the shortest form that is read back as the same double.
fn write_number(to: &mut Encoder<Vec<u8>>, number: f64) -> Written {
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is looked at")]
    let short = number as f32;
    if let Some(whole) = whole(number) {
        to.i64(whole)?;
    } else if f64::from(short).to_bits() != number.to_bits() {
        to.f64(number)?;
    } else if fits_half(short) {
        to.f16(short)?;
    } else {
        to.f32(short)?;
    }
    Ok(())
}

/// Whether 16 bits hold the number: 10 bits of mantissa, exponents from -14 to 15 (IEEE 754 binary16).
const fn fits_half(number: f32) -> bool {
    let bits = number.to_bits();
    let exponent = bits >> 23 & 0xff;
    bits.trailing_zeros() >= 23 - 10 && exponent >= 127 - 14 && exponent <= 127 + 15
}
