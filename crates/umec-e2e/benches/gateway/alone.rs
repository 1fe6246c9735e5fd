//! librdkafka's own producer with the records that the gateway wrote: the ceiling.

use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::fleet::float;
use crate::process;

/// What was done.
pub(crate) struct Ran {
    pub(crate) records: f64,
    pub(crate) seconds: f64,
    /// Processor time in seconds.
    pub(crate) cpu: f64,
}

/// Where the gateway writes readings.
const TOPIC: &str = "umec.readings";

/// As many records are taken for samples.
const SAMPLES: usize = 20_000;

/// How long the broker may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Writes records as the gateway wrote last, into the same topic, for about `time`.
pub(crate) fn measure(bootstrap: &str, time: Duration) -> Ran {
    let samples = samples(bootstrap);
    let producer = producer(bootstrap);
    let cpu = process::cpu(std::process::id());
    let began = Instant::now();
    let mut records = 0_u64;
    'time: loop {
        for sample in &samples {
            if began.elapsed() >= time {
                break 'time;
            }
            send(&producer, sample);
            records += 1;
        }
    }
    producer.flush(DEADLINE).expect("all is delivered");
    Ran {
        records: float(records),
        seconds: began.elapsed().as_secs_f64(),
        cpu: process::cpu(std::process::id()) - cpu,
    }
}

/// A producer with the settings of the gateway's.
pub(crate) fn producer(bootstrap: &str) -> BaseProducer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("queue.buffering.max.messages", "20000")
        .set("linger.ms", "1")
        .set("compression.type", "lz4")
        .create()
        .expect("a producer")
}

fn send(producer: &BaseProducer, sample: &OwnedMessage) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(TOPIC);
    record.key = sample.key();
    record.payload = sample.payload();
    record.timestamp = sample.timestamp().to_millis();
    record.headers = sample.headers().cloned();
    loop {
        match producer.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(1));
            }
            Err((error, _)) => {
                umec_e2e::fail(&format!("librdkafka does not take a record: {error}"))
            }
        }
    }
    producer.poll(Duration::ZERO);
}

/// The last records of the first partition that has some.
fn samples(bootstrap: &str) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "samples")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(TOPIC), DEADLINE);
    let metadata = metadata.expect("the broker answers");
    let mut places = TopicPartitionList::new();
    let mut expected = 0;
    for partition in metadata.topics()[0].partitions() {
        let ends = consumer.fetch_watermarks(TOPIC, partition.id(), DEADLINE);
        let (low, high) = ends.expect("the broker answers");
        let share = i64::try_from(SAMPLES / metadata.topics()[0].partitions().len()).expect("few");
        let from = (high - share).max(low);
        expected += high - from;
        let added = places.add_partition_offset(TOPIC, partition.id(), Offset::Offset(from));
        added.expect("a place");
    }
    consumer.assign(&places).expect("places are taken");
    let expected = usize::try_from(expected).expect("some");
    let mut samples = Vec::new();
    while samples.len() < expected {
        let next = consumer.poll(DEADLINE).expect("a record");
        samples.push(BorrowedMessage::detach(&next.expect("a record")));
    }
    assert!(
        samples
            .iter()
            .all(|s| s.headers().is_some_and(|h| h.count() > 0))
    );
    samples
}
