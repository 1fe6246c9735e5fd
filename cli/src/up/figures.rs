//! How many messages have passed each stage, out of the metrics of the processes. Pure.

use std::collections::HashMap;

use crate::exposition::{label, samples, total};
use crate::overview::Pipeline;
use crate::supervisor::PartId;

/// What a process's metrics are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A plugin samples and publishes.
    Plugin,
    /// An uplink carries the stream to the gateway.
    Uplink,
    /// The gateway writes into Kafka.
    Gateway,
    /// Nothing that is counted here.
    Other,
}

/// Counts of processes that begin again at zero whenever their process does.
#[derive(Debug, Default)]
pub(super) struct Figures {
    counts: HashMap<(PartId, Count), Running>,
    acknowledged: HashMap<PartId, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Count {
    Sampled,
    Published,
    Delivered,
}

/// A count over all runs of its process.
#[derive(Debug, Default)]
struct Running {
    before: u64,
    now: u64,
}

/// The topics in which messages of devices end.
const TOPICS: [&str; 2] = ["umec.readings", "umec.status"];

// === impl Figures ===

impl Figures {
    /// Takes the metrics of a process.
    pub(super) fn take(&mut self, id: PartId, source: Source, text: &str) {
        match source {
            Source::Plugin => {
                let acknowledged = whole(text, "umec_outbox_acknowledged_messages_total");
                let queued = whole(text, "umec_outbox_queued_messages");
                let dropped = whole(text, "umec_outbox_dropped_messages_total");
                self.count(id, Count::Sampled, acknowledged + queued + dropped);
                self.count(id, Count::Published, acknowledged);
            }
            Source::Gateway => {
                let records = samples(text, "umec_gateway_records_total");
                let of_devices = records.filter(|(labels, _)| {
                    label(labels, "topic").is_some_and(|topic| TOPICS.contains(&topic))
                });
                let delivered = of_devices.map(|(_, value)| value).sum();
                self.count(id, Count::Delivered, rounded(delivered));
            }
            Source::Uplink => {
                let floor = whole(text, "umec_uplink_acknowledged_sequence");
                self.acknowledged.insert(id, floor);
            }
            Source::Other => {}
        }
    }

    /// The place in the stream up to which every uplink has been acknowledged.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.acknowledged.values().copied().min()
    }

    /// How many messages have passed each stage; `api` is how many the edge API has shown.
    pub(super) fn pipeline(&self, api: u64, has_cloud: bool) -> Pipeline {
        // The metrics are a moment behind; what the edge API has shown has been on the bus before.
        let bus = self.sum(Count::Published).max(api);
        Pipeline {
            sampled: Some(self.sum(Count::Sampled).max(bus)),
            bus: Some(bus),
            api: Some(api),
            cloud: has_cloud.then(|| self.sum(Count::Delivered)),
        }
    }

    fn count(&mut self, id: PartId, count: Count, now: u64) {
        let running = self.counts.entry((id, count)).or_default();
        // The queue empties, so that the sum of its parts may seem to fall by a little.
        if now * 2 < running.now {
            running.before += running.now;
        }
        running.now = now;
    }

    fn sum(&self, count: Count) -> u64 {
        let counts = self.counts.iter().filter(|((_, which), _)| *which == count);
        counts
            .map(|(_, running)| running.before + running.now)
            .sum()
    }
}

fn whole(text: &str, name: &str) -> u64 {
    rounded(total(text, name).unwrap_or_default())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole and not negative, and a float cast saturates"
)]
fn rounded(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_when_a_process_begins_again() {
        let mut figures = Figures::default();
        let plugin = PartId(1);
        let text = |acknowledged: u64, queued: u64| {
            format!(
                "umec_outbox_acknowledged_messages_total {acknowledged}\numec_outbox_queued_messages {queued}\n"
            )
        };
        figures.take(plugin, Source::Plugin, &text(100, 2));
        figures.take(plugin, Source::Plugin, &text(1, 0));
        let pipeline = figures.pipeline(99, false);
        assert_eq!(pipeline.sampled, Some(103));
        assert_eq!(pipeline.bus, Some(101));
        assert_eq!((pipeline.api, pipeline.cloud), (Some(99), None));
    }

    #[test]
    fn only_records_of_devices_are_counted_in_the_cloud() {
        let mut figures = Figures::default();
        let text = "umec_gateway_records_total{topic=\"umec.readings\"} 5\n\
                    umec_gateway_records_total{topic=\"umec.marks\"} 50\n";
        figures.take(PartId(2), Source::Gateway, text);
        assert_eq!(figures.pipeline(0, true).cloud, Some(5));
    }
}
