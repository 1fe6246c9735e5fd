//! What is kept with a position, brought to the server as texts of the consumer that keeps the floor.

use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, info_span};
use umec_wire::Label;

use super::position::{keeper, keeping};
use super::{Nats, state};
use crate::bus::Filter;
use crate::bus::cursor::Kept;
use crate::telemetry::chain;

/// The newest that is to be kept, and whether the server has it.
#[derive(Debug)]
pub(crate) struct Memory {
    newest: watch::Sender<Newest>,
    confirmed: watch::Receiver<u64>,
}

#[derive(Debug, Clone, Default)]
struct Newest {
    number: u64,
    kept: Kept,
    /// Where the consumer began that keeps the floor, once it was made.
    begin: Option<u64>,
}

/// How often the server is told at most: each time it writes a file.
const KEEP_EVERY: Duration = Duration::from_secs(1);

// === impl Memory ===

impl Memory {
    pub(crate) fn start(nats: &Nats, name: &Label, filter: &Filter) -> Self {
        let newest = watch::Sender::new(Newest::default());
        let (confirm, confirmed) = watch::channel(0);
        let telling = tell(
            nats.clone(),
            keeper(name.as_str()),
            filter.clone(),
            newest.subscribe(),
            confirm,
        );
        let span = info_span!("position", position = %name);
        drop(nats.tasks().spawn(span, telling));
        Self { newest, confirmed }
    }

    pub(crate) fn keep(&self, kept: &Kept) {
        self.newest.send_modify(|newest| {
            newest.number += 1;
            newest.kept.clone_from(kept);
        });
    }

    /// What is to be kept; `None` before the server has told what it has.
    pub(crate) fn newest(&self) -> Option<Kept> {
        let newest = self.newest.borrow();
        newest.begin.map(|_| newest.kept.clone())
    }

    /// The consumer was made, with this in it. Says whether it was known to be there before.
    pub(crate) fn opened(&self, begin: u64, kept: &Kept) -> bool {
        let mut known = false;
        self.newest.send_modify(|newest| {
            known = newest.begin.replace(begin).is_some();
            if !known {
                newest.kept.clone_from(kept);
            }
        });
        known
    }

    /// Waits until the server has the newest.
    pub(crate) fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        let number = self.newest.borrow().number;
        let mut confirmed = self.confirmed.clone();
        async move {
            // The task is gone when the process stops.
            drop(confirmed.wait_for(|confirmed| *confirmed >= number).await);
        }
    }
}

/// Tells the server the newest, at most so often; ends with the position.
async fn tell(
    nats: Nats,
    keeper: String,
    filter: Filter,
    mut newest: watch::Receiver<Newest>,
    confirm: watch::Sender<u64>,
) {
    let mut state = nats.state();
    while newest.changed().await.is_ok() {
        let next = newest.borrow_and_update().clone();
        let Some(begin) = next.begin else { continue };
        if *confirm.borrow() >= next.number {
            continue;
        }
        state::connected(&mut state).await;
        let config = keeping(&keeper, begin, &filter, &next.kept);
        match nats.create_consumer(&config).await {
            Ok(_) => {
                confirm.send_replace(next.number);
            }
            Err(error) => {
                debug!(error = chain(&error), "the position's notes were not taken");
                newest.mark_changed();
            }
        }
        tokio::time::sleep(KEEP_EVERY).await;
    }
}
