//! SenML (RFC 8428): packs in JSON and CBOR, both ways.

use bytes::Bytes;

use crate::label::{DeviceName, NodeName};
use crate::reading::{NotFinite, Pack, Reading, SeriesError, Value};
use crate::time::Timestamp;
use crate::unit::UnknownUnit;

/// How a pack is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `application/senml+json`
    Json,
}

/// Why bytes are not a SenML pack of the expected device.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is no JSON array of SenML records.
    #[error("the JSON of the pack")]
    Json(#[source] serde_json::Error),
    /// A record's name does not begin with `<node>/<device>/`.
    #[error("record {record}: the name {name:?} does not begin with {expected:?}")]
    Foreign {
        /// Which record, from 0.
        record: usize,
        /// Its resolved name.
        name: String,
        /// What it should begin with.
        expected: String,
    },
    /// The rest of a record's name is no series.
    #[error("record {record}: the name")]
    Series {
        /// Which record, from 0.
        record: usize,
        /// What is wrong with it.
        source: SeriesError,
    },
    /// A record's unit is not in the registry.
    #[error("record {record}: the unit")]
    Unit {
        /// Which record, from 0.
        record: usize,
        /// What is wrong with it.
        source: UnknownUnit,
    },
    /// A record's number is not finite.
    #[error("record {record}: the value")]
    NotFinite {
        /// Which record, from 0.
        record: usize,
        /// What is wrong with it.
        source: NotFinite,
    },
    /// The pack has no record with a value.
    #[error("the pack holds no value")]
    Empty,
}

// === impl Format ===

impl Format {
    /// The media type (RFC 8428 section 12.3).
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/senml+json",
        }
    }

    /// The format that a media type names; parameters are ignored.
    pub fn from_content_type(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        (essence == "application/senml+json").then_some(Self::Json)
    }
}

/// Writes a pack. Names and times are shared as base fields.
pub fn encode(format: Format, pack: &Pack) -> Bytes {
    match format {
        Format::Json => encode_json(pack),
    }
}

/// Reads a pack about `device` on `node`: resolves base fields, checks units, refuses NaN.
pub fn decode(
    format: Format,
    node: &NodeName,
    device: &DeviceName,
    body: &[u8],
) -> Result<Pack, DecodeError> {
    let records: Vec<serde_json::Map<String, serde_json::Value>> = match format {
        Format::Json => serde_json::from_slice(body).map_err(DecodeError::Json)?,
    };
    let expected = format!("{node}/{device}/");
    let (mut base_name, mut base_time) = (String::new(), 0.0);
    let mut readings = Vec::with_capacity(records.len());
    for (record, fields) in records.iter().enumerate() {
        if let Some(name) = fields.get("bn").and_then(|v| v.as_str()) {
            name.clone_into(&mut base_name);
        }
        if let Some(time) = fields.get("bt").and_then(serde_json::Value::as_f64) {
            base_time = time;
        }
        let name = fields.get("n").and_then(|v| v.as_str()).unwrap_or_default();
        let name = format!("{base_name}{name}");
        let value = match (fields.get("v"), fields.get("vb"), fields.get("vs")) {
            (Some(number), _, _) => Value::number(number.as_f64().unwrap_or(f64::NAN))
                .map_err(|source| DecodeError::NotFinite { record, source })?,
            (_, Some(flag), _) => Value::Boolean(flag.as_bool().unwrap_or_default()),
            (_, _, Some(text)) => Value::from(text.as_str().unwrap_or_default()),
            _ => continue,
        };
        let series = name
            .strip_prefix(&expected)
            .ok_or_else(|| DecodeError::Foreign {
                record,
                name: name.clone(),
                expected: expected.clone(),
            })?;
        let time = base_time
            + fields
                .get("t")
                .and_then(serde_json::Value::as_f64)
                .unwrap_or(0.0);
        let unit = fields
            .get("u")
            .and_then(|v| v.as_str())
            .map(str::parse)
            .transpose();
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        readings.push(Reading {
            series: series
                .parse()
                .map_err(|source| DecodeError::Series { record, source })?,
            time: Timestamp::from_micros((time * 1e6).round() as i64),
            unit: unit.map_err(|source| DecodeError::Unit { record, source })?,
            value,
        });
    }
    if readings.is_empty() {
        return Err(DecodeError::Empty);
    }
    Ok(Pack {
        node: node.clone(),
        device: device.clone(),
        readings,
    })
}

fn encode_json(pack: &Pack) -> Bytes {
    let mut records = Vec::with_capacity(pack.readings.len());
    let base = pack.readings.first().map_or(0, |r| r.time.as_micros());
    for (index, reading) in pack.readings.iter().enumerate() {
        let mut fields = serde_json::Map::new();
        if index == 0 {
            fields.insert(
                "bn".into(),
                format!("{}/{}/", pack.node, pack.device).into(),
            );
            #[expect(
                clippy::cast_precision_loss,
                reason = "53 bits hold this century's microseconds"
            )]
            fields.insert("bt".into(), (base as f64 / 1e6).into());
        }
        let offset = reading.time.as_micros() - base;
        if offset != 0 {
            #[expect(
                clippy::cast_precision_loss,
                reason = "53 bits hold this century's microseconds"
            )]
            fields.insert("t".into(), (offset as f64 / 1e6).into());
        }
        fields.insert("n".into(), reading.series.to_string().into());
        if let Some(unit) = reading.unit {
            fields.insert("u".into(), unit.as_str().into());
        }
        match &reading.value {
            Value::Number(number) => fields.insert("v".into(), number.get().into()),
            Value::Boolean(flag) => fields.insert("vb".into(), (*flag).into()),
            Value::Text(text) => fields.insert("vs".into(), text.as_ref().into()),
            Value::Opaque(bytes) => {
                let text = data_encoding::BASE64URL_NOPAD.encode(bytes);
                fields.insert("vd".into(), text.into())
            }
        };
        records.push(serde_json::Value::Object(fields));
    }
    serde_json::Value::Array(records).to_string().into()
}

/// A value as plain JSON, where it stands alone: a number, a boolean or a text.
pub mod plain_option {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::reading::Value;

    /// Writes a value as plain JSON; bytes as base64url.
    pub fn serialize<S: Serializer>(value: &Option<Value>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            None => to.serialize_none(),
            Some(Value::Number(number)) => to.serialize_f64(number.get()),
            Some(Value::Boolean(flag)) => to.serialize_bool(*flag),
            Some(other) => to.collect_str(other),
        }
    }

    /// Reads a number, a boolean or a text.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
        match serde_json::Value::deserialize(from)? {
            serde_json::Value::Null => Ok(None),
            serde_json::Value::Bool(flag) => Ok(Some(Value::Boolean(flag))),
            serde_json::Value::String(text) => Ok(Some(Value::from(text.as_str()))),
            serde_json::Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                Value::number(number).map(Some).map_err(de::Error::custom)
            }
            _ => Err(de::Error::custom(
                "a value is a number, a boolean or a text",
            )),
        }
    }
}
