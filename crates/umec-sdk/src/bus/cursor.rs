//! A durable position in the stream.

use std::collections::BTreeSet;
use std::sync::Arc;

use umec_wire::Label;

use super::follow::MemoryReader;
use super::memory::Memory;
use super::message::{Raw, Stored};
#[cfg(feature = "nats")]
use super::nats::NatsPosition;
use super::signing::Trusted;
use super::{AskError, Broker, Bus, Filter, Start};

/// A reader whose place outlives the process. It reads in stream order; what was not acknowledged is
/// read again when the position is next opened, and not before.
#[derive(Debug)]
pub struct Cursor {
    place: Place,
    floor: Floor,
    trusted: Arc<Trusted>,
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

/// Which messages were read and not yet acknowledged; pure.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    open: BTreeSet<u64>,
    /// The newest message that was read.
    read: u64,
}

// === impl Cursor ===

impl Cursor {
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub(super) async fn open(bus: &Bus, name: &Label, filter: Filter) -> Result<Self, AskError> {
        let (place, floor) = match &bus.broker {
            Broker::Memory(memory) => {
                let floor = memory.position(name);
                let start = Start::Sequence(floor + 1);
                let (reader, _) = MemoryReader::open(memory, start, filter);
                let place = Place::Memory {
                    memory: memory.clone(),
                    name: name.clone(),
                    reader,
                };
                (place, Floor::new(floor))
            }
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => {
                let position = NatsPosition::open(nats, name, filter).await?;
                (Place::Nats(Box::new(position)), Floor::new(0))
            }
        };
        Ok(Self {
            place,
            floor,
            trusted: Arc::clone(&bus.trusted),
        })
    }

    /// The next message, whenever it comes; `None` when the bus is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Stored> {
        loop {
            let raw = self.raw().await?;
            let sequence = raw.sequence;
            self.floor.read(sequence);
            if let Some(stored) = self.trusted.believe(raw) {
                return Some(stored);
            }
            self.acknowledge(sequence);
        }
    }

    /// Says that a message need not be read again. Messages may be acknowledged in any order; the position
    /// moves when all before are acknowledged too.
    pub fn acknowledge(&mut self, sequence: u64) {
        if let Some(floor) = self.floor.acknowledge(sequence) {
            match &mut self.place {
                Place::Memory { memory, name, .. } => memory.set_position(name, floor),
                #[cfg(feature = "nats")]
                Place::Nats(position) => position.acknowledge(floor),
            }
        }
    }

    /// Waits until the server knows what was acknowledged, as long as it can be reached.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub async fn flush(&self) {
        match &self.place {
            Place::Memory { .. } => {}
            #[cfg(feature = "nats")]
            Place::Nats(position) => position.flush().await,
        }
    }

    /// The position up to which everything that was read is acknowledged; 0 before anything was read.
    pub fn floor(&self) -> u64 {
        self.floor.floor()
    }

    /// How many messages were read and are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.floor.open.len()
    }

    async fn raw(&mut self) -> Option<Raw> {
        match &mut self.place {
            Place::Memory { reader, .. } => reader.message().await.map(|(raw, _)| raw),
            #[cfg(feature = "nats")]
            Place::Nats(position) => position.next().await,
        }
    }
}

// === impl Floor ===

impl Floor {
    pub(crate) fn new(floor: u64) -> Self {
        Self {
            open: BTreeSet::new(),
            read: floor,
        }
    }

    pub(crate) fn read(&mut self, sequence: u64) {
        self.read = self.read.max(sequence);
        self.open.insert(sequence);
    }

    /// The position below which all is acknowledged, where it has moved.
    pub(crate) fn acknowledge(&mut self, sequence: u64) -> Option<u64> {
        let lowest = self.open.first().copied()?;
        let known = self.open.remove(&sequence);
        (known && sequence == lowest).then(|| self.floor())
    }

    /// The position up to which all that was read is acknowledged.
    pub(crate) fn floor(&self) -> u64 {
        self.open.first().map_or(self.read, |lowest| lowest - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_moves_when_all_before_are_acknowledged() {
        let mut floor = Floor::new(4);
        for sequence in [5, 7, 9] {
            floor.read(sequence);
        }
        assert_eq!(floor.acknowledge(7), None);
        assert_eq!(floor.acknowledge(5), Some(8));
        assert_eq!(floor.acknowledge(5), None);
        assert_eq!(floor.acknowledge(9), Some(9));
    }
}
