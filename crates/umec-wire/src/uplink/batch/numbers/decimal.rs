//! Doubles that are decimals: whole numbers with a decimal point in one place of all of them, as in ALP
//! (Afroozeh, Kuffó, Boncz: "ALP: Adaptive Lossless floating-Point Compression", 2023).

use super::xor::single;

/// How whole numbers become the doubles of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    way: Way,
    places: u8,
}

/// Which arithmetic made the doubles: all three round differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The double nearest to the decimal, as parsing and division make it.
    Divided,
    /// The product with the double nearest to the power of ten, as `raw * 0.1` makes it.
    Multiplied,
    /// The single nearest to the decimal, widened, as a sensor with 32-bit floats makes it.
    Single,
}

/// Places up to this one are tried; a double has 17 digits.
const MOST_PLACES: u8 = 17;

const WAYS: [Way; 3] = [Way::Divided, Way::Multiplied, Way::Single];

/// Powers of ten up to 10^22 are exact doubles.
const POWERS: [f64; MOST_PLACES as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17,
];

const PARTS: [f64; MOST_PLACES as usize + 1] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15, 1e-16, 1e-17,
];

/// Two to the power of 51: above it the sum with [`ROUND`] does not round to whole numbers.
const LIMIT: f64 = 2_251_799_813_685_248.0;

/// What, added and taken away again, leaves a whole number: 2^52 + 2^51.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// One value in so many may be no such decimal.
const EXCEPTIONS: usize = 16;

// === impl Decimal ===

impl Decimal {
    /// What makes all but a few of the values, with as few places as possible; `None` when nothing does.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let is_single = values.iter().all(|value| single(*value).is_some());
        let mut best: Option<(usize, Self)> = None;
        for places in 0..=MOST_PLACES {
            for way in WAYS {
                let is_same = places == 0 && way != Way::Divided;
                if is_same || (way == Way::Single && !is_single) {
                    continue;
                }
                let decimal = Self { way, places };
                let Some(exceptions) = decimal.exceptions(values) else {
                    continue;
                };
                let score = decimal.score(values.len(), exceptions);
                if best.is_none_or(|(least, _)| score < least) {
                    best = Some((score, decimal));
                }
                if exceptions == 0 {
                    return best.map(|(_, decimal)| decimal);
                }
            }
        }
        best.map(|(_, decimal)| decimal)
    }

    /// The whole number that makes exactly this value.
    pub(super) fn number(self, value: f64) -> Option<i64> {
        let scaled = value * POWERS.get(usize::from(self.places))?;
        if scaled.abs() >= LIMIT {
            return None;
        }
        let whole = scaled + ROUND - ROUND;
        #[expect(clippy::cast_possible_truncation, reason = "whole and below the limit")]
        let number = whole as i64;
        (self.value(number).to_bits() == value.to_bits()).then_some(number)
    }

    /// The value that a whole number makes; finite.
    pub(super) fn value(self, number: i64) -> f64 {
        let place = usize::from(self.places);
        let power = POWERS.get(place).copied().unwrap_or(1.0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a writer uses numbers below 2^51, and others have a meaning too"
        )]
        let number = number as f64;
        match self.way {
            Way::Divided => number / power,
            Way::Multiplied => number * PARTS.get(place).copied().unwrap_or(1.0),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the nearest single is meant"
            )]
            Way::Single => f64::from((number / power) as f32),
        }
    }

    /// What a column is told by: 0 to 107.
    pub(super) fn tag(self, has_exceptions: bool) -> u8 {
        let way = match self.way {
            Way::Divided => 0,
            Way::Multiplied => 1,
            Way::Single => 2,
        };
        (way * (MOST_PLACES + 1) + self.places) * 2 + u8::from(has_exceptions)
    }

    pub(super) fn from_tag(tag: u8) -> Option<(Self, bool)> {
        let (which, has_exceptions) = (tag / 2, tag % 2 == 1);
        let way = *WAYS.get(usize::from(which / (MOST_PLACES + 1)))?;
        let places = which % (MOST_PLACES + 1);
        Some((Self { way, places }, has_exceptions))
    }

    /// How many values it does not make; `None` for too many.
    fn exceptions(self, values: &[f64]) -> Option<usize> {
        let most = values.len() / EXCEPTIONS;
        let mut exceptions = 0;
        for value in values {
            exceptions += usize::from(self.number(*value).is_none());
            if exceptions > most {
                return None;
            }
        }
        Some(exceptions)
    }

    /// Roughly what it costs in bits: a digit more in each value against values told apart.
    fn score(self, values: usize, exceptions: usize) -> usize {
        values * usize::from(self.places) * 10 / 3 + exceptions * super::EXCEPTION
    }
}
