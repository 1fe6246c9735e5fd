//! Topics: a subject, what may be sent on it and which way, bound together so that a wrong pair does not compile.
//!
//! ```
//! use umec_wire::{DeviceName, NodeName, Readings, Topic};
//!
//! let topic = Topic::<Readings>::new(NodeName::new("pole-7")?, DeviceName::new("meter-3")?);
//! assert_eq!(topic.subject(), "umec.v1.pole-7.meter-3.readings");
//! # Ok::<(), umec_wire::LabelError>(())
//! ```

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;

use crate::event::Event;
use crate::label::{CommandName, DeviceName, NodeName};
use crate::reading::Pack;
use crate::senml;
use crate::status::Status;
use crate::subject::{Subject, Target};

/// Name and value of a header.
pub type Header = (&'static str, String);

/// Headers in their order. Names are compared without regard to case.
pub type Headers = Vec<Header>;

/// A kind of message that a device's publisher sends: the last part of its subject, and its payload.
pub trait Kind: Send + Sync + 'static {
    /// What is sent.
    type Payload: Send + Sync + fmt::Debug;
    /// Which subject.
    const TARGET: Target;

    /// Writes a payload, and the headers that belong to it.
    fn encode(payload: &Self::Payload) -> Encoded;

    /// Reads a payload that arrived about `node` and `device`; `header` looks a header up by its name.
    fn decode<'h>(
        topic: &Topic<Self>,
        header: &dyn Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Self::Payload, PayloadError>
    where
        Self: Sized;
}

/// A payload in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `Content-Type` and whatever else of the payload travels in headers.
    pub headers: Headers,
    /// The payload.
    pub body: Bytes,
}

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The header `Content-Type` names no format of this subject.
    #[error("content type {found:?} where {expected} is read")]
    ContentType {
        /// What the header says.
        found: String,
        /// What can be read here.
        expected: &'static str,
    },
    /// It is no SenML pack of this device.
    #[error("the SenML pack")]
    Pack(#[source] senml::DecodeError),
    /// It is no JSON of the right shape.
    #[error("the JSON document")]
    Json(#[source] serde_json::Error),
    /// An attribute of an event is absent or wrong.
    #[error("the event attribute {name}: {problem}")]
    Attribute {
        /// The attribute's name.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// What a device measures, as a SenML pack.
#[derive(Debug, Clone, Copy)]
pub enum Readings {}

/// Aggregates over windows, as a SenML pack.
#[derive(Debug, Clone, Copy)]
pub enum Aggregates {}

/// What happened, as CloudEvents.
#[derive(Debug, Clone, Copy)]
pub enum Events {}

/// How a device is.
#[derive(Debug, Clone, Copy)]
pub enum Statuses {}

/// The subject on which messages of one kind about one device travel.
pub struct Topic<K> {
    /// The node.
    pub node: NodeName,
    /// The device.
    pub device: DeviceName,
    kind: PhantomData<fn() -> K>,
}

/// The subject on which one command for one device is requested.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommandTopic {
    /// The node.
    pub node: NodeName,
    /// The device.
    pub device: DeviceName,
    /// The command.
    pub name: CommandName,
}

// === impl Topic ===

impl<K: Kind> Topic<K> {
    /// The topic of a device.
    pub fn new(node: NodeName, device: DeviceName) -> Self {
        Self {
            node,
            device,
            kind: PhantomData,
        }
    }

    /// The subject as NATS knows it.
    pub fn subject(&self) -> String {
        Subject {
            node: self.node.clone(),
            device: self.device.clone(),
            target: K::TARGET,
        }
        .to_string()
    }
}

impl<K> Clone for Topic<K> {
    fn clone(&self) -> Self {
        Self {
            node: self.node.clone(),
            device: self.device.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> fmt::Debug for Topic<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.device)
    }
}

// === impl CommandTopic ===

impl CommandTopic {
    /// The subject as NATS knows it.
    pub fn subject(&self) -> String {
        Subject {
            node: self.node.clone(),
            device: self.device.clone(),
            target: Target::Command(self.name.clone()),
        }
        .to_string()
    }
}

// === the kinds ===

/// Reads a pack by the format that its content type names; JSON where there is none.
fn decode_pack<'h>(
    node: &NodeName,
    device: &DeviceName,
    header: &dyn Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Result<Pack, PayloadError> {
    let format = match header(crate::header::CONTENT_TYPE) {
        None => senml::Format::Json,
        Some(text) => {
            senml::Format::from_content_type(text).ok_or_else(|| PayloadError::ContentType {
                found: text.to_owned(),
                expected: "application/senml+json or application/senml+cbor",
            })?
        }
    };
    senml::decode(format, node, device, body).map_err(PayloadError::Pack)
}

fn encode_pack(pack: &Pack) -> Encoded {
    let format = senml::Format::Json;
    Encoded {
        headers: vec![(
            crate::header::CONTENT_TYPE,
            format.content_type().to_owned(),
        )],
        body: senml::encode(format, pack),
    }
}

impl Kind for Readings {
    type Payload = Pack;
    const TARGET: Target = Target::Readings;

    fn encode(payload: &Pack) -> Encoded {
        encode_pack(payload)
    }

    fn decode<'h>(
        topic: &Topic<Self>,
        header: &dyn Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Pack, PayloadError> {
        decode_pack(&topic.node, &topic.device, header, body)
    }
}

impl Kind for Aggregates {
    type Payload = Pack;
    const TARGET: Target = Target::Aggregates;

    fn encode(payload: &Pack) -> Encoded {
        encode_pack(payload)
    }

    fn decode<'h>(
        topic: &Topic<Self>,
        header: &dyn Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Pack, PayloadError> {
        decode_pack(&topic.node, &topic.device, header, body)
    }
}

impl Kind for Statuses {
    type Payload = Status;
    const TARGET: Target = Target::Status;

    fn encode(payload: &Status) -> Encoded {
        Encoded {
            headers: vec![(crate::header::CONTENT_TYPE, "application/json".to_owned())],
            // A status has no map with keys other than labels, the only thing JSON could refuse.
            body: serde_json::to_vec(payload).unwrap_or_default().into(),
        }
    }

    fn decode<'h>(
        _topic: &Topic<Self>,
        _header: &dyn Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Status, PayloadError> {
        serde_json::from_slice(body).map_err(PayloadError::Json)
    }
}

impl Kind for Events {
    type Payload = Event;
    const TARGET: Target = Target::Events;

    fn encode(payload: &Event) -> Encoded {
        payload.encode("ce-")
    }

    fn decode<'h>(
        _topic: &Topic<Self>,
        header: &dyn Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Event, PayloadError> {
        Event::decode("ce-", header, body)
    }
}
