//! Follows the node's stream once, for everybody: keeps the inventory and hands each new message to
//! all who listen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{broadcast, watch};
use tracing::{debug, warn};
use umec_sdk::bus::{Filter, Follow, Start, Stored};
use umec_sdk::health::Part;
use umec_sdk::{Bus, Clock, Tasks, chain};

use crate::document::{self, Document, Kind};
use crate::figures::Figures;
use crate::inventory::Inventory;

/// How far back the latest values of metrics are looked for that are sampled rarely.
const LOOK_BACK: Duration = Duration::from_mins(15);

/// How long to wait before a stream is opened again that could not be.
const RETRY: Duration = Duration::from_millis(250);

/// A document, written once for all who read it.
#[derive(Debug)]
pub(crate) struct Shown {
    /// What it says.
    pub(crate) document: Document,
    /// Its JSON.
    pub(crate) json: String,
    /// It as a server-sent event.
    pub(crate) event: Bytes,
}

/// One message of the stream, as it goes to all who listen.
pub(crate) type Item = Arc<Vec<Arc<Shown>>>;

/// What the followers need.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) figures: Figures,
    pub(crate) inventory: watch::Sender<Inventory>,
    pub(crate) items: broadcast::Sender<Item>,
}

// === impl Shown ===

impl Shown {
    /// Writes a document.
    pub(crate) fn new(document: Document) -> Self {
        let json = document.to_json();
        let kind = document.kind.as_str();
        let event = format!("id: {}\nevent: {kind}\ndata: {json}\n\n", document.id);
        Self {
            document,
            json,
            event: event.into(),
        }
    }
}

// === impl Feed ===

impl Feed {
    /// Follows the stream until the process stops: first the last message of each subject, then all
    /// that come.
    pub(crate) async fn run(self, part: Part) {
        let targets = Kind::ALL.map(Kind::target);
        let filter = Filter::targets(targets);
        let Some(mut follow) = open(&self.bus, &self.tasks, Start::LastPerSubject, &filter).await
        else {
            return;
        };
        loop {
            let stored = tokio::select! {
                () = self.tasks.stopped() => return,
                stored = follow.recorded() => stored,
            };
            let Some(stored) = stored else { break };
            self.note(&self.read(&stored));
        }
        part.ready();
        loop {
            let stored = tokio::select! {
                () = self.tasks.stopped() => return,
                stored = follow.next() => stored,
            };
            let Some(stored) = stored else { return };
            let documents = self.read(&stored);
            self.note(&documents);
            if self.items.receiver_count() > 0 && !documents.is_empty() {
                let shown = documents.into_iter().map(|d| Arc::new(Shown::new(d)));
                // Nobody may be listening any more.
                drop(self.items.send(Arc::new(shown.collect())));
            }
        }
    }

    /// Looks for the latest of what the last message of a device did not hold, then ends.
    pub(crate) async fn look_back(self) {
        let since = self.clock.now().saturating_sub(LOOK_BACK);
        let filter = Filter::targets([Kind::Readings.target(), Kind::Aggregates.target()]);
        let Some(mut follow) = open(&self.bus, &self.tasks, Start::Time(since), &filter).await
        else {
            return;
        };
        loop {
            let stored = tokio::select! {
                () = self.tasks.stopped() => return,
                stored = follow.recorded() => stored,
            };
            let Some(stored) = stored else { return };
            self.note(&self.read(&stored));
        }
    }

    fn read(&self, stored: &Stored) -> Vec<Document> {
        document::documents(stored).unwrap_or_else(|error| {
            self.figures.unreadable.inc();
            debug!(subject = %stored.message.subject, error = chain(&error), "a message cannot be read");
            Vec::new()
        })
    }

    fn note(&self, documents: &[Document]) {
        self.inventory.send_modify(|inventory| {
            for document in documents {
                inventory.note(document);
            }
        });
    }
}

/// Opens the stream, again and again until it works; nothing when the process stops first.
pub(crate) async fn open(
    bus: &Bus,
    tasks: &Tasks,
    start: Start,
    filter: &Filter,
) -> Option<Follow> {
    let mut is_told = false;
    loop {
        let opened = tokio::select! {
            () = tasks.stopped() => return None,
            opened = bus.follow(start, filter.clone()) => opened,
        };
        match opened {
            Ok(follow) => return Some(follow),
            Err(error) if !is_told => {
                warn!(error = chain(&error), "the stream cannot be read yet");
                is_told = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tasks.stopped() => return None,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}
