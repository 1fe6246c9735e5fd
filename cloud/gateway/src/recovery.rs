//! What happens before the first batch is taken: topics are made sure of, and what the predecessor
//! wrote is read. Kafka may be away; then it waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};
use umec_sdk::chain;
use umec_spec::settings::gateway::Kafka;
use umec_wire::Reason;
use umec_wire::kafka::KafkaTopic;
use umec_wire::uplink::Now;

use crate::kafka::{EnsureError, Offsets, Producer, ScanError, Watched, read_to_end, topic};
use crate::machine::{Machine, SCANNED};

/// What a gateway begins with.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) machine: Machine,
    /// Where reading commands goes on.
    pub(crate) commands: Offsets,
}

/// Why it cannot begin yet.
#[derive(Debug, thiserror::Error)]
enum RecoverError {
    #[error("the topics")]
    Ensure(#[from] EnsureError),
    #[error("what the predecessor wrote")]
    Scan(#[from] ScanError),
    #[error("a record of umec.marks that is not one of ours")]
    Marks(#[source] serde_json::Error),
    #[error("the reading was broken off")]
    Broken(#[from] tokio::task::JoinError),
}

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Tries until it succeeds; `tell` hears why it did not.
pub(crate) async fn recover(
    producer: Arc<Producer>,
    settings: Kafka,
    watched: Watched,
    make: impl Fn() -> Machine + Send + Sync + 'static,
    now: impl Fn() -> Now + Send + Clone + 'static,
    tell: impl Fn(Reason),
    done: oneshot::Sender<Recovered>,
) {
    let mut last = String::new();
    loop {
        match attempt(&producer, &settings, &watched, make(), now.clone()).await {
            Ok(recovered) => {
                watched.answered();
                // Nobody waits when the process is stopping.
                drop(done.send(recovered));
                return;
            }
            Err(error) => {
                let text = chain(&error);
                if text != last {
                    warn!(
                        error = text,
                        address = producer.bootstrap(),
                        "kafka cannot be used yet"
                    );
                }
                tell(Reason::new("kafka-away", text.clone()));
                last = text;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn attempt(
    producer: &Arc<Producer>,
    settings: &Kafka,
    watched: &Watched,
    machine: Machine,
    now: impl Fn() -> Now + Send + 'static,
) -> Result<Recovered, RecoverError> {
    topic::ensure(producer, settings, watched).await?;
    let bootstrap = producer.bootstrap().to_owned();
    let watched = watched.clone();
    tokio::task::spawn_blocking(move || read(&bootstrap, &watched, machine, now)).await?
}

/// Reads marks, then what they do not cover, then the commands without a result.
fn read(
    bootstrap: &str,
    watched: &Watched,
    mut machine: Machine,
    now: impl Fn() -> Now,
) -> Result<Recovered, RecoverError> {
    let began = std::time::Instant::now();
    let mut wrong = None;
    let mut count = 0_u64;
    let nowhere = Offsets::new();
    read_to_end(
        bootstrap,
        watched,
        KafkaTopic::Marks,
        &nowhere,
        &mut |record| {
            wrong = machine.restore(&record).err().or_else(|| wrong.take());
        },
    )?;
    if let Some(error) = wrong {
        return Err(RecoverError::Marks(error));
    }
    let places = machine.places().clone();
    for topic in SCANNED {
        let from = places.of(topic);
        let ends = read_to_end(bootstrap, watched, topic, &from, &mut |record| {
            count += 1;
            machine.restore_written(topic, &record);
        })?;
        machine.restore_place(topic, ends);
    }
    let from = places.of(KafkaTopic::Commands);
    machine.restore_commands(&from);
    let topic = KafkaTopic::Commands;
    let commands = read_to_end(bootstrap, watched, topic, &from, &mut |record| {
        machine.command(now(), &record);
    })?;
    machine.restore_commands_read(&commands);
    let seconds = began.elapsed().as_secs_f64();
    info!(count, seconds, "what the predecessor wrote is known");
    Ok(Recovered { machine, commands })
}
