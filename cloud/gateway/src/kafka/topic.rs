//! The topics, and how they come to be.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use umec_spec::settings::gateway::Kafka;
use umec_wire::kafka::{Cleanup, KafkaTopic};

use super::client::Watched;
use super::producer::Producer;

/// How long the brokers may take to create topics.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long records of a compacted topic stay whatever follows them: a day, in milliseconds.
const COMPACTION_LAG: &str = "86400000";

/// A reading is kept under the time that its node gave it. A node whose clock is ahead of ours by more than
/// an hour, Kafka's own limit, would have its readings refused for ever.
const ANY_TIME: &str = "9223372036854775807";

/// Why topics cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// The brokers cannot be asked.
    #[error("the Kafka brokers cannot be asked for topics")]
    Ask(#[source] KafkaError),
    /// They refuse a topic.
    #[error("the topic {topic} cannot be created: {code}")]
    Refused {
        /// Which one.
        topic: String,
        /// What they say.
        code: RDKafkaErrorCode,
    },
}

/// Creates the topics that do not exist yet; those that exist stay as they are.
pub async fn ensure(
    producer: &Producer,
    settings: &Kafka,
    watched: &Watched,
) -> Result<(), EnsureError> {
    if producer.is_embedded() {
        return ensure_embedded(producer, settings);
    }
    let new = |topic: KafkaTopic| {
        // One key space of the gateway's own needs no partitions.
        let partitions = if topic == KafkaTopic::Marks {
            1
        } else {
            settings.partitions
        };
        let new = NewTopic::new(
            topic.name(),
            partitions,
            TopicReplication::Fixed(settings.replication),
        );
        let new = new
            .set("cleanup.policy", topic.cleanup().as_str())
            .set("message.timestamp.after.max.ms", ANY_TIME);
        match topic.cleanup() {
            // What is read again after a restart must not be compacted away before that.
            Cleanup::Compact => new.set("min.compaction.lag.ms", COMPACTION_LAG),
            Cleanup::Delete => new,
        }
    };
    let topics: Vec<_> = KafkaTopic::ALL.into_iter().map(new).collect();
    create(producer, watched, &topics).await
}

/// Creates topics of one partition, as those of the original system are.
pub async fn ensure_plain(
    producer: &Producer,
    settings: &Kafka,
    watched: &Watched,
    names: &[String],
) -> Result<(), EnsureError> {
    if producer.is_embedded() {
        let mut names = names.iter();
        return names.try_for_each(|name| {
            let created = producer.create_embedded(name, 1);
            created.map_err(EnsureError::Ask)
        });
    }
    let names = names.iter();
    let topics: Vec<_> = names
        .map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(settings.replication)))
        .collect();
    create(producer, watched, &topics).await
}

async fn create(
    producer: &Producer,
    watched: &Watched,
    topics: &[NewTopic<'_>],
) -> Result<(), EnsureError> {
    let admin: AdminClient<Watched> = producer
        .brokers()
        .client_config()
        .create_with_context(watched.clone())
        .map_err(EnsureError::Ask)?;
    let options = AdminOptions::new()
        .request_timeout(Some(DEADLINE))
        .operation_timeout(Some(DEADLINE));
    let results = admin
        .create_topics(topics, &options)
        .await
        .map_err(EnsureError::Ask)?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(EnsureError::Refused { topic, code }),
        }
    }
    Ok(())
}

fn ensure_embedded(producer: &Producer, settings: &Kafka) -> Result<(), EnsureError> {
    for topic in KafkaTopic::ALL {
        let partitions = match topic {
            KafkaTopic::Marks => 1,
            _ => settings.partitions,
        };
        producer
            .create_embedded(topic.name(), partitions)
            .map_err(EnsureError::Ask)?;
    }
    Ok(())
}
