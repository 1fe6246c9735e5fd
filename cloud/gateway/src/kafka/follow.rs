//! Reading what comes: a topic from given places on, for ever.

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::brokers::Brokers;
use super::client::Watched;
use umec_wire::kafka::KafkaTopic;

use super::{Incoming, Offsets};

/// Reads a topic as it grows. Reconnects by itself.
pub struct Follow {
    consumer: StreamConsumer<Watched>,
    topic: KafkaTopic,
}

// === impl Follow ===

impl Follow {
    /// Begins at the given places, one for each partition that is to be read.
    pub fn begin(
        brokers: &Brokers,
        watched: &Watched,
        topic: KafkaTopic,
        from: &Offsets,
    ) -> Result<Self, KafkaError> {
        let consumer: StreamConsumer<Watched> = brokers
            .client_config()
            .set("group.id", "umec-gateway-follow")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .create_with_context(watched.clone())?;
        let mut assignment = TopicPartitionList::new();
        for (partition, offset) in from {
            assignment.add_partition_offset(topic.name(), *partition, Offset::Offset(*offset))?;
        }
        consumer.assign(&assignment)?;
        Ok(Self { consumer, topic })
    }

    /// The next record. Waits while there is none, and while the brokers are away. Cancel safe.
    pub async fn next(&self) -> Incoming {
        loop {
            match self.consumer.recv().await {
                Ok(message) => return Incoming::read(&message),
                Err(error) => warn!(topic = %self.topic, %error, "kafka is not read"),
            }
        }
    }
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
