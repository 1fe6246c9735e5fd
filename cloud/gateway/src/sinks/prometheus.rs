//! The page `/readings` for Prometheus: a task that keeps the last values.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::info_span;
use umec_sdk::metrics::Gauge;
use umec_sdk::{Node, Page};
use umec_spec::settings::sinks::Prometheus;

use super::last::LastValues;
use super::queue::Queue;
use super::{Fates, Packed};

/// Records that are taken in one go, in bytes.
const ROUND: usize = 64 << 10;

/// How often series are looked through for those that are silent.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// Scrapes that wait for the task.
const SCRAPES: usize = 4;

/// What the task owns.
struct Keeping {
    values: LastValues,
    queue: Arc<Queue>,
    fates: Fates,
    series: Gauge,
    began: Instant,
}

/// Shows the page, and keeps it up to date until the process stops.
pub(super) fn start(settings: &Prometheus, queue: Arc<Queue>, fates: Fates, node: &Node) {
    let (asks, asked) = mpsc::channel::<oneshot::Sender<String>>(SCRAPES);
    node.pages.show("/readings", move || {
        let asks = asks.clone();
        async move {
            let (answer, text) = oneshot::channel();
            asks.send(answer).await.ok()?;
            text.await.ok().map(Page::Figures)
        }
    });
    let keeping = Keeping {
        values: LastValues::new(settings.series, settings.forget.duration()),
        queue,
        fates,
        series: node.metrics.gauge(
            "umec_gateway_shown_series",
            "Series that Prometheus is shown.",
        ),
        began: Instant::now(),
    };
    let stopping = node.tasks.stopping();
    let run = async move {
        tokio::select! {
            () = keeping.run(asked) => {}
            () = stopping.cancelled() => {}
        }
    };
    drop(node.tasks.spawn(info_span!("prometheus"), run));
}

// === impl Keeping ===

impl Keeping {
    async fn run(mut self, mut asked: mpsc::Receiver<oneshot::Sender<String>>) {
        let mut look = tokio::time::interval(HOUSEKEEPING);
        loop {
            // Every arm is cancel safe: a queue that keeps what is not taken, a channel, a timer.
            tokio::select! {
                records = self.queue.take(ROUND) => self.take(&records),
                Some(answer) = asked.recv() => {
                    self.values.forget(self.began.elapsed());
                    drop(answer.send(self.values.text()));
                }
                _ = look.tick() => self.values.forget(self.began.elapsed()),
            }
            let length = i64::try_from(self.values.length());
            self.series.set(length.unwrap_or(i64::MAX));
        }
    }

    fn take(&mut self, records: &[Packed]) {
        let now = self.began.elapsed();
        for record in records {
            let Some(pack) = record.read() else {
                self.fates.count("unreadable", 1);
                continue;
            };
            let full = self.values.take(now, pack) > 0;
            let result = if full { "too-many-series" } else { "shown" };
            self.fates.count(result, 1);
        }
    }
}
