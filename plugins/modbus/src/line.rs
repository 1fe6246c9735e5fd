//! One line: a request out, its own answer in, or why there is none.
//!
//! An answer that comes late must not be taken for the answer to the next request. On TCP the connection is
//! given up. On RTU, where nothing in a frame says which request it answers, the line is left alone for a while,
//! emptied, and the unit is first asked for something whose answer looks different from every answer that is
//! still owed: units answer in order, so behind that one nothing old can come.

mod doubt;
mod open;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_modbus::client::{Client as _, Context};
use tokio_modbus::slave::SlaveContext as _;
use tokio_modbus::{Error, ExceptionCode, Request, Response, Slave};
use umec_sdk::exact::Exact;
use umec_spec::modbus_plan::ReadRequest;
use umec_spec::settings::modbus::{Line as Settings, Serial, Table, Transport};

use doubt::Doubts;
pub(crate) use doubt::Shape;

use crate::tap::Tap;

/// A line and what is known of its state.
#[derive(Debug)]
pub(crate) struct Line {
    settings: Settings,
    connection: Option<Connection>,
    timer: Exact,
    /// When the last byte passed.
    quiet_since: Instant,
    /// Until then an answer may come that nobody waits for any more.
    hush: Option<Instant>,
    /// The request whose answer is awaited; it stays when the wait is broken off from outside.
    awaited: Option<Awaited>,
    doubts: Doubts,
}

struct Connection {
    context: Context,
    tap: Arc<Tap>,
}

#[derive(Debug, Clone, Copy)]
struct Awaited {
    unit: u8,
    shape: Shape,
    patience: Duration,
}

/// The content of an answer to a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Bits(Vec<bool>),
    Words(Vec<u16>),
}

/// The characters of the longest request and the longest answer together, with the silences around them
/// (Modbus over Serial Line V1.02 section 2.5.1).
const LONGEST: u32 = 2 * 256 + 8;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The line cannot be opened.
    #[error("cannot be opened")]
    Open(#[source] io::Error),
    /// The line broke.
    #[error("broke")]
    Broken(#[source] io::Error),
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// Bytes came that are no answer.
    #[error("{0} bytes came that are no whole answer: cut, or with a wrong checksum")]
    Garbled(usize),
    /// An answer came that belongs to something else.
    #[error("an answer came that belongs to another request")]
    Foreign,
    /// The unit's own no.
    #[error("exception {}", u8::from(*.0))]
    Exception(ExceptionCode),
}

// === impl Line ===

impl Line {
    /// Asks once. The patience is for the unit; the time that bytes take on a serial wire comes on top.
    pub(crate) async fn ask(
        &mut self,
        unit: u8,
        request: Request<'_>,
        shape: Shape,
        patience: Duration,
    ) -> Result<Response, AskError> {
        if let Some(awaited) = self.awaited.take() {
            self.give_up(awaited);
        }
        self.reconnect().await?;
        self.rest().await?;
        let Some(connection) = &mut self.connection else {
            return Err(AskError::Open(io::ErrorKind::NotConnected.into()));
        };
        let wait = patience + wire_time(&self.settings.transport, &request, shape);
        let function = request.function_code();
        let awaited = Awaited {
            unit,
            shape,
            patience,
        };
        self.awaited = Some(awaited);
        connection.tap.begin();
        connection.context.set_slave(Slave(unit));
        let called = tokio::time::timeout(wait, connection.context.call(request)).await;
        self.awaited = None;
        self.quiet_since = Instant::now();
        let received = connection.tap.received();
        let error = match called {
            Ok(Ok(Ok(response))) if Shape::of(&response) == shape => return Ok(response),
            Ok(Ok(Err(exception))) => return Err(AskError::Exception(exception)),
            Ok(Ok(Ok(_)) | Err(Error::Protocol(_))) => AskError::Foreign,
            Ok(Err(Error::Transport(error))) if is_of_decoder(error.kind()) => {
                // The decoder behind the connection does not go on after an error.
                self.connection = None;
                AskError::Garbled(received)
            }
            Ok(Err(Error::Transport(error))) => {
                self.connection = None;
                return Err(AskError::Broken(error));
            }
            Err(_) if received > 0 => AskError::Garbled(received),
            Err(_) => AskError::Silent(wait),
        };
        tracing::debug!(unit, function = %function, %error, "no answer");
        self.give_up(awaited);
        Err(error)
    }

    /// Reads what a planned request asks for.
    pub(crate) async fn read(
        &mut self,
        unit: u8,
        wanted: &ReadRequest,
        patience: Duration,
    ) -> Result<Shown, AskError> {
        let (address, count) = (wanted.address, wanted.count);
        let request = match wanted.table {
            Table::Coil => Request::ReadCoils(address, count),
            Table::Discrete => Request::ReadDiscreteInputs(address, count),
            Table::Holding => Request::ReadHoldingRegisters(address, count),
            Table::Input => Request::ReadInputRegisters(address, count),
        };
        let shape = Shape::read(wanted.table, count);
        match self.ask(unit, request, shape, patience).await? {
            Response::ReadCoils(mut bits) | Response::ReadDiscreteInputs(mut bits) => {
                // The last byte is filled up with bits that nobody asked for.
                bits.truncate(count.into());
                Ok(Shown::Bits(bits))
            }
            Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => {
                Ok(Shown::Words(words))
            }
            _ => Err(AskError::Foreign),
        }
    }

    /// Makes sure that nothing old can come from the unit any more, where that is in doubt. `known` is a
    /// request that the unit answers.
    pub(crate) async fn settle(
        &mut self,
        unit: u8,
        known: &ReadRequest,
        patience: Duration,
    ) -> Result<(), AskError> {
        let Some(probe) = self.doubts.probe(unit, known) else {
            return Ok(());
        };
        match self.read(unit, &probe, patience).await {
            // What the unit may not be asked for it refuses, and a refusal is an answer too.
            Ok(_) | Err(AskError::Exception(_)) => {
                self.doubts.clear(unit);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the line is one wire for all its units, so that none answering means a dead line.
    pub(crate) fn is_serial(&self) -> bool {
        !matches!(self.settings.transport, Transport::Tcp { .. })
    }

    /// How long the longest request and answer take on the wire.
    pub(crate) fn longest_frame(&self) -> Duration {
        match &self.settings.transport {
            Transport::Serial(serial) => Serial::character(serial.baud) * LONGEST,
            Transport::Tcp { .. } | Transport::RtuOverTcp { .. } => Duration::ZERO,
        }
    }

    /// Where the line is.
    pub(crate) fn transport(&self) -> &Transport {
        &self.settings.transport
    }

    /// Believes nothing of a unit until it has answered something that looks like none of these.
    pub(crate) fn doubt(&mut self, unit: u8, shapes: impl IntoIterator<Item = Shape>) {
        self.doubts.add(unit, shapes);
    }

    /// Sees to it that the answer that was awaited is never taken for another.
    fn give_up(&mut self, awaited: Awaited) {
        if self.is_serial() {
            self.doubts.add(awaited.unit, [awaited.shape]);
            self.hush = Some(Instant::now() + awaited.patience);
        } else {
            self.connection = None;
        }
    }

    /// Waits for the silence that separates frames, the pause that the devices ask for, and late answers.
    async fn rest(&mut self) -> Result<(), AskError> {
        let mut until = self.quiet_since;
        if let Transport::Serial(serial) = &self.settings.transport {
            until += Serial::silence(serial.baud);
        }
        if let Some(pause) = self.settings.pause {
            until = until.max(self.quiet_since + pause.duration());
        }
        if let Some(hush) = self.hush.take() {
            until = until.max(hush);
        }
        self.timer.until(until).await.map_err(AskError::Broken)
    }
}

/// Whether an error is about the bytes that came, not about the way they came.
const fn is_of_decoder(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    )
}

/// How long a request and its answer take on the wire.
fn wire_time(transport: &Transport, request: &Request<'_>, shape: Shape) -> Duration {
    let Transport::Serial(serial) = transport else {
        return Duration::ZERO;
    };
    let written = match request {
        Request::WriteMultipleRegisters(_, words) => 1 + words.len() * 2,
        _ => 0,
    };
    // Unit, function, address, count and checksum; the answer has its size instead of the last two.
    let characters = 8 + written + 5 + shape.size();
    let silences = 2 * Serial::silence(serial.baud);
    Serial::character(serial.baud) * u32::try_from(characters).unwrap_or(u32::MAX) + silences
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
