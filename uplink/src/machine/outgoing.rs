//! Messages on their way up, from the stream into batches until they are acknowledged.

mod lanes;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use umec_wire::DeviceName;
use umec_wire::uplink::datagram::{TAG, USUAL_HEADER};
use umec_wire::uplink::message::FRAGMENT_OVERHEAD;
use umec_wire::uplink::{Batch, Freshness, LayoutNumber, Ranges, Up};

use super::backlog::Backlog;
use super::flight::Flight;
use super::floors::Floors;
use super::layouts::Layouts;
use super::link::Unanswered;
use super::packing::{self, Packed};
use super::waiting::Waiting;

/// How far the messages have got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many messages wait for acknowledgement, sent or not.
    pub waiting: u64,
    /// Their bytes in memory, roughly.
    pub waiting_bytes: u64,
    /// How many batches are on their way.
    pub in_flight: u64,
    /// How many messages were acknowledged.
    pub acknowledged: u64,
    /// How many batches were sent again.
    pub sent_again: u64,
    /// How long the oldest message has waited.
    pub oldest: Option<Duration>,
    /// The time since the last acknowledgement.
    pub since_acknowledgement: Option<Duration>,
    /// The smoothed time from sending to acknowledgement.
    pub round_trip: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Outgoing {
    linger: Duration,
    queue: VecDeque<Waiting>,
    /// How many messages may fill a datagram, as far as is known.
    filling: usize,
    backlog: Backlog,
    layouts: Layouts,
    /// States of devices of which an earlier state is on its way. In a compacted topic the last one
    /// written wins, so they go one after the other.
    held: HashMap<DeviceName, VecDeque<Waiting>>,
    state_on_its_way: HashSet<DeviceName>,
    floors: Floors,
    flight: Flight,
    total: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    messages: usize,
    bytes: usize,
    acknowledged: u64,
    last: Option<Duration>,
}

/// How many messages may wait for acknowledgement; the rest waits in the stream.
const MESSAGES: usize = 4_096;

/// How many bytes of messages may wait for acknowledgement.
const BYTES: usize = 4 << 20;

// === impl Outgoing ===

impl Outgoing {
    pub(super) fn new(datagram: usize, linger: Duration, backlog: Backlog) -> Self {
        Self {
            linger,
            queue: VecDeque::new(),
            filling: 1,
            backlog,
            layouts: Layouts::new(),
            held: HashMap::new(),
            state_on_its_way: HashSet::new(),
            floors: Floors::default(),
            flight: Flight::new(datagram),
            total: Totals::default(),
        }
    }

    /// Takes acknowledgements; gives the positions in the stream that are safe.
    pub(super) fn acknowledged(&mut self, now: Duration, ranges: &Ranges) -> Vec<u64> {
        let mut positions = Vec::new();
        for batch in self.flight.acknowledged(now, ranges) {
            self.layouts.known(&batch.layouts);
            for message in batch.messages {
                positions.push(message.position);
                self.settled(&message);
                if message.is_state() {
                    self.release(now, &message.entry.id.device, &mut positions);
                }
            }
            self.total.last = Some(now);
        }
        positions
    }

    fn settled(&mut self, message: &Waiting) {
        self.floors.acknowledged(&message.entry.id);
        self.total.messages -= 1;
        self.total.bytes -= message.bytes;
        self.total.acknowledged += 1;
    }

    /// Takes the word that a batch was not read for want of layouts, and lets it go out with them.
    pub(super) fn unknown_layouts(&mut self, batch: u64, layouts: &[LayoutNumber]) {
        self.layouts.unknown(layouts);
        self.flight.forget(batch);
    }

    /// Notes that the gateway was heard.
    pub(super) const fn heard(&mut self, now: Duration) {
        self.flight.heard(now);
    }

    /// Takes the word that a probe of the path's size has arrived.
    pub(super) fn probe_arrived(&mut self, now: Duration, number: u32) {
        self.flight.size.arrived(now, number);
    }

    /// The probe of the path's size that is due: its number and its size.
    pub(super) fn probe(&mut self, now: Duration) -> Option<(u32, usize)> {
        let timeout = self.flight.timeout();
        self.flight.size.probe(now, timeout)
    }

    /// Counts as lost what has waited for too long.
    pub(super) fn expire(&mut self, now: Duration) {
        self.backlog.take_old(now, &mut self.queue);
        self.flight.expire(now);
    }

    /// Lets everything go out at once when what is on its way is `lost`.
    pub(super) fn session_begins(&mut self, lost: bool) {
        if lost {
            self.flight.begin_anew();
        }
    }

    /// The most bytes of a message in a datagram.
    fn room(&self) -> usize {
        // Settings are parsed with a lower bound; a fragment needs room for itself.
        let datagram = self.flight.size.datagram();
        datagram
            .saturating_sub(USUAL_HEADER + TAG)
            .max(2 * FRAGMENT_OVERHEAD)
    }

    /// The next message to seal and send, as long as the window admits one.
    pub(super) fn next_message(&mut self, now: Duration) -> Option<Vec<u8>> {
        if let Some(fragment) = self.flight.next_fragment(now) {
            return Some(fragment);
        }
        if !self.flight.admits(now) {
            return None;
        }
        if self.flight.first_unsent().is_none() {
            self.collect(now);
        }
        if self.flight.first_unsent().is_none() {
            self.collect_backlog(now);
        }
        let (number, batch) = self.flight.first_unsent()?;
        let mut told = Batch {
            number,
            definitions: self.layouts.undefined(&batch.layouts),
            rows: batch.rows.clone(),
        };
        let freshness = batch.freshness;
        let message = encode(&told, freshness);
        let parts = if message.len() <= self.room() {
            VecDeque::from([message])
        } else {
            // Fragments of one batch come together from several attempts: they are the same each time.
            told.definitions.clone_from(&batch.layouts);
            let whole = encode(&told, freshness).into();
            packing::fragments(number, &whole, self.room())
        };
        self.flight.send(now, number, parts)
    }

    /// Makes a batch of what waits, when a datagram is full or the first has waited long enough.
    fn collect(&mut self, now: Duration) {
        let room = self.room();
        let Some(first) = self.queue.front() else {
            return;
        };
        let lingers = now < first.since + self.linger;
        if lingers && self.queue.len() < self.filling {
            return;
        }
        let number = self.flight.next_number();
        let packed = packing::pack(&self.queue, number, room, &self.layouts, self.filling);
        self.filling = packed.filling(room);
        if lingers && self.queue.len() < self.filling {
            return;
        }
        let Packed {
            count,
            batch,
            layouts,
            ..
        } = packed;
        let messages = self.queue.drain(..count).collect();
        self.backlog.went_out(now);
        let freshness = Freshness::Live;
        self.flight.add(messages, freshness, batch.rows, layouts);
    }

    /// How many messages wait for acknowledgement.
    pub(super) fn waiting(&self) -> u64 {
        u64::try_from(self.total.messages).unwrap_or(u64::MAX)
    }

    /// How many messages have arrived.
    pub(super) const fn arrived(&self) -> u64 {
        self.total.acknowledged
    }

    /// What waits for an answer, and for how long it usually does.
    pub(super) fn unanswered(&self) -> Unanswered {
        Unanswered {
            is_waiting: !self.flight.is_empty(),
            waiting: self.waiting(),
            round_trip: self.flight.round_trip(),
        }
    }

    pub(super) fn wake(&self) -> Duration {
        let is_full = self.queue.len() >= self.filling;
        let ready = self.flight.ready(is_full && !self.queue.is_empty());
        let linger = self.queue.front().and_then(|first| {
            let next = self.flight.ready(true)?;
            Some((first.since + self.linger).max(next))
        });
        let backlog = self.backlog_due();
        let due = [self.flight.expiry(), ready, linger, backlog];
        let due = due.into_iter().flatten().min();
        let probe = self.flight.size.next();
        due.map_or(probe, |due| due.min(probe))
    }

    pub(super) fn progress(&self, now: Duration) -> Progress {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let sent = self.flight.messages();
        let all = sent.chain(&self.queue).chain(self.backlog.messages());
        let oldest = all.map(|message| message.since).min();
        Progress {
            waiting: count(self.total.messages),
            waiting_bytes: count(self.total.bytes),
            in_flight: count(self.flight.in_flight()),
            acknowledged: self.total.acknowledged,
            sent_again: self.flight.sent_again(),
            oldest: oldest.map(|since| now.saturating_sub(since)),
            since_acknowledgement: self.total.last.map(|last| now.saturating_sub(last)),
            round_trip: self.flight.round_trip(),
        }
    }
}

fn encode(batch: &Batch, freshness: Freshness) -> Vec<u8> {
    match freshness {
        Freshness::Live => batch.encode(),
        Freshness::Backlog => Up::Backlog(batch.clone()).encode(),
    }
}
