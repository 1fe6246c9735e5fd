//! The uplink's metrics: where the readings have got to.

use umec_sdk::Metrics;
use umec_sdk::metrics::{Counter, CounterFamily, Gauge};
use umec_wire::uplink::Now;

use crate::machine::{Machine, Progress, Refused};

/// What `/metrics` shows.
pub(crate) struct Figures {
    pub(crate) sent: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) skipped: CounterFamily,
    acknowledged: Counter,
    sent_again: Counter,
    refused: CounterFamily,
    floor: Gauge,
    waiting: Gauge,
    waiting_bytes: Gauge,
    in_flight: Gauge,
    oldest: Gauge,
    round_trip: Gauge,
    spent: Gauge,
    left: Gauge,
    before: (Progress, Refused),
}

// === impl Figures ===

impl Figures {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            sent: metrics.counter("umec_uplink_datagrams", "Datagrams sent to the gateway."),
            sent_bytes: metrics.counter("umec_uplink_sent_bytes", "Their bytes, as UDP payload."),
            skipped: metrics.counter_family(
                "umec_uplink_skipped_messages",
                "Messages of the stream that do not go up.",
                &["reason"],
            ),
            acknowledged: metrics.counter(
                "umec_uplink_acknowledged_messages",
                "Messages that the gateway has brought into Kafka.",
            ),
            sent_again: metrics.counter("umec_uplink_sent_again_batches", "Batches sent again."),
            refused: metrics.counter_family(
                "umec_uplink_refused_datagrams",
                "Datagrams from the gateway's side that were dropped.",
                &["reason"],
            ),
            floor: metrics.gauge(
                "umec_uplink_acknowledged_sequence",
                "The position in the stream up to which everything is acknowledged.",
            ),
            waiting: metrics.gauge(
                "umec_uplink_waiting_messages",
                "Messages that were read and are not acknowledged.",
            ),
            waiting_bytes: metrics.gauge("umec_uplink_waiting_bytes", "Their bytes."),
            in_flight: metrics.gauge("umec_uplink_in_flight_batches", "Batches on their way."),
            oldest: metrics.gauge(
                "umec_uplink_oldest_waiting_milliseconds",
                "How long the oldest of them has waited.",
            ),
            round_trip: metrics.gauge(
                "umec_uplink_round_trip_milliseconds",
                "From sending a batch to its acknowledgement, smoothed.",
            ),
            spent: metrics.gauge(
                "umec_uplink_budget_spent_bytes",
                "Bytes spent of the day's budget; 0 without one.",
            ),
            left: metrics.gauge("umec_uplink_budget_left_bytes", "What is left of it."),
            before: Default::default(),
        }
    }

    /// Shows the day's account.
    pub(crate) fn account(&self, spent: u64, left: u64) {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.spent.set(signed(spent));
        self.left.set(signed(left));
    }

    /// Shows what the machine has counted.
    pub(crate) fn show(&mut self, machine: &Machine, now: Now, floor: u64) {
        let (progress, refused) = (machine.progress(now), machine.refused());
        let (old, dropped) = std::mem::replace(&mut self.before, (progress, refused));
        self.acknowledged
            .inc_by(progress.acknowledged - old.acknowledged);
        self.sent_again.inc_by(progress.sent_again - old.sent_again);
        for (reason, now, before) in [
            ("malformed", refused.malformed, dropped.malformed),
            ("handshake", refused.handshake, dropped.handshake),
            ("unknown-session", refused.session, dropped.session),
            ("replayed", refused.replayed, dropped.replayed),
            ("broken", refused.broken, dropped.broken),
            ("not-understood", refused.message, dropped.message),
        ] {
            if now > before {
                self.refused.with(&[reason]).inc_by(now - before);
            }
        }
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let millis = |duration: Option<std::time::Duration>| {
            i64::try_from(duration.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
        };
        self.floor.set(signed(floor));
        self.waiting.set(signed(progress.waiting));
        self.waiting_bytes.set(signed(progress.waiting_bytes));
        self.in_flight.set(signed(progress.in_flight));
        self.oldest.set(millis(progress.oldest));
        self.round_trip.set(millis(progress.round_trip));
    }
}
