//! Reading what is there: from given places to the present end, and no further.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::brokers::Brokers;
use super::client::Watched;
use umec_wire::kafka::KafkaTopic;

use super::Incoming;

/// A place in each partition: the offset of the next record to be read.
pub type Offsets = BTreeMap<i32, i64>;

/// How long one answer of the brokers may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Why a topic could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The brokers do not tell what there is.
    #[error("the Kafka brokers do not tell the partitions of {topic}")]
    Ask {
        /// The topic.
        topic: KafkaTopic,
        /// What went wrong.
        source: KafkaError,
    },
    /// Reading failed.
    #[error("reading {topic}")]
    Read {
        /// The topic.
        topic: KafkaTopic,
        /// What went wrong.
        source: KafkaError,
    },
    /// No record came for too long.
    #[error(
        "{topic} gave no record for {0:?}, though its end is not reached",
        ANSWER
    )]
    Stalled {
        /// The topic.
        topic: KafkaTopic,
    },
}

/// Reads each partition of `topic` from its place in `from`, or from its beginning, to the end that it
/// has now; returns the places after it. Blocks: not for a task of the runtime.
pub fn read_to_end(
    brokers: &Brokers,
    watched: &Watched,
    topic: KafkaTopic,
    from: &Offsets,
    each: &mut dyn FnMut(Incoming),
) -> Result<Offsets, ScanError> {
    let consumer: BaseConsumer<Watched> = brokers
        .client_config()
        .set("group.id", "umec-gateway-scan")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_uncommitted")
        .create_with_context(watched.clone())
        .map_err(|source| ScanError::Ask { topic, source })?;
    let (starts, ends) = bounds(&consumer, topic, from)?;
    let mut remaining: Offsets = ends
        .iter()
        .filter(|(partition, end)| starts.get(partition).is_some_and(|start| start < end))
        .map(|(partition, end)| (*partition, *end))
        .collect();
    let mut assignment = TopicPartitionList::new();
    for partition in remaining.keys() {
        let start = starts.get(partition).copied().unwrap_or_default();
        assignment
            .add_partition_offset(topic.name(), *partition, Offset::Offset(start))
            .map_err(|source| ScanError::Read { topic, source })?;
    }
    consumer
        .assign(&assignment)
        .map_err(|source| ScanError::Read { topic, source })?;
    let mut last = Instant::now();
    while !remaining.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            None if last.elapsed() > ANSWER => return Err(ScanError::Stalled { topic }),
            None => {}
            Some(Err(source)) if is_passing(&source) && last.elapsed() <= ANSWER => {}
            Some(Err(source)) => return Err(ScanError::Read { topic, source }),
            Some(Ok(message)) => {
                last = Instant::now();
                let record = Incoming::read(&message);
                each(record);
            }
        }
        remaining.retain(|partition, end| !is_past(&consumer, topic, *partition, *end));
    }
    Ok(ends)
}

/// The first and the next offset of each partition.
fn bounds(
    consumer: &BaseConsumer<Watched>,
    topic: KafkaTopic,
    from: &Offsets,
) -> Result<(Offsets, Offsets), ScanError> {
    let ask = |source| ScanError::Ask { topic, source };
    let metadata = consumer
        .fetch_metadata(Some(topic.name()), ANSWER)
        .map_err(ask)?;
    let (mut starts, mut ends) = (Offsets::new(), Offsets::new());
    for partition in metadata
        .topics()
        .iter()
        .flat_map(rdkafka::metadata::MetadataTopic::partitions)
    {
        let partition = partition.id();
        let (low, high) = consumer
            .fetch_watermarks(topic.name(), partition, ANSWER)
            .map_err(ask)?;
        let start = from.get(&partition).copied().unwrap_or(low);
        starts.insert(partition, start.clamp(low, high));
        ends.insert(partition, high);
    }
    Ok((starts, ends))
}

/// Whether everything before `end` was handed out. Asked of the consumer, since the last records of a
/// compacted topic may be gone while their offsets stay.
fn is_past(consumer: &BaseConsumer<Watched>, topic: KafkaTopic, partition: i32, end: i64) -> bool {
    let Ok(position) = consumer.position() else {
        return false;
    };
    let place = position.find_partition(topic.name(), partition);
    matches!(place.map(|place| place.offset()), Some(Offset::Offset(offset)) if offset >= end)
}

/// Whether the client itself goes on after this error.
fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut)
    )
}
