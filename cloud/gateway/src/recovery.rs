//! What happens before batches of a modem are taken that was another gateway's: topics are made sure of,
//! the dead are fenced, and what they wrote is read. Kafka may be away; then it waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{info, warn};
use umec_sdk::chain;
use umec_spec::settings::gateway::Kafka;
use umec_wire::kafka::KafkaTopic;
use umec_wire::uplink::Now;
use umec_wire::{Boot, Reason};

use crate::kafka::{
    EnsureError, KafkaState, Offsets, Producer, ScanError, SendError, Watched, read_to_end, topic,
};
use crate::machine::{Machine, SCANNED};

/// What a gateway begins with, or takes over later.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) machine: Machine,
    /// Where reading commands goes on.
    pub(crate) commands: Offsets,
    /// Where reading `umec.marks` goes on.
    pub(crate) marks: Offsets,
}

/// All that is needed to read what others wrote.
#[derive(Clone)]
pub(crate) struct Recovery {
    pub(crate) producer: Arc<Producer>,
    pub(crate) settings: Kafka,
    pub(crate) watched: Watched,
    /// Makes a machine that knows nothing.
    pub(crate) make: Arc<dyn Fn() -> Machine + Send + Sync>,
    pub(crate) now: Arc<dyn Fn() -> Now + Send + Sync>,
}

/// Why it cannot begin yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error("the topics")]
    Ensure(#[from] EnsureError),
    #[error("what others wrote")]
    Scan(#[from] ScanError),
    #[error("a record of umec.marks that is not one of ours")]
    Marks(#[source] serde_json::Error),
    #[error("the record that tells of this gateway")]
    Announce(#[from] SendError),
    #[error("the record that tells of this gateway is not in umec.marks after {ANNOUNCED:?}")]
    NotAnnounced,
    #[error("the reading was broken off")]
    Broken(#[from] tokio::task::JoinError),
}

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// How long records may take to come back.
const ANNOUNCED: Duration = Duration::from_secs(10);

/// How long after its fence a gateway's last requests are waited for: they have left a process that is
/// gone and are on their way to brokers of the same site.
const SETTLING: Duration = Duration::from_secs(1);

/// The token of records whose delivery is seen by reading them.
const READ_BACK: u64 = u64::MAX;

// === impl Recovery ===

impl Recovery {
    /// Tries until it succeeds; `tell` hears why it did not.
    pub(crate) async fn first(self, tell: impl Fn(Reason), done: oneshot::Sender<Recovered>) {
        let mut last = String::new();
        loop {
            match self.attempt_telling(&tell).await {
                Ok(recovered) => {
                    self.watched.answered();
                    // Nobody waits when the process is stopping.
                    drop(done.send(recovered));
                    return;
                }
                Err(error) => {
                    let text = chain(&error);
                    if text != last {
                        let address = self.producer.brokers().bootstrap();
                        warn!(error = text, address, "kafka cannot be used yet");
                    }
                    tell(self.watched.why(text.clone()));
                    last = text;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Tells at once where the brokers do not let this client in: the attempt itself learns of it late.
    async fn attempt_telling(&self, tell: &impl Fn(Reason)) -> Result<Recovered, RecoverError> {
        let mut state = self.watched.subscribe();
        let mut attempt = std::pin::pin!(self.attempt(None));
        loop {
            tokio::select! {
                recovered = &mut attempt => return recovered,
                Ok(()) = state.changed() => {
                    if let KafkaState::Away(reason) = &*state.borrow_and_update() {
                        tell(reason.clone());
                    }
                }
            }
        }
    }

    /// Inherits from `others`, or from earlier runs of this gateway where none are named.
    pub(crate) async fn attempt(
        &self,
        others: Option<Vec<Boot>>,
    ) -> Result<Recovered, RecoverError> {
        topic::ensure(&self.producer, &self.settings, &self.watched).await?;
        let this = self.clone();
        let fenced = tokio::task::spawn_blocking(move || this.fence(others)).await?;
        let (mut machine, marks) = fenced?;
        if !machine.estates().is_empty() {
            tokio::time::sleep(SETTLING).await;
        }
        let this = self.clone();
        let scanned = move || {
            let commands = this.scan(&mut machine)?;
            Ok(Recovered {
                machine,
                commands,
                marks,
            })
        };
        tokio::task::spawn_blocking(scanned).await?
    }

    /// Reads `umec.marks`, and makes this gateway the heir of those who are gone.
    fn fence(&self, others: Option<Vec<Boot>>) -> Result<(Machine, Offsets), RecoverError> {
        let mut machine = (self.make)();
        let mut marks = self.read_marks(&mut machine, &Offsets::new())?;
        let others = others.unwrap_or_else(|| machine.predecessors());
        for record in machine.fences((self.now)().wall, &others) {
            self.producer.send(READ_BACK, &record)?;
        }
        let began = Instant::now();
        while !machine.has_fenced(&others) {
            if began.elapsed() > ANNOUNCED {
                return Err(RecoverError::NotAnnounced);
            }
            marks = self.read_marks(&mut machine, &marks)?;
        }
        Ok((machine, marks))
    }

    fn read_marks(&self, machine: &mut Machine, from: &Offsets) -> Result<Offsets, RecoverError> {
        let mut wrong = None;
        let brokers = self.producer.brokers();
        let mut each = |record| {
            let restored = machine.restore(Duration::ZERO, &record);
            wrong = restored.err().or_else(|| wrong.take());
        };
        let topic = KafkaTopic::Marks;
        let ends = read_to_end(brokers, &self.watched, topic, from, &mut each)?;
        wrong.map_or(Ok(ends), |error| Err(RecoverError::Marks(error)))
    }

    /// Reads what marks do not cover, then the commands without a result.
    fn scan(&self, machine: &mut Machine) -> Result<Offsets, RecoverError> {
        let (brokers, watched) = (self.producer.brokers(), &self.watched);
        let began = Instant::now();
        let mut count = 0_u64;
        let places = machine.scan_from();
        for topic in SCANNED {
            let from = places.of(topic);
            let ends = read_to_end(brokers, watched, topic, &from, &mut |record| {
                count += 1;
                machine.restore_written(topic, &record);
            })?;
            machine.restore_place(topic, ends);
        }
        let topic = KafkaTopic::Commands;
        let from = machine.places().of(topic);
        machine.restore_commands(&from);
        let commands = read_to_end(brokers, watched, topic, &from, &mut |record| {
            machine.command((self.now)(), &record);
        })?;
        machine.restore_commands_read(&commands);
        let seconds = began.elapsed().as_secs_f64();
        info!(count, seconds, "what others wrote is known");
        Ok(commands)
    }
}
