//! Following the stream through consumers of no lasting importance: when one is lost, the next begins
//! after the last message that was read.

use std::time::Duration;

use tokio::sync::watch;
use tracing::debug;
use umec_wire::subject::Target;

use super::Nats;
use super::api::{ConsumerConfig, Deliver};
use super::pull::{Lost, Pull};
use super::state;
use crate::bus::follow::Item;
use crate::bus::{AskError, BusState, Filter, Start};

/// The server forgets a consumer that nobody has asked for this long.
const FORGET: Duration = Duration::from_mins(1);

/// The pause before a consumer is made again.
const PAUSE: Duration = Duration::from_millis(250);

/// A reader of the stream.
#[derive(Debug)]
pub(crate) struct NatsReader {
    nats: Nats,
    filter: Filter,
    start: Start,
    /// The last message that was read.
    read: Option<u64>,
    /// How many messages of the history are still to come; unknown before the first consumer.
    history: Option<u64>,
    state: watch::Receiver<BusState>,
    pull: Option<Pull>,
}

impl NatsReader {
    /// Begins to read. Where the server is away or has no stream yet, reading begins when it has.
    pub(crate) async fn open(
        nats: &Nats,
        start: Start,
        filter: Filter,
    ) -> Result<(Self, bool), AskError> {
        let mut reader = Self {
            nats: nats.clone(),
            filter,
            start,
            read: None,
            history: None,
            state: nats.state(),
            pull: None,
        };
        match reader.create().await {
            Err(error) if !error.may_pass() => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let caught_up = reader.history == Some(0);
        Ok((reader, caught_up))
    }

    /// The next message. Cancel safe: what was begun is kept in the reader.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        loop {
            let Some(pull) = &mut self.pull else {
                state::connected(&mut self.state).await;
                let first = self.history.is_none();
                if let Err(error) = self.create().await {
                    debug!(error = %error, "the stream cannot be followed yet");
                    tokio::time::sleep(PAUSE).await;
                } else if first && self.history == Some(0) {
                    return Some(Item::CaughtUp);
                }
                continue;
            };
            let lost = tokio::select! {
                delivered = pull.next() => match delivered {
                    Ok(delivered) => {
                        let (raw, pending) = (delivered.raw, delivered.delivery.pending);
                        self.read = Some(raw.sequence);
                        let history = self.history.map(|left| left.saturating_sub(1));
                        self.history = history;
                        let caught_up = pending == 0 || history == Some(0);
                        return Some(Item::Message { raw, caught_up });
                    }
                    Err(lost) => lost,
                },
                // Even a short absence may have cost messages, or the server's memory of the consumer.
                _ = self.state.changed() => Lost("away"),
            };
            debug!(
                reason = lost.0,
                "a reader begins again after what it has read"
            );
            self.pull = None;
        }
    }

    async fn create(&mut self) -> Result<(), AskError> {
        self.state.mark_unchanged();
        let begin = match (self.read, self.start) {
            (Some(read), _) => Deliver::ByStartSequence {
                opt_start_seq: read + 1,
            },
            (None, Start::First) => Deliver::ByStartSequence { opt_start_seq: 1 },
            (None, Start::Sequence(sequence)) => Deliver::ByStartSequence {
                opt_start_seq: sequence.max(1),
            },
            (None, Start::Time(time)) => Deliver::ByStartTime {
                opt_start_time: time.to_string(),
            },
            (None, Start::LastPerSubject) => Deliver::LastPerSubject,
            (None, Start::New) => Deliver::New,
        };
        let name = format!("follow-{:016x}", rand::random::<u64>());
        let filter = match self.start {
            // The server wants to be told which subjects it shall look for the last messages of.
            Start::LastPerSubject if self.filter.targets.is_empty() => Filter {
                targets: Target::PUBLISHED
                    .into_iter()
                    .filter(Target::is_kept)
                    .collect(),
                devices: self.filter.devices.clone(),
            },
            _ => self.filter.clone(),
        };
        let config = ConsumerConfig {
            inactive_threshold: u64::try_from(FORGET.as_nanos()).ok(),
            mem_storage: Some(true),
            ..ConsumerConfig::new(name, begin, &filter)
        };
        let consumer = self.nats.create_consumer(&config).await?;
        self.pull = Some(Pull::open(&self.nats, &config.name).await?);
        if self.history.is_none() {
            self.history = Some(consumer.num_pending);
            if self.start == Start::New {
                self.read = Some(consumer.delivered.stream_seq);
            }
        }
        Ok(())
    }
}
