//! The tasks of a process: started in one place, told to stop together, waited for.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, error};

/// Starts tasks, tells them to stop, and waits until they have.
///
/// A task that panics stops all of them, and the process ends with an error: whoever watches the
/// process starts it again, from a state that is known.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
    panicked: Arc<AtomicBool>,
}

/// Why the tasks did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrainError {
    /// Some still ran when the time was over.
    #[error("{running} tasks still run after {grace:?}")]
    StillRunning {
        /// How many.
        running: usize,
        /// How long they were given.
        grace: Duration,
    },
    /// One panicked.
    #[error("a task panicked")]
    Panicked,
}

/// Stops everything when it is dropped by a panic.
struct Sentinel {
    stop: CancellationToken,
    panicked: Arc<AtomicBool>,
}

// === impl Tasks ===

impl Tasks {
    /// No task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task within a span of its own, such as `info_span!("link", link = %name)`.
    ///
    /// The task watches [`Tasks::stopping`] and returns soon after.
    pub fn spawn<F>(&self, span: Span, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let sentinel = Sentinel {
            stop: self.stop.clone(),
            panicked: Arc::clone(&self.panicked),
        };
        let task = async move {
            let _sentinel = sentinel;
            future.await
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the place that tracks it"
        )]
        tokio::spawn(self.tracker.track_future(task.instrument(span)))
    }

    /// A token that is cancelled when the process is to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the process is to stop. Cancel safe.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the process is to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Tells all tasks to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether a task has panicked.
    pub fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Acquire)
    }

    /// Tells all tasks to stop and waits for them, at most `grace`.
    pub async fn drain(&self, grace: Duration) -> Result<(), DrainError> {
        self.stop();
        self.tracker.close();
        let ended = tokio::time::timeout(grace, self.tracker.wait()).await;
        if self.has_panicked() {
            return Err(DrainError::Panicked);
        }
        ended.map_err(|_| DrainError::StillRunning {
            running: self.tracker.len(),
            grace,
        })
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.panicked.store(true, Ordering::Release);
            self.stop.cancel();
            error!("a task panicked, the process ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::info_span;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_every_task() {
        let tasks = Tasks::new();
        let stopping = tasks.stopping();
        let task = tasks.spawn(info_span!("worker"), async move {
            stopping.cancelled().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            7
        });
        assert_eq!(tasks.drain(Duration::from_secs(2)).await, Ok(()));
        assert_eq!(task.await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_with_the_grace_period() {
        let tasks = Tasks::new();
        let task = tasks.spawn(info_span!("worker"), std::future::pending::<()>());
        let grace = Duration::from_secs(2);
        assert_eq!(
            tasks.drain(grace).await,
            Err(DrainError::StillRunning { running: 1, grace })
        );
        task.abort();
    }

    #[tokio::test]
    async fn a_panicking_task_stops_the_others() {
        let tasks = Tasks::new();
        let task = tasks.spawn(info_span!("worker"), async { panic!("on purpose") });
        tasks.stopped().await;
        assert!(task.await.unwrap_err().is_panic());
        let drained = tasks.drain(Duration::from_secs(1)).await;
        assert_eq!(drained, Err(DrainError::Panicked));
    }
}
