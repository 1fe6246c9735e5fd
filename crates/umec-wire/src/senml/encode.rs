//! What each record of a pack has to say, whatever the format: base fields once, units where they change.

use super::field::Field;
use super::resolve::VERSION_SECONDARY_UNITS;
use crate::reading::{Pack, Series, Value};
use crate::unit::Unit;

/// One record to write.
#[derive(Debug)]
pub(super) struct Item<'p> {
    /// The base fields, in the first record.
    pub(super) base: Option<Base>,
    /// `n`
    pub(super) series: &'p Series,
    /// `u`, or `bu` where the records after it have the same unit; absent where an earlier `bu` holds.
    pub(super) unit: Option<(Field, Unit)>,
    /// `t`, after the base time; nothing is written for 0.
    pub(super) offset_micros: i64,
    /// `v`, `vs`, `vb` or `vd`
    pub(super) value: &'p Value,
}

/// What the first record says for all.
#[derive(Debug)]
pub(super) struct Base {
    /// `bver`, where it is not that of RFC 8428.
    pub(super) version: Option<u64>,
    /// `bt`
    pub(super) micros: i64,
}

/// The records of a pack in their order.
pub(super) fn items(pack: &Pack) -> impl Iterator<Item = Item<'_>> {
    let base_micros = pack.readings.first().map_or(0, |r| r.time.as_micros());
    let units = || pack.readings.iter().map(|reading| reading.unit);
    let secondary = units().flatten().any(Unit::is_secondary);
    // A base unit cannot be taken back, so it serves only packs in which everything has a unit.
    let shares_units = units().all(|unit| unit.is_some());
    let mut base_unit = None;
    pack.readings
        .iter()
        .enumerate()
        .map(move |(index, reading)| {
            let unit = reading.unit.filter(|unit| base_unit != Some(*unit));
            let next = pack.readings.get(index + 1).and_then(|next| next.unit);
            let unit = unit.map(|unit| {
                if shares_units && next == Some(unit) {
                    base_unit = Some(unit);
                    (Field::BaseUnit, unit)
                } else {
                    (Field::Unit, unit)
                }
            });
            Item {
                base: (index == 0).then_some(Base {
                    version: secondary.then_some(VERSION_SECONDARY_UNITS),
                    micros: base_micros,
                }),
                series: &reading.series,
                unit,
                offset_micros: reading.time.as_micros().saturating_sub(base_micros),
                value: &reading.value,
            }
        })
}

/// The whole number that a double is, where an integer says the same: not for -0.
pub(super) fn whole(number: f64) -> Option<i64> {
    // Doubles hold each whole number up to 2 to the power of 53.
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.trunc().to_bits() == number.to_bits() && number.abs() < LIMIT;
    let negative_zero = number == 0.0 && number.is_sign_negative();
    #[expect(clippy::cast_possible_truncation, reason = "whole and below the limit")]
    (is_whole && !negative_zero).then_some(number as i64)
}
