//! A reader as server-sent events (HTML living standard, section 9.2).

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Event;

/// The body of the answer.
pub(crate) fn body(
    events: mpsc::Receiver<Event>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Sync + use<> {
    ReceiverStream::new(events).map(|event| Ok(bytes(&event)))
}

fn bytes(event: &Event) -> Bytes {
    match event {
        Event::Document(shown) => shown.event.clone(),
        Event::Beat => Bytes::from_static(b": \n\n"),
        // Neither has an id: the last one that was seen stays the place to resume from.
        Event::Gap(gap) => named("gap", gap),
        Event::Bye(bye) => named("bye", &Reason { reason: bye }),
    }
}

#[derive(Serialize)]
struct Reason<T> {
    reason: T,
}

fn named<T: Serialize>(name: &str, data: &T) -> Bytes {
    // No value of these has a map with keys that are no texts.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
