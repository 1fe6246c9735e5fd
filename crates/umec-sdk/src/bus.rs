//! The node's bus: signed messages, acknowledged and kept in one stream; commands with one answer.
//!
//! [`Bus`] speaks to a NATS server, or is a small true broker in memory; one contract suite runs on
//! both. What it does not do: it knows no device and no schedule, and it never decides what is sent.

mod command;
mod cursor;
mod follow;
mod memory;
mod message;
#[cfg(feature = "nats")]
mod nats;
mod outbox;
mod signing;

use std::sync::Arc;

use tokio::sync::watch;
use umec_spec::settings::stream::StreamSettings;
use umec_spec::settings::{BusSettings, Trust};
use umec_wire::subject::Target;
use umec_wire::trace::TraceParent;
use umec_wire::{DeviceName, Kind, Label, MessageId, Reason, Timestamp, Topic};

pub use command::{CommandError, Commands, Incoming};
pub use cursor::{Cursor, Hole, Lane, Room};
pub use follow::Follow;
pub use message::{Message, Stored};
pub use outbox::Outbox;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::tasks::Tasks;
use memory::Memory;
use message::Outgoing;
use signing::{Signer, Trusted};

/// A connection to the bus. A clone is the same connection.
#[derive(Debug, Clone)]
pub struct Bus {
    broker: Broker,
    signer: Signer,
    trusted: Arc<Trusted>,
    clock: Clock,
}

#[derive(Debug, Clone)]
enum Broker {
    Memory(Memory),
    #[cfg(feature = "nats")]
    Nats(Box<nats::Nats>),
}

/// Whether the bus can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusState {
    /// It can.
    Connected,
    /// It cannot. What is asked of it waits or fails; it is tried again for ever.
    Away(Reason),
}

/// The stream's word that it has a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Where it lies in the stream.
    pub sequence: u64,
    /// Whether it had it already, under the same message id.
    pub duplicate: bool,
}

/// Where a [`Follow`] begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that the stream holds.
    First,
    /// With the message at this position, or the first after it.
    Sequence(u64),
    /// With the first message stored at this time or later.
    Time(Timestamp),
    /// With the last message of each subject, in stream order.
    LastPerSubject,
    /// With the first message stored after the call.
    New,
}

/// Which messages are meant: any of the targets of any of the devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The targets; all that the stream keeps where empty.
    pub targets: Vec<Target>,
    /// The devices; all where empty.
    pub devices: Vec<DeviceName>,
}

/// What the stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamBounds {
    /// The position of the oldest message; the stream is empty where it lies after the last.
    pub first_sequence: u64,
    /// When the oldest message was stored.
    pub first_time: Timestamp,
    /// The position of the newest message that ever was; 0 before the first.
    pub last_sequence: u64,
    /// When the newest message was stored.
    pub last_time: Timestamp,
}

/// Why the bus did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It cannot be reached.
    #[error("the bus is away ({0})")]
    Away(Reason),
    /// It did not answer in time. Whether it did what was asked is not known.
    #[error("the bus did not answer in time")]
    Unanswered,
    /// Nobody serves the subject: there is no stream for it, or this account may not use it.
    #[error("no stream takes {subject}, or this account may not send to it")]
    NoStream {
        /// What was sent to.
        subject: String,
    },
    /// The message is longer than the server takes.
    #[error("the message has {bytes} bytes, which is more than the server takes")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// It said no.
    #[error("the bus refused ({code}): {text}")]
    Refused {
        /// The error code of JetStream.
        code: u64,
        /// Its words.
        text: String,
    },
}

/// Why a message was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The bus did not take it, or did not say so.
    #[error("publishing {id} on {subject}")]
    Ask {
        /// Where.
        subject: String,
        /// Which message.
        id: MessageId,
        /// Why.
        source: AskError,
    },
}

/// Why a process has no bus.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file with JWT and seed cannot be read.
    #[error("the credentials {path}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file does not hold a JWT and the seed of a user.
    #[error("the credentials {path} hold no {missing}: take a .creds file of a NATS user")]
    Credentials {
        /// The file.
        path: std::path::PathBuf,
        /// What is not in it.
        missing: &'static str,
    },
    /// The program was built without the feature `nats`.
    #[error("this program was built without a bus: remove the section `bus`")]
    NotBuilt,
    /// The address is no address.
    #[error("the server's address {url:?}: write it as nats://host:port")]
    Url {
        /// What was given.
        url: String,
    },
}

// === impl Bus ===

impl Bus {
    /// A bus of its own, in memory, on which everybody is believed.
    pub fn memory() -> Self {
        let clock = Clock::starting_at(crate::node::TEST_START);
        Self {
            broker: Broker::Memory(Memory::new(clock.clone())),
            signer: Signer::random(),
            trusted: Arc::new(Trusted::everyone()),
            clock,
        }
    }

    /// The same bus in memory, as a user who signs with the key of `seed` and believes those in `trust` only.
    pub fn as_user(&self, seed: &str, trust: &[Trust]) -> Result<Self, UserError> {
        Ok(Self {
            signer: Signer::from_seed(seed).ok_or(UserError)?,
            trusted: Arc::new(Trusted::listed(trust, &Metrics::default())),
            ..self.clone()
        })
    }

    /// Makes a bus in memory unreachable, or reachable again. Whatever it holds stays.
    pub fn set_reachable(&self, state: BusState) {
        match &self.broker {
            Broker::Memory(memory) => memory.set_state(state),
            #[cfg(feature = "nats")]
            Broker::Nats(_) => {
                tracing::warn!("a real server decides itself whether it can be reached");
            }
        }
    }

    /// Connects to a NATS server. Returns also while it is away, and reconnects for ever.
    #[cfg(feature = "nats")]
    pub async fn connect(settings: &BusSettings, node: &Node) -> Result<Self, ConnectError> {
        let (nats, signer) = nats::Nats::connect(settings, node).await?;
        Ok(Self {
            broker: Broker::Nats(Box::new(nats)),
            signer,
            trusted: Arc::new(Trusted::listed(&settings.trust, &node.metrics)),
            clock: node.clock.clone(),
        })
    }

    /// Whether the bus can be reached, now and later.
    pub fn state(&self) -> watch::Receiver<BusState> {
        match &self.broker {
            Broker::Memory(memory) => memory.state(),
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => nats.state(),
        }
    }

    /// Publishes a message, signed, and waits for the stream's word that it has it.
    pub async fn publish<K: Kind>(
        &self,
        topic: &Topic<K>,
        id: &MessageId,
        payload: &K::Payload,
        trace: Option<TraceParent>,
    ) -> Result<Ack, PublishError> {
        let outgoing = self.prepare(topic, id, payload, trace);
        self.send(&outgoing)
            .await
            .map_err(|source| PublishError::Ask {
                subject: outgoing.subject,
                id: id.clone(),
                source,
            })
    }

    /// A bounded queue that publishes in the background, in order per device, until acknowledged.
    pub fn outbox(&self, tasks: &Tasks, metrics: &Metrics, capacity: usize) -> Outbox {
        Outbox::start(self.clone(), tasks, metrics, capacity)
    }

    /// Reads the stream in its order from `start` on, and goes on with what comes.
    pub async fn follow(&self, start: Start, filter: Filter) -> Result<Follow, AskError> {
        Follow::open(self, start, filter).await
    }

    /// What the stream holds.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub async fn bounds(&self) -> Result<StreamBounds, AskError> {
        match &self.broker {
            Broker::Memory(memory) => memory.bounds(),
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => nats.bounds().await,
        }
    }

    /// Opens the durable position `name`, which is the process's own name: its account may acknowledge under
    /// that alone. It begins after the last message of which it and all before
    /// it were acknowledged, and reads everything after that in order, whether it was read before or not.
    pub async fn cursor(&self, name: &Label, filter: Filter) -> Result<Cursor, AskError> {
        Cursor::open(self, name, filter).await
    }

    /// Creates the stream, or gives it new bounds.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub async fn ensure_stream(&self, stream: &StreamSettings) -> Result<(), AskError> {
        match &self.broker {
            Broker::Memory(memory) => memory.ensure_stream(stream),
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => nats.ensure_stream(stream).await,
        }
    }

    /// Opens the bus that a configuration names.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub(crate) async fn open(settings: &BusSettings, node: &Node) -> Result<Self, ConnectError> {
        #[cfg(feature = "nats")]
        return Self::connect(settings, node).await;
        #[cfg(not(feature = "nats"))]
        {
            let _ = (settings, node);
            Err(ConnectError::NotBuilt)
        }
    }

    /// Sends what is still queued, at most within `grace`.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub(crate) async fn close(&self, grace: std::time::Duration) {
        match &self.broker {
            Broker::Memory(_) => tracing::trace!(?grace, "nothing is queued in memory"),
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => nats.close(grace).await,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    fn prepare<K: Kind>(
        &self,
        topic: &Topic<K>,
        id: &MessageId,
        payload: &K::Payload,
        trace: Option<TraceParent>,
    ) -> Outgoing {
        let encoded = K::encode(payload);
        Outgoing::signed(
            &self.signer,
            topic.subject(),
            id.to_string(),
            encoded,
            trace,
        )
    }

    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    async fn send(&self, outgoing: &Outgoing) -> Result<Ack, AskError> {
        match &self.broker {
            Broker::Memory(memory) => memory.publish(outgoing),
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => nats.publish(outgoing).await,
        }
    }
}

/// Says that a text is not the seed of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the seed of a user (SU and 56 letters of base32)")]
pub struct UserError;

// === impl Filter ===

impl Filter {
    /// These targets of all devices.
    pub fn targets(targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            devices: Vec::new(),
        }
    }

    /// Whether a message of `target` about `device` is meant.
    pub fn matches(&self, device: &DeviceName, target: &Target) -> bool {
        (self.targets.is_empty() || self.targets.contains(target))
            && (self.devices.is_empty() || self.devices.contains(device))
    }
}

// === impl StreamBounds ===

impl StreamBounds {
    /// Whether the stream holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.last_sequence < self.first_sequence
    }
}
