//! Writing records, and learning which of them Kafka has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::mpsc;
use umec_spec::settings::kafka::EMBEDDED;

use super::brokers::Brokers;
use super::client::Watched;
use umec_wire::kafka::KafkaTopic;

use super::{Headers, Outgoing};

/// Records that may be on their way at once. Beyond it [`SendError::Full`] is the answer, and whoever
/// wanted to send holds back.
pub const IN_FLIGHT: usize = 20_000;

/// The most memory that records on their way take, in KiB.
const IN_FLIGHT_KIB: usize = 32 * 1024;

/// Writes records; what became of them comes back through [`Deliveries`].
pub struct Producer {
    inner: ThreadedProducer<Reports>,
    outstanding: Arc<AtomicUsize>,
    brokers: Brokers,
    is_embedded: bool,
}

/// A record of any topic.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The key.
    pub key: Option<&'a str>,
    /// Its time in milliseconds since 1970; that of writing where absent.
    pub time: Option<i64>,
    /// Names and values.
    pub headers: &'a Headers,
    /// The value.
    pub value: Option<&'a [u8]>,
}

/// What became of records.
#[derive(Debug)]
pub struct Deliveries {
    reports: mpsc::Receiver<Delivery>,
    outstanding: Arc<AtomicUsize>,
}

/// What became of one record.
#[derive(Debug)]
pub struct Delivery {
    /// What [`Producer::send`] was given.
    pub token: u64,
    /// Where it is, or why it is not in Kafka: an error that time does not heal.
    pub result: Result<Place, KafkaError>,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Too many are on their way: Kafka is slow or away.
    #[error("{IN_FLIGHT} records wait for Kafka already")]
    Full,
    /// It will never be taken as it is.
    #[error("the record cannot be sent")]
    Refused(#[source] KafkaError),
}

struct Reports {
    watched: Watched,
    sink: mpsc::Sender<Delivery>,
}

// === impl Producer ===

impl Producer {
    /// Makes a producer. Brokers need not be there yet; the address `embedded` asks for one in this
    /// process's memory.
    pub fn open(brokers: &Brokers, watched: &Watched) -> Result<(Self, Deliveries), KafkaError> {
        let (sink, reports) = mpsc::channel(IN_FLIGHT);
        let is_embedded = brokers.bootstrap() == EMBEDDED;
        let mut config = if is_embedded {
            Brokers::plain("").client_config()
        } else {
            brokers.client_config()
        };
        if is_embedded {
            config.set("test.mock.num.brokers", "1");
        }
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // A record never expires: an outage of hours is no reason to lose it.
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.messages", IN_FLIGHT.to_string())
            .set("queue.buffering.max.kbytes", IN_FLIGHT_KIB.to_string())
            // Records wait for company only while an earlier request is under way.
            .set("linger.ms", "1")
            .set("compression.type", "lz4");
        let inner: ThreadedProducer<Reports> = config.create_with_context(Reports {
            watched: watched.clone(),
            sink,
        })?;
        let brokers = match inner.client().mock_cluster() {
            Some(cluster) => Brokers::plain(&cluster.bootstrap_servers()),
            None => brokers.clone(),
        };
        let outstanding = Arc::new(AtomicUsize::new(0));
        let deliveries = Deliveries {
            reports,
            outstanding: Arc::clone(&outstanding),
        };
        let producer = Self {
            inner,
            outstanding,
            brokers,
            is_embedded,
        };
        Ok((producer, deliveries))
    }

    /// Where other clients find the brokers, and how they are let in.
    pub const fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    /// Whether the broker lives in this process's memory.
    pub fn is_embedded(&self) -> bool {
        self.is_embedded
    }

    /// How many more records are taken right now.
    pub fn room(&self) -> usize {
        IN_FLIGHT.saturating_sub(self.outstanding.load(Ordering::Relaxed))
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.outstanding.load(Ordering::Relaxed) == 0
    }

    /// Hands a record over; `token` comes back with its delivery. Never waits.
    pub fn send(&self, token: u64, record: &Outgoing) -> Result<(), SendError> {
        let record = Plain {
            topic: record.topic.name(),
            key: Some(&record.key),
            time: Some(record.time),
            headers: &record.headers,
            value: record.value.as_deref(),
        };
        self.send_plain(token, &record)
    }

    /// The same for a record of any topic.
    pub fn send_plain(&self, token: u64, record: &Plain<'_>) -> Result<(), SendError> {
        if self.room() == 0 {
            return Err(SendError::Full);
        }
        let mut out: BaseRecord<'_, str, [u8], Box<u64>> =
            BaseRecord::with_opaque_to(record.topic, Box::new(token));
        if !record.headers.is_empty() {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in record.headers.iter() {
                let value = Some(value);
                headers = headers.insert(Header { key, value });
            }
            out = out.headers(headers);
        }
        out.key = record.key;
        out.timestamp = record.time;
        out.payload = record.value;
        // Counted before it is handed over: its report may come at once.
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        self.inner.send(out).map_err(|(error, _)| {
            self.outstanding.fetch_sub(1, Ordering::Relaxed);
            match error {
                KafkaError::MessageProduction(Code::QueueFull) => SendError::Full,
                other => SendError::Refused(other),
            }
        })
    }

    /// Asks the brokers for a sign of life. Blocks: not for a task of the runtime.
    pub fn probe(&self, deadline: Duration) -> Result<(), KafkaError> {
        let name = KafkaTopic::Marks.name();
        self.inner
            .client()
            .fetch_metadata(Some(name), deadline)
            .map(drop)
    }

    /// Waits until everything is delivered, at most `deadline`. Blocks: not for a task of the runtime.
    pub fn flush(&self, deadline: Duration) -> Result<(), KafkaError> {
        self.inner.flush(deadline)
    }

    pub(super) fn create_embedded(&self, topic: &str, partitions: i32) -> Result<(), KafkaError> {
        match self.inner.client().mock_cluster() {
            None => Ok(()),
            Some(cluster) => match cluster.create_topic(topic, partitions, 1) {
                Err(KafkaError::MockCluster(RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
                other => other,
            },
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("brokers", &self.brokers)
            .finish_non_exhaustive()
    }
}

// === impl Deliveries ===

impl Deliveries {
    /// A report that is there already.
    pub fn ready(&mut self) -> Option<Delivery> {
        let delivery = self.reports.try_recv().ok()?;
        self.outstanding.fetch_sub(1, Ordering::Relaxed);
        Some(delivery)
    }

    /// The next report; `None` when the producer is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.reports.recv().await;
        if delivery.is_some() {
            self.outstanding.fetch_sub(1, Ordering::Relaxed);
        }
        delivery
    }
}

// === impl Reports ===

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.watched.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watched.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, token: Box<u64>) {
        use rdkafka::Message;
        let result = match result {
            Ok(message) => {
                self.watched.answered();
                Ok(Place {
                    partition: message.partition(),
                    offset: message.offset(),
                })
            }
            Err((error, _)) => Err(error.clone()),
        };
        let delivery = Delivery {
            token: *token,
            result,
        };
        // There is room: no more records are outstanding than the queue holds. A reader that is gone
        // needs no report.
        drop(self.sink.try_send(delivery));
    }
}
