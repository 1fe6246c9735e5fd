//! The metrics of original modems.

use umec_sdk::Metrics;
use umec_sdk::metrics::{Counter, CounterFamily, Gauge};

use super::{Counters, Machine};

/// What `/metrics` shows.
pub(super) struct Figures {
    samples: Counter,
    not_in_readings: Counter,
    refused: CounterFamily,
    moves: Counter,
    requests: CounterFamily,
    performs: Counter,
    known: Gauge,
    /// Records that were not written, by reason.
    pub(super) unwritten: CounterFamily,
    before: Counters,
}

// === impl Figures ===

impl Figures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            samples: metrics.counter(
                "umec_gateway_original_samples",
                "Samples of original modems that were taken.",
            ),
            not_in_readings: metrics.counter(
                "umec_gateway_original_samples_outside_senml",
                "Those of them whose time SenML does not hold: they are in the original topics alone.",
            ),
            refused: metrics.counter_family(
                "umec_gateway_original_refused_datagrams",
                "Datagrams to the original listener that were dropped.",
                &["reason"],
            ),
            moves: metrics.counter(
                "umec_gateway_original_address_changes",
                "Original modems that moved.",
            ),
            requests: metrics.counter_family(
                "umec_gateway_original_requests",
                "Requests to original modems that ended.",
                &["outcome"],
            ),
            performs: metrics.counter(
                "umec_gateway_original_performs",
                "Packets that told an original modem to switch its carrier.",
            ),
            known: metrics.gauge(
                "umec_gateway_original_modems",
                "Original modems that can be told something.",
            ),
            unwritten: metrics.counter_family(
                "umec_gateway_original_unwritten_records",
                "Records of original modems that did not get into Kafka.",
                &["reason"],
            ),
            before: Counters::default(),
        }
    }

    /// Shows what the machine has counted.
    pub(super) fn show(&mut self, machine: &Machine) {
        let (now, before) = (machine.counters(), &mut self.before);
        if now == before {
            return;
        }
        self.known
            .set(i64::try_from(machine.known()).unwrap_or(i64::MAX));
        self.samples.inc_by(now.samples - before.samples);
        self.not_in_readings
            .inc_by(now.not_in_readings - before.not_in_readings);
        self.moves.inc_by(now.moves - before.moves);
        self.performs.inc_by(now.performs - before.performs);
        for (family, now, before) in [
            (&self.refused, &now.refused, &before.refused),
            (&self.requests, &now.requests, &before.requests),
        ] {
            for (label, count) in now {
                let more = count - before.get(label).copied().unwrap_or_default();
                if more > 0 {
                    family.with(&[label]).inc_by(more);
                }
            }
        }
        self.before.clone_from(now);
    }
}
