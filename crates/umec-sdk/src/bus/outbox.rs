//! The queue between whoever measures and a bus that may be away.
//!
//! Each device has a lane of its own with one message in flight: its messages reach the stream in
//! order, whatever is lost and sent again, and the lanes together keep the bus busy.

mod lanes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{info, info_span, warn};
use umec_wire::trace::TraceParent;
use umec_wire::{Kind, MessageId, Topic};

use super::message::Outgoing;
use super::{AskError, Bus, BusState};
use crate::metrics::{Counter, CounterFamily, Gauge, Metrics};
use crate::tasks::Tasks;
use crate::telemetry::chain;
use lanes::Lanes;

/// How many messages wait for their acknowledgement at once, each of another device.
const IN_FLIGHT: usize = 256;

/// The most bytes that are held, so that long messages do not take the machine's memory.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How long a drain waits for a bus that is away before it gives up what is left.
const AWAY_AT_THE_END: Duration = Duration::from_secs(2);

/// How long a drain waits for the next acknowledgement before it gives up what is left.
const SILENT_AT_THE_END: Duration = Duration::from_secs(5);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A bounded queue that publishes in the background until each message is acknowledged.
///
/// Pushing never waits. When the queue is full the oldest message is dropped and counted. The queue
/// ends when its last clone is dropped and everything is acknowledged.
#[derive(Debug, Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
    _handle: Arc<Handle>,
}

#[derive(Debug)]
struct Shared {
    bus: Bus,
    lanes: Mutex<Lanes<Outgoing>>,
    /// There is something to do for the worker.
    wake: Notify,
    /// A message was acknowledged or dropped.
    settled: Notify,
    figures: Figures,
}

/// Dropped with the last clone of an [`Outbox`].
#[derive(Debug)]
struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Figures {
    queued: Gauge,
    acknowledged: Counter,
    dropped: CounterFamily,
    retries: Counter,
}

/// How sending a message ended.
enum Sent {
    Acknowledged,
    /// It can never be sent.
    Hopeless(AskError),
}

// === impl Outbox ===

impl Outbox {
    pub(super) fn start(bus: Bus, tasks: &Tasks, metrics: &Metrics, capacity: usize) -> Self {
        let shared = Arc::new(Shared {
            bus,
            lanes: Mutex::new(Lanes::new(capacity, MOST_BYTES)),
            wake: Notify::new(),
            settled: Notify::new(),
            figures: Figures::new(metrics),
        });
        let worker = work(Arc::clone(&shared));
        drop(tasks.spawn(info_span!("outbox"), worker));
        Self {
            _handle: Arc::new(Handle(Arc::clone(&shared))),
            shared,
        }
    }

    /// Queues a message. Never waits.
    pub fn push<K: Kind>(
        &self,
        topic: &Topic<K>,
        id: &MessageId,
        payload: &K::Payload,
        trace: Option<TraceParent>,
    ) {
        let shared = &*self.shared;
        let outgoing = shared.bus.prepare(topic, id, payload, trace);
        let bytes = outgoing.size();
        let mut lanes = shared.lanes();
        let dropped = lanes.push(&topic.device, outgoing, bytes);
        let queued = lanes.len();
        drop(lanes);
        if dropped > 0 {
            shared
                .figures
                .dropped
                .with(&["full"])
                .inc_by(dropped as u64);
        }
        shared
            .figures
            .queued
            .set(i64::try_from(queued).unwrap_or(i64::MAX));
        shared.wake.notify_one();
    }

    /// Waits until everything that was pushed is acknowledged or dropped. Cancel safe.
    pub async fn settled(&self) {
        loop {
            let settled = self.shared.settled.notified();
            if self.shared.lanes().len() == 0 {
                return;
            }
            settled.await;
        }
    }

    /// How many messages wait, those in flight included.
    pub fn waiting(&self) -> usize {
        self.shared.lanes().len()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lanes().close();
        self.0.wake.notify_one();
    }
}

// === impl Shared ===

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes<Outgoing>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message again and again until it is acknowledged.
    async fn deliver(&self, outgoing: &Outgoing) -> Sent {
        let mut state = self.bus.state();
        let mut pause = FIRST_PAUSE;
        loop {
            state.mark_unchanged();
            let error = match self.bus.send(outgoing).await {
                Ok(_) => return Sent::Acknowledged,
                Err(error @ AskError::TooLarge { .. }) => return Sent::Hopeless(error),
                Err(error) => error,
            };
            self.figures.retries.inc();
            if pause == LONGEST_PAUSE {
                warn!(
                    error = chain(&error),
                    subject = outgoing.subject,
                    "a message is not acknowledged"
                );
            }
            // Whichever comes first: the pause, or news that the bus is back.
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = state.wait_for(|state| *state == BusState::Connected),
                    if matches!(error, AskError::Away(_)) => {}
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn settle(&self, lane: usize, sent: &Sent) {
        match sent {
            Sent::Acknowledged => {
                self.figures.acknowledged.inc();
            }
            Sent::Hopeless(error) => {
                self.figures.dropped.with(&["too-large"]).inc();
                warn!(error = chain(error), "a message was dropped");
            }
        }
        let mut lanes = self.lanes();
        lanes.settle(lane);
        let queued = lanes.len();
        drop(lanes);
        self.figures
            .queued
            .set(i64::try_from(queued).unwrap_or(i64::MAX));
        self.settled.notify_waiters();
    }
}

/// The worker: keeps as many messages in flight as may be.
async fn work(shared: Arc<Shared>) {
    let mut in_flight = FuturesUnordered::new();
    let mut state = shared.bus.state();
    let (mut ending, mut progress) = (false, Instant::now());
    loop {
        while in_flight.len() < IN_FLIGHT {
            let Some((lane, outgoing)) = shared.lanes().take() else {
                break;
            };
            let shared = &shared;
            in_flight.push(async move { (lane, shared.deliver(&outgoing).await) });
        }
        if !ending && shared.lanes().is_closed() {
            ending = true;
            progress = Instant::now();
        }
        if ending && in_flight.is_empty() {
            return;
        }
        tokio::select! {
            Some((lane, sent)) = in_flight.next() => {
                shared.settle(lane, &sent);
                progress = Instant::now();
            }
            () = shared.wake.notified() => {}
            () = sleep_until(progress + SILENT_AT_THE_END), if ending => break,
            () = away_for(&mut state, AWAY_AT_THE_END), if ending => break,
        }
    }
    let lost = shared.lanes().len();
    shared
        .figures
        .dropped
        .with(&["stopped"])
        .inc_by(lost as u64);
    info!(
        count = lost,
        "messages were left unsent, the bus does not take them"
    );
}

/// Waits until the bus has been away for `time`. Cancel safe.
async fn away_for(state: &mut tokio::sync::watch::Receiver<BusState>, time: Duration) {
    loop {
        let away = |state: &BusState| *state != BusState::Connected;
        if state.wait_for(away).await.is_err() {
            return;
        }
        let back = state.wait_for(|state| *state == BusState::Connected);
        if tokio::time::timeout(time, back).await.is_err() {
            return;
        }
    }
}

// === impl Figures ===

impl Figures {
    fn new(metrics: &Metrics) -> Self {
        Self {
            queued: metrics.gauge(
                "umec_outbox_queued_messages",
                "Messages not yet acknowledged",
            ),
            acknowledged: metrics.counter(
                "umec_outbox_acknowledged_messages",
                "Messages that the stream has acknowledged",
            ),
            dropped: metrics.counter_family(
                "umec_outbox_dropped_messages",
                "Messages that were dropped before they were acknowledged",
                &["reason"],
            ),
            retries: metrics.counter(
                "umec_outbox_retries",
                "Times that a message had to be sent again",
            ),
        }
    }
}
