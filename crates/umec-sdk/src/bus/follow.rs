//! Reading the stream in its order.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::memory::Memory;
use super::message::{Raw, Stored};
#[cfg(feature = "nats")]
use super::nats::NatsReader;
use super::signing::Trusted;
use super::{AskError, Broker, Bus, BusState, Filter, Start};

/// A reader of the stream. It finds its place again after a lost connection and a restarted server.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    trusted: Arc<Trusted>,
    caught_up: bool,
}

#[derive(Debug)]
enum Reader {
    Memory(MemoryReader),
    #[cfg(feature = "nats")]
    Nats(Box<NatsReader>),
}

/// What a reader comes upon.
pub(crate) enum Item {
    /// A message, and whether it was the last that the stream held at the beginning.
    Message { raw: Raw, caught_up: bool },
    /// The stream held nothing at the beginning.
    #[cfg(feature = "nats")]
    CaughtUp,
}

#[derive(Debug)]
pub(crate) struct MemoryReader {
    memory: Memory,
    filter: Filter,
    /// The last messages of their subjects, still to be read.
    last: VecDeque<u64>,
    /// The position after which everything is read.
    after: u64,
    history: u64,
    news: (watch::Receiver<u64>, watch::Receiver<BusState>),
}

// === impl Follow ===

impl Follow {
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub(super) async fn open(bus: &Bus, start: Start, filter: Filter) -> Result<Self, AskError> {
        let (reader, caught_up) = match &bus.broker {
            Broker::Memory(memory) => {
                let (reader, caught_up) = MemoryReader::open(memory, start, filter);
                (Reader::Memory(reader), caught_up)
            }
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => {
                let (reader, caught_up) = NatsReader::open(nats, start, filter).await?;
                (Reader::Nats(Box::new(reader)), caught_up)
            }
        };
        Ok(Self {
            reader,
            trusted: Arc::clone(&bus.trusted),
            caught_up,
        })
    }

    /// A reader that begins with the first call of [`Follow::next`].
    pub(super) fn later(bus: &Bus, start: Start, filter: Filter) -> Self {
        let reader = match &bus.broker {
            Broker::Memory(memory) => Reader::Memory(MemoryReader::open(memory, start, filter).0),
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => Reader::Nats(Box::new(NatsReader::new(nats, start, filter))),
        };
        Self {
            reader,
            trusted: Arc::clone(&bus.trusted),
            caught_up: false,
        }
    }

    /// The next message, whenever it comes; `None` when the bus is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Stored> {
        loop {
            if let Some(stored) = self.step().await? {
                return Some(stored);
            }
        }
    }

    /// The next of the messages that the stream held at the beginning; `None` when there are no more. Cancel safe.
    pub async fn recorded(&mut self) -> Option<Stored> {
        while !self.caught_up {
            if let Some(stored) = self.step().await? {
                return Some(stored);
            }
        }
        None
    }

    /// Whether all messages have been read that the stream held at the beginning.
    pub const fn caught_up(&self) -> bool {
        self.caught_up
    }

    /// One step of the reader; `Some(None)` where it gave no message that is believed.
    async fn step(&mut self) -> Option<Option<Stored>> {
        let item = match &mut self.reader {
            Reader::Memory(reader) => reader.next().await,
            #[cfg(feature = "nats")]
            Reader::Nats(reader) => reader.next().await,
        };
        match item? {
            #[cfg(feature = "nats")]
            Item::CaughtUp => {
                self.caught_up = true;
                Some(None)
            }
            Item::Message { raw, caught_up } => {
                self.caught_up |= caught_up;
                Some(self.trusted.believe(raw))
            }
        }
    }
}

// === impl MemoryReader ===

impl MemoryReader {
    pub(crate) fn open(memory: &Memory, start: Start, filter: Filter) -> (Self, bool) {
        let news = memory.news();
        let (last, after) = memory.begin(start, &filter);
        let newest = memory.newest(&filter);
        let caught_up = last.is_empty() && newest <= after;
        let reader = Self {
            memory: memory.clone(),
            filter,
            last,
            after,
            history: newest,
            news,
        };
        (reader, caught_up)
    }

    pub(crate) async fn next(&mut self) -> Option<Item> {
        let (raw, caught_up) = self.message().await?;
        Some(Item::Message { raw, caught_up })
    }

    pub(crate) async fn message(&mut self) -> Option<(Raw, bool)> {
        loop {
            let away = *self.news.1.borrow_and_update() != BusState::Connected;
            self.news.0.borrow_and_update();
            if !away && let Some(raw) = self.look() {
                let caught_up = self.last.is_empty() && raw.sequence >= self.history;
                return Some((raw, caught_up));
            }
            tokio::select! {
                changed = self.news.0.changed() => changed.ok()?,
                changed = self.news.1.changed() => changed.ok()?,
            }
        }
    }

    fn look(&mut self) -> Option<Raw> {
        while let Some(sequence) = self.last.pop_front() {
            if let Some(raw) = self.memory.at(sequence) {
                return Some(raw);
            }
        }
        match self.memory.after(self.after, &self.filter) {
            Ok(raw) => {
                self.after = raw.sequence;
                Some(raw)
            }
            Err(seen) => {
                self.after = self.after.max(seen);
                None
            }
        }
    }
}
