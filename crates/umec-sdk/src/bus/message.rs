//! A message on its way out, as it lies in the stream, and as it is believed.

use std::sync::Arc;

use bytes::Bytes;
use umec_wire::subject::Subject;
use umec_wire::topic::{Encoded, PayloadError};
use umec_wire::trace::{self, TraceParent};
use umec_wire::{Kind, MessageId, Timestamp, Topic, signature};

use super::signing::Signer;

/// The header by which JetStream knows a message again.
pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";

/// A message that is ready to be sent, once or again.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) subject: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// A message as it lies in the stream; nobody has looked into it yet.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) sequence: u64,
    pub(crate) stored_at: Timestamp,
    pub(crate) subject: String,
    pub(crate) headers: Arc<[(String, String)]>,
    pub(crate) body: Bytes,
}

/// A message with its place in the stream.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its position, from 1, never given twice.
    pub sequence: u64,
    /// When the server took it.
    pub stored_at: Timestamp,
    /// The message, whose signature is good.
    pub message: Message,
}

/// A message whose subject and id could be read and whose signature is good.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it is about.
    pub subject: Subject,
    /// Which one it is.
    pub id: MessageId,
    /// The trace it belongs to.
    pub trace: Option<TraceParent>,
    /// All its headers.
    pub headers: Arc<[(String, String)]>,
    /// The payload.
    pub body: Bytes,
}

// === impl Outgoing ===

impl Outgoing {
    pub(crate) fn signed(
        signer: &Signer,
        subject: String,
        id: String,
        encoded: Encoded,
        trace: Option<TraceParent>,
    ) -> Self {
        let signature = signer.sign(&subject, &id, &encoded.body);
        let mut headers = encoded.headers;
        headers.push((MESSAGE_ID, id));
        headers.push((signature::HEADER, signature));
        if let Some(trace) = trace {
            headers.push((trace::HEADER, trace.to_string()));
        }
        Self {
            subject,
            headers,
            body: encoded.body,
        }
    }

    /// Its length in memory, roughly.
    pub(crate) fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(n, v)| n.len() + v.len());
        self.subject.len() + self.body.len() + headers.sum::<usize>()
    }

    /// The value of `Nats-Msg-Id`.
    pub(crate) fn id(&self) -> &str {
        find(
            self.headers.iter().map(|(n, v)| (*n, v.as_str())),
            MESSAGE_ID,
        )
        .unwrap_or_default()
    }
}

// === impl Raw ===

impl Raw {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(pairs(&self.headers), name)
    }
}

// === impl Message ===

impl Message {
    /// The value of a header; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(pairs(&self.headers), name)
    }

    /// Reads the payload as that of `K`. Whoever calls has seen by `subject.target` that it is one.
    pub fn decode<K: Kind>(&self) -> Result<K::Payload, PayloadError> {
        let topic = Topic::<K>::new(self.subject.node.clone(), self.subject.device.clone());
        K::decode(&topic, &|name| self.header(name), &self.body)
    }
}

fn pairs(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

fn find<'h>(mut headers: impl Iterator<Item = (&'h str, &'h str)>, name: &str) -> Option<&'h str> {
    headers
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
