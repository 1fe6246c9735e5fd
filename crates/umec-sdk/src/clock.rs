//! The time of day, taken from one place so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use tokio::time::Instant;
use umec_wire::Timestamp;

/// Tells the time of day. Intervals are measured with [`tokio::time::Instant`], which tests pause.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Goes with tokio's time, from a start that a test chose.
    Set(Arc<Setting>),
}

#[derive(Debug)]
struct Setting {
    began: Instant,
    /// What the clock showed at `began`, in microseconds.
    at: AtomicI64,
}

// === impl Clock ===

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `start` now and goes on with tokio's time, so that it stands while that is paused.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Source::Set(Arc::new(Setting {
            began: Instant::now(),
            at: AtomicI64::new(start.as_micros()),
        })))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Set(setting) => {
                let start = Timestamp::from_micros(setting.at.load(Ordering::Relaxed));
                start.saturating_add(setting.began.elapsed())
            }
        }
    }

    /// Sets a test's clock to another time; the machine's clock stays as it is.
    pub fn set(&self, now: Timestamp) {
        if let Source::Set(setting) = &self.0 {
            let elapsed = i64::try_from(setting.began.elapsed().as_micros()).unwrap_or(i64::MAX);
            let start = now.as_micros().saturating_sub(elapsed);
            setting.at.store(start, Ordering::Relaxed);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everybody else takes"
)]
fn system_now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_set_clock_goes_with_paused_time() {
        let clock = Clock::starting_at(Timestamp::from_millis(1_000));
        assert_eq!(clock.now(), Timestamp::from_millis(1_000));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(3_000));
        clock.set(Timestamp::from_millis(500));
        assert_eq!(clock.clone().now(), Timestamp::from_millis(500));
    }
}
