//! Units of measure: the SenML registry (RFC 8428 section 12.1 and RFC 8798), case-sensitive.

mod registry;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use self::registry::{Entry, REGISTRY, Rank, SPELLINGS};

/// A unit that the registry knows. Units sort in the order of the registry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit(u8);

/// Says that a text is not in the registry, and which unit may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownUnit(String);

/// How a secondary unit follows from a primary one (RFC 8798 section 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    /// The primary unit.
    pub primary: Unit,
    /// What a value is multiplied by.
    pub scale: f64,
    /// What is added then.
    pub offset: f64,
}

/// The places of the registry in the order of its symbols, for binary search.
static SORTED: [u8; REGISTRY.len()] = sorted();

// === impl Unit ===

impl Unit {
    /// All units, in the order of the registry: primary ones, then secondary ones.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).zip(REGISTRY).map(|(place, _)| Self(place))
    }

    /// The symbol.
    pub const fn as_str(self) -> &'static str {
        self.entry().symbol
    }

    /// The unit in words.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Whether it is a secondary unit (RFC 8798 section 3).
    pub const fn is_secondary(self) -> bool {
        matches!(self.entry().rank, Rank::Secondary { .. })
    }

    /// Whether new senders should use another one (an asterisk in the registry).
    pub const fn is_discouraged(self) -> bool {
        matches!(self.entry().rank, Rank::Discouraged)
    }

    /// How to get to the primary unit, where this is a secondary one.
    pub fn conversion(self) -> Option<Conversion> {
        match self.entry().rank {
            Rank::Primary | Rank::Discouraged => None,
            Rank::Secondary {
                primary,
                scale,
                offset,
            } => Some(Conversion {
                primary: find(primary)?,
                scale,
                offset,
            }),
        }
    }

    const fn entry(self) -> &'static Entry {
        &REGISTRY[self.0 as usize]
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        find(text).ok_or_else(|| UnknownUnit(text.to_owned()))
    }
}

impl Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

// === impl UnknownUnit ===

impl UnknownUnit {
    /// The unit that was probably meant.
    pub fn nearest(&self) -> Option<Unit> {
        nearest(&self.0)
    }
}

impl fmt::Display for UnknownUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a SenML unit", self.0)?;
        match self.nearest() {
            Some(unit) => write!(f, "; did you mean {unit} ({})?", unit.name()),
            None => f.write_str(" (RFC 8428 section 12.1, RFC 8798); units are case-sensitive"),
        }
    }
}

impl std::error::Error for UnknownUnit {}

// === impl Conversion ===

impl Conversion {
    /// A value of the secondary unit in the primary one.
    pub fn apply(&self, number: f64) -> f64 {
        number * self.scale + self.offset
    }
}

fn find(symbol: &str) -> Option<Unit> {
    let place = SORTED.binary_search_by(|place| Unit(*place).as_str().cmp(symbol));
    place
        .ok()
        .and_then(|at| SORTED.get(at))
        .map(|place| Unit(*place))
}

/// The unit that somebody means who does not know the registry: by another spelling, by its symbol
/// in another case, or by its name, in the plural too.
fn nearest(text: &str) -> Option<Unit> {
    let text = text.trim();
    let same = |other: &str| other.to_lowercase() == text.to_lowercase();
    let one = |other: &str| {
        let text = text.to_lowercase();
        other.to_lowercase() == text.strip_suffix('s').unwrap_or(&text)
    };
    let spelled = SPELLINGS
        .iter()
        .find(|(spelling, _)| same(spelling) || one(spelling));
    if let Some((_, symbol)) = spelled {
        return find(symbol);
    }
    let named = |unit: &Unit| {
        let name = unit.name().split(" (").next().unwrap_or_default();
        let name = name.trim_start_matches("degrees ");
        same(name) || one(name)
    };
    Unit::all()
        .find(|unit| same(unit.as_str()))
        .or_else(|| Unit::all().find(named))
}

/// Sorts the places of the registry by symbol, bytewise.
const fn sorted() -> [u8; REGISTRY.len()] {
    let mut places = [0; REGISTRY.len()];
    let mut count = 0;
    while count < places.len() {
        let mut at = count;
        while at > 0 && is_before(count, places[at - 1]) {
            places[at] = places[at - 1];
            at -= 1;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the registry has fewer than 256 units"
        )]
        let place = count as u8;
        places[at] = place;
        count += 1;
    }
    places
}

/// Whether the symbol at `place` sorts before the one at `other`.
const fn is_before(place: usize, other: u8) -> bool {
    let (left, right) = (REGISTRY[place].symbol, REGISTRY[other as usize].symbol);
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut at = 0;
    while at < left.len() && at < right.len() {
        if left[at] != right[at] {
            return left[at] < right[at];
        }
        at += 1;
    }
    left.len() < right.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_as_it_is_written_and_stands_once() {
        for unit in Unit::all() {
            assert_eq!(unit.as_str().parse(), Ok(unit));
        }
        let symbols: std::collections::BTreeSet<_> = Unit::all().map(Unit::as_str).collect();
        assert_eq!(symbols.len(), REGISTRY.len());
    }

    #[test]
    fn every_secondary_unit_leads_to_a_primary_one() {
        for unit in Unit::all().filter(|unit| unit.is_secondary()) {
            let conversion = unit.conversion().unwrap();
            assert!(!conversion.primary.is_secondary(), "{unit}");
            assert!(conversion.scale > 0.0, "{unit}");
        }
        let to_primary = |symbol: &str, number| {
            let unit: Unit = symbol.parse().unwrap();
            unit.conversion().unwrap().apply(number)
        };
        assert!((to_primary("dBm", 10.0) - -20.0).abs() < 1e-12);
        assert!((to_primary("kWh", 2.0) - 7.2e6).abs() < 1e-6);
        assert!((to_primary("km/h", 36.0) - 10.0).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_unit_is_told_what_was_probably_meant() {
        for (text, meant) in [
            ("celsius", "Cel"),
            ("°C", "Cel"),
            ("c", "C"),
            ("cel", "Cel"),
            ("kwh", "kWh"),
            ("HZ", "Hz"),
            ("volts", "V"),
            ("amps", "A"),
            ("ohm", "Ohm"),
            ("lux", "lx"),
            ("%rh", "%RH"),
            ("L", "l"),
            ("m³", "m3"),
            ("Litres", "l"),
        ] {
            let error = text.parse::<Unit>().unwrap_err();
            assert_eq!(error.nearest().map(Unit::as_str), Some(meant), "{text}");
        }
        let error = "furlong".parse::<Unit>().unwrap_err();
        assert!(error.to_string().ends_with("units are case-sensitive"));
    }
}
