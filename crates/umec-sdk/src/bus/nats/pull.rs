//! Pulling the messages of one consumer, and noticing when one is missing.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use umec_wire::Timestamp;

use super::Nats;
use super::api::Delivery;
use crate::bus::AskError;
use crate::bus::message::Raw;

/// How many messages are asked for at once.
const BATCH: usize = 256;

/// How long the server keeps a request open.
const EXPIRES: Duration = Duration::from_secs(30);

/// How often the server says that it is there while there are no messages.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// After this silence the consumer is taken to be gone.
const SILENCE: Duration = Duration::from_secs(8);

/// The messages of one consumer in their order.
pub(crate) struct Pull {
    nats: Nats,
    subscriber: Subscriber,
    inbox: String,
    next_subject: async_nats::Subject,
    /// How many messages the server still owes.
    owed: usize,
    /// The number of the message that must come next.
    expected: u64,
    heard: Instant,
}

/// A message as it was delivered.
pub(crate) struct Delivered {
    pub(crate) raw: Raw,
    pub(crate) delivery: Delivery,
    /// The subject on which it is acknowledged.
    pub(crate) reply: async_nats::Subject,
}

/// Says that the consumer has to be made anew: it is gone, or a message of it was lost.
#[derive(Debug)]
pub(crate) struct Lost(pub(crate) &'static str);

impl std::fmt::Debug for Pull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pull")
            .field("consumer", &self.next_subject)
            .field("owed", &self.owed)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

impl Pull {
    pub(crate) async fn open(nats: &Nats, consumer: &str) -> Result<Self, AskError> {
        let inbox = nats.new_inbox();
        let subscriber = nats.subscribe(inbox.clone()).await?;
        let mut pull = Self {
            nats: nats.clone(),
            subscriber,
            inbox,
            next_subject: nats.next_subject(consumer).into(),
            owed: 0,
            expected: 1,
            heard: Instant::now(),
        };
        pull.ask().await?;
        Ok(pull)
    }

    /// The next message. Cancel safe: nothing is taken before the last await.
    pub(crate) async fn next(&mut self) -> Result<Delivered, Lost> {
        loop {
            if self.owed <= BATCH / 2 {
                self.ask().await.map_err(|_| Lost("ask"))?;
            }
            let message = timeout_at(self.heard + SILENCE, self.subscriber.next()).await;
            let message = message
                .map_err(|_| Lost("silence"))?
                .ok_or(Lost("closed"))?;
            self.heard = Instant::now();
            match message.status {
                None | Some(StatusCode::OK) => return self.take(message),
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(StatusCode::TIMEOUT) => self.owed -= self.owed.min(left(&message)),
                Some(_) => return Err(Lost("status")),
            }
        }
    }

    /// Asks for more messages. Cancel safe: the count grows when the request is queued.
    async fn ask(&mut self) -> Result<(), AskError> {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let request = json!({
            "batch": BATCH,
            "expires": nanos(EXPIRES),
            "idle_heartbeat": nanos(HEARTBEAT),
        });
        let body = Bytes::from(request.to_string());
        let reply = Some(self.inbox.clone());
        self.nats
            .send(self.next_subject.clone(), reply, body)
            .await?;
        self.owed += BATCH;
        Ok(())
    }

    fn take(&mut self, message: Message) -> Result<Delivered, Lost> {
        self.owed = self.owed.saturating_sub(1);
        let reply = message.reply.ok_or(Lost("no reply"))?;
        let delivery = Delivery::parse(&reply).ok_or(Lost("reply"))?;
        if delivery.consumer_sequence != self.expected {
            return Err(Lost("gap"));
        }
        self.expected += 1;
        let raw = raw(
            delivery.stream_sequence,
            delivery.stored_at,
            message.subject.to_string(),
            message.headers.as_ref(),
            message.payload,
        );
        Ok(Delivered {
            raw,
            delivery,
            reply,
        })
    }
}

fn raw(
    sequence: u64,
    stored_at: Timestamp,
    subject: String,
    headers: Option<&async_nats::HeaderMap>,
    body: Bytes,
) -> Raw {
    Raw {
        sequence,
        stored_at,
        subject,
        headers: header_list(headers).into(),
        body,
    }
}

/// The headers as pairs; of a repeated one the first.
pub(crate) fn header_list(headers: Option<&async_nats::HeaderMap>) -> Vec<(String, String)> {
    let pairs = headers.into_iter().flat_map(async_nats::HeaderMap::iter);
    let first = pairs.filter_map(|(name, values)| Some((name, values.first()?)));
    first
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// How many messages of a request that ended were never sent.
fn left(status: &Message) -> usize {
    let headers = status.headers.as_ref();
    let left = headers.and_then(|headers| headers.get("Nats-Pending-Messages"));
    left.and_then(|left| left.as_str().parse().ok())
        .unwrap_or(BATCH)
}
