//! The topics, and how they come to be.

use std::fmt;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use umec_spec::settings::gateway::Kafka;

use super::client::{Watched, client_config};
use super::producer::Producer;

/// How long the brokers may take to create topics.
const DEADLINE: Duration = Duration::from_secs(15);

/// A topic of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Raw readings.
    Readings,
    /// Window aggregates.
    Aggregates,
    /// What happened.
    Events,
    /// How devices are; the latest for each.
    Status,
    /// What devices are told.
    Commands,
    /// How that ended.
    CommandResults,
    /// The modems: who, where from, since when; the latest for each.
    Modems,
    /// What the gateway has to know after a restart.
    Marks,
}

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

// === impl Topic ===

impl Topic {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Readings,
        Self::Aggregates,
        Self::Events,
        Self::Status,
        Self::Commands,
        Self::CommandResults,
        Self::Modems,
        Self::Marks,
    ];

    /// The name in Kafka.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readings => "umec.readings",
            Self::Aggregates => "umec.aggregates",
            Self::Events => "umec.events",
            Self::Status => "umec.status",
            Self::Commands => "umec.commands",
            Self::CommandResults => "umec.command-results",
            Self::Modems => "umec.modems",
            Self::Marks => "umec.marks",
        }
    }

    /// Whether only the latest record of each key is kept.
    pub const fn is_compacted(self) -> bool {
        matches!(self, Self::Status | Self::Modems | Self::Marks)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
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
    let admin: AdminClient<Watched> = client_config(producer.bootstrap())
        .create_with_context(watched.clone())
        .map_err(EnsureError::Ask)?;
    let new = |topic: Topic| {
        // One key space of the gateway's own needs no partitions.
        let partitions = if topic == Topic::Marks {
            1
        } else {
            settings.partitions
        };
        let new = NewTopic::new(
            topic.name(),
            partitions,
            TopicReplication::Fixed(settings.replication),
        );
        if topic.is_compacted() {
            new.set("cleanup.policy", "compact")
        } else {
            new
        }
    };
    let topics: Vec<_> = Topic::ALL.into_iter().map(new).collect();
    let options = AdminOptions::new()
        .request_timeout(Some(DEADLINE))
        .operation_timeout(Some(DEADLINE));
    let results = admin
        .create_topics(&topics, &options)
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
    for topic in Topic::ALL {
        producer
            .create_embedded(topic, settings.partitions)
            .map_err(EnsureError::Ask)?;
    }
    Ok(())
}
