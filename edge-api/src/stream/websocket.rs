//! A reader on a WebSocket (RFC 6455): a text message for each document.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::sync::mpsc;
use warp::ws::{Message, WebSocket};

use super::{Bye, Event, Gap};

/// Going away (RFC 6455 section 7.4.1).
const GOING_AWAY: u16 = 1001;

/// Against the server's policy (RFC 6455 section 7.4.1).
const POLICY: u16 = 1008;

/// How long a client may take to answer the closing handshake.
const CLOSING: Duration = Duration::from_secs(2);

/// Carries events until either side ends. What the client sends is read and ignored, but for its
/// pings, which are answered, and its goodbye.
pub(crate) async fn converse(socket: WebSocket, mut events: mpsc::Receiver<Event>) {
    let (mut to, mut from) = socket.split();
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            heard = from.next() => match heard {
                Some(Ok(message)) if !message.is_close() => continue,
                _ => break,
            },
        };
        let Some(event) = event else { break };
        let is_last = matches!(event, Event::Bye(_));
        for message in messages(&event) {
            if to.send(message).await.is_err() {
                return;
            }
        }
        if is_last {
            break;
        }
    }
    // The reader ends with the queue, while the client says goodbye.
    drop(events);
    let goodbye = async {
        drop(to.close().await);
        while let Some(Ok(_)) = from.next().await {}
    };
    drop(tokio::time::timeout(CLOSING, goodbye).await);
}

fn messages(event: &Event) -> Vec<Message> {
    match event {
        Event::Document(shown) => vec![Message::text(shown.json.as_str())],
        Event::Beat => vec![Message::ping(Vec::new())],
        Event::Gap(gap) => vec![text(&Special::Gap(gap))],
        Event::Bye(bye) => {
            let code = match bye {
                Bye::Stopping => GOING_AWAY,
                Bye::Slow | Bye::Bus => POLICY,
            };
            let close = Message::close_with(code, bye.as_str());
            vec![text(&Special::Bye { reason: *bye }), close]
        }
    }
}

/// What is about the stream itself.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Special<'a> {
    Gap(&'a Gap),
    Bye { reason: Bye },
}

fn text(special: &Special<'_>) -> Message {
    // No value of these has a map with keys that are no texts.
    Message::text(serde_json::to_string(special).unwrap_or_default())
}
