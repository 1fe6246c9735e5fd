//! Which message this is: the device, the run of its publisher, and the number in that run.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::label::DeviceName;
use crate::time::Timestamp;

/// One run of a publisher, from its start to its end; 16 hexadecimal digits.
///
/// The upper 48 bits are the milliseconds of its start, so that later runs sort after earlier ones
/// wherever the clock was right; the lower 16 are random, so that two runs never meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Boot(u64);

/// The number of a message of one device in one boot: 1 is the first.
///
/// One counter runs over all kinds of messages that one publisher sends about one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(NonZeroU64);

/// What makes a message the same message: the value of the header `Nats-Msg-Id`, `<device>:<boot>:<sequence>`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    /// The device that the message is about.
    pub device: DeviceName,
    /// The run of the publisher.
    pub boot: Boot,
    /// The number in that run.
    pub sequence: Sequence,
}

/// Why a text is not a [`MessageId`] or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageIdError {
    /// There are not three parts between colons.
    #[error("{0:?} is not <device>:<boot>:<sequence>")]
    Shape(String),
    /// The first part is not a device name.
    #[error("the device of a message id")]
    Device(#[source] crate::label::LabelError),
    /// The boot is not 16 lower-case hexadecimal digits.
    #[error("the boot {0:?} is not 16 hexadecimal digits in lower case")]
    Boot(String),
    /// The sequence is not a number of 1 or above.
    #[error("the sequence {0:?} is not a whole number above 0")]
    Sequence(String),
}

// === impl Boot ===

impl Boot {
    /// Makes the id of a run that starts at `now`, told from others of that millisecond by `salt`.
    pub fn new(now: Timestamp, salt: u16) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0) & 0xffff_ffff_ffff;
        Self((millis << 16) | u64::from(salt))
    }

    /// Takes a boot id as the number it is.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The number.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// When the run began, to the millisecond, by the clock that its publisher had then.
    pub fn began(self) -> Timestamp {
        // 48 bits fit.
        Timestamp::from_millis((self.0 >> 16).cast_signed())
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Boot {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 16 || !text.bytes().all(hex) {
            return Err(MessageIdError::Boot(text.to_owned()));
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| MessageIdError::Boot(text.to_owned()))
    }
}

impl TryFrom<String> for Boot {
    type Error = MessageIdError;

    fn try_from(text: String) -> Result<Self, MessageIdError> {
        text.parse()
    }
}

impl From<Boot> for String {
    fn from(boot: Boot) -> Self {
        boot.to_string()
    }
}

// === impl Sequence ===

impl Sequence {
    /// The first of a boot.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Makes a sequence; `None` for 0.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The one after; the last possible one stays.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

// === impl MessageId ===

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.device, self.boot, self.sequence)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MessageId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        let mut parts = text.split(':');
        let (Some(device), Some(boot), Some(sequence), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MessageIdError::Shape(text.to_owned()));
        };
        let number = |text: &str| {
            let canonical = !text.starts_with(['+', '0']);
            text.parse().ok().filter(|_| canonical).map(Sequence)
        };
        Ok(Self {
            device: device.parse().map_err(MessageIdError::Device)?,
            boot: boot.parse()?,
            sequence: number(sequence)
                .ok_or_else(|| MessageIdError::Sequence(sequence.to_owned()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_read_as_it_is_written() {
        let id = MessageId {
            device: DeviceName::new("meter-3").unwrap(),
            boot: Boot::new(Timestamp::from_millis(1_763_716_200_000), 0xbeef),
            sequence: Sequence::new(42).unwrap(),
        };
        assert_eq!(id.to_string(), "meter-3:019aa5ad7640beef:42");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn later_boots_sort_after_earlier_ones() {
        let boot = |millis| Boot::new(Timestamp::from_millis(millis), 7);
        assert!(boot(1) < boot(2));
        assert_eq!(boot(2).began(), Timestamp::from_millis(2));
    }

    #[test]
    fn a_message_id_has_one_spelling() {
        for text in [
            "",
            "meter-3",
            "meter-3:019aa5b0c540beef",
            "meter-3:019aa5b0c540beef:0",
            "meter-3:019aa5b0c540beef:+1",
            "meter-3:019aa5b0c540beef:01",
            "meter-3:019AA5B0C540BEEF:1",
            "meter-3:19aa5b0c540beef:1",
            "meter-3:019aa5b0c540beef:1:",
            "Meter:019aa5b0c540beef:1",
        ] {
            assert!(text.parse::<MessageId>().is_err(), "{text}");
        }
    }
}
