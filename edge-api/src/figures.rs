//! What is counted, for Prometheus.

use umec_sdk::Metrics;
use umec_sdk::metrics::{Counter, CounterFamily, Gauge};

/// The figures of the edge API.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Requests by status code.
    pub(crate) requests: CounterFamily,
    /// Streams that are open.
    pub(crate) streams: Gauge,
    /// Streams that ended, by reason.
    pub(crate) streams_ended: CounterFamily,
    /// Commands by outcome.
    pub(crate) commands: CounterFamily,
    /// Aggregates published.
    pub(crate) aggregates: Counter,
    /// Readings that came after their window was closed.
    pub(crate) late: Counter,
    /// Readings from further in the future than the lateness.
    pub(crate) early: Counter,
    /// Readings beyond the most devices and metrics that are aggregated.
    pub(crate) crowded: Counter,
    /// Messages whose payload could not be read.
    pub(crate) unreadable: Counter,
}

impl Figures {
    /// Registers all of them.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counter_family(
                "umec_http_requests",
                "Requests answered, by status code",
                &["status"],
            ),
            streams: metrics.gauge("umec_streams", "Streams that are open"),
            streams_ended: metrics.counter_family(
                "umec_streams_ended",
                "Streams that ended, by reason",
                &["reason"],
            ),
            commands: metrics.counter_family(
                "umec_commands",
                "Commands that ended, by outcome",
                &["outcome"],
            ),
            aggregates: metrics.counter("umec_aggregates", "Windows published, one a message"),
            late: metrics.counter(
                "umec_late_readings",
                "Readings that came after their window was closed, once for each length",
            ),
            early: metrics.counter(
                "umec_early_readings",
                "Readings from the future, which are in no window",
            ),
            crowded: metrics.counter(
                "umec_crowded_readings",
                "Readings of more devices or metrics than are aggregated",
            ),
            unreadable: metrics.counter(
                "umec_unreadable_messages",
                "Messages of the stream whose payload could not be read",
            ),
        }
    }
}
