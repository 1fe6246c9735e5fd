//! The gateway's metrics.

use std::time::{Duration, Instant};

use umec_sdk::Metrics;
use umec_sdk::metrics::{Counter, CounterFamily, Gauge};
use umec_wire::kafka::KafkaTopic;

use crate::machine::{Counters, Machine};

/// What `/metrics` shows.
pub(crate) struct Figures {
    /// One for each topic, in the order of [`KafkaTopic::ALL`].
    records: [Counter; KafkaTopic::ALL.len()],
    datagrams: Counter,
    refused: CounterFamily,
    messages: CounterFamily,
    sessions: Counter,
    moves: Counter,
    held_back: Counter,
    connected: Gauge,
    outstanding: Gauge,
    before: Counters,
    /// When modems were counted last.
    counted: Option<Instant>,
}

/// How often modems are counted: each is looked at.
const COUNT: Duration = Duration::from_millis(500);

// === impl Figures ===

impl Figures {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let records = metrics.counter_family(
            "umec_gateway_records",
            "Records that Kafka has taken.",
            &["topic"],
        );
        Self {
            records: KafkaTopic::ALL.map(|topic| records.with(&[topic.name()])),
            datagrams: metrics.counter(
                "umec_gateway_datagrams",
                "Datagrams of modems that were opened.",
            ),
            refused: metrics.counter_family(
                "umec_gateway_refused_datagrams",
                "Datagrams that were dropped.",
                &["reason"],
            ),
            messages: metrics.counter_family(
                "umec_gateway_unwritten_messages",
                "Messages of devices that were not written to Kafka.",
                &["reason"],
            ),
            sessions: metrics.counter("umec_gateway_sessions", "Sessions that were proven."),
            moves: metrics.counter("umec_gateway_address_changes", "Modems that moved."),
            held_back: metrics.counter(
                "umec_gateway_held_back_batches",
                "Batches that were not taken for want of room; they come again.",
            ),
            connected: metrics.gauge("umec_gateway_connected_modems", "Modems that are heard."),
            outstanding: metrics.gauge(
                "umec_gateway_outstanding_records",
                "Records on their way to Kafka.",
            ),
            before: Counters::default(),
            counted: None,
        }
    }

    /// Notes a record that Kafka has.
    pub(crate) fn record(&self, topic: KafkaTopic) {
        let topics = KafkaTopic::ALL.iter().zip(&self.records);
        for (_, counter) in topics.filter(|(known, _)| **known == topic) {
            counter.inc();
        }
    }

    /// Shows what the machine has counted.
    pub(crate) fn show(&mut self, machine: &Machine) {
        let (now, before) = (machine.counters(), self.before);
        self.outstanding.set(signed(machine.outstanding()));
        if now == before {
            return;
        }
        self.before = now;
        if self.counted.is_none_or(|at| at.elapsed() >= COUNT) {
            self.counted = Some(Instant::now());
            self.connected.set(signed(machine.connected()));
        }
        self.datagrams.inc_by(now.opened - before.opened);
        self.sessions.inc_by(now.sessions - before.sessions);
        self.moves.inc_by(now.moves - before.moves);
        self.held_back.inc_by(now.held_back - before.held_back);
        for (reason, now, before) in [
            ("malformed", now.malformed, before.malformed),
            ("no-cookie", now.no_cookie, before.no_cookie),
            ("not-admitted", now.not_admitted, before.not_admitted),
            ("wrong-key", now.wrong_key, before.wrong_key),
            ("old-session", now.old_session, before.old_session),
            (
                "unknown-session",
                now.unknown_session,
                before.unknown_session,
            ),
            ("replayed", now.replayed, before.replayed),
            ("broken", now.broken, before.broken),
            ("not-understood", now.not_understood, before.not_understood),
            (
                "unknown-layout",
                now.unknown_layouts,
                before.unknown_layouts,
            ),
        ] {
            count(&self.refused, reason, now - before);
        }
        for (reason, now, before) in [
            ("duplicate", now.duplicates, before.duplicates),
            ("unreadable", now.unreadable, before.unreadable),
            ("refused-by-kafka", now.failed, before.failed),
        ] {
            count(&self.messages, reason, now - before);
        }
    }
}

fn count(family: &CounterFamily, reason: &str, more: u64) {
    if more > 0 {
        family.with(&[reason]).inc_by(more);
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
