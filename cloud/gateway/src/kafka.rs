//! The door to Kafka: topics, a producer that tells what was delivered, and two ways of reading.
//!
//! What a record means is not decided here; this module moves records and says what became of them.

mod brokers;
mod client;
pub mod follow;
pub mod group;
mod headers;
pub mod producer;
pub mod scan;
pub mod topic;

use bytes::Bytes;

pub use brokers::Brokers;
pub use client::{KafkaState, Watched};
pub use follow::Follow;
pub use group::{Group, GroupError};
pub use headers::Headers;
pub use producer::{Deliveries, Delivery, Place, Plain, Producer, SendError};
pub use scan::{Offsets, ScanError, read_to_end};
pub use topic::EnsureError;
use umec_wire::kafka::KafkaTopic;

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: KafkaTopic,
    /// What it is about; records of one key stay in order and, in a compacted topic, replace each other.
    pub key: String,
    /// Its time in milliseconds since 1970.
    pub time: i64,
    /// Names and values.
    pub headers: Headers,
    /// The value; none removes the key from a compacted topic.
    pub value: Option<Bytes>,
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// The key.
    pub key: Option<Bytes>,
    /// Its time in milliseconds since 1970.
    pub time: Option<i64>,
    /// Names and values.
    pub headers: Vec<(String, Bytes)>,
    /// The value; none in a compacted topic means that the key was removed.
    pub value: Option<Bytes>,
}

// === impl Incoming ===

impl Incoming {
    /// A record as it is read when it was written to this place.
    pub fn written(place: Place, record: Outgoing) -> Self {
        let headers = record.headers.iter();
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned().into());
        Self {
            partition: place.partition,
            offset: place.offset,
            headers: headers.map(owned).collect(),
            key: Some(record.key.into()),
            time: Some(record.time),
            value: record.value,
        }
    }

    /// The value of a header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok()
    }

    fn read(message: &impl rdkafka::Message) -> Self {
        use rdkafka::message::Headers;
        let headers = message.headers().map(|headers| {
            let owned = |header: rdkafka::message::Header<'_, &[u8]>| {
                let value = header.value.unwrap_or_default();
                (header.key.to_owned(), Bytes::copy_from_slice(value))
            };
            headers.iter().map(owned).collect()
        });
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(Bytes::copy_from_slice),
            time: message.timestamp().to_millis(),
            headers: headers.unwrap_or_default(),
            value: message.payload().map(Bytes::copy_from_slice),
        }
    }
}
