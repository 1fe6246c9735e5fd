//! SenML in JSON (RFC 8428 section 5): one pass over the bytes, no tree in between.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::encode::{Item, items};
use super::field::{Field, Key};
use super::record::{Content, Record};
use super::{DecodeError, Place, RecordError, SyntaxError};
use crate::reading::{Pack, Value};

/// Reads the records of a pack and hands each to `take`.
pub(super) fn read<'de>(
    body: &'de [u8],
    take: &mut dyn FnMut(usize, Record<'de>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let context = Context::default();
    let mut refused = None;
    let mut from = serde_json::Deserializer::from_slice(body);
    let seed = PackSeed {
        context: &context,
        take,
        refused: &mut refused,
    };
    let result = seed.deserialize(&mut from).and_then(|()| from.end());
    match (refused, result) {
        (Some(error), _) => Err(error),
        (None, Err(source)) => Err(context.error(source)),
        (None, Ok(())) => Ok(()),
    }
}

/// Where the reader is, for errors.
#[derive(Default)]
struct Context {
    place: Cell<Place>,
    cause: Cell<Option<RecordError>>,
}

impl Context {
    fn error(&self, source: serde_json::Error) -> DecodeError {
        let place = self.place.get();
        match (self.cause.take(), place) {
            (Some(source), Place::Record(record) | Place::Field(record, _)) => {
                DecodeError::Record { record, source }
            }
            _ => DecodeError::Syntax {
                place,
                source: SyntaxError::Json(source),
            },
        }
    }

    /// Remembers why a record is refused, since serde's errors hold nothing but text.
    fn refuse<E: de::Error>(&self, error: RecordError) -> E {
        let text = E::custom(&error);
        self.cause.set(Some(error));
        text
    }
}

struct PackSeed<'s, 'de> {
    context: &'s Context,
    take: &'s mut dyn FnMut(usize, Record<'de>) -> Result<(), DecodeError>,
    refused: &'s mut Option<DecodeError>,
}

impl<'de> DeserializeSeed<'de> for PackSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PackSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of SenML records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        for index in 0.. {
            self.context.place.set(Place::Record(index));
            let Some(record) = records.next_element_seed(RecordSeed(self.context))? else {
                break;
            };
            if let Err(error) = (self.take)(index, record) {
                *self.refused = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        self.context.place.set(Place::Pack);
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct RecordSeed<'s>(&'s Context);

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = Record<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Record<'de>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_> {
    type Value = Record<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SenML record, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Record<'de>, A::Error> {
        let Self(context) = self;
        let place = context.place.get();
        let mut record = Record::default();
        while let Some(key) = fields.next_key_seed(KeySeed)? {
            let field = match key {
                Key::Known(field) => field,
                Key::Ignored => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
                Key::MustUnderstand(label) => {
                    return Err(context.refuse(RecordError::MustUnderstand(label)));
                }
            };
            context.place.set(place.at(field));
            record.note(field).map_err(|e| context.refuse(e))?;
            match field {
                Field::BaseVersion => record.base_version = Some(fields.next_value()?),
                Field::Boolean => {
                    let flag = Content::Boolean(fields.next_value()?);
                    record.set_content(flag).map_err(|e| context.refuse(e))?;
                }
                Field::Data => {
                    let text = fields.next_value_seed(TextSeed)?;
                    let bytes = BASE64URL_NOPAD
                        .decode(text.as_bytes())
                        .map_err(|e| context.refuse(RecordError::Base64(e)))?;
                    let data = Content::Data(bytes);
                    record.set_content(data).map_err(|e| context.refuse(e))?;
                }
                Field::BaseName | Field::BaseUnit | Field::Name | Field::Unit | Field::Text => {
                    let text = fields.next_value_seed(TextSeed)?;
                    record
                        .set_text(field, text)
                        .map_err(|e| context.refuse(e))?;
                }
                Field::BaseTime
                | Field::BaseValue
                | Field::BaseSum
                | Field::Value
                | Field::Sum
                | Field::Time
                | Field::UpdateTime => {
                    let number = fields.next_value()?;
                    record
                        .set_number(field, number)
                        .map_err(|e| context.refuse(e))?;
                }
            }
            context.place.set(place);
        }
        Ok(record)
    }
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Key, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the label of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(Key::from_name(name))
    }
}

struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Cow<'de, str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Writes a pack.
pub(super) fn write(pack: &Pack) -> Vec<u8> {
    // What a record of an ordinary series takes; a longer one lets the buffer grow.
    let mut out = Vec::with_capacity(64 + pack.readings.len() * 48);
    let mut open: &[u8] = b"[{";
    for item in items(pack) {
        out.extend_from_slice(open);
        open = b",{";
        write_record(&mut out, pack, &item);
        out.push(b'}');
    }
    if pack.readings.is_empty() {
        out.push(b'[');
    }
    out.push(b']');
    out
}

fn write_record(out: &mut Vec<u8>, pack: &Pack, item: &Item<'_>) {
    if let Some(base) = &item.base {
        if let Some(version) = base.version {
            out.extend_from_slice(b"\"bver\":");
            write_integer(out, version);
            out.push(b',');
        }
        out.extend_from_slice(b"\"bn\":\"");
        out.extend_from_slice(pack.node.as_str().as_bytes());
        out.push(b'/');
        out.extend_from_slice(pack.device.as_str().as_bytes());
        out.extend_from_slice(b"/\",\"bt\":");
        write_seconds(out, base.micros);
        out.push(b',');
    }
    // Names and units hold nothing that JSON would escape.
    out.extend_from_slice(b"\"n\":\"");
    write_series(out, item);
    out.push(b'"');
    if let Some((field, unit)) = item.unit {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(field.name().as_bytes());
        out.extend_from_slice(b"\":\"");
        out.extend_from_slice(unit.as_str().as_bytes());
        out.push(b'"');
    }
    if item.offset_micros != 0 {
        out.extend_from_slice(b",\"t\":");
        write_seconds(out, item.offset_micros);
    }
    match item.value {
        Value::Number(number) => {
            out.extend_from_slice(b",\"v\":");
            write_number(out, number.get());
        }
        Value::Boolean(true) => out.extend_from_slice(b",\"vb\":true"),
        Value::Boolean(false) => out.extend_from_slice(b",\"vb\":false"),
        Value::Text(text) => {
            out.extend_from_slice(b",\"vs\":");
            serde_json::to_writer(out, &**text).expect("a text is JSON and a Vec takes all of it");
        }
        Value::Opaque(bytes) => {
            out.extend_from_slice(b",\"vd\":\"");
            out.extend_from_slice(BASE64URL_NOPAD.encode(bytes).as_bytes());
            out.push(b'"');
        }
    }
}

fn write_series(out: &mut Vec<u8>, item: &Item<'_>) {
    out.extend_from_slice(item.series.metric.as_str().as_bytes());
    if let Some((window, statistic)) = item.series.aggregate {
        out.extend_from_slice(format!("/{window}/{}", statistic.as_str()).as_bytes());
    }
}

fn write_integer(out: &mut Vec<u8>, number: impl serde::Serialize) {
    serde_json::to_writer(out, &number).expect("a number is JSON and a Vec takes all of it");
}

/// Writes the shortest text that is read back as the same double; whole numbers without a fraction.
fn write_number(out: &mut Vec<u8>, number: f64) {
    match super::encode::whole(number) {
        Some(whole) => write_integer(out, whole),
        None => write_integer(out, number),
    }
}

/// Writes microseconds as decimal seconds, without a double in between.
fn write_seconds(out: &mut Vec<u8>, micros: i64) {
    if micros < 0 {
        out.push(b'-');
    }
    let micros = micros.unsigned_abs();
    write_integer(out, micros / 1_000_000);
    let mut fraction = micros % 1_000_000;
    let mut unit = 100_000;
    if fraction > 0 {
        out.push(b'.');
    }
    while fraction > 0 {
        #[expect(clippy::cast_possible_truncation, reason = "a digit")]
        out.push(b'0' + (fraction / unit) as u8);
        fraction %= unit;
        unit /= 10;
    }
}
