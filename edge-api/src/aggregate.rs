//! Publishes the aggregates: reads the stream into [`Windows`] and sends what they close, each window
//! once, also over a restart.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};
use umec_sdk::bus::{AskError, BusState, Filter, Follow, PublishError, Start, Stored};
use umec_sdk::{Bus, Node, chain};
use umec_wire::subject::Target;
use umec_wire::{
    Aggregates, DeviceName, MessageId, Pack, Readings, Sequence, Span, Timestamp, Topic,
};

use crate::feed::open;
use crate::figures::Figures;
use crate::window::{Closed, Windows, start_of};

/// How long after the bus has come back the clock closes no window: publishers first send what they
/// held, in order, and their own readings close their windows.
const SETTLE: Duration = Duration::from_secs(5);

/// How far back windows are rebuilt that were not published because this process did not run.
const LONGEST_ABSENCE: Duration = Duration::from_hours(24);

/// The first and the longest wait before a message is published again.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Publishes aggregates.
#[derive(Debug)]
pub(crate) struct Aggregator {
    pub(crate) node: Node,
    pub(crate) bus: Bus,
    pub(crate) figures: Figures,
    pub(crate) lengths: Vec<Span>,
    pub(crate) lateness: Span,
    /// The number of the last message about each device.
    pub(crate) sequences: HashMap<DeviceName, Sequence>,
}

/// Says that the process stops.
struct Stopped;

// === impl Aggregator ===

impl Aggregator {
    /// Reads and publishes until the process stops.
    pub(crate) async fn run(mut self) {
        if let Err(Stopped) = self.work().await {
            debug!("aggregates stop; the open windows are rebuilt from the stream");
        }
    }

    async fn work(&mut self) -> Result<(), Stopped> {
        let Some(longest) = self.lengths.iter().copied().max() else {
            return Ok(());
        };
        let since = self.since(longest).await?;
        let mut windows = Windows::new(self.lengths.clone(), self.lateness, since);
        self.skip_published(&mut windows, since).await?;
        let mut follow = self.follow(Start::Time(since), Target::Readings).await?;
        while let Some(stored) = self.recorded(&mut follow).await? {
            self.take(&mut windows, &stored).await?;
        }
        windows.caught_up();
        info!(%since, "aggregates are up to date");
        self.live(&mut windows, &mut follow).await
    }

    /// Where to begin: before the oldest window that may not have been published.
    async fn since(&self, longest: Span) -> Result<Timestamp, Stopped> {
        let now = self.node.clock.now();
        let mut last = self
            .follow(Start::LastPerSubject, Target::Aggregates)
            .await?;
        let mut newest = None;
        while let Some(stored) = self.recorded(&mut last).await? {
            newest = newest.max(Some(stored.stored_at));
        }
        let wait = self.lateness.duration() + SETTLE;
        let oldest = match newest {
            Some(newest) => newest.saturating_sub(wait + SETTLE),
            None => now.saturating_sub(wait),
        };
        let oldest = oldest.max(now.saturating_sub(LONGEST_ABSENCE));
        Ok(start_of(longest, oldest.saturating_sub(longest.duration())))
    }

    /// Takes note of what the stream holds already.
    async fn skip_published(&self, windows: &mut Windows, since: Timestamp) -> Result<(), Stopped> {
        let mut published = self.follow(Start::Time(since), Target::Aggregates).await?;
        while let Some(stored) = self.recorded(&mut published).await? {
            let Ok(pack) = stored.message.decode::<Aggregates>() else {
                continue;
            };
            for reading in &pack.readings {
                if let Some((length, _)) = reading.series.aggregate {
                    windows.published(&pack.device, length, reading.time);
                }
            }
        }
        Ok(())
    }

    async fn live(&mut self, windows: &mut Windows, follow: &mut Follow) -> Result<(), Stopped> {
        let mut state = self.bus.state();
        let mut held_until = Instant::now();
        loop {
            let is_away = *state.borrow_and_update() != BusState::Connected;
            let wait = windows.next_close().map(|close| {
                let left = close.saturating_since(self.node.clock.now());
                (Instant::now() + left).max(held_until)
            });
            let tick = async {
                match wait {
                    Some(at) if !is_away => tokio::time::sleep_until(at).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.node.tasks.stopped() => return Err(Stopped),
                changed = state.changed() => {
                    if changed.is_err() {
                        return Err(Stopped);
                    }
                    held_until = Instant::now() + SETTLE + self.lateness.duration();
                }
                stored = follow.next() => {
                    let stored = stored.ok_or(Stopped)?;
                    self.take(windows, &stored).await?;
                }
                () = tick => {
                    for closed in windows.advance(self.node.clock.now()) {
                        self.publish(closed).await?;
                    }
                }
            }
        }
    }

    async fn take(&mut self, windows: &mut Windows, stored: &Stored) -> Result<(), Stopped> {
        let pack = match stored.message.decode::<Readings>() {
            Ok(pack) => pack,
            Err(error) => {
                debug!(subject = %stored.message.subject, error = chain(&error), "a message cannot be read");
                return Ok(());
            }
        };
        let taken = windows.take(&pack, stored.stored_at);
        self.figures.late.inc_by(taken.late);
        self.figures.early.inc_by(taken.early);
        self.figures.crowded.inc_by(taken.crowded);
        for closed in taken.closed {
            self.publish(closed).await?;
        }
        Ok(())
    }

    /// Publishes one window, again under the same message id until it is acknowledged, so that the
    /// order of windows in the stream says which have been published.
    async fn publish(&mut self, closed: Closed) -> Result<(), Stopped> {
        let device = closed.device;
        let sequence = self.sequences.entry(device.clone());
        let sequence = sequence
            .and_modify(|s| *s = s.next())
            .or_insert(Sequence::FIRST);
        let id = MessageId {
            device: device.clone(),
            boot: self.node.boot,
            sequence: *sequence,
        };
        let topic = Topic::<Aggregates>::new(self.node.name.clone(), device.clone());
        let pack = Pack {
            node: self.node.name.clone(),
            device,
            readings: closed.readings,
        };
        let mut wait = RETRY.0;
        loop {
            let error = tokio::select! {
                () = self.node.tasks.stopped() => return Err(Stopped),
                sent = self.bus.publish(&topic, &id, &pack, None) => match sent {
                    Ok(_) => {
                        self.figures.aggregates.inc();
                        return Ok(());
                    }
                    Err(error) => error,
                },
            };
            if wait == RETRY.0 {
                warn!(device = %id.device, error = chain(&error), "an aggregate is not published yet");
            }
            let PublishError::Ask { source, .. } = error;
            if matches!(source, AskError::TooLarge { .. }) {
                // It would be too large again for ever, and hold up all that follow.
                return Ok(());
            }
            tokio::select! {
                () = self.node.tasks.stopped() => return Err(Stopped),
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY.1),
            }
        }
    }

    async fn follow(&self, start: Start, target: Target) -> Result<Follow, Stopped> {
        let filter = Filter::targets([target]);
        let opened = open(&self.bus, &self.node.tasks, start, &filter).await;
        opened.ok_or(Stopped)
    }

    async fn recorded(&self, follow: &mut Follow) -> Result<Option<Stored>, Stopped> {
        tokio::select! {
            () = self.node.tasks.stopped() => Err(Stopped),
            stored = follow.recorded() => Ok(stored),
        }
    }
}
