//! A durable position in the stream.

mod holes;
mod kept;
mod places;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use umec_wire::{Label, Timestamp};

use super::follow::{Follow, MemoryReader};
use super::memory::Memory;
use super::message::{Raw, Stored};
#[cfg(feature = "nats")]
use super::nats::NatsPosition;
use super::signing::Trusted;
use super::{AskError, Broker, Bus, Filter, Start};
use places::{Places, Read};

pub use holes::Hole;
pub(crate) use kept::Kept;
use kept::Resting;

/// A reader whose place outlives the process. It reads in stream order; what was not acknowledged is
/// read again when the position is next opened, and not before.
///
/// A second reader can go ahead, so that what is new need not wait for what has piled up
/// ([`Cursor::next_live`]). Together they read each message once; the first passes over what the second has
/// read, also after a restart.
#[derive(Debug)]
pub struct Cursor {
    place: Place,
    places: Places,
    trusted: Arc<Trusted>,
    bus: Bus,
    filter: Filter,
    ahead: Option<Follow>,
    kept: Kept,
    found: Option<String>,
    resting: Resting,
}

#[derive(Debug)]
enum Place {
    Memory {
        memory: Memory,
        name: Label,
        reader: MemoryReader,
    },
    #[cfg(feature = "nats")]
    Nats(Box<NatsPosition>),
}

/// What may be read at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Whether there is room for the next message in order.
    pub in_order: bool,
    /// Whether there is room for a new one ahead of those.
    pub ahead: bool,
}

/// How a message came to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// In order, and soon after it was stored.
    Live,
    /// Soon after it was stored, while older ones are still to be read.
    Ahead,
    /// In order, and long after it was stored.
    Backlog,
}

/// What one of the readers has come to.
enum Step {
    InOrder(Option<Raw>),
    Ahead(Option<Stored>),
}

// === impl Cursor ===

impl Cursor {
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub(super) async fn open(bus: &Bus, name: &Label, filter: Filter) -> Result<Self, AskError> {
        let (place, floor, kept) = match &bus.broker {
            Broker::Memory(memory) => {
                let floor = memory.position(name);
                let start = Start::Sequence(floor + 1);
                let (reader, _) = MemoryReader::open(memory, start, filter.clone());
                let place = Place::Memory {
                    memory: memory.clone(),
                    name: name.clone(),
                    reader,
                };
                (place, floor, memory.kept(name))
            }
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => {
                let position = NatsPosition::open(nats, name, filter.clone()).await?;
                (Place::Nats(Box::new(position)), 0, Kept::default())
            }
        };
        let mut cursor = Self {
            place,
            places: Places::new(floor),
            trusted: Arc::clone(&bus.trusted),
            bus: bus.clone(),
            filter,
            ahead: None,
            kept: Kept::default(),
            found: None,
            resting: Resting::default(),
        };
        cursor.restore(floor, kept);
        cursor.find();
        Ok(cursor)
    }

    /// The next message in order that nobody has read ahead, whenever it comes; `None` when the bus is
    /// closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Stored> {
        loop {
            let raw = self.place.next().await?;
            if let Some(stored) = self.take(raw) {
                return Some(stored);
            }
        }
    }

    /// The next message that there is room for, live ones first; `None` when the bus is closed.
    ///
    /// Live is what was stored within `live` before `now`. The reader ahead goes to work when the one in
    /// order comes to an older message, leaves out what is twice as old where it has been held up itself,
    /// and ends when the one in order has caught up with it. Cancel safe.
    pub async fn next_live(
        &mut self,
        now: Timestamp,
        live: Duration,
        room: Room,
    ) -> Option<(Stored, Lane)> {
        let since = now.saturating_sub(live);
        let stale = since.saturating_sub(live);
        loop {
            let step = {
                let Self { place, ahead, .. } = &mut *self;
                let next_ahead = async {
                    match ahead.as_mut().filter(|_| room.ahead) {
                        Some(ahead) => ahead.next().await,
                        None => std::future::pending().await,
                    }
                };
                // Both readers are cancel safe.
                tokio::select! {
                    biased;
                    stored = next_ahead => Step::Ahead(stored),
                    raw = place.next(), if room.in_order => Step::InOrder(raw),
                }
            };
            match step {
                Step::Ahead(stored) => {
                    let stored = stored?;
                    if stored.stored_at < stale {
                        self.leap(since);
                    } else if let Some(stored) = self.take_ahead(stored) {
                        return Some((stored, Lane::Ahead));
                    }
                }
                Step::InOrder(raw) => {
                    if let Some(stored) = self.take(raw?) {
                        if stored.stored_at >= since {
                            return Some((stored, Lane::Live));
                        }
                        self.read_ahead(since);
                        return Some((stored, Lane::Backlog));
                    }
                }
            }
        }
    }

    /// Lets a second reader go ahead, to what was stored at `since` or later, where none does yet.
    pub fn read_ahead(&mut self, since: Timestamp) {
        if self.ahead.is_none() {
            self.leap(since);
        }
    }

    /// Whether new messages are read ahead of older ones.
    pub const fn is_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Up to where messages were read ahead of those in order, by this run or an earlier one; `None`
    /// where none were.
    pub fn ahead(&self) -> Option<u64> {
        self.places.ahead()
    }

    /// Up to where the reader in order has come: it has read everything before, or passed over it.
    pub const fn passed(&self) -> u64 {
        self.places.passed()
    }

    /// Says that a message need not be read again. Messages may be acknowledged in any order; the position
    /// moves when all before are acknowledged too.
    pub fn acknowledge(&mut self, sequence: u64) {
        let before = self.places.floor();
        self.places.acknowledge(sequence);
        self.settle(before);
    }

    /// Holds the position below what the stream drops before it was read. For a reader of everything: what
    /// a filter passes over looks the same.
    pub fn mind_holes(&mut self) {
        self.places.mind_holes();
    }

    /// What the stream has dropped unread, where [`Cursor::mind_holes`] was called; each hole once. It is found when
    /// the reader in order has passed it.
    pub fn hole(&mut self) -> Option<Hole> {
        self.places.hole()
    }

    /// Lets the server know the floor as it is known here when it has come to rest, and once in a while.
    pub fn keep_floor(&mut self, now: Instant) {
        if self
            .resting
            .is_due(self.places.floor(), self.kept.floor, now)
        {
            self.keep();
        }
    }

    /// Keeps a text with the position, so that the next run finds it. A second may pass before the server
    /// has it.
    pub fn keep_note(&mut self, note: String) {
        self.kept.note = Some(note);
        self.keep();
    }

    /// Waits until the server has what was given to be kept; goes on when the cursor is used meanwhile.
    pub fn kept(&self) -> BoxFuture<'static, ()> {
        match &self.place {
            Place::Memory { .. } => std::future::ready(()).boxed(),
            #[cfg(feature = "nats")]
            Place::Nats(position) => position.kept().boxed(),
        }
    }

    /// The text that an earlier run has kept, once the server has told it; told once.
    pub fn found_note(&mut self) -> Option<String> {
        self.found.take()
    }

    /// Waits until the server knows what was acknowledged, as long as it can be reached.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub async fn flush(&mut self) {
        if self
            .kept
            .floor
            .is_some_and(|kept| kept != self.places.floor())
        {
            self.keep();
        }
        match &self.place {
            Place::Memory { .. } => {}
            #[cfg(feature = "nats")]
            Place::Nats(position) => position.flush().await,
        }
    }

    /// The position up to which everything that was read is acknowledged; 0 before anything was read.
    pub fn floor(&self) -> u64 {
        self.places.floor()
    }

    /// How many messages were read and are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.places.unacknowledged()
    }

    /// A message that the reader in order has come to.
    fn take(&mut self, raw: Raw) -> Option<Stored> {
        self.find();
        let (sequence, before) = (raw.sequence, self.places.floor());
        let read = self.places.read(sequence);
        if self.places.ahead().is_none() && read == Read::Known {
            self.ahead = None;
        }
        self.settle(before);
        if read == Read::Known {
            return None;
        }
        let stored = self.trusted.believe(raw);
        if stored.is_none() {
            self.acknowledge(sequence);
        }
        stored
    }

    /// A message that the reader ahead has come to.
    fn take_ahead(&mut self, stored: Stored) -> Option<Stored> {
        let read = self.places.read_ahead(stored.sequence);
        if self.places.ahead().is_none() {
            self.ahead = None;
        }
        (read == Read::Fresh).then_some(stored)
    }

    fn leap(&mut self, since: Timestamp) {
        self.places.leap();
        let (start, filter) = (Start::Time(since), self.filter.clone());
        self.ahead = Some(Follow::later(&self.bus, start, filter));
    }

    /// Tells the server what has changed.
    fn settle(&mut self, before: u64) {
        let floor = self.places.floor();
        if floor > before {
            self.place.acknowledge(floor);
        }
        let done = self.places.done_ahead();
        if done != self.kept.done {
            self.kept.done = done;
            self.keep();
        }
    }

    fn keep(&mut self) {
        self.find();
        if self.resting.is_minded() {
            self.kept.floor = Some(self.places.floor());
        }
        self.place.keep(&self.kept);
    }

    /// Takes what the server has told of an earlier run.
    fn find(&mut self) {
        if let Some((floor, kept)) = self.place.found() {
            self.restore(floor, kept);
        }
    }

    fn restore(&mut self, floor: u64, kept: Kept) {
        self.places.restore(floor, &kept.done);
        self.found = kept.note.clone();
        if self.kept.note.is_none() {
            self.kept.note = kept.note;
        }
        self.kept.done = self.places.done_ahead();
        self.kept.floor = None;
    }
}

// === impl Place ===

impl Place {
    async fn next(&mut self) -> Option<Raw> {
        match self {
            Self::Memory { reader, .. } => reader.message().await.map(|(raw, _)| raw),
            #[cfg(feature = "nats")]
            Self::Nats(position) => position.next().await,
        }
    }

    fn acknowledge(&mut self, floor: u64) {
        match self {
            Self::Memory { memory, name, .. } => memory.set_position(name, floor),
            #[cfg(feature = "nats")]
            Self::Nats(position) => position.acknowledge(floor),
        }
    }

    /// What the server has told of an earlier run since the opening; in memory that is known at once.
    fn found(&mut self) -> Option<(u64, Kept)> {
        match self {
            Self::Memory { .. } => None,
            #[cfg(feature = "nats")]
            Self::Nats(position) => position.found(),
        }
    }

    fn keep(&self, kept: &Kept) {
        match self {
            Self::Memory { memory, name, .. } => memory.keep(name, kept),
            #[cfg(feature = "nats")]
            Self::Nats(position) => position.keep(kept),
        }
    }
}
