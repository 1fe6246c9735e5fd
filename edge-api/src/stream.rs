//! One reader of the stream: first what it missed, then what comes, without a gap and without a
//! repeat between the two.
//!
//! A reader listens to the [`feed`](crate::feed) before it looks at the past, so that whatever is
//! stored meanwhile waits in the feed; what both bring is told apart by its [`Position`]. A reader
//! that falls behind the feed while it reads the past goes on in the past. One that falls behind
//! later is ended with a reason, and resumes where it was.

mod sse;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use umec_sdk::Bus;
use umec_sdk::bus::{Filter, Start};
use umec_wire::DeviceName;

use crate::document::{self, Document, Kind};
use crate::feed::{Item, Shown};
use crate::figures::Figures;
use crate::history::away;
use crate::position::Position;
use crate::problem::ApiError;
use crate::query::{Selection, StreamQuery};
use crate::token::Grant;

pub(crate) use sse::body;
pub(crate) use websocket::converse;

/// Events between a reader and its connection. Small, since the feed holds what a reader is behind.
const QUEUE: usize = 16;

/// How long a goodbye may wait for room.
const GOODBYE: Duration = Duration::from_secs(1);

/// What a reader sends to its connection.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A document.
    Document(Arc<Shown>),
    /// Something is missing here.
    Gap(Gap),
    /// Nothing happened for a while.
    Beat,
    /// The last event.
    Bye(Bye),
}

/// What a reader will not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    /// The last that it saw.
    pub(crate) after: Position,
    /// Before the first that it will see.
    pub(crate) next: Position,
    /// Why.
    pub(crate) reason: GapReason,
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GapReason {
    /// The stream holds it no longer.
    Expired,
    /// The stream was made anew: its positions have begun again.
    Reset,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bye {
    /// The process stops.
    Stopping,
    /// The reader fell behind.
    Slow,
    /// The past could not be read to its end.
    Bus,
}

/// What a reader needs.
#[derive(Debug)]
pub(crate) struct Reader {
    bus: Bus,
    grant: Arc<Grant>,
    selection: Selection,
    items: broadcast::Receiver<Item>,
    /// After what the past is read; nothing where the reader wants none of it.
    after: Option<Position>,
    /// After the last that was looked at.
    seen: Position,
    figures: Figures,
    stopping: CancellationToken,
    heartbeat: Duration,
    _slot: OwnedSemaphorePermit,
}

/// What a new reader is given by the server.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) bus: Bus,
    pub(crate) items: broadcast::Receiver<Item>,
    pub(crate) figures: Figures,
    pub(crate) stopping: CancellationToken,
    pub(crate) heartbeat: Duration,
    pub(crate) slot: OwnedSemaphorePermit,
}

/// Says that the connection has gone.
struct HungUp;

type Out = mpsc::Sender<Event>;

// === impl Reader ===

impl Reader {
    /// A reader that has a token and a place to begin. Fails where the past is asked for and cannot
    /// be had now.
    pub(crate) async fn open(
        opening: Opening,
        grant: Arc<Grant>,
        query: StreamQuery,
    ) -> Result<Self, ApiError> {
        if query.after.is_some() {
            opening.bus.bounds().await.map_err(|error| away(&error))?;
        }
        Ok(Self {
            bus: opening.bus,
            grant,
            selection: query.selection,
            items: opening.items,
            after: query.after,
            seen: Position::START,
            figures: opening.figures,
            stopping: opening.stopping,
            heartbeat: opening.heartbeat,
            _slot: opening.slot,
        })
    }

    /// The queue between a reader and its connection.
    pub(crate) fn queue() -> (mpsc::Sender<Event>, mpsc::Receiver<Event>) {
        mpsc::channel(QUEUE)
    }

    /// Sends until the connection has gone, the process stops, or the reader falls behind.
    pub(crate) async fn run(mut self, out: Out) {
        self.figures.streams.inc();
        let reason = match self.read(&out).await {
            Ok(bye) => {
                // A connection that takes nothing any more takes no goodbye either.
                let goodbye = out.send(Event::Bye(bye));
                drop(tokio::time::timeout(GOODBYE, goodbye).await);
                bye.as_str()
            }
            Err(HungUp) => "closed",
        };
        self.figures.streams.dec();
        self.figures.streams_ended.with(&[reason]).inc();
    }

    async fn read(&mut self, out: &Out) -> Result<Bye, HungUp> {
        // The first bytes tell a client at once that it is connected.
        self.send(out, Event::Beat).await?;
        while let Some(after) = self.after.take() {
            if let Some(bye) = self.past(after, out).await? {
                return Ok(bye);
            }
            self.items = match self.drain_feed(out).await? {
                Some(items) => items,
                None => break,
            };
            self.after = Some(self.seen);
        }
        self.present(out).await
    }

    /// Sends what was stored after `after`, up to what the stream holds when this begins.
    async fn past(&mut self, after: Position, out: &Out) -> Result<Option<Bye>, HungUp> {
        let Ok(bounds) = self.bus.bounds().await else {
            return Ok(Some(Bye::Bus));
        };
        let after = match gap(after, bounds.first_sequence, bounds.last_sequence) {
            None => after,
            Some(gap) => {
                let next = gap.next;
                self.send(out, Event::Gap(gap)).await?;
                next
            }
        };
        self.seen = after;
        let start = Start::Sequence(after.next_message().max(1));
        let Ok(mut follow) = self.bus.follow(start, self.filter()).await else {
            return Ok(Some(Bye::Bus));
        };
        loop {
            let stored = tokio::select! {
                () = self.stopping.cancelled() => return Ok(Some(Bye::Stopping)),
                () = out.closed() => return Err(HungUp),
                () = tokio::time::sleep(self.heartbeat) => {
                    self.send(out, Event::Beat).await?;
                    continue;
                }
                stored = follow.recorded() => stored,
            };
            let Some(stored) = stored else { break };
            for document in document::documents(&stored).unwrap_or_default() {
                if document.id > self.seen {
                    self.seen = document.id;
                    if let Some(shown) = self.show(&document) {
                        self.send(out, Event::Document(shown)).await?;
                    }
                }
            }
        }
        // Whatever was not meant for this reader lies behind it too.
        self.seen = self.seen.max(Position::after(bounds.last_sequence));
        Ok(None)
    }

    /// Sends what waited in the feed while the past was read. Where it could not hold all of it, a
    /// new place in the feed: the past is to be read on.
    async fn drain_feed(&mut self, out: &Out) -> Result<Option<broadcast::Receiver<Item>>, HungUp> {
        loop {
            match self.items.try_recv() {
                Ok(item) => self.pass(&item, out).await?,
                Err(broadcast::error::TryRecvError::Lagged(_)) => {
                    return Ok(Some(self.items.resubscribe()));
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Sends what comes.
    async fn present(&mut self, out: &Out) -> Result<Bye, HungUp> {
        let mut beat = tokio::time::interval(self.heartbeat);
        beat.reset();
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return Ok(Bye::Stopping),
                () = out.closed() => return Err(HungUp),
                _ = beat.tick() => self.send(out, Event::Beat).await?,
                item = self.items.recv() => match item {
                    Ok(item) => {
                        self.pass(&item, out).await?;
                        beat.reset();
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => return Ok(Bye::Slow),
                    Err(broadcast::error::RecvError::Closed) => return Ok(Bye::Stopping),
                },
            }
        }
    }

    async fn pass(&mut self, item: &Item, out: &Out) -> Result<(), HungUp> {
        for shown in item.iter().filter(|shown| shown.document.id > self.seen) {
            let document = &shown.document;
            if !self.is_meant(document.kind, &document.device) {
                continue;
            }
            let shown = if self.selection.metrics.is_empty() {
                Some(Arc::clone(shown))
            } else {
                self.show(document)
            };
            if let Some(shown) = shown {
                self.send(out, Event::Document(shown)).await?;
            }
        }
        if let Some(last) = item.last() {
            self.seen = self.seen.max(last.document.id);
        }
        Ok(())
    }

    /// The document as this reader wants it, where it does.
    fn show(&self, document: &Document) -> Option<Arc<Shown>> {
        if !self.is_meant(document.kind, &document.device) {
            return None;
        }
        let narrowed = document.narrowed(&self.selection.metrics)?;
        Some(Arc::new(Shown::new(narrowed.into_owned())))
    }

    fn is_meant(&self, kind: Kind, device: &DeviceName) -> bool {
        let Selection { devices, kinds, .. } = &self.selection;
        (kinds.is_empty() || kinds.contains(&kind))
            && (devices.is_empty() || devices.contains(device))
            && self.grant.covers(device)
    }

    fn filter(&self) -> Filter {
        let kinds = if self.selection.kinds.is_empty() {
            Kind::ALL.to_vec()
        } else {
            self.selection.kinds.clone()
        };
        Filter {
            targets: kinds.into_iter().map(Kind::target).collect(),
            devices: self.selection.devices.clone(),
        }
    }

    /// Waits for room: a slow connection slows its reader, and the feed holds what comes meanwhile.
    async fn send(&self, out: &Out, event: Event) -> Result<(), HungUp> {
        tokio::select! {
            biased;
            sent = out.send(event) => sent.map_err(|_| HungUp),
            // Whoever is stuck here hears no goodbye; the rest is in the stream.
            () = self.stopping.cancelled() => Err(HungUp),
        }
    }
}

// === impl Bye ===

impl Bye {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Slow => "slow",
            Self::Bus => "bus",
        }
    }
}

/// What is missing after `after` in a stream that holds `first` to `last`.
fn gap(after: Position, first: u64, last: u64) -> Option<Gap> {
    let reason = if after.message() > last {
        GapReason::Reset
    } else if after.next_message() < first {
        GapReason::Expired
    } else {
        return None;
    };
    Some(Gap {
        after,
        next: Position::after(first.saturating_sub(1)),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_where_the_stream_has_forgotten_something_and_nowhere_else() {
        let reason = |after: u64, first, last| {
            gap(Position::after(after), first, last).map(|gap| (gap.reason, gap.next.message()))
        };
        assert_eq!(reason(0, 1, 0), None);
        assert_eq!(reason(0, 1, 10), None);
        assert_eq!(reason(10, 1, 10), None);
        assert_eq!(reason(4, 5, 10), None);
        assert_eq!(reason(3, 5, 10), Some((GapReason::Expired, 4)));
        assert_eq!(reason(3, 11, 10), Some((GapReason::Expired, 10)));
        assert_eq!(reason(11, 1, 10), Some((GapReason::Reset, 0)));
        assert_eq!(reason(5, 1, 0), Some((GapReason::Reset, 0)));
    }
}
