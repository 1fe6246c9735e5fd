//! Applies base fields, so that each record stands for itself (RFC 8428 section 4.6).

use std::sync::Arc;

use super::RecordError;
use super::field::Field;
use super::record::{Content, Record};
use crate::reading::Value;
use crate::unit::Unit;

/// The version of RFC 8428, which packs have that name none.
pub(super) const VERSION: u64 = 10;

/// The version of packs that use secondary units (RFC 9100 section 4: 10 and 2 to the power of 4).
pub(super) const VERSION_SECONDARY_UNITS: u64 = 26;

/// Times below this many seconds are relative to the time of receipt (RFC 8428 section 4.5.3).
pub(super) const RELATIVE_BELOW_MICROS: i64 = (1 << 28) * 1_000_000;

/// Times end here, in the year 2242: neighbouring doubles of so many seconds (2^33) lie more than a
/// microsecond apart, so that later times would not come back as they were.
pub(super) const LIMIT_MICROS: i64 = (1 << 33) * 1_000_000;

/// The base fields that hold for the records to come.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    version: Option<u64>,
    base_name: String,
    base_time: i64,
    base_unit: Option<Unit>,
    base_value: Option<f64>,
    name: String,
}

/// A record without base fields.
#[derive(Debug, PartialEq)]
pub(super) struct Resolved<'r> {
    /// The whole name.
    pub(super) name: &'r str,
    /// The time in microseconds, relative where it is below [`RELATIVE_BELOW_MICROS`].
    pub(super) micros: i64,
    /// The unit.
    pub(super) unit: Option<Unit>,
    /// The value.
    pub(super) value: Value,
}

impl Resolver {
    /// Resolves the next record of the pack.
    pub(super) fn resolve(&mut self, record: Record<'_>) -> Result<Resolved<'_>, RecordError> {
        self.take_bases(&record)?;
        for sum in [Field::Sum, Field::BaseSum] {
            if record.has(sum) {
                return Err(RecordError::Sum(sum.name()));
            }
        }
        let value = match record.content.ok_or(RecordError::NoValue)? {
            Content::Number(number) => {
                // Where there is no base nothing is added, since 0 and -0 make 0.
                let number = self.base_value.map_or(number, |base| base + number);
                Value::number(number).map_err(RecordError::NotFinite)?
            }
            Content::Boolean(flag) => Value::Boolean(flag),
            Content::Text(text) => Value::Text(Arc::from(text)),
            Content::Data(bytes) => Value::Opaque(bytes.into()),
        };
        let offset = record
            .time
            .map_or(Ok(0), |time| micros(Field::Time, time))?;
        let unit = match record.unit {
            Some(unit) => Some(unit.parse().map_err(RecordError::Unit)?),
            None => self.base_unit,
        };
        self.name.clear();
        self.name.push_str(&self.base_name);
        self.name
            .push_str(record.name.as_deref().unwrap_or_default());
        Ok(Resolved {
            name: &self.name,
            micros: self.base_time.saturating_add(offset),
            unit,
            value,
        })
    }

    /// Takes the base fields over, which hold from this record on.
    fn take_bases(&mut self, record: &Record<'_>) -> Result<(), RecordError> {
        if let Some(version) = record.base_version {
            // Versions below 10 are drafts of RFC 8428, which its own examples still bear.
            if version > VERSION && version != VERSION_SECONDARY_UNITS {
                return Err(RecordError::Version(version));
            }
            if self.version.is_some_and(|known| known != version) {
                return Err(RecordError::VersionChanges(version));
            }
            self.version = Some(version);
        }
        if let Some(name) = &record.base_name {
            name.as_ref().clone_into(&mut self.base_name);
        }
        if let Some(time) = record.base_time {
            self.base_time = micros(Field::BaseTime, time)?;
        }
        if let Some(unit) = &record.base_unit {
            self.base_unit = Some(unit.parse().map_err(RecordError::Unit)?);
        }
        self.base_value = record.base_value.or(self.base_value);
        Ok(())
    }
}

/// Rounds seconds to microseconds, exactly for times of whole microseconds below the limit.
fn micros(field: Field, seconds: f64) -> Result<i64, RecordError> {
    #[expect(clippy::cast_precision_loss, reason = "a power of two times 15625")]
    let limit = (LIMIT_MICROS / 1_000_000) as f64;
    if !(-limit..limit).contains(&seconds) {
        return Err(RecordError::Time {
            field: field.name(),
            seconds,
        });
    }
    // Whole seconds apart from the fraction, so that the product is not rounded a second time.
    let whole = seconds.trunc();
    let fraction = ((seconds - whole) * 1e6).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both are whole and within the limit"
    )]
    Ok(whole as i64 * 1_000_000 + fraction as i64)
}
