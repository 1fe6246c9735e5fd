//! Amounts of bytes as people and Kubernetes write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of bytes above 0, written as a Kubernetes quantity: `512Mi`, `1Gi`, `10M`, `4096`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Bytes(u64);

/// Says that a text is not an amount of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an amount of bytes: write a whole number above 0, and where you like one of k, M, G, T, Ki, Mi, Gi, Ti, such as 1Gi"
)]
pub struct BytesError(String);

/// YAML knows `4096` as a number and `1Gi` as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

/// The suffixes, the largest first.
const SUFFIXES: &[(&str, u64)] = &[
    ("Ti", 1 << 40),
    ("T", 1_000_000_000_000),
    ("Gi", 1 << 30),
    ("G", 1_000_000_000),
    ("Mi", 1 << 20),
    ("M", 1_000_000),
    ("Ki", 1 << 10),
    ("k", 1_000),
    ("", 1),
];

// === impl Bytes ===

impl Bytes {
    /// Makes an amount; zero becomes one byte.
    pub const fn new(bytes: u64) -> Self {
        Self(if bytes == 0 { 1 } else { bytes })
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, size): &&(&str, u64)| self.0.is_multiple_of(*size);
        let (suffix, size) = SUFFIXES.iter().find(whole).unwrap_or(&("", 1));
        write!(f, "{}{suffix}", self.0 / size)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Bytes {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        let refuse = || BytesError(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit());
        let (number, suffix) = text.split_at(digits.unwrap_or(text.len()));
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let (_, size) = SUFFIXES
            .iter()
            .find(|(name, _)| *name == suffix)
            .ok_or_else(refuse)?;
        let bytes = number.checked_mul(*size).filter(|bytes| *bytes > 0);
        bytes.map(Self).ok_or_else(refuse)
    }
}

impl TryFrom<Written> for Bytes {
    type Error = BytesError;

    fn try_from(written: Written) -> Result<Self, BytesError> {
        match written {
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_kubernetes_reads_it() {
        for (text, bytes) in [
            ("1Gi", 1 << 30),
            ("10M", 10_000_000),
            ("512Ki", 524_288),
            ("7", 7),
        ] {
            let amount: Bytes = text.parse().unwrap();
            assert_eq!(amount.get(), bytes);
            assert_eq!(amount.to_string(), text);
        }
        assert_eq!(
            crate::yaml::from_str::<Bytes>("4096").unwrap(),
            Bytes::new(4096)
        );
    }

    #[test]
    fn an_amount_refuses_nothing_half_and_unknown() {
        for text in [
            "",
            "Gi",
            "0",
            "0Mi",
            "1.5Gi",
            "-1",
            "1 Gi",
            "1gi",
            "99999999Ti",
        ] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
