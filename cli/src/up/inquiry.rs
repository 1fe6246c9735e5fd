//! Questions that are asked of the node while it runs, and their answers, one queue for all.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, FuturesUnordered};
use reqwest::Client;
use umec_sdk::Node;
use umec_sdk::bus::{Bus, BusState};
use umec_spec::settings::BusSettings;
use umec_spec::settings::stream::StreamSettings;

use super::mend::Reopening;
use super::probe;
use crate::http::{self, EdgeApi};
use crate::shown::{Device, Devices, Document};
use crate::sse::Sent;
use crate::supervisor::PartId;

/// The pause before the edge API is asked again for its events.
const PAUSE: Duration = Duration::from_millis(200);
/// What is listened to.
const PATH: &str = "/api/v1/stream?kind=readings,status";
/// How long the bus may take to answer before it is asked anew.
const CONNECT: Duration = Duration::from_secs(5);

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// How a process is.
    Health(PartId, Result<(), String>),
    /// The metrics of a process.
    Figures(PartId, Option<String>),
    /// Whether the stream is there, and the last message in it.
    Stream(Result<u64, String>),
}

/// What the edge API shows.
#[derive(Debug)]
pub(super) enum Heard {
    /// All devices as they are.
    Devices(Vec<Device>),
    /// Something new.
    Document(Box<Document>),
}

/// The events of the edge API, opened again where they end.
struct Feed {
    api: EdgeApi,
    last: Option<String>,
    open: Option<BoxStream<'static, Sent>>,
}

/// The questions without an answer yet.
#[derive(Default)]
pub(super) struct Inquiries {
    client: Client,
    asked: FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send>>>,
}

// === impl Inquiries ===

impl Inquiries {
    /// The next answer; waits for ever where nothing has been asked. Cancel safe.
    pub(super) async fn next(&mut self) -> Answer {
        if self.asked.is_empty() {
            std::future::pending::<()>().await;
        }
        match self.asked.next().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// Asks a daemon how it is.
    pub(super) fn health(&mut self, id: PartId, admin: SocketAddr) {
        let client = self.client.clone();
        let answer = async move { Answer::Health(id, probe::daemon(&client, admin).await) };
        self.asked.push(Box::pin(answer));
    }

    /// Asks how the bus is.
    pub(super) fn bus(&mut self, id: PartId, address: SocketAddr, monitor: Option<SocketAddr>) {
        let client = self.client.clone();
        let answer = async move { Answer::Health(id, probe::bus(&client, address, monitor).await) };
        self.asked.push(Box::pin(answer));
    }

    /// Lets the bus open its store anew, and asks how it is then.
    pub(super) fn reopen(&mut self, id: PartId, store: Reopening) {
        let client = self.client.clone();
        let answer = async move { Answer::Health(id, store.run(&client).await) };
        self.asked.push(Box::pin(answer));
    }

    /// Asks a daemon for its metrics.
    pub(super) fn figures(&mut self, id: PartId, admin: SocketAddr) {
        let client = self.client.clone();
        let answer = async move {
            let text = http::text(&client, &format!("http://{admin}/metrics")).await;
            Answer::Figures(id, text.ok().map(|(_, text)| text))
        };
        self.asked.push(Box::pin(answer));
    }

    /// Sees to it that the stream is there, and asks for its last message.
    pub(super) fn stream(&mut self, settings: BusSettings, me: Node, stream: StreamSettings) {
        let answer = async move { Answer::Stream(ensure(&settings, &me, &stream).await) };
        self.asked.push(Box::pin(answer));
    }

    /// The client that asks, for further questions.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }
}

/// Makes the stream, or gives it new bounds, and tells the last message in it.
async fn ensure(settings: &BusSettings, me: &Node, stream: &StreamSettings) -> Result<u64, String> {
    let bus = Bus::connect(settings, me)
        .await
        .map_err(|error| umec_sdk::chain(&error))?;
    let mut state = bus.state();
    let connected = state.wait_for(|state| *state == BusState::Connected);
    tokio::time::timeout(CONNECT, connected)
        .await
        .map_err(|_| "the bus does not answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let made = bus.ensure_stream(stream).await;
    made.map_err(|error| umec_sdk::chain(&error))?;
    let bounds = bus.bounds().await;
    let bounds = bounds.map_err(|error| umec_sdk::chain(&error))?;
    Ok(bounds.last_sequence)
}

impl std::fmt::Debug for Inquiries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inquiries")
            .field("asked", &self.asked.len())
            .finish_non_exhaustive()
    }
}

/// What the edge API shows: all devices once, and then every document, over all interruptions, without
/// loss or repeat.
///
/// `after` is the message of the stream after which everything is told.
pub(super) fn heard(api: EdgeApi, after: u64) -> BoxStream<'static, Heard> {
    let feed = Feed {
        api,
        last: Some(after.to_string()),
        open: None,
    };
    let feed = futures_util::stream::unfold(feed, |mut feed| async move {
        let heard = feed.next().await;
        Some((heard, feed))
    });
    feed.boxed()
}

// === impl Feed ===

impl Feed {
    async fn next(&mut self) -> Heard {
        loop {
            match &mut self.open {
                None => {
                    if let Some(devices) = self.connect().await {
                        return Heard::Devices(devices.items);
                    }
                }
                Some(open) => match open.next().await {
                    None => self.open = None,
                    Some(sent) => {
                        let document = Document::try_from(&sent);
                        self.last = Some(sent.id).filter(|id| !id.is_empty());
                        if let Ok(document) = document {
                            return Heard::Document(Box::new(document));
                        }
                    }
                },
            }
        }
    }

    /// Opens the stream, and asks for the devices as they are at its beginning. Nothing where either fails.
    async fn connect(&mut self) -> Option<Devices> {
        let events = self.api.events(PATH, self.last.as_deref()).await;
        let devices = match events {
            Ok(_) => self.api.get::<Devices>("/api/v1/devices").await.ok(),
            Err(_) => None,
        };
        let Some((events, devices)) = events.ok().zip(devices) else {
            tokio::time::sleep(PAUSE).await;
            return None;
        };
        self.open = Some(events.boxed());
        Some(devices)
    }
}
