//! Units of measure: the SenML registry (RFC 8428 section 12.1 and RFC 8798), case-sensitive.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A unit that the registry knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit(&'static str);

/// Says that a text is not in the registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a SenML unit (RFC 8428 section 12.1, RFC 8798); units are case-sensitive")]
pub struct UnknownUnit(pub String);

/// The symbols of the registry.
const REGISTRY: &[&str] = &[
    "m", "kg", "s", "A", "K", "Cel", "V", "W", "Hz", "Pa", "J", "%RH", "Wh",
];

// === impl Unit ===

impl Unit {
    /// All units, in the order of the registry.
    pub fn all() -> impl Iterator<Item = Self> {
        REGISTRY.iter().map(|symbol| Self(symbol))
    }

    /// The symbol.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        let symbol = REGISTRY.iter().find(|symbol| **symbol == text);
        symbol
            .map(|symbol| Self(symbol))
            .ok_or_else(|| UnknownUnit(text.to_owned()))
    }
}

impl Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
