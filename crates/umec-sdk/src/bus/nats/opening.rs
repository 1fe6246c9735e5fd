//! An opening that goes on where it was, however often whoever waits for it is interrupted.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::state;
use crate::bus::{AskError, BusState};

/// At most one opening that is under way.
///
/// A reader is often one arm of a `select!`, and dropped when another arm is faster. Opening takes
/// several requests; begun anew each time it might never be through.
pub(crate) struct Opening<T>(Mutex<Option<BoxFuture<'static, Result<T, AskError>>>>);

impl<T> Opening<T> {
    /// Goes on with the opening that is under way, or begins `fresh`. Cancel safe.
    pub(crate) async fn advance<F>(&mut self, fresh: F) -> Result<T, AskError>
    where
        F: Future<Output = Result<T, AskError>> + Send + 'static,
    {
        // The lock is never contended: it is there because a future cannot be shared and a reader can.
        let slot = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let opened = slot.get_or_insert_with(|| fresh.boxed()).await;
        *slot = None;
        opened
    }

    /// Opens as soon as the server is there; waits a moment after a failure, so that whoever tries
    /// again does so at ease. Cancel safe.
    pub(crate) async fn when_connected(
        &mut self,
        mut state: watch::Receiver<BusState>,
        pause: Duration,
        create: BoxFuture<'static, Result<T, AskError>>,
    ) -> Result<T, AskError>
    where
        T: Send + 'static,
    {
        let fresh = async move {
            state::connected(&mut state).await;
            let opened = create.await;
            if opened.is_err() {
                tokio::time::sleep(pause).await;
            }
            opened
        };
        self.advance(fresh).await
    }
}

impl<T> Default for Opening<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> fmt::Debug for Opening<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_interrupted_opening_goes_on_where_it_was() {
        let mut opening = Opening::default();
        let step = || async {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
            Ok(7)
        };
        for _ in 0..4 {
            let waited = tokio::time::timeout(Duration::from_millis(5), opening.advance(step()));
            assert!(waited.await.is_err());
        }
        let waited = tokio::time::timeout(Duration::from_millis(5), opening.advance(step()));
        assert_eq!(waited.await, Ok(Ok(7)));
    }
}
