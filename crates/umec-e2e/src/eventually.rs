//! Waiting for a state instead of for a time.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// Short enough that a test does not feel it, long enough that waiting costs no core.
const POLL: Duration = Duration::from_millis(10);

/// Asks `probe` until it says `Ok`, and returns what it said. Fails with its last `Err` at the deadline.
///
/// ```
/// use std::time::Duration;
/// let mut seen = 0;
/// let state = umec_e2e::eventually(Duration::from_secs(5), || {
///     seen += 1;
///     if seen > 3 { Ok(seen) } else { Err(seen) }
/// });
/// assert_eq!(state, 4);
/// ```
#[track_caller]
pub fn eventually<T, S: Debug>(deadline: Duration, mut probe: impl FnMut() -> Result<T, S>) -> T {
    let begin = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(state) if begin.elapsed() > deadline => {
                fail(&format!("after {deadline:?} the state is still {state:#?}"))
            }
            Err(_) => pause(POLL),
        }
    }
}

/// The same for a probe that awaits something. Call it where time is not paused.
pub async fn eventually_async<T, S: Debug, F>(deadline: Duration, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, S>>,
{
    let begin = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(state) if begin.elapsed() > deadline => {
                fail(&format!("after {deadline:?} the state is still {state:#?}"))
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// Fails the test that called.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a panic is how a test fails, and this crate is for tests alone"
)]
pub fn fail(reason: &str) -> ! {
    panic!("{reason}")
}

/// The one place that sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "the test's own thread waits; no runtime is blocked by design"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "still \"cold\"")]
    fn the_last_state_is_told_at_the_deadline() {
        eventually(Duration::from_millis(20), || Err::<(), _>("cold"));
    }

    #[tokio::test]
    async fn an_awaited_state_is_returned_once_it_holds() {
        let mut left = 3;
        let got = eventually_async(Duration::from_secs(5), || {
            left -= 1;
            let now = left;
            async move { if now == 0 { Ok("warm") } else { Err(now) } }
        })
        .await;
        assert_eq!(got, "warm");
    }
}
