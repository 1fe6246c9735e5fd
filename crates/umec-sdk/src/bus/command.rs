//! Commands: a signed request to a device, and its one answer.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;
use umec_wire::command::{CommandRequest, CommandResult, Outcome};
use umec_wire::signature::{self, PublicKey};
use umec_wire::subject::{Subject, Target};
use umec_wire::topic::{CommandTopic, Encoded};
use umec_wire::{DeviceName, NodeName, Reason};

use super::memory::Request;
use super::message::Outgoing;
use super::signing::{Trusted, code};
use super::{AskError, Broker, Bus};
use crate::clock::Clock;

/// Why a command has no result. It may have been done all the same where it is `Unanswered`; asking
/// again with the same id is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The bus did not take it.
    #[error("sending the command")]
    Ask(#[source] AskError),
    /// No plugin listens for the device.
    #[error("no plugin takes commands for {device}")]
    NobodyListens {
        /// The device.
        device: DeviceName,
    },
    /// No answer came before the command expired.
    #[error("no answer before the command expired")]
    Unanswered,
    /// The answer is not a result of this command.
    #[error("the answer is no result of this command")]
    Answer,
}

/// The commands for one device.
#[derive(Debug)]
pub struct Commands {
    source: Source,
    trusted: Arc<Trusted>,
    clock: Clock,
}

#[derive(Debug)]
enum Source {
    Memory(mpsc::Receiver<Request>),
    #[cfg(feature = "nats")]
    Nats(Box<(super::nats::Nats, async_nats::Subscriber)>),
}

/// A command whose signer may give it.
#[derive(Debug)]
pub struct Incoming {
    /// What is asked of which device.
    pub topic: CommandTopic,
    /// The request.
    pub request: CommandRequest,
    /// Who signed it; on a bus in memory nobody need have.
    pub signer: Option<PublicKey>,
    reply: Reply,
}

#[derive(Debug)]
enum Reply {
    Memory(oneshot::Sender<Bytes>),
    #[cfg(feature = "nats")]
    Nats(Box<(super::nats::Nats, Option<async_nats::Subject>)>),
}

impl Bus {
    /// Gives a command to a device and waits for its result until the command expires.
    pub async fn command(
        &self,
        topic: &CommandTopic,
        request: &CommandRequest,
    ) -> Result<CommandResult, CommandError> {
        let left = request.expires.saturating_since(self.clock.now());
        let outgoing = self.prepare_command(topic, request);
        let answer = tokio::time::timeout(left, self.ask(topic, outgoing));
        let answer = answer.await.map_err(|_| CommandError::Unanswered)??;
        let result: CommandResult =
            serde_json::from_slice(&answer).map_err(|_| CommandError::Answer)?;
        if result.id == request.id {
            Ok(result)
        } else {
            Err(CommandError::Answer)
        }
    }

    /// Takes the commands for a device.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    pub async fn commands(
        &self,
        node: &NodeName,
        device: &DeviceName,
    ) -> Result<Commands, AskError> {
        let source = match &self.broker {
            Broker::Memory(memory) => Source::Memory(memory.listen(node, device)),
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => Source::Nats(Box::new((
                super::nats::Nats::clone(nats),
                nats.listen(node, device).await?,
            ))),
        };
        Ok(Commands {
            source,
            trusted: Arc::clone(&self.trusted),
            clock: self.clock.clone(),
        })
    }

    fn prepare_command(&self, topic: &CommandTopic, request: &CommandRequest) -> Outgoing {
        let encoded = Encoded {
            headers: vec![("Content-Type", "application/json".to_owned())],
            // A request has no map at all, so JSON cannot refuse it.
            body: serde_json::to_vec(request).unwrap_or_default().into(),
        };
        let id = request.id.to_string();
        Outgoing::signed(&self.signer, topic.subject(), id, encoded, None)
    }

    async fn ask(&self, topic: &CommandTopic, outgoing: Outgoing) -> Result<Bytes, CommandError> {
        let nobody = |error| match error {
            AskError::NoStream { .. } => CommandError::NobodyListens {
                device: topic.device.clone(),
            },
            AskError::Unanswered => CommandError::Unanswered,
            error => CommandError::Ask(error),
        };
        match &self.broker {
            #[cfg(feature = "nats")]
            Broker::Nats(nats) => nats.ask_device(outgoing).await.map_err(nobody),
            Broker::Memory(memory) => {
                let (sender, answer) = oneshot::channel();
                let request = Request {
                    subject: outgoing.subject,
                    headers: outgoing.headers,
                    body: outgoing.body,
                    answer: sender,
                };
                let asked = memory.request(&topic.node, &topic.device, request);
                asked.map_err(nobody)?;
                match answer.await {
                    Ok(answer) => Ok(answer),
                    // Whoever took it has gone without an answer: as on a network, nothing comes.
                    Err(_) => std::future::pending().await,
                }
            }
        }
    }
}

// === impl Commands ===

impl Commands {
    /// The next command whose signer may give it; others are refused and counted. `None` when the bus
    /// is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Incoming> {
        loop {
            let (subject, headers, body, reply) = self.receive().await?;
            let header = |name: &str| {
                let mut headers = headers.iter();
                let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_str())
            };
            match self.read(&subject, header(signature::HEADER), &body) {
                Ok((topic, request, signer)) => {
                    return Some(Incoming {
                        topic,
                        request,
                        signer,
                        reply,
                    });
                }
                Err((code, request)) => self.refuse(code, request, reply).await,
            }
        }
    }

    /// Reads a request and checks who gave it.
    #[expect(
        clippy::type_complexity,
        reason = "the three parts of an incoming command"
    )]
    fn read(
        &self,
        subject: &str,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<
        (CommandTopic, CommandRequest, Option<PublicKey>),
        (&'static str, Option<CommandRequest>),
    > {
        let parsed: Subject = subject.parse().map_err(|_| ("subject", None))?;
        let Target::Command(name) = parsed.target.clone() else {
            return Err(("subject", None));
        };
        let request: CommandRequest =
            serde_json::from_slice(body).map_err(|_| ("request", None))?;
        let id = request.id.to_string();
        let parts = (subject, id.as_str(), body);
        let verified = self
            .trusted
            .verify(signature, parts, &parsed.target, &parsed.device);
        match verified {
            Ok(signer) => {
                let topic = CommandTopic {
                    node: parsed.node,
                    device: parsed.device,
                    name,
                };
                Ok((topic, request, signer))
            }
            Err(error) => Err((code(&error), Some(request))),
        }
    }

    async fn refuse(&self, code: &'static str, request: Option<CommandRequest>, reply: Reply) {
        self.trusted.count(code);
        let Some(request) = request else {
            warn!(reason = code, "a command was not understood and dropped");
            return;
        };
        warn!(command = %request.id, reason = code, "a command was refused");
        let result = CommandResult {
            id: request.id,
            outcome: Outcome::Refused,
            reason: Some(Reason::new(code, "the signer may not command this device")),
            value: None,
            time: self.clock.now(),
        };
        reply.send(&result).await;
    }

    async fn receive(&mut self) -> Option<(String, Vec<(String, String)>, Bytes, Reply)> {
        match &mut self.source {
            Source::Memory(requests) => {
                let request = requests.recv().await?;
                let headers = request.headers.into_iter();
                let headers = headers.map(|(name, value)| (name.to_owned(), value));
                let reply = Reply::Memory(request.answer);
                Some((request.subject, headers.collect(), request.body, reply))
            }
            #[cfg(feature = "nats")]
            Source::Nats(source) => {
                let (nats, subscriber) = &mut **source;
                let message = futures_util::StreamExt::next(subscriber).await?;
                let headers = super::nats::header_list(message.headers.as_ref());
                let reply = Reply::Nats(Box::new((nats.clone(), message.reply)));
                let subject = message.subject.to_string();
                Some((subject, headers, message.payload, reply))
            }
        }
    }
}

// === impl Incoming ===

impl Incoming {
    /// Sends the one result.
    pub async fn answer(self, result: CommandResult) {
        self.reply.send(&result).await;
    }
}

impl Reply {
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "the connection to NATS awaits")
    )]
    async fn send(self, result: &CommandResult) {
        // A result has no map at all, so JSON cannot refuse it.
        let body = Bytes::from(serde_json::to_vec(result).unwrap_or_default());
        match self {
            // Whoever asked has given up.
            Self::Memory(answer) => drop(answer.send(body)),
            #[cfg(feature = "nats")]
            Self::Nats(reply) => {
                if let (nats, Some(subject)) = *reply
                    && let Err(error) = nats.send(subject, None, body).await
                {
                    warn!(command = %result.id, error = %error, "a result could not be sent");
                }
            }
        }
    }
}
