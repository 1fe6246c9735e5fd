//! Sessions: `Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s` (Noise Protocol Framework, revision 34), and what
//! is sealed in them.
//!
//! The key of a modem is shared beforehand, so each end proves with its first message that it has it;
//! the ephemeral keys give every session keys of its own. The transport is stateless: the number of a
//! datagram is the nonce, so that datagrams may be lost and reordered. The version, the modem's name and
//! its cookie are the prologue, so that a hello that was overheard is of no use at another address;
//! connection and first byte of a sealed datagram are not sealed, so a
//! receiver believes in them only what the opened message confirms.
//!
//! Randomness is an argument: 32 bytes for the ephemeral key, new for each handshake.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use minicbor::decode::Decoder;
use snow::resolvers::{BoxedCryptoResolver, CryptoResolver, DefaultResolver, FallbackResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState, StatelessTransportState};

use super::cbor::{self, DecodeError};
use super::cookie::{self, Cookie};
use super::datagram::{self, Connection, Datagram, ECHO, Hello, Lane, Sealed, TAG, Way};
use super::replay::{ReplayWindow, Replayed};
use crate::label::{ModemName, NodeName};
use crate::message_id::Boot;

/// The key that a modem and the gateway share.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// Says that a text is not a [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct KeyError;

/// What the gateway tells with the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The session's name.
    pub connection: Connection,
    /// The node for which the modem speaks, as the gateway knows it.
    pub node: NodeName,
    /// The run of the gateway.
    pub gateway: Boot,
    /// What to show with the next hello.
    pub resumption: Cookie,
}

/// A handshake that a modem has begun.
pub struct Initiation {
    handshake: HandshakeState,
    hello: Vec<u8>,
    echo: [u8; ECHO],
}

/// A session: seals what goes out, opens what comes in.
pub struct Session {
    transport: StatelessTransportState,
    way: Way,
    connection: Connection,
    next: u64,
    window: ReplayWindow,
}

/// Why a handshake does not come about.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The other end has another key, or the bytes are damaged.
    #[error("the handshake")]
    Noise(#[source] snow::Error),
    /// The other end has the key and says something that is not understood.
    #[error("the message in the handshake")]
    Message(#[source] DecodeError),
}

/// Why a sealed datagram is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It came before, or too late to tell.
    #[error(transparent)]
    Replayed(#[from] Replayed),
    /// It was not sealed in this session, or is damaged.
    #[error("the seal is broken")]
    Broken,
}

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

/// Begins the prologue; the modem's name follows.
const PROLOGUE: &[u8] = b"umec uplink 2\0";

// === impl Key ===

impl Key {
    /// Takes the bytes of a key.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let hex = data_encoding::HEXLOWER_PERMISSIVE;
        let bytes = hex.decode(text.as_bytes()).map_err(|_| KeyError)?;
        bytes.try_into().map(Self).map_err(|_| KeyError)
    }
}

// === impl Initiation ===

impl Initiation {
    /// Begins a handshake as the modem `modem`, in its run `boot`, with the cookie it holds.
    pub fn begin(
        modem: &ModemName,
        key: &Key,
        boot: Boot,
        cookie: Option<Cookie>,
        ephemeral: [u8; 32],
    ) -> Result<Self, HandshakeError> {
        let prologue = prologue(modem, cookie.as_ref());
        let mut handshake = builder(key, &prologue, ephemeral)?
            .build_initiator()
            .map_err(HandshakeError::Noise)?;
        let name = modem.as_str().len();
        let before = 1 + 1 + name + 1 + cookie.map_or(0, |_| cookie::SIZE) + 32 + TAG;
        let room = datagram::MIN_HELLO.saturating_sub(before);
        let noise = write(&mut handshake, &hello_payload(boot, room))?;
        let hello = Hello {
            modem: modem.clone(),
            cookie,
            noise: &noise,
        };
        Ok(Self {
            echo: hello.echo(),
            hello: Datagram::Hello(hello).encode(),
            handshake,
        })
    }

    /// Whether an answer that repeats `echo` is one to this hello.
    pub fn is_meant(&self, echo: &[u8; ECHO]) -> bool {
        self.echo == *echo
    }

    /// The datagram that asks for the session; may be sent again as it is.
    pub fn hello(&self) -> &[u8] {
        &self.hello
    }

    /// Reads the gateway's answer. A wrong one leaves the handshake as it was, so that nobody ends
    /// it by answering first.
    pub fn welcome(&mut self, noise: &[u8]) -> Result<Welcome, HandshakeError> {
        let payload = read(&mut self.handshake, noise)?;
        decode_welcome(&payload).map_err(HandshakeError::Message)
    }

    /// The session, after the gateway's answer was read.
    pub fn session(self, connection: Connection) -> Result<Session, HandshakeError> {
        Session::new(self.handshake, connection, Way::Up)
    }
}

impl fmt::Debug for Initiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiation").finish_non_exhaustive()
    }
}

/// Answers a modem that holds `key`: the session, the datagram to send, and the run of the uplink.
/// The session is proven when something sealed in it arrives: a hello can be replayed.
pub fn answer(
    hello: &Hello<'_>,
    key: &Key,
    welcome: &Welcome,
    ephemeral: [u8; 32],
) -> Result<(Session, Vec<u8>, Boot), HandshakeError> {
    let prologue = prologue(&hello.modem, hello.cookie.as_ref());
    let mut handshake = builder(key, &prologue, ephemeral)?
        .build_responder()
        .map_err(HandshakeError::Noise)?;
    let payload = read(&mut handshake, hello.noise)?;
    let boot = decode_boot(&payload).map_err(HandshakeError::Message)?;
    let payload = cbor::to_bytes(|to| {
        to.array(4)?.u32(welcome.connection.0)?;
        to.str(welcome.node.as_str())?;
        to.u64(welcome.gateway.to_bits())?;
        to.bytes(&welcome.resumption.0).map(drop)
    });
    let noise = write(&mut handshake, &payload)?;
    let session = Session::new(handshake, welcome.connection, Way::Down)?;
    Ok((session, Datagram::Welcome(&noise).encode(), boot))
}

// === impl Session ===

impl Session {
    fn new(
        handshake: HandshakeState,
        connection: Connection,
        way: Way,
    ) -> Result<Self, HandshakeError> {
        let transport = handshake
            .into_stateless_transport_mode()
            .map_err(HandshakeError::Noise)?;
        Ok(Self {
            transport,
            way,
            connection,
            next: 0,
            window: ReplayWindow::new(),
        })
    }

    /// The session's name.
    pub const fn connection(&self) -> Connection {
        self.connection
    }

    /// The number of the next datagram that is sealed.
    pub const fn next_number(&self) -> u64 {
        self.next
    }

    /// The bytes that sealing adds to the next message.
    pub fn overhead(&self) -> usize {
        datagram::sealed_header(Lane::Data, self.way, self.connection, self.next, 0).len() + TAG
    }

    /// Seals a message into a datagram. `None` when the message is larger than Noise allows (65,519
    /// bytes) or the numbers are used up.
    pub fn seal(&mut self, lane: Lane, message: &[u8]) -> Option<Vec<u8>> {
        if self.next > datagram::MAX_NUMBER {
            return None;
        }
        let length = message.len().checked_add(TAG)?;
        let mut bytes = datagram::sealed_header(lane, self.way, self.connection, self.next, length);
        let start = bytes.len();
        bytes.resize(start + length, 0);
        let sealed = bytes.get_mut(start..)?;
        self.transport
            .write_message(self.next, message, sealed)
            .ok()?;
        self.next += 1;
        Some(bytes)
    }

    /// How many of the other end's last datagrams have not come, and of how many.
    pub fn missing(&self) -> (u64, u64) {
        self.window.missing()
    }

    /// Opens a datagram: the message in it, and whether it is the newest so far.
    pub fn open(&mut self, sealed: &Sealed<'_>) -> Result<(Bytes, bool), OpenError> {
        self.window.check(sealed.number)?;
        let mut message = vec![0; sealed.bytes.len()];
        let length = self
            .transport
            .read_message(sealed.number, sealed.bytes, &mut message)
            .map_err(|_| OpenError::Broken)?;
        message.truncate(length);
        let newest = self.window.is_newest(sealed.number);
        self.window.mark(sealed.number);
        Ok((message.into(), newest))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("connection", &self.connection)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

// === the handshake ===

fn prologue(modem: &ModemName, cookie: Option<&Cookie>) -> Vec<u8> {
    let cookie = cookie.map_or(&[][..], |cookie| &cookie.0);
    [PROLOGUE, modem.as_str().as_bytes(), b"\0", cookie].concat()
}

/// What the modem says with its hello, filled up to `room` bytes.
fn hello_payload(boot: Boot, room: usize) -> Vec<u8> {
    let write = |filling: usize| {
        cbor::to_bytes(|to| {
            to.array(2)?.u64(boot.to_bits())?;
            to.bytes(&vec![0; filling]).map(drop)
        })
    };
    let filling = room.saturating_sub(write(0).len());
    // The head of the bytes grows with them, so one in two lengths comes out a byte or two longer.
    write(filling)
}

fn builder<'k>(
    key: &'k Key,
    prologue: &'k [u8],
    ephemeral: [u8; 32],
) -> Result<Builder<'k>, HandshakeError> {
    let pattern = PATTERN.parse().map_err(HandshakeError::Noise)?;
    let drawn: BoxedCryptoResolver = Box::new(Drawn(ephemeral));
    let resolver = FallbackResolver::new(drawn, Box::new(DefaultResolver));
    Builder::with_resolver(pattern, Box::new(resolver))
        .psk(0, &key.0)
        .and_then(|builder| builder.prologue(prologue))
        .map_err(HandshakeError::Noise)
}

fn write(handshake: &mut HandshakeState, payload: &[u8]) -> Result<Vec<u8>, HandshakeError> {
    // An ephemeral key of 32 bytes and a tag come on top.
    let mut message = vec![0; payload.len() + 32 + TAG];
    let length = handshake
        .write_message(payload, &mut message)
        .map_err(HandshakeError::Noise)?;
    message.truncate(length);
    Ok(message)
}

fn read(handshake: &mut HandshakeState, message: &[u8]) -> Result<Vec<u8>, HandshakeError> {
    let mut payload = vec![0; message.len()];
    let length = handshake
        .read_message(message, &mut payload)
        .map_err(HandshakeError::Noise)?;
    payload.truncate(length);
    Ok(payload)
}

fn decode_boot(payload: &[u8]) -> Result<Boot, DecodeError> {
    let mut from = Decoder::new(payload);
    cbor::array(&mut from, 2)?;
    let boot = cbor::boot(&mut from)?;
    from.bytes()?;
    cbor::end(&from)?;
    Ok(boot)
}

fn decode_welcome(payload: &[u8]) -> Result<Welcome, DecodeError> {
    let mut from = Decoder::new(payload);
    cbor::array(&mut from, 4)?;
    let welcome = Welcome {
        connection: Connection(from.u32()?),
        node: cbor::label(&mut from)?,
        gateway: cbor::boot(&mut from)?,
        resumption: cbor::cookie(&mut from)?,
    };
    cbor::end(&from)?;
    Ok(welcome)
}

/// The randomness of one handshake.
struct Drawn([u8; 32]);

impl CryptoResolver for Drawn {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Self(self.0)))
    }

    fn resolve_dh(&self, _: &snow::params::DHChoice) -> Option<Box<dyn Dh>> {
        None
    }

    fn resolve_hash(&self, _: &snow::params::HashChoice) -> Option<Box<dyn Hash>> {
        None
    }

    fn resolve_cipher(&self, _: &snow::params::CipherChoice) -> Option<Box<dyn Cipher>> {
        None
    }
}

impl Random for Drawn {
    /// Gives the bytes once: the pattern draws one ephemeral key, and a second must not equal it.
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), snow::Error> {
        if to.len() != self.0.len() || self.0 == [0; 32] {
            return Err(snow::Error::Rng);
        }
        to.copy_from_slice(&self.0);
        self.0 = [0; 32];
        Ok(())
    }
}

#[cfg(test)]
mod tests;
