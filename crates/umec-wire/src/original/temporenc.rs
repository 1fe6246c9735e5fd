//! Times of version 1: temporenc, type DTS with microseconds, 8 bytes.
//!
//! A packed calendar date without a zone; it is read and written as UTC. From the high bit down: tag 1
//! (2 bits), precision 1 (2), year (12), month less one (4), day less one (5), hour (5), minute (6),
//! second (6), microsecond (20), zero (2).

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::time::Timestamp;

/// The upper four bits: tag 1, precision 1.
const MARK: u64 = 0b0101;

/// The last year that can be written; 4095 is the mark of an absent year.
const LAST_YEAR: i16 = 4_094;

/// Why a time cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// It is not of the type DTS, or not in microseconds.
    #[error("not a temporenc time of date, time and microseconds")]
    Kind,
    /// The bits that must be zero are not.
    #[error("the last two bits of a temporenc time are not zero")]
    Padding,
    /// A part bears the mark that it is absent.
    #[error("a time without its {0}")]
    Absent(&'static str),
    /// The 61st second of a minute, which has no place on a scale of seconds since 1970.
    #[error("a leap second")]
    LeapSecond,
    /// There is no such date or time of day.
    #[error("no time in any calendar")]
    Calendar,
    /// The year is not one of 0 to 4094.
    #[error("a year that temporenc does not hold")]
    Year,
}

/// Reads a time.
pub fn decode(bytes: [u8; 8]) -> Result<Timestamp, TimeError> {
    let word = u64::from_be_bytes(bytes);
    if word >> 60 != MARK {
        return Err(TimeError::Kind);
    }
    if word & 0b11 != 0 {
        return Err(TimeError::Padding);
    }
    let year = part(word, 48, 12, Some(("year", 4_095)))?;
    let month = part(word, 44, 4, Some(("month", 15)))?;
    let day = part(word, 39, 5, Some(("day", 31)))?;
    let hour = part(word, 34, 5, Some(("hour", 31)))?;
    let minute = part(word, 28, 6, Some(("minute", 63)))?;
    let second = part(word, 22, 6, Some(("second", 63)))?;
    let micros = part(word, 2, 20, None)?;
    let is_leap = second == 60;
    let short = |number: i32| i8::try_from(number).map_err(|_| TimeError::Calendar);
    let civil = DateTime::new(
        i16::try_from(year).map_err(|_| TimeError::Year)?,
        short(month + 1)?,
        short(day + 1)?,
        short(hour)?,
        short(minute)?,
        if is_leap { 59 } else { short(second)? },
        micros.saturating_mul(1_000),
    )
    .map_err(|_| TimeError::Calendar)?;
    if is_leap {
        return Err(TimeError::LeapSecond);
    }
    let time = Offset::UTC
        .to_timestamp(civil)
        .map_err(|_| TimeError::Calendar)?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

/// The part of `width` bits above bit `shift`, unless it is the mark of absence.
fn part(
    word: u64,
    shift: u32,
    width: u32,
    absent: Option<(&'static str, i32)>,
) -> Result<i32, TimeError> {
    let bits = (word >> shift) & ((1 << width) - 1);
    let number = i32::try_from(bits).map_err(|_| TimeError::Calendar)?;
    match absent {
        Some((name, mark)) if mark == number => Err(TimeError::Absent(name)),
        _ => Ok(number),
    }
}

/// Writes a time.
pub fn encode(time: Timestamp) -> Result<[u8; 8], TimeError> {
    let civil = civil(time).ok_or(TimeError::Year)?;
    if !(0..=LAST_YEAR).contains(&civil.year()) {
        return Err(TimeError::Year);
    }
    // A part of a calendar date is never negative.
    let bits = |number: i32, shift: u32| u64::from(number.unsigned_abs()) << shift;
    let word = MARK << 60
        | bits(civil.year().into(), 48)
        | bits(i32::from(civil.month()) - 1, 44)
        | bits(i32::from(civil.day()) - 1, 39)
        | bits(civil.hour().into(), 34)
        | bits(civil.minute().into(), 28)
        | bits(civil.second().into(), 22)
        | bits(civil.subsec_nanosecond() / 1_000, 2);
    Ok(word.to_be_bytes())
}

/// The date and time of day in UTC; `None` outside the years that a calendar of ours has.
pub(super) fn civil(time: Timestamp) -> Option<DateTime> {
    let time = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
    Some(Offset::UTC.to_datetime(time))
}

// === impl TimeError ===

impl TimeError {
    /// The name of the reason, for counters.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Kind | Self::Padding => "malformed-time",
            Self::Absent(_) => "absent-time",
            Self::LeapSecond => "leap-second",
            Self::Calendar | Self::Year => "impossible-time",
        }
    }
}
