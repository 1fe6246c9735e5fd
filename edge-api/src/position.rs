//! Where a reader is in the node's stream: what server-sent events call an event id.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A place after something that was read: after a whole message of the stream (`1234`), or after a
/// part of one (`1234.2`), since a message that holds samples of several times is shown in parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    message: u64,
    /// Counted from 1; [`WHOLE`] after the last one.
    part: u32,
}

/// Says that a text is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no position in the stream: pass an id as it was received, such as 1234")]
pub struct PositionError(String);

const WHOLE: u32 = u32::MAX;

// === impl Position ===

impl Position {
    /// Before everything.
    pub const START: Self = Self::after(0);

    /// After the message that the stream numbers `message`.
    pub const fn after(message: u64) -> Self {
        Self {
            message,
            part: WHOLE,
        }
    }

    /// After the part `index` (from 0) of `count` of a message.
    pub fn after_part(message: u64, index: usize, count: usize) -> Self {
        let part = u32::try_from(index + 1).unwrap_or(WHOLE);
        let part = if index + 1 >= count { WHOLE } else { part };
        Self { message, part }
    }

    /// The message that it is about, or 0 at the start.
    pub const fn message(self) -> u64 {
        self.message
    }

    /// The first message of which something is still to be read.
    pub const fn next_message(self) -> u64 {
        if self.part == WHOLE {
            self.message.saturating_add(1)
        } else {
            self.message
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.part == WHOLE {
            write!(f, "{}", self.message)
        } else {
            write!(f, "{}.{}", self.message, self.part)
        }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let refuse = || PositionError(text.to_owned());
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let (message, part) = match text.split_once('.') {
            Some((message, part)) => (message, Some(part)),
            None => (text, None),
        };
        if !digits(message) || !part.is_none_or(digits) {
            return Err(refuse());
        }
        let part = part.map(str::parse).transpose().map_err(|_| refuse())?;
        Ok(Self {
            message: message.parse().map_err(|_| refuse())?,
            part: part.unwrap_or(WHOLE),
        })
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        for text in ["0", "1234", "1234.1", "18446744073709551615"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "+1",
            "-1",
            "1.x",
            "x",
            "1.2.3",
            "18446744073709551616",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    #[test]
    fn parts_lie_between_their_message_and_the_one_before() {
        let text = ["8", "9.1", "9.2", "9", "10"];
        let positions: Vec<Position> = text.iter().map(|t| t.parse().unwrap()).collect();
        assert!(positions.is_sorted());
        assert_eq!(Position::after_part(9, 0, 3), positions[1]);
        assert_eq!(Position::after_part(9, 2, 3), positions[3]);
        assert_eq!(positions[1].next_message(), 9);
        assert_eq!(positions[3].next_message(), 10);
    }
}
