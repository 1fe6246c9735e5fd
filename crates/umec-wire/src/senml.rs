//! SenML (RFC 8428): packs in JSON and CBOR, both ways.
//!
//! Reading resolves all base fields. It refuses what would have to be guessed: records without a
//! value or with two, sums (`s`, `bs`), fields that must be understood and are not, versions that
//! are not known, numbers that are not finite, and times relative to "now" (below 2^28 seconds):
//! messages are read from a stream long after they were sent, so that nobody knows the "now" that
//! their sender meant. The update time (`ut`) is not kept.
//!
//! Writing shares names, times and repeated units as base fields. Times are whole microseconds and
//! come back exactly; earlier ones than 1978-07-04 (relative) and later ones than 2242-03-16 (a double
//! holds no microseconds then) are refused on reading.

mod cbor;
mod encode;
mod field;
mod json;
pub mod plain_option;
mod record;
mod resolve;

use std::fmt;

use bytes::Bytes;

use self::field::Field;
use self::resolve::{LIMIT_MICROS, RELATIVE_BELOW_MICROS, Resolved, Resolver};
use crate::label::{DeviceName, NodeName};
use crate::reading::{NotFinite, Pack, Reading, SeriesError};
use crate::time::Timestamp;
use crate::unit::UnknownUnit;

/// How a pack is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `application/senml+json`
    Json,
    /// `application/senml+cbor`
    Cbor,
}

/// Why bytes are not a SenML pack of the expected device.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not of the format, or a field has a wrong type.
    #[error("{place}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the format's reader says.
        source: SyntaxError,
    },
    /// A record is not one of SenML, or not one of the device.
    #[error("record {record}")]
    Record {
        /// Which record, from 0.
        record: usize,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The pack has no record.
    #[error("the pack holds no value")]
    Empty,
}

/// A place in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// The pack as a whole.
    #[default]
    Pack,
    /// A record, counted from 0.
    Record(usize),
    /// A field of a record, by its label in JSON.
    Field(usize, &'static str),
}

/// What the reader of a format says.
#[derive(Debug, thiserror::Error)]
pub enum SyntaxError {
    /// About JSON.
    #[error(transparent)]
    Json(serde_json::Error),
    /// About CBOR.
    #[error(transparent)]
    Cbor(minicbor::decode::Error),
}

/// What is wrong with a record.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// A field stands twice.
    #[error("the field {0} stands twice")]
    Duplicate(&'static str),
    /// More than one of the value fields is there.
    #[error("it has more than one of v, vs, vb and vd (RFC 8428 section 4.2)")]
    SeveralValues,
    /// None of the value fields is there.
    #[error("it has none of v, vs, vb and vd")]
    NoValue,
    /// A sum is there.
    #[error("the field {0}, a sum, is not carried: send the sum as a metric of its own")]
    Sum(&'static str),
    /// A field asks to be understood, and is not.
    #[error("the field {0} must be understood (RFC 8428 section 4.4) and is not")]
    MustUnderstand(String),
    /// The version is not known.
    #[error("the field bver: {0} is neither 10 (RFC 8428) nor 26 (with secondary units, RFC 9100)")]
    Version(u64),
    /// The version is not that of an earlier record.
    #[error("the field bver: {0} differs from an earlier record's")]
    VersionChanges(u64),
    /// A time is later than what is carried exactly.
    #[error("the field {field}: {seconds} seconds are beyond the year 2242")]
    Time {
        /// The field's label in JSON.
        field: &'static str,
        /// What it holds.
        seconds: f64,
    },
    /// The sum of base time and time is later than what is carried exactly.
    #[error("the sum of bt and t is beyond the year 2242")]
    Late,
    /// The time is relative to the time of receipt.
    #[error("the time {} s is below 2^28 and so relative to \"now\"; give bt or t in seconds since 1970", *.micros / 1_000_000)]
    Relative {
        /// The sum of `bt` and `t`.
        micros: i64,
    },
    /// The unit is not in the registry.
    #[error("the unit")]
    Unit(#[source] UnknownUnit),
    /// The number is not finite.
    #[error("the value")]
    NotFinite(#[source] NotFinite),
    /// The data is not base64url.
    #[error("the field vd, which is base64url without padding")]
    Base64(#[source] data_encoding::DecodeError),
    /// The name does not begin with `<node>/<device>/`.
    #[error("the name {name:?} does not begin with {expected:?}")]
    Foreign {
        /// The resolved name.
        name: String,
        /// What it should begin with.
        expected: String,
    },
    /// The rest of the name is no series.
    #[error("the name")]
    Series(#[source] SeriesError),
}

/// Writes a pack.
pub fn encode(format: Format, pack: &Pack) -> Bytes {
    match format {
        Format::Json => json::write(pack).into(),
        Format::Cbor => cbor::write(pack).into(),
    }
}

/// Reads a pack about `device` on `node`.
pub fn decode(
    format: Format,
    node: &NodeName,
    device: &DeviceName,
    body: &[u8],
) -> Result<Pack, DecodeError> {
    let expected = format!("{node}/{device}/");
    let mut readings = Vec::new();
    each(format, body, &mut |resolved| {
        readings.push(reading(&resolved, &expected)?);
        Ok(())
    })?;
    if readings.is_empty() {
        return Err(DecodeError::Empty);
    }
    Ok(Pack {
        node: node.clone(),
        device: device.clone(),
        readings,
    })
}

/// The fields of a record for the documentation: label in JSON, label in CBOR, meaning.
pub(crate) fn fields() -> impl Iterator<Item = (&'static str, i8, &'static str)> {
    let fields = field::LABELS.into_iter();
    fields.map(|(field, name, label)| (name, label, field.meaning()))
}

/// Resolves each record of a pack.
fn each(
    format: Format,
    body: &[u8],
    take: &mut dyn FnMut(Resolved<'_>) -> Result<(), RecordError>,
) -> Result<(), DecodeError> {
    let mut resolver = Resolver::default();
    let mut next = |record, fields| {
        let result = resolver.resolve(fields).and_then(&mut *take);
        result.map_err(|source| DecodeError::Record { record, source })
    };
    match format {
        Format::Json => json::read(body, &mut next),
        Format::Cbor => cbor::read(body, &mut next),
    }
}

/// Makes a reading of a resolved record whose name begins as expected.
fn reading(resolved: &Resolved<'_>, expected: &str) -> Result<Reading, RecordError> {
    let series = resolved.name.strip_prefix(expected);
    let series = series.ok_or_else(|| RecordError::Foreign {
        name: resolved.name.to_owned(),
        expected: expected.to_owned(),
    })?;
    let series = series.parse().map_err(RecordError::Series)?;
    let micros = resolved.micros;
    if micros < RELATIVE_BELOW_MICROS {
        return Err(RecordError::Relative { micros });
    }
    if micros >= LIMIT_MICROS {
        return Err(RecordError::Late);
    }
    Ok(Reading {
        series,
        time: Timestamp::from_micros(micros),
        unit: resolved.unit,
        value: resolved.value.clone(),
    })
}

// === impl Format ===

impl Format {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::Json, Self::Cbor];

    /// The media type (RFC 8428 section 12.3).
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/senml+json",
            Self::Cbor => "application/senml+cbor",
        }
    }

    /// The format that a media type names; parameters and case are ignored.
    pub fn from_content_type(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let named = |format: &Self| format.content_type().eq_ignore_ascii_case(essence);
        Self::ALL.into_iter().find(named)
    }
}

// === impl Place ===

impl Place {
    /// The place of a field in this record.
    fn at(self, field: Field) -> Self {
        match self {
            Self::Record(record) | Self::Field(record, _) => Self::Field(record, field.name()),
            Self::Pack => Self::Pack,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pack => f.write_str("the pack"),
            Self::Record(record) => write!(f, "record {record}"),
            Self::Field(record, field) => write!(f, "record {record}, field {field}"),
        }
    }
}

#[cfg(test)]
mod tests;
