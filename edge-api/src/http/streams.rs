//! Streams are opened here; what they send is the [`stream`](crate::stream)'s business.

use std::sync::Arc;

use tracing::info_span;
use umec_spec::settings::edge_api::Scope;
use warp::Reply;
use warp::http::Method as Verb;
use warp::reply::Response;
use warp::ws::Ws;

use super::{Api, Asked, answer};
use crate::history::reachable;
use crate::problem::ApiError;
use crate::query::StreamQuery;
use crate::stream::{Opening, Reader, body, converse};

/// The longest message that is read from a client, who has nothing to say.
const HEARD: usize = 4 * 1024;

// === impl Api ===

impl Api {
    /// Server-sent events.
    pub(super) async fn events(self: Arc<Self>, asked: Asked) -> Result<Response, ApiError> {
        let (sender, events) = Reader::queue();
        let is_head = asked.verb == Verb::HEAD;
        let reader = self.reader(asked).await?;
        if !is_head {
            let span = info_span!("stream", kind = "events");
            drop(self.node.tasks.spawn(span, reader.run(sender)));
        }
        Ok(answer::events(body(events)))
    }

    /// A WebSocket.
    pub(super) async fn messages(
        self: &Arc<Self>,
        ws: Ws,
        asked: Asked,
    ) -> Result<Response, ApiError> {
        let reader = self.reader(asked).await?;
        let tasks = self.node.tasks.clone();
        let ws = ws.max_message_size(HEARD).max_frame_size(HEARD);
        let upgraded = ws.on_upgrade(move |socket| async move {
            let (sender, events) = Reader::queue();
            let span = info_span!("stream", kind = "websocket");
            // Both on the process's list of tasks, so that a drain waits for the goodbye.
            drop(tasks.spawn(span.clone(), reader.run(sender)));
            drop(tasks.spawn(span, converse(socket, events)).await);
        });
        Ok(upgraded.into_response())
    }

    async fn reader(&self, asked: Asked) -> Result<Reader, ApiError> {
        asked.needs(Scope::Read)?;
        let query = StreamQuery::parse(&asked.pairs, asked.header("last-event-id"))?;
        for device in &query.selection.devices {
            self.known(&asked, device)?;
        }
        if self.node.tasks.is_stopping() {
            return Err(ApiError::Stopping);
        }
        reachable(&self.bus)?;
        let limits = &self.settings.limits;
        let slot = Arc::clone(&self.streams).try_acquire_owned();
        let slot = slot.map_err(|_| ApiError::Busy {
            what: "streams",
            limit: limits.streams,
        })?;
        let opening = Opening {
            bus: self.bus.clone(),
            items: self.items.subscribe(),
            figures: self.figures.clone(),
            stopping: self.node.tasks.stopping(),
            heartbeat: limits.heartbeat.duration(),
            slot,
        };
        Reader::open(opening, asked.grant, query).await
    }
}
