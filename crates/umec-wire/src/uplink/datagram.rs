//! Datagrams as they lie in the clear.
//!
//! | first byte | name | direction | rest |
//! |---|---|---|---|
//! | `20` | hello | up | length of the modem's name (1 byte), the name, length of the cookie (0 or 17), the cookie, first Noise message |
//! | `21` | welcome | down | second Noise message |
//! | `22` | unknown | down | connection (4 bytes) |
//! | `23` | retry | down | the first 8 bytes of the hello's Noise message, cookie (17 bytes) |
//! | `30`, `40` | sealed data, sealed command | up | connection (4 bytes), number, sealed message |
//! | `31`, `41` | sealed data, sealed command | down | the same |
//!
//! Numbers are big-endian; the number of a sealed datagram has variable length (RFC 9000 section 16)
//! and the shortest form alone is legal. The flow tells a sealed command from sealed data, so that
//! whoever forwards datagrams can let commands pass first.
//!
//! A hello has at least [`MIN_HELLO`] bytes, which no answer to it exceeds: nobody gains by having the
//! gateway answer to somebody else.

use super::cookie::{self, Cookie};
use crate::label::ModemName;

/// Which session a sealed datagram belongs to: chosen by the gateway, outlives changes of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection(pub u32);

/// What a sealed datagram carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Batches, acknowledgements, keepalives.
    Data,
    /// Commands and their results.
    Command,
}

/// Which way a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the modem to the gateway.
    Up,
    /// From the gateway to the modem.
    Down,
}

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A modem asks for a session.
    Hello(Hello<'a>),
    /// The gateway grants one.
    Welcome(&'a [u8]),
    /// The gateway has no such session. Anyone can say so: a reason to ask for a new session, not
    /// to forget the old one.
    Unknown(Connection),
    /// The gateway wants to see a cookie first.
    Retry(Retry),
    /// Something within a session.
    Sealed(Sealed<'a>),
}

/// A request for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello<'a> {
    /// Who asks: names the key.
    pub modem: ModemName,
    /// Shows that the modem hears at its address.
    pub cookie: Option<Cookie>,
    /// The first message of the handshake.
    pub noise: &'a [u8],
}

/// The answer to a hello that shows no cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Which hello is meant, see [`Hello::echo`]: whoever has not seen it cannot answer it.
    pub echo: [u8; ECHO],
    /// What to show.
    pub cookie: Cookie,
}

/// A sealed message and what is needed to open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// What it carries.
    pub lane: Lane,
    /// Which way it goes.
    pub way: Way,
    /// The session.
    pub connection: Connection,
    /// The number within session and direction: the nonce.
    pub number: u64,
    /// Ciphertext and tag.
    pub bytes: &'a [u8],
}

/// Why bytes are not a datagram of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// There is no first byte.
    #[error("the datagram is empty")]
    Empty,
    /// The first byte names no flow and topic of version 2.
    #[error("flow {flow}, topic {topic} is not of version 2")]
    Topic {
        /// The high nibble of the first byte.
        flow: u8,
        /// The low nibble.
        topic: u8,
    },
    /// It ends too early, or has bytes that do not belong to it.
    #[error("the datagram has the wrong length for its topic")]
    Length,
    /// The name of the modem is no label.
    #[error("the modem's name is not a name")]
    Name,
    /// The number is written longer than needed.
    #[error("the number is not in its shortest form")]
    Number,
}

/// The largest number that the wire carries (RFC 9000 section 16).
pub const MAX_NUMBER: u64 = (1 << 62) - 1;

/// The most bytes that stand before the sealed message: topic, connection, number.
pub const MAX_HEADER: usize = 1 + 4 + 8;

/// The least bytes of a hello: those of the longest welcome, whose node has a name of 63 bytes.
pub const MIN_HELLO: usize = 1 + 32 + (1 + 5 + 2 + 63 + 9 + 1 + cookie::SIZE) + TAG;

/// How much of a hello its answer repeats.
pub const ECHO: usize = 8;

/// The most bytes that stand before the sealed message up to number 2^30 - 1, before which sessions
/// are renewed.
pub const USUAL_HEADER: usize = 1 + 4 + 4;

/// What sealing adds: the tag of ChaCha20-Poly1305 (RFC 8439 section 2.8).
pub const TAG: usize = 16;

const HELLO: u8 = 0x20;
const WELCOME: u8 = 0x21;
const UNKNOWN: u8 = 0x22;
const RETRY: u8 = 0x23;

/// The length of a cookie, as a hello tells it.
const COOKIE: u8 = 17;

// === impl Datagram ===

impl<'a> Datagram<'a> {
    /// Reads a datagram.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DatagramError> {
        let (&first, rest) = bytes.split_first().ok_or(DatagramError::Empty)?;
        match first {
            HELLO if bytes.len() < MIN_HELLO => Err(DatagramError::Length),
            HELLO => decode_hello(rest).map(Self::Hello),
            RETRY => decode_retry(rest).map(Self::Retry),
            WELCOME if rest.is_empty() => Err(DatagramError::Length),
            WELCOME => Ok(Self::Welcome(rest)),
            UNKNOWN => match *rest {
                [a, b, c, d] => Ok(Self::Unknown(Connection(u32::from_be_bytes([a, b, c, d])))),
                _ => Err(DatagramError::Length),
            },
            _ => {
                let (lane, way) = lane_and_way(first).ok_or(DatagramError::Topic {
                    flow: first >> 4,
                    topic: first & 0x0f,
                })?;
                decode_sealed(lane, way, rest).map(Self::Sealed)
            }
        }
    }

    /// Writes the datagram.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => {
                let name = hello.modem.as_str().as_bytes();
                let mut bytes = vec![HELLO, u8::try_from(name.len()).unwrap_or(u8::MAX)];
                bytes.extend_from_slice(name);
                match &hello.cookie {
                    Some(Cookie(cookie)) => {
                        bytes.push(COOKIE);
                        bytes.extend_from_slice(cookie);
                    }
                    None => bytes.push(0),
                }
                bytes.extend_from_slice(hello.noise);
                bytes
            }
            Self::Retry(Retry { echo, cookie }) => [&[RETRY][..], echo, &cookie.0].concat(),
            Self::Welcome(noise) => [&[WELCOME][..], *noise].concat(),
            Self::Unknown(connection) => [&[UNKNOWN][..], &connection.0.to_be_bytes()].concat(),
            Self::Sealed(sealed) => {
                let mut bytes = sealed_header(
                    sealed.lane,
                    sealed.way,
                    sealed.connection,
                    sealed.number,
                    sealed.bytes.len(),
                );
                bytes.extend_from_slice(sealed.bytes);
                bytes
            }
        }
    }
}

// === impl Hello ===

impl Hello<'_> {
    /// What its answer repeats: the beginning of the key that was drawn for it.
    pub fn echo(&self) -> [u8; ECHO] {
        self.noise.first_chunk().copied().unwrap_or_default()
    }
}

/// Writes what stands before a sealed message, with room for `more` bytes behind it.
pub(super) fn sealed_header(
    lane: Lane,
    way: Way,
    connection: Connection,
    number: u64,
    more: usize,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAX_HEADER + more);
    bytes.push(first_byte(lane, way));
    bytes.extend_from_slice(&connection.0.to_be_bytes());
    encode_number(number.min(MAX_NUMBER), &mut bytes);
    bytes
}

const fn first_byte(lane: Lane, way: Way) -> u8 {
    match (lane, way) {
        (Lane::Data, Way::Up) => 0x30,
        (Lane::Data, Way::Down) => 0x31,
        (Lane::Command, Way::Up) => 0x40,
        (Lane::Command, Way::Down) => 0x41,
    }
}

fn lane_and_way(byte: u8) -> Option<(Lane, Way)> {
    let all = [Lane::Data, Lane::Command].map(|lane| [(lane, Way::Up), (lane, Way::Down)]);
    all.into_iter()
        .flatten()
        .find(|(lane, way)| first_byte(*lane, *way) == byte)
}

fn decode_hello(rest: &[u8]) -> Result<Hello<'_>, DatagramError> {
    let (&length, rest) = rest.split_first().ok_or(DatagramError::Length)?;
    let (name, noise) = rest
        .split_at_checked(usize::from(length))
        .ok_or(DatagramError::Length)?;
    let modem = std::str::from_utf8(name)
        .ok()
        .and_then(|name| ModemName::new(name).ok())
        .ok_or(DatagramError::Name)?;
    let (cookie, noise) = match noise.split_first() {
        Some((0, noise)) => (None, noise),
        Some((&COOKIE, rest)) => {
            let (cookie, noise) = rest.split_first_chunk().ok_or(DatagramError::Length)?;
            (Some(Cookie(*cookie)), noise)
        }
        _ => return Err(DatagramError::Length),
    };
    if noise.is_empty() {
        return Err(DatagramError::Length);
    }
    Ok(Hello {
        modem,
        cookie,
        noise,
    })
}

fn decode_retry(rest: &[u8]) -> Result<Retry, DatagramError> {
    let (echo, cookie) = rest.split_first_chunk().ok_or(DatagramError::Length)?;
    let cookie = cookie.try_into().map_err(|_| DatagramError::Length)?;
    Ok(Retry {
        echo: *echo,
        cookie: Cookie(cookie),
    })
}

fn decode_sealed(lane: Lane, way: Way, rest: &[u8]) -> Result<Sealed<'_>, DatagramError> {
    let (connection, rest) = rest.split_first_chunk().ok_or(DatagramError::Length)?;
    let (number, bytes) = decode_number(rest)?;
    if bytes.len() < TAG {
        return Err(DatagramError::Length);
    }
    Ok(Sealed {
        lane,
        way,
        connection: Connection(u32::from_be_bytes(*connection)),
        number,
        bytes,
    })
}

/// Appends a number of 62 bits in its shortest form (RFC 9000 section 16).
fn encode_number(number: u64, to: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let (length, mark) = match number {
        0..0x40 => (1, 0x00),
        0x40..0x4000 => (2, 0x40),
        0x4000..0x4000_0000 => (4, 0x80),
        _ => (8, 0xc0),
    };
    let start = to.len();
    to.extend(bytes.iter().skip(8 - length));
    if let Some(first) = to.get_mut(start) {
        *first |= mark;
    }
}

fn decode_number(bytes: &[u8]) -> Result<(u64, &[u8]), DatagramError> {
    let first = *bytes.first().ok_or(DatagramError::Length)?;
    let length = 1_usize << (first >> 6);
    let (number, rest) = bytes
        .split_at_checked(length)
        .ok_or(DatagramError::Length)?;
    let tail = number.iter().skip(1);
    let number = tail.fold(u64::from(first & 0x3f), |n, b| (n << 8) | u64::from(*b));
    let mut shortest = Vec::with_capacity(8);
    encode_number(number, &mut shortest);
    if shortest.len() == length {
        Ok((number, rest))
    } else {
        Err(DatagramError::Number)
    }
}

#[cfg(test)]
mod tests;
