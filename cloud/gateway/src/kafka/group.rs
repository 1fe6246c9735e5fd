//! Reading what comes from where the predecessor stopped: a topic, with places kept in Kafka itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::Incoming;
use super::brokers::Brokers;
use super::client::Watched;

/// Reads all partitions of a topic. They are assigned, not balanced: a predecessor that died holds
/// nothing back, and nobody waits for its session to expire.
pub struct Group {
    consumer: StreamConsumer<Watched>,
    topic: String,
    /// What was noted last.
    places: Mutex<BTreeMap<i32, i64>>,
}

/// How long one answer of the brokers may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Why reading cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The brokers do not tell what there is.
    #[error("the Kafka brokers do not tell the partitions of {topic}")]
    Ask {
        /// The topic.
        topic: String,
        /// What went wrong.
        source: KafkaError,
    },
    /// There is no such topic.
    #[error("there is no topic {topic}")]
    NoTopic {
        /// The topic.
        topic: String,
    },
}

// === impl Group ===

impl Group {
    /// Begins after what `group` has committed, and at the beginning where it has not: the first record
    /// of a topic counts too. Blocks: not for a task of the runtime.
    pub fn begin(
        brokers: &Brokers,
        watched: &Watched,
        topic: &str,
        group: &str,
    ) -> Result<Self, GroupError> {
        let ask = |source| GroupError::Ask {
            topic: topic.to_owned(),
            source,
        };
        let consumer: StreamConsumer<Watched> = brokers
            .client_config()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .create_with_context(watched.clone())
            .map_err(ask)?;
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER).map_err(ask)?;
        let partitions = metadata
            .topics()
            .iter()
            .flat_map(rdkafka::metadata::MetadataTopic::partitions);
        let mut wanted = TopicPartitionList::new();
        for partition in partitions {
            wanted.add_partition(topic, partition.id());
        }
        if wanted.count() == 0 {
            return Err(GroupError::NoTopic {
                topic: topic.to_owned(),
            });
        }
        let committed = consumer.committed_offsets(wanted, ANSWER).map_err(ask)?;
        let mut assignment = TopicPartitionList::new();
        for place in committed.elements() {
            let offset = match place.offset() {
                Offset::Offset(offset) => Offset::Offset(offset),
                _ => Offset::Beginning,
            };
            let added = assignment.add_partition_offset(topic, place.partition(), offset);
            added.map_err(ask)?;
        }
        consumer.assign(&assignment).map_err(ask)?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
            places: Mutex::default(),
        })
    }

    /// The next record. Waits while there is none, and while the brokers are away. Cancel safe.
    pub async fn next(&self) -> Incoming {
        loop {
            match self.consumer.recv().await {
                Ok(message) => return Incoming::read(&message),
                Err(error) => warn!(topic = self.topic, %error, "kafka is not read"),
            }
        }
    }

    /// Notes in Kafka that a partition need not be read again below `offset`. Never waits; a note that
    /// gets lost is made up for by the next one, or by [`Group::settle`].
    pub fn commit(&self, partition: i32, offset: i64) -> Result<(), KafkaError> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(partition, offset);
        let places = self.list(&BTreeMap::from([(partition, offset)]))?;
        self.consumer.commit(&places, CommitMode::Async)
    }

    /// Waits until Kafka has the notes. Blocks: not for a task of the runtime.
    pub fn settle(&self) -> Result<(), KafkaError> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.is_empty() {
            return Ok(());
        }
        let places = self.list(&places)?;
        self.consumer.commit(&places, CommitMode::Sync)
    }

    fn list(&self, places: &BTreeMap<i32, i64>) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in places {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))?;
        }
        Ok(list)
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
