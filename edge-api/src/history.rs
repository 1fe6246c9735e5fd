//! The past, a page at a time, out of the node's stream.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use umec_sdk::bus::{AskError, BusState, Filter, Start};
use umec_sdk::{Bus, chain};
use umec_wire::DeviceName;

use crate::document::{self, Body, Document, Kind};
use crate::position::Position;
use crate::problem::ApiError;
use crate::query::{HistoryQuery, Range};

/// How long after its sample a reading may have reached the stream and still be looked for.
const BACKLOG: Duration = Duration::from_hours(1);

/// How far the clock of a device may run ahead of the stream's.
const AHEAD: Duration = Duration::from_mins(1);

/// The most that one page looks at: messages, and time. A page that ends here is short and goes on.
const SCAN: (usize, Duration) = (20_000, Duration::from_secs(5));

/// A page of the past.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Page {
    /// The device.
    pub(crate) device: DeviceName,
    /// What happened, in the order of the stream.
    pub(crate) items: Vec<Document>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Position>,
}

/// Reads a page about one device.
pub(crate) async fn page(
    bus: &Bus,
    device: DeviceName,
    kind: Kind,
    query: &HistoryQuery,
    range: Range,
) -> Result<Page, ApiError> {
    reachable(bus)?;
    let start = start(bus, range).await?;
    let filter = Filter {
        targets: vec![kind.target()],
        devices: vec![device.clone()],
    };
    let mut follow = bus
        .follow(start, filter)
        .await
        .map_err(|error| away(&error))?;
    let deadline = Instant::now() + SCAN.1;
    let end = range.to.map(|to| to.saturating_add(BACKLOG));
    let mut page = Page {
        device,
        items: Vec::new(),
        next: None,
    };
    let mut looked_at = 0;
    while let Some(stored) = follow.recorded().await {
        if end.is_some_and(|end| stored.stored_at > end) {
            break;
        }
        for document in document::documents(&stored).unwrap_or_default() {
            let Some(document) = wanted(&document, query, range) else {
                continue;
            };
            if page.items.len() == range.limit {
                page.next = page.items.last().map(|last| last.id);
                return Ok(page);
            }
            page.items.push(document);
        }
        looked_at += 1;
        if looked_at >= SCAN.0 || Instant::now() >= deadline {
            page.next = Some(Position::after(stored.sequence));
            return Ok(page);
        }
    }
    Ok(page)
}

/// The document as it is asked for, where it is.
fn wanted(document: &Document, query: &HistoryQuery, range: Range) -> Option<Document> {
    let is_after = range.cursor.is_none_or(|cursor| document.id > cursor);
    let is_window = match (&document.body, query.window) {
        (Body::Aggregates { window, .. }, Some(wanted)) => *window == wanted,
        _ => true,
    };
    if !is_after || !is_window || !range.contains(document.time) {
        return None;
    }
    document
        .narrowed(&query.metrics)
        .map(std::borrow::Cow::into_owned)
}

/// Where the page begins; an error where the stream no longer holds what comes after the cursor.
async fn start(bus: &Bus, range: Range) -> Result<Start, ApiError> {
    let Some(cursor) = range.cursor else {
        let since = range.from.map(|from| from.saturating_sub(AHEAD));
        return Ok(since.map_or(Start::First, Start::Time));
    };
    let bounds = bus.bounds().await.map_err(|error| away(&error))?;
    if cursor.next_message() < bounds.first_sequence {
        return Err(ApiError::Gone(cursor));
    }
    Ok(Start::Sequence(cursor.next_message()))
}

/// The error of the bus as one of the API.
pub(crate) fn away(error: &AskError) -> ApiError {
    ApiError::Bus(chain(error))
}

/// Fails where the bus cannot be reached.
pub(crate) fn reachable(bus: &Bus) -> Result<(), ApiError> {
    match &*bus.state().borrow() {
        BusState::Connected => Ok(()),
        BusState::Away(reason) => Err(ApiError::Bus(reason.to_string())),
    }
}
