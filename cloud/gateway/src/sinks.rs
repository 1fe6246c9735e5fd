//! Sinks: who is shown readings beside Kafka, when Kafka has them.
//!
//! The gateway's loop hands over what Kafka has taken and never waits: each sink has a [`queue`] of its own,
//! whose oldest records go when it is full, and a task. What a sink loses is in Kafka.

mod grafana;
mod influx;
mod last;
mod prometheus;
mod queue;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tracing::info_span;
use umec_sdk::Node;
use umec_sdk::metrics::CounterFamily;
use umec_spec::settings::sinks::Sinks as Settings;
use umec_wire::kafka::KafkaTopic;
use umec_wire::{Pack, senml};

use crate::kafka::Outgoing;
use queue::Queue;

/// What the loop knows of sinks.
#[derive(Debug)]
pub(crate) struct Sinks {
    queues: Vec<Arc<Queue>>,
    /// Readings on their way to Kafka; as many as may be at all.
    on_their_way: HashMap<u64, Packed>,
}

/// A record of readings as Kafka has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Packed {
    /// `node/device`.
    key: String,
    /// SenML in JSON.
    value: Bytes,
}

/// What becomes of the readings of one sink.
#[derive(Debug, Clone)]
struct Fates {
    sink: &'static str,
    readings: CounterFamily,
}

// === impl Sinks ===

impl Sinks {
    /// Starts what is configured.
    pub(crate) fn start(settings: Settings, node: &Node) -> anyhow::Result<Self> {
        let mut queues = Vec::new();
        let mut open = |sink| {
            let fates = Fates::new(sink, node);
            let queue = Arc::new(Queue::new(fates.clone()));
            queues.push(Arc::clone(&queue));
            (queue, fates)
        };
        if let Some(settings) = settings.grafana {
            let (queue, fates) = open("grafana");
            let push = grafana::Push::new(settings, queue, fates, node)?;
            drop(node.tasks.spawn(info_span!("grafana"), push.run()));
        }
        if let Some(settings) = settings.prometheus {
            let (queue, fates) = open("prometheus");
            prometheus::start(&settings, queue, fates, node);
        }
        Ok(Self {
            queues,
            on_their_way: HashMap::new(),
        })
    }

    /// Takes note that a record goes to Kafka.
    pub(crate) fn sent(&mut self, token: u64, record: &Outgoing) {
        if self.queues.is_empty() || record.topic != KafkaTopic::Readings {
            return;
        }
        if let Some(value) = &record.value {
            let (key, value) = (record.key.clone(), value.clone());
            self.on_their_way.insert(token, Packed { key, value });
        }
    }

    /// Takes the word that a record is in Kafka, or is not.
    pub(crate) fn delivered(&mut self, token: u64, is_there: bool) {
        let Some(packed) = self.on_their_way.remove(&token) else {
            return;
        };
        for queue in self.queues.iter().filter(|_| is_there) {
            queue.push(packed.clone());
        }
    }
}

// === impl Packed ===

impl Packed {
    /// The readings; none where the record is not one of ours.
    fn read(&self) -> Option<Pack> {
        let (node, device) = self.key.split_once('/')?;
        let (node, device) = (node.parse().ok()?, device.parse().ok()?);
        senml::decode(senml::Format::Json, &node, &device, &self.value).ok()
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

// === impl Fates ===

impl Fates {
    fn new(sink: &'static str, node: &Node) -> Self {
        let readings = node.metrics.counter_family(
            "umec_gateway_sink_records",
            "Records of readings that were to be shown beside Kafka.",
            &["sink", "result"],
        );
        Self { sink, readings }
    }

    fn count(&self, result: &str, more: usize) {
        if more > 0 {
            let more = u64::try_from(more).unwrap_or(u64::MAX);
            self.readings.with(&[self.sink, result]).inc_by(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use umec_wire::NodeName;

    use super::*;
    use crate::kafka::Headers;

    #[tokio::test]
    async fn readings_reach_a_sink_when_kafka_has_them_and_not_before() {
        let node = Node::for_test(NodeName::new("cloud").unwrap(), None);
        let queue = Arc::new(Queue::new(Fates::new("test", &node)));
        let mut sinks = Sinks {
            queues: vec![Arc::clone(&queue)],
            on_their_way: HashMap::new(),
        };
        let record = |topic, value| Outgoing {
            topic,
            key: "pole-7/meter-3".to_owned(),
            time: 0,
            headers: Headers::default(),
            value: Some(Bytes::from_static(value)),
        };
        for token in 1..=3 {
            sinks.sent(token, &record(KafkaTopic::Readings, b"[]"));
        }
        sinks.sent(4, &record(KafkaTopic::Status, b"{}"));
        assert_eq!(queue.length(), 0);
        sinks.delivered(2, true);
        assert_eq!(queue.length(), 1);
        // What Kafka refuses is sent again under another token.
        sinks.delivered(1, false);
        sinks.delivered(4, true);
        assert_eq!(queue.length(), 1);
        assert_eq!(sinks.on_their_way.len(), 1);
    }
}
