//! A durable position: a consumer whose acknowledgements move a floor.
//!
//! A consumer cannot be set back, so each opening makes it anew, beginning after the floor. Between
//! its deletion and its creation a second consumer, which is never read, keeps the floor: whenever
//! the process dies, one of the two still tells it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{debug, info_span, warn};
use umec_wire::Label;

use super::api::{Consumer, ConsumerConfig, Deliver};
use super::memory::Memory;
use super::opening::Opening;
use super::pull::{Lost, Pull};
use super::{DEADLINE, Nats, state};
use crate::bus::cursor::Kept;
use crate::bus::message::Raw;
use crate::bus::{AskError, BusState, Filter};
use crate::telemetry::chain;

/// What is read and not acknowledged is never sent again while the consumer lives: that is for the next opening.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// How many messages may be unacknowledged before the server sends no more.
const MOST_UNACKNOWLEDGED: i64 = 100_000;

/// The pause before an opening is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// An acknowledgement covers all before it, so that one in this time is enough.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_millis(20);

/// A position on the server.
#[derive(Debug)]
pub(crate) struct NatsPosition {
    nats: Nats,
    name: Label,
    filter: Filter,
    /// Everything up to here is acknowledged.
    floor: u64,
    /// The last message that was handed out.
    read: u64,
    /// Where messages above the floor are acknowledged.
    replies: BTreeMap<u64, Subject>,
    state: watch::Receiver<BusState>,
    pull: Option<Pull>,
    opening: Opening<Opened>,
    acks: watch::Sender<Ack>,
    confirmed: watch::Receiver<u64>,
    memory: Memory,
    /// What an earlier run has left, until it is asked for.
    found: Option<(u64, Kept)>,
}

/// A position that was opened: where it begins, its messages, and what an earlier run has kept.
#[derive(Debug)]
struct Opened {
    floor: u64,
    pull: Pull,
    kept: Kept,
}

/// The newest acknowledgement and its number.
#[derive(Debug, Clone, Default)]
struct Ack {
    number: u64,
    subject: Option<Subject>,
}

impl NatsPosition {
    /// Opens the position. Where the server is away or has no stream yet, reading begins when it has.
    pub(crate) async fn open(nats: &Nats, name: &Label, filter: Filter) -> Result<Self, AskError> {
        let acks = watch::Sender::new(Ack::default());
        let (confirm, confirmed) = watch::channel(0);
        let sending = send_acks(nats.clone(), acks.subscribe(), confirm);
        let span = info_span!("acknowledgements", position = %name);
        drop(nats.tasks().spawn(span, sending));
        let memory = Memory::start(nats, name, &filter);
        let mut position = Self {
            nats: nats.clone(),
            name: name.clone(),
            filter,
            floor: 0,
            read: 0,
            replies: BTreeMap::new(),
            state: nats.state(),
            pull: None,
            opening: Opening::default(),
            acks,
            confirmed,
            memory,
            found: None,
        };
        match position.create().await {
            Err(error) if !error.may_pass() => return Err(error),
            Ok(opened) => position.adopt(opened),
            Err(_) => {}
        }
        Ok(position)
    }

    /// The next message. Cancel safe: what was begun is kept in the position.
    pub(crate) async fn next(&mut self) -> Option<Raw> {
        loop {
            let Some(pull) = &mut self.pull else {
                let state = self.state.clone();
                self.state.mark_unchanged();
                let create = self.create().boxed();
                let opened = self.opening.when_connected(state, PAUSE, create);
                match opened.await {
                    Ok(opened) => self.adopt(opened),
                    Err(error) => warn!(error = chain(&error), "the position cannot be opened yet"),
                }
                continue;
            };
            let lost = tokio::select! {
                delivered = pull.next() => match delivered {
                    Ok(delivered) => {
                        let sequence = delivered.raw.sequence;
                        if let Some(raw) = self.take(delivered.raw, sequence, delivered.reply) {
                            return Some(raw);
                        }
                        continue;
                    }
                    Err(lost) => lost,
                },
                // Even a short absence may have cost messages, or the server's memory of the consumer.
                _ = self.state.changed() => Lost("away"),
            };
            debug!(reason = lost.0, "the position is opened again at its floor");
            self.pull = None;
        }
    }

    /// Says that everything up to `floor` is acknowledged.
    pub(crate) fn acknowledge(&mut self, floor: u64) {
        self.floor = floor;
        let above = self.replies.split_off(&(floor + 1));
        let below = std::mem::replace(&mut self.replies, above);
        if let Some((_, reply)) = below.into_iter().next_back() {
            self.send_ack(reply);
        }
    }

    /// Keeps something with the position.
    pub(crate) fn keep(&self, kept: &Kept) {
        self.memory.keep(kept);
    }

    /// Waits until the server has what is to be kept.
    pub(crate) fn kept(&self) -> impl Future<Output = ()> + Send + 'static {
        self.memory.flush()
    }

    /// The floor and what was kept with it at the first opening; told once.
    pub(crate) fn found(&mut self) -> Option<(u64, Kept)> {
        self.found.take()
    }

    /// Waits until the server has the newest acknowledgement and what is kept, as long as it can be
    /// reached.
    pub(crate) async fn flush(&self) {
        let number = self.acks.borrow().number;
        let mut confirmed = self.confirmed.clone();
        let wait = confirmed.wait_for(|confirmed| *confirmed >= number);
        // What is not confirmed is read again at the next opening.
        drop(timeout(DEADLINE, wait).await);
        drop(timeout(DEADLINE, self.memory.flush()).await);
    }

    /// Hands a message out, unless it was handed out before the consumer was made anew.
    fn take(&mut self, raw: Raw, sequence: u64, reply: Subject) -> Option<Raw> {
        if sequence <= self.floor {
            self.send_ack(reply);
            return None;
        }
        self.replies.insert(sequence, reply);
        if sequence <= self.read {
            return None;
        }
        self.read = sequence;
        Some(raw)
    }

    fn send_ack(&self, subject: Subject) {
        self.acks.send_modify(|ack| {
            ack.number += 1;
            ack.subject = Some(subject);
        });
    }

    fn adopt(&mut self, opened: Opened) {
        self.replies.clear();
        self.acks.send_modify(|ack| ack.subject = None);
        self.pull = Some(opened.pull);
        if !self.memory.opened(opened.floor + 1, &opened.kept) {
            self.found = Some((opened.floor, opened.kept));
        }
        self.floor = self.floor.max(opened.floor);
        self.read = self.read.max(opened.floor);
    }

    /// Makes both consumers anew at the floor.
    fn create(&self) -> impl Future<Output = Result<Opened, AskError>> + Send + 'static {
        let (nats, name) = (self.nats.clone(), self.name.clone());
        let kept = self.memory.newest();
        create(nats, name, self.filter.clone(), self.floor, kept)
    }
}

/// Makes both consumers anew, one after the other, so that there is always one that keeps the floor.
async fn create(
    nats: Nats,
    name: Label,
    filter: Filter,
    known: u64,
    kept: Option<Kept>,
) -> Result<Opened, AskError> {
    let name = name.as_str();
    let keeper = keeper(name);
    let consumers = [nats.consumer(name).await?, nats.consumer(&keeper).await?];
    // The keeper has the newer texts, where both are there.
    let mut texts = consumers
        .iter()
        .flatten()
        .map(|consumer| &consumer.config.metadata);
    let kept = kept.unwrap_or_else(|| texts.next_back().map(Kept::of).unwrap_or_default());
    let floors = consumers.iter().flatten().map(Consumer::floor).max();
    let first = nats.bounds().await?.first_sequence;
    let floor = floor(floors, kept.floor, first).max(known);
    let config = |name: &str| keeping(name, floor + 1, &filter, &kept);
    nats.delete_consumer(&keeper).await?;
    nats.create_consumer(&config(&keeper)).await?;
    nats.delete_consumer(name).await?;
    let read = ConsumerConfig {
        ack_policy: "all",
        ack_wait: u64::try_from(NEVER.as_nanos()).ok(),
        max_ack_pending: Some(MOST_UNACKNOWLEDGED),
        ..config(name)
    };
    nats.create_consumer(&read).await?;
    let pull = Pull::open(&nats, name).await?;
    Ok(Opened { floor, pull, kept })
}

/// Up to where all is acknowledged, by what the consumers say, what their owner has noted, and the oldest
/// message that the stream holds. A new position begins with that.
///
/// The server moves the floor of a consumer up to what it has dropped. Only the owner's note tells that
/// from an acknowledgement, and only where the consumers say less can there be a difference.
fn floor(consumers: Option<u64>, noted: Option<u64>, first: u64) -> u64 {
    let Some(told) = consumers else {
        return first.saturating_sub(1);
    };
    match noted {
        Some(noted) if told < first => noted,
        Some(noted) => told.max(noted),
        None => told,
    }
}

/// The consumer that keeps the floor. An underscore is in no label, so that no process has this name.
pub(super) fn keeper(name: &str) -> String {
    format!("{name}_floor")
}

/// A durable consumer that begins at `begin` and keeps something.
pub(super) fn keeping(name: &str, begin: u64, filter: &Filter, kept: &Kept) -> ConsumerConfig {
    let begin = Deliver::ByStartSequence {
        opt_start_seq: begin,
    };
    ConsumerConfig {
        durable_name: Some(name.to_owned()),
        metadata: kept.texts(),
        ..ConsumerConfig::new(name.to_owned(), begin, filter)
    }
}

// === impl Consumer ===

impl Consumer {
    /// Up to where it is acknowledged, which is where it began at the least.
    fn floor(&self) -> u64 {
        let begun = self.config.opt_start_seq.saturating_sub(1);
        self.ack_floor.stream_seq.max(begun)
    }
}

/// Sends the newest acknowledgement until the server has it; ends with the position.
async fn send_acks(nats: Nats, mut acks: watch::Receiver<Ack>, confirm: watch::Sender<u64>) {
    let mut state = nats.state();
    let mut ended = false;
    loop {
        let ack = acks.borrow_and_update().clone();
        if *confirm.borrow() >= ack.number {
            if ended || acks.changed().await.is_err() {
                return;
            }
            continue;
        }
        if let Some(subject) = ack.subject {
            let body = Bytes::from_static(b"+ACK");
            let sent = nats.request(subject.to_string(), None, body, DEADLINE);
            if let Err(error) = sent.await {
                debug!(error = %error, "an acknowledgement was not taken");
                if ended {
                    return;
                }
                tokio::select! {
                    () = state::connected(&mut state) => {}
                    changed = acks.changed() => ended = changed.is_err(),
                }
                tokio::time::sleep(ACKNOWLEDGE_EVERY).await;
                continue;
            }
        }
        // Without a subject the consumer was made anew at the floor, which says the same.
        confirm.send_replace(ack.number);
        tokio::time::sleep(ACKNOWLEDGE_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::floor;

    #[test]
    fn a_floor_that_the_server_has_moved_is_told_from_one_that_was_acknowledged() {
        for (consumers, noted, first, expected) in [
            (None, None, 1, 0),
            (None, None, 500, 499),
            (Some(20), Some(10), 5, 20),
            (Some(20), Some(22), 5, 22),
            // The server is at what it has dropped, or further behind.
            (Some(499), Some(10), 500, 10),
            (Some(460), Some(10), 500, 10),
            (Some(499), None, 500, 499),
        ] {
            let found = floor(consumers, noted, first);
            assert_eq!(found, expected, "{consumers:?} {noted:?} {first}");
        }
    }
}
