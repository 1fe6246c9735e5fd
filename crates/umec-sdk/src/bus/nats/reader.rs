//! Following the stream through consumers of no lasting importance: when one is lost, the next begins
//! after the last message that was read.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tracing::debug;
use umec_wire::subject::Target;

use super::Nats;
use super::api::{ConsumerConfig, Deliver};
use super::opening::Opening;
use super::pull::{Lost, Pull};
use crate::bus::follow::Item;
use crate::bus::{AskError, BusState, Filter, Start};
use crate::telemetry::chain;

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
    opening: Opening<Opened>,
}

/// A consumer that was made: its messages, how many there are, and the last one before them.
#[derive(Debug)]
struct Opened {
    pull: Pull,
    pending: u64,
    delivered: u64,
}

impl NatsReader {
    /// A reader that has not begun.
    pub(crate) fn new(nats: &Nats, start: Start, filter: Filter) -> Self {
        Self {
            nats: nats.clone(),
            filter,
            start,
            read: None,
            history: None,
            state: nats.state(),
            pull: None,
            opening: Opening::default(),
        }
    }

    /// Begins to read. Where the server is away or has no stream yet, reading begins when it has.
    pub(crate) async fn open(
        nats: &Nats,
        start: Start,
        filter: Filter,
    ) -> Result<(Self, bool), AskError> {
        let mut reader = Self::new(nats, start, filter);
        match reader.create().await {
            Err(error) if !error.may_pass() => return Err(error),
            Ok(opened) => reader.adopt(opened),
            Err(_) => {}
        }
        let caught_up = reader.history == Some(0);
        Ok((reader, caught_up))
    }

    /// The next message. Cancel safe: what was begun is kept in the reader.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        loop {
            let Some(pull) = &mut self.pull else {
                let state = self.state.clone();
                self.state.mark_unchanged();
                let create = self.create().boxed();
                let opened = self.opening.when_connected(state, PAUSE, create);
                match opened.await {
                    Ok(opened) => {
                        let first = self.history.is_none();
                        self.adopt(opened);
                        if first && self.history == Some(0) {
                            return Some(Item::CaughtUp);
                        }
                    }
                    Err(error) => {
                        debug!(error = chain(&error), "the stream cannot be followed yet");
                    }
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

    fn adopt(&mut self, opened: Opened) {
        self.pull = Some(opened.pull);
        if self.history.is_none() {
            self.history = Some(opened.pending);
            if self.start == Start::New {
                self.read = Some(opened.delivered);
            }
        }
    }

    fn create(&self) -> impl Future<Output = Result<Opened, AskError>> + Send + 'static {
        let start = match (self.read, self.start) {
            (Some(read), _) => Start::Sequence(read + 1),
            (None, start) => start,
        };
        create(self.nats.clone(), start, self.filter.clone())
    }
}

async fn create(nats: Nats, start: Start, mut filter: Filter) -> Result<Opened, AskError> {
    let begin = match start {
        Start::First => Deliver::ByStartSequence { opt_start_seq: 1 },
        Start::Sequence(sequence) => Deliver::ByStartSequence {
            opt_start_seq: sequence.max(1),
        },
        Start::Time(time) => Deliver::ByStartTime {
            opt_start_time: time.to_string(),
        },
        Start::LastPerSubject => Deliver::LastPerSubject,
        Start::New => Deliver::New,
    };
    if start == Start::LastPerSubject && filter.targets.is_empty() {
        // The server wants to be told which subjects it shall look for the last messages of.
        let kept = Target::PUBLISHED.into_iter().filter(Target::is_kept);
        filter.targets = kept.collect();
    }
    let name = format!("follow-{:016x}", rand::random::<u64>());
    let config = ConsumerConfig {
        inactive_threshold: u64::try_from(FORGET.as_nanos()).ok(),
        mem_storage: Some(true),
        ..ConsumerConfig::new(name, begin, &filter)
    };
    let consumer = nats.create_consumer(&config).await?;
    Ok(Opened {
        pull: Pull::open(&nats, &config.name).await?,
        pending: consumer.num_pending,
        delivered: consumer.delivered.stream_seq,
    })
}
