//! The figures of a plugin.

use std::time::Duration;

use umec_wire::command::Outcome;

use crate::metrics::{Counter, CounterFamily, Gauge, Histogram, Metrics, SECONDS};

/// The figures of one device, looked up once.
#[derive(Debug)]
pub(crate) struct DeviceFigures {
    good: Counter,
    failed: Counter,
    late: Counter,
    pub(crate) readings: Counter,
    pub(crate) bad: Counter,
    pub(crate) skipped: Counter,
    up: Gauge,
    failures: Gauge,
    last: Gauge,
    seconds: Histogram,
    commands: CounterFamily,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadResult {
    Good,
    Failed,
    Late,
}

impl DeviceFigures {
    pub(crate) fn new(metrics: &Metrics, device: &str) -> Self {
        let reads = metrics.counter_family(
            "umec_plugin_reads",
            "Reads of a device by how they ended",
            &["device", "result"],
        );
        let counter = |name, help| {
            metrics
                .counter_family(name, help, &["device"])
                .with(&[device])
        };
        let gauge = |name, help| {
            metrics
                .gauge_family(name, help, &["device"])
                .with(&[device])
        };
        Self {
            good: reads.with(&[device, "good"]),
            failed: reads.with(&[device, "failed"]),
            late: reads.with(&[device, "late"]),
            readings: counter("umec_plugin_readings", "Values that were published"),
            bad: counter(
                "umec_plugin_bad_values",
                "Values that were read and not believed",
            ),
            skipped: counter(
                "umec_plugin_skipped_reads",
                "Reads that were left out because earlier ones took too long",
            ),
            up: gauge("umec_plugin_device_up", "1 while the device answers"),
            failures: gauge(
                "umec_plugin_consecutive_failures",
                "Reads that failed since the last good one",
            ),
            last: gauge(
                "umec_plugin_last_success_timestamp_seconds",
                "When the device was last read, since 1970",
            ),
            seconds: metrics.histogram(
                "umec_plugin_read_duration_seconds",
                "How long a read took",
                SECONDS,
            ),
            commands: metrics.counter_family(
                "umec_plugin_commands",
                "Commands by how they ended",
                &["outcome"],
            ),
        }
    }

    pub(crate) fn read(&self, result: ReadResult, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        match result {
            ReadResult::Good => &self.good,
            ReadResult::Failed => &self.failed,
            ReadResult::Late => &self.late,
        }
        .inc();
    }

    pub(crate) fn state(&self, up: bool, failures: u32) {
        self.up.set(i64::from(up));
        self.failures.set(i64::from(failures));
    }

    pub(crate) fn success(&self, now: umec_wire::Timestamp) {
        self.last.set(now.as_millis().div_euclid(1_000));
    }

    pub(crate) fn command(&self, outcome: Outcome) {
        self.commands.with(&[outcome.as_str()]).inc();
    }
}
