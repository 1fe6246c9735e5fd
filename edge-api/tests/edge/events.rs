//! A client of server-sent events that shows every field of an event.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde_json::Value as Json;

use super::fixture::{Edge, within};

/// One event, or a comment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sent {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<Json>,
}

/// An open stream.
pub(crate) struct Events {
    chunks: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    text: String,
    ready: VecDeque<Sent>,
}

// === impl Events ===

impl Events {
    /// Opens a stream and waits for its first comment, so that whatever is published later comes.
    pub(crate) async fn open(edge: &Edge, query: &str, last: Option<&str>) -> Self {
        let mut request = edge.request(reqwest::Method::GET, &format!("/api/v1/stream{query}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = within(request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self::of(response);
        assert_eq!(events.any().await, Some(Sent::default()));
        events
    }

    /// Reads an answer that has come already.
    pub(crate) fn of(response: reqwest::Response) -> Self {
        Self {
            chunks: Box::pin(response.bytes_stream()),
            text: String::new(),
            ready: VecDeque::new(),
        }
    }

    /// The next event that is no comment; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Sent> {
        loop {
            let sent = self.any().await?;
            if sent != Sent::default() {
                return Some(sent);
            }
        }
    }

    /// The data of the next event of this name.
    pub(crate) async fn data(&mut self, event: &str) -> Json {
        let sent = self.next().await.expect("the stream goes on");
        assert_eq!(sent.event.as_deref(), Some(event), "{sent:?}");
        sent.data.unwrap()
    }

    /// The ids of the next events.
    pub(crate) async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.next().await.unwrap().id.unwrap());
        }
        ids
    }

    pub(crate) async fn any(&mut self) -> Option<Sent> {
        loop {
            if let Some(sent) = self.ready.pop_front() {
                return Some(sent);
            }
            let chunk = within(self.chunks.next()).await?.ok()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                self.ready.push_back(parse(event));
                self.text = rest.to_owned();
            }
        }
    }
}

fn parse(event: &str) -> Sent {
    let mut sent = Sent::default();
    for (field, value) in event.lines().filter_map(|line| line.split_once(": ")) {
        match field {
            "id" => sent.id = Some(value.to_owned()),
            "event" => sent.event = Some(value.to_owned()),
            "data" => sent.data = Some(serde_json::from_str(value).unwrap()),
            _ => {}
        }
    }
    sent
}
