//! The bus on a NATS server: one connection that comes back by itself, and requests with a deadline.

mod api;
mod credentials;
mod memory;
mod opening;
mod position;
mod pull;
mod reader;
mod state;
mod store;

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::{RequestError, RequestErrorKind};
use async_nats::{Auth, AuthError, ConnectOptions, HeaderMap, Request};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::info_span;
use umec_spec::settings::BusSettings;
use umec_wire::subject::PREFIX;
use umec_wire::{DeviceName, NodeName};

use super::message::Outgoing;
use super::signing::Signer;
use super::{Ack, AskError, BusState, ConnectError};
use crate::node::Node;
use crate::tasks::Tasks;
use credentials::Credentials;
use state::Watcher;
use store::Store;

pub(crate) use position::NatsPosition;
pub(crate) use pull::header_list;
pub(crate) use reader::NatsReader;

/// A server that hangs is away once it leaves two pings unanswered.
const PING: Duration = Duration::from_secs(5);

/// How long the server may take to answer. A server that takes longer is about to be given up on.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// The longest that a command can be waited for, whatever its expiry says.
const LONGEST_COMMAND: Duration = Duration::from_hours(24);

/// The messages that one subscription holds before more are dropped. Pulls ask for fewer.
const SUBSCRIPTION: usize = 4_096;

/// How often the connection is tried: at once, then with growing pauses up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A connection. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Nats {
    client: async_nats::Client,
    state: watch::Receiver<BusState>,
    /// The prefix of the `JetStream` API.
    api: Arc<str>,
    tasks: Tasks,
    store: Arc<Store>,
}

/// An answer of the server, without what only the library needs.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
}

/// The acknowledgement of a publish (`io.nats.jetstream.api.v1.pub_ack_response`).
#[derive(Debug, Deserialize)]
struct PubAck {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    error: Option<api::Refusal>,
}

// === impl Nats ===

impl Nats {
    pub(crate) async fn connect(
        settings: &BusSettings,
        node: &Node,
    ) -> Result<(Self, Signer), ConnectError> {
        let path: Arc<std::path::Path> = settings.credentials.as_path().into();
        let signer = Credentials::read(&path)?.signer;
        let watcher = Arc::new(Watcher::new(&settings.url, &node.metrics));
        let state = watcher.subscribe();
        let keys = signer.clone();
        let options = ConnectOptions::with_auth_callback(move |nonce| {
            // Read again at each connect, so that a rotated key takes over.
            let (path, keys) = (Arc::clone(&path), keys.clone());
            async move { authenticate(&path, &keys, &nonce) }
        });
        let client = options
            .name(&node.name)
            .custom_inbox_prefix(&settings.inbox)
            .retry_on_initial_connect()
            .subscription_capacity(SUBSCRIPTION)
            .request_timeout(Some(DEADLINE))
            .ping_interval(PING)
            .reconnect_delay_callback(pause)
            .event_callback(move |event| {
                watcher.note(&event);
                std::future::ready(())
            })
            .connect(&settings.url)
            .await
            .map_err(|_| ConnectError::Url {
                url: settings.url.clone(),
            })?;
        let part = node.health.part("bus");
        let healthy = state::tell_health(part, state.clone(), node.tasks.stopping());
        drop(node.tasks.spawn(info_span!("bus health"), healthy));
        let nats = Self {
            client,
            state,
            api: settings.jetstream.as_str().into(),
            tasks: node.tasks.clone(),
            store: Arc::new(Store::new(node.health.part("store"))),
        };
        Ok((nats, signer))
    }

    pub(crate) fn state(&self) -> watch::Receiver<BusState> {
        self.state.clone()
    }

    /// Publishes and waits for the stream's acknowledgement.
    pub(crate) async fn publish(&self, outgoing: &Outgoing) -> Result<Ack, AskError> {
        let answer = self.store(outgoing).await;
        self.store.note(&answer);
        answer
    }

    async fn store(&self, outgoing: &Outgoing) -> Result<Ack, AskError> {
        let headers = header_map(&outgoing.headers);
        let answer = self
            .request(
                outgoing.subject.clone(),
                Some(headers),
                outgoing.body.clone(),
                DEADLINE,
            )
            .await?;
        let ack: PubAck = api::read(&answer.body)?;
        match ack.error {
            None => Ok(Ack {
                sequence: ack.seq,
                duplicate: ack.duplicate,
            }),
            Some(refusal) => Err(refusal.into()),
        }
    }

    /// Gives a command to whoever listens on its subject; the caller bounds the time.
    pub(crate) async fn ask_device(&self, outgoing: Outgoing) -> Result<Bytes, AskError> {
        let headers = header_map(&outgoing.headers);
        let body = outgoing.body;
        let asked = self.request(outgoing.subject, Some(headers), body, LONGEST_COMMAND);
        asked.await.map(|answer| answer.body)
    }

    /// Listens for the commands of a device.
    pub(crate) async fn listen(
        &self,
        node: &NodeName,
        device: &DeviceName,
    ) -> Result<async_nats::Subscriber, AskError> {
        self.subscribe(format!("{PREFIX}.{node}.{device}.command.*"))
            .await
    }

    /// Sends a request and waits for its answer: until the deadline, or until the connection is lost.
    pub(crate) async fn request(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Answer, AskError> {
        let mut state = self.state.clone();
        if let BusState::Away(reason) = &*state.borrow_and_update() {
            return Err(AskError::Away(reason.clone()));
        }
        let bytes = body.len();
        let request = Request::new().payload(body).timeout(Some(deadline));
        let request = match headers {
            Some(headers) => request.headers(headers),
            None => request,
        };
        let asked = self.client.send_request(subject.clone(), request);
        tokio::select! {
            biased;
            // The outer deadline covers the library's queue too, which waits for ever when it is full.
            answer = timeout(deadline, asked) => match answer {
                Ok(Ok(message)) => Ok(Answer { body: message.payload }),
                Ok(Err(error)) => Err(failed(&error, subject, bytes)),
                Err(_) => Err(AskError::Unanswered),
            },
            reason = state::away(&mut state) => Err(AskError::Away(reason)),
        }
    }

    /// Sends a message that nobody acknowledges.
    pub(crate) async fn send(
        &self,
        subject: async_nats::Subject,
        reply: Option<String>,
        body: Bytes,
    ) -> Result<(), AskError> {
        let sent = async {
            match reply {
                Some(reply) => self.client.publish_with_reply(subject, reply, body).await,
                None => self.client.publish(subject, body).await,
            }
        };
        match timeout(DEADLINE, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(AskError::Unanswered),
        }
    }

    pub(crate) async fn subscribe(
        &self,
        subject: String,
    ) -> Result<async_nats::Subscriber, AskError> {
        match timeout(DEADLINE, self.client.subscribe(subject)).await {
            Ok(Ok(subscriber)) => Ok(subscriber),
            Ok(Err(_)) | Err(_) => Err(AskError::Unanswered),
        }
    }

    pub(crate) fn new_inbox(&self) -> String {
        self.client.new_inbox()
    }

    pub(crate) const fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Sends what is still queued; gives up when the server is away or slow.
    pub(crate) async fn close(&self, grace: Duration) {
        if *self.state.borrow() == BusState::Connected {
            // Everything that matters is acknowledged already; what is left are answers to commands.
            drop(timeout(grace.min(DEADLINE), self.client.flush()).await);
        }
    }
}

fn authenticate(path: &std::path::Path, keys: &Signer, nonce: &[u8]) -> Result<Auth, AuthError> {
    let credentials = Credentials::read(path).map_err(AuthError::new)?;
    let signature = credentials.pair.sign(nonce).map_err(AuthError::new)?;
    let mut auth = Auth::new();
    auth.signature = Some(signature);
    match credentials.jwt {
        Some(jwt) => auth.jwt = Some(jwt),
        None => auth.nkey = Some(credentials.pair.public_key()),
    }
    keys.replace(&credentials.signer);
    Ok(auth)
}

fn pause(attempts: usize) -> Duration {
    let doubled = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let pause = 2_u64.saturating_pow(doubled.min(16)).saturating_mul(20);
    if attempts <= 1 {
        Duration::ZERO
    } else {
        Duration::from_millis(pause).min(LONGEST_PAUSE)
    }
}

fn header_map(headers: &[(&'static str, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.as_str());
    }
    map
}

fn failed(error: &RequestError, subject: String, bytes: usize) -> AskError {
    match error.kind() {
        RequestErrorKind::NoResponders => AskError::NoStream { subject },
        RequestErrorKind::MaxPayloadExceeded => AskError::TooLarge { bytes },
        RequestErrorKind::TimedOut | RequestErrorKind::InvalidSubject | RequestErrorKind::Other => {
            AskError::Unanswered
        }
    }
}
