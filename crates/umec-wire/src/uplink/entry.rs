//! One message of a device on its way up.

use bytes::Bytes;

use crate::message_id::{MessageId, Sequence};
use crate::reading::Reading;
use crate::subject::Target;
use crate::time::Timestamp;
use crate::trace::TraceParent;

/// What a device's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// What the device measures.
    Readings,
    /// What the windows make of it.
    Aggregates,
    /// What happened.
    Events,
    /// How the device is.
    Status,
}

/// Whether a message went up when it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// It did.
    Live,
    /// It had piled up while nothing could be sent.
    Backlog,
}

/// One message of a device, as it was on the node's bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which message it is.
    pub id: MessageId,
    /// The lowest sequence of this device and boot that may still be sent: whatever is below it and
    /// did not arrive never will. Not above the entry's own.
    pub floor: Sequence,
    /// Which trace it belongs to, where that is recorded: 25 bytes that no reading without a reader
    /// of traces should cost.
    pub trace: Option<TraceParent>,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// What the device measures.
    Readings(Vec<Reading>),
    /// What the windows make of it.
    Aggregates(Vec<Reading>),
    /// What happened.
    Event {
        /// The event's attributes and its media type, as headers.
        headers: Vec<(String, String)>,
        /// The event's data.
        data: Bytes,
    },
    /// How the device is.
    Status {
        /// When it came about.
        time: Timestamp,
        /// The JSON.
        body: Bytes,
    },
}

// === impl EntryKind ===

impl EntryKind {
    /// All of them, in the order of their numbers on the wire.
    pub const ALL: [Self; 4] = [Self::Readings, Self::Aggregates, Self::Events, Self::Status];

    /// The kind of what is published on a subject; `None` for what does not go up.
    pub const fn of(target: &Target) -> Option<Self> {
        match target {
            Target::Readings => Some(Self::Readings),
            Target::Aggregates => Some(Self::Aggregates),
            Target::Events => Some(Self::Events),
            Target::Status => Some(Self::Status),
            Target::Frames | Target::Command(_) => None,
        }
    }

    /// The last part of the subject.
    pub const fn target(self) -> Target {
        match self {
            Self::Readings => Target::Readings,
            Self::Aggregates => Target::Aggregates,
            Self::Events => Target::Events,
            Self::Status => Target::Status,
        }
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Readings => 0,
            Self::Aggregates => 1,
            Self::Events => 2,
            Self::Status => 3,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    pub(super) const fn has_readings(self) -> bool {
        matches!(self, Self::Readings | Self::Aggregates)
    }
}

// === impl Content ===

impl Content {
    /// What it is.
    pub const fn kind(&self) -> EntryKind {
        match self {
            Self::Readings(_) => EntryKind::Readings,
            Self::Aggregates(_) => EntryKind::Aggregates,
            Self::Event { .. } => EntryKind::Events,
            Self::Status { .. } => EntryKind::Status,
        }
    }

    /// The readings of a pack; `None` for an event or a state.
    pub fn readings(&self) -> Option<&[Reading]> {
        match self {
            Self::Readings(readings) | Self::Aggregates(readings) => Some(readings),
            Self::Event { .. } | Self::Status { .. } => None,
        }
    }
}
