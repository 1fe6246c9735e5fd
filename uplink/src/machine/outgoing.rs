//! Messages on their way up: collected into batches, sent, sent again, acknowledged.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use umec_wire::DeviceName;
use umec_wire::uplink::datagram::{MAX_HEADER, TAG};
use umec_wire::uplink::message::FRAGMENT_OVERHEAD;
use umec_wire::uplink::rtt::RoundTrip;
use umec_wire::uplink::{Batch, Entry, LayoutNumber, Ranges};

use super::floors::Floors;
use super::layouts::{Layouts, Numbered};
use super::packing::{self, Packed};
use super::waiting::Waiting;
use super::window::Window;

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
    /// The most bytes of a message in a datagram.
    room: usize,
    linger: Duration,
    queue: VecDeque<Waiting>,
    /// How many messages may fill a datagram, as far as is known.
    filling: usize,
    layouts: Layouts,
    /// States of devices of which an earlier state is on its way. In a compacted topic the last one
    /// written wins, so they go one after the other.
    held: HashMap<DeviceName, VecDeque<Waiting>>,
    state_on_its_way: HashSet<DeviceName>,
    floors: Floors,
    batches: BTreeMap<u64, OnItsWay>,
    next_number: u64,
    next_order: u64,
    /// What is sealed and sent before anything else: the rest of a batch in fragments.
    fragments: VecDeque<Vec<u8>>,
    window: Window,
    trip: RoundTrip,
    total: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    messages: usize,
    bytes: usize,
    in_flight: usize,
    acknowledged: u64,
    sent_again: u64,
    last: Option<Duration>,
}

#[derive(Debug)]
struct OnItsWay {
    messages: Vec<Waiting>,
    rows: Bytes,
    layouts: Vec<Numbered>,
    sent: Option<Sent>,
    times: u32,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Duration,
    /// The place among all that was sent.
    order: u64,
}

/// How many messages may wait for acknowledgement; the rest waits in the stream.
const MESSAGES: usize = 4_096;

/// How many bytes of messages may wait for acknowledgement.
const BYTES: usize = 4 << 20;

/// How many places behind an acknowledged one a batch counts as lost, once it has had more than a
/// round trip. RFC 9002 section 6.1.1 says 3; with the time besides, 1 repairs a small window sooner.
const REORDERED: u64 = 1;

// === impl Outgoing ===

impl Outgoing {
    pub(super) fn new(datagram: usize, linger: Duration) -> Self {
        Self {
            // Settings are parsed with a lower bound; a fragment needs room for itself.
            room: datagram
                .saturating_sub(MAX_HEADER + TAG)
                .max(2 * FRAGMENT_OVERHEAD),
            linger,
            queue: VecDeque::new(),
            filling: 1,
            layouts: Layouts::new(),
            held: HashMap::new(),
            state_on_its_way: HashSet::new(),
            floors: Floors::default(),
            batches: BTreeMap::new(),
            next_number: 0,
            next_order: 0,
            fragments: VecDeque::new(),
            window: Window::new(),
            trip: RoundTrip::new(),
            total: Totals::default(),
        }
    }

    pub(super) const fn has_room(&self) -> bool {
        self.total.messages < MESSAGES && self.total.bytes < BYTES
    }

    pub(super) fn offer(&mut self, now: Duration, position: u64, mut entry: Entry) {
        entry.floor = self.floors.taken(&entry.id);
        let layout = self.layouts.of(&entry);
        let waiting = Waiting::new(now, position, entry, layout);
        self.total.messages += 1;
        self.total.bytes += waiting.bytes;
        let device = &waiting.entry.id.device;
        if waiting.is_state() && !self.state_on_its_way.insert(device.clone()) {
            self.held
                .entry(device.clone())
                .or_default()
                .push_back(waiting);
        } else {
            self.queue.push_back(waiting);
        }
    }

    /// Takes acknowledgements; gives the positions in the stream that are safe.
    pub(super) fn acknowledged(&mut self, now: Duration, ranges: &Ranges) -> Vec<u64> {
        let numbers: Vec<u64> = ranges
            .iter()
            .flat_map(|range| self.batches.range(range.first..=range.last))
            .map(|(number, _)| *number)
            .collect();
        let mut positions = Vec::new();
        let mut newest = None;
        for number in numbers {
            let Some(batch) = self.batches.remove(&number) else {
                continue;
            };
            if let Some(sent) = batch.sent {
                self.total.in_flight -= 1;
                newest = newest.max(Some(sent.order));
                if batch.times == 1 {
                    self.trip.measured(now.saturating_sub(sent.at));
                }
            }
            self.trip.answered();
            self.window.acknowledged();
            self.layouts.known(&batch.layouts);
            for message in batch.messages {
                positions.push(message.position);
                self.settled(&message);
            }
            self.total.last = Some(now);
        }
        if let Some(newest) = newest {
            self.overtaken(now, newest);
        }
        positions
    }

    fn settled(&mut self, message: &Waiting) {
        self.floors.acknowledged(&message.entry.id);
        self.total.messages -= 1;
        self.total.bytes -= message.bytes;
        self.total.acknowledged += 1;
        if !message.is_state() {
            return;
        }
        let device = &message.entry.id.device;
        let next = self.held.get_mut(device).and_then(VecDeque::pop_front);
        if let Some(next) = next {
            self.queue.push_back(next);
        } else {
            self.held.remove(device);
            self.state_on_its_way.remove(device);
        }
    }

    /// Takes the word that a batch was not read for want of layouts, and lets it go out with them.
    pub(super) fn unknown_layouts(&mut self, batch: u64, layouts: &[LayoutNumber]) {
        self.layouts.unknown(layouts);
        let batch = self.batches.get_mut(&batch);
        if batch.is_some_and(|batch| batch.sent.take().is_some()) {
            self.total.in_flight -= 1;
        }
    }

    /// Counts as lost what was sent well before something that is acknowledged.
    fn overtaken(&mut self, now: Duration, newest: u64) {
        let trip = self.trip.smoothed().unwrap_or_default();
        // Nine eighths of a round trip (RFC 9002 section 6.1.2).
        let patience = trip * 9 / 8;
        self.give_up(now, |sent| {
            sent.order + REORDERED <= newest && now >= sent.at + patience
        });
    }

    /// Counts as lost what has waited for longer than the timeout.
    pub(super) fn expire(&mut self, now: Duration) {
        let timeout = self.trip.timeout();
        if self.give_up(now, |sent| now >= sent.at + timeout) {
            self.trip.timed_out();
        }
    }

    fn give_up(&mut self, now: Duration, lost: impl Fn(&Sent) -> bool) -> bool {
        let mut any = false;
        for batch in self.batches.values_mut() {
            if let Some(sent) = batch.sent.take_if(|sent| lost(sent)) {
                any = true;
                self.total.in_flight -= 1;
                self.window.lost(now, sent.at);
            }
        }
        any
    }

    /// Lets everything go out at once when what is on its way is `lost`.
    pub(super) fn session_begins(&mut self, lost: bool) {
        if lost {
            self.trip.answered();
            self.fragments.clear();
            for batch in self.batches.values_mut() {
                if batch.sent.take().is_some() {
                    self.total.in_flight -= 1;
                }
            }
        }
    }

    /// The next message to seal and send, as long as the window admits one.
    pub(super) fn next_message(&mut self, now: Duration) -> Option<Vec<u8>> {
        if let Some(fragment) = self.fragments.pop_front() {
            return Some(fragment);
        }
        if !self.window.admits(self.total.in_flight) {
            return None;
        }
        let lost = self.batches.iter().find(|(_, batch)| batch.sent.is_none());
        let number = match lost {
            Some((number, _)) => *number,
            None => self.collect(now)?,
        };
        let batch = self.batches.get_mut(&number)?;
        batch.sent = Some(Sent {
            at: now,
            order: self.next_order,
        });
        self.next_order += 1;
        self.total.in_flight += 1;
        self.total.sent_again += u64::from(batch.times > 0);
        batch.times = batch.times.saturating_add(1);
        let mut told = Batch {
            number,
            definitions: self.layouts.undefined(&batch.layouts),
            rows: batch.rows.clone(),
        };
        let message = told.encode();
        if message.len() <= self.room {
            return Some(message);
        }
        // Fragments of one batch come together from several attempts: they are the same each time.
        told.definitions.clone_from(&batch.layouts);
        self.fragments = packing::fragments(number, &told.encode().into(), self.room);
        self.fragments.pop_front()
    }

    /// Makes a batch of what waits, when a datagram is full or the first has waited long enough.
    fn collect(&mut self, now: Duration) -> Option<u64> {
        let first = self.queue.front()?;
        let lingers = now < first.since + self.linger;
        if lingers && self.queue.len() < self.filling {
            return None;
        }
        let number = self.next_number;
        let packed = packing::pack(&self.queue, number, self.room, &self.layouts, self.filling);
        self.filling = packed.filling(self.room);
        if lingers && self.queue.len() < self.filling {
            return None;
        }
        self.next_number += 1;
        let Packed {
            count,
            batch,
            layouts,
            ..
        } = packed;
        let batch = OnItsWay {
            messages: self.queue.drain(..count).collect(),
            rows: batch.rows,
            layouts,
            sent: None,
            times: 0,
        };
        self.batches.insert(number, batch);
        Some(number)
    }

    /// How many messages wait for acknowledgement.
    pub(super) fn waiting(&self) -> u64 {
        u64::try_from(self.total.messages).unwrap_or(u64::MAX)
    }

    /// Whether something was sent and is not acknowledged.
    pub(super) fn is_waiting(&self) -> bool {
        !self.batches.is_empty()
    }

    pub(super) fn wake(&self) -> Option<Duration> {
        let timeout = self.trip.timeout();
        let sent = self.batches.values().filter_map(|batch| batch.sent);
        let expiry = sent.map(|sent| sent.at + timeout).min();
        let linger = self
            .queue
            .front()
            .filter(|_| self.window.admits(self.total.in_flight))
            .map(|first| first.since + self.linger);
        [expiry, linger].into_iter().flatten().min()
    }

    pub(super) fn progress(&self, now: Duration) -> Progress {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let sent = self.batches.values().flat_map(|batch| &batch.messages);
        let oldest = sent.chain(&self.queue).map(|message| message.since).min();
        Progress {
            waiting: count(self.total.messages),
            waiting_bytes: count(self.total.bytes),
            in_flight: count(self.total.in_flight),
            acknowledged: self.total.acknowledged,
            sent_again: self.total.sent_again,
            oldest: oldest.map(|since| now.saturating_sub(since)),
            since_acknowledgement: self.total.last.map(|last| now.saturating_sub(last)),
            round_trip: self.trip.smoothed(),
        }
    }
}
