//! Batches on their way: sent, acknowledged by ranges, given up for lost, sent again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use umec_wire::uplink::datagram::{MAX_HEADER, TAG};
use umec_wire::uplink::rtt::RoundTrip;
use umec_wire::uplink::{Freshness, Ranges};

use super::layouts::Numbered;
use super::size::PathSize;
use super::waiting::Waiting;
use super::window::Window;

#[derive(Debug)]
pub(super) struct Flight {
    batches: BTreeMap<u64, OnItsWay>,
    next_number: u64,
    next_order: u64,
    /// What is sealed and sent before anything else: the rest of a batch in fragments.
    fragments: VecDeque<(u64, Vec<u8>)>,
    window: Window,
    trip: RoundTrip,
    /// When the timeout was doubled last.
    backed_off: Duration,
    pub(super) size: PathSize,
    /// When the gateway was heard last.
    heard: Duration,
    /// How many batches were sent and are neither acknowledged nor given up.
    under_way: usize,
    sent_again: u64,
}

#[derive(Debug)]
pub(super) struct OnItsWay {
    pub(super) messages: Vec<Waiting>,
    pub(super) freshness: Freshness,
    pub(super) rows: Bytes,
    pub(super) layouts: Vec<Numbered>,
    sent: Option<Sent>,
    times: u32,
    /// When it was sent last, and the time before.
    last: Duration,
    earlier: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Duration,
    /// What it takes of the window.
    bytes: usize,
    /// The largest datagram of it.
    largest: usize,
    /// The place among all that was sent.
    order: u64,
}

/// How many places behind an acknowledged one a batch counts as lost, once it has had more than a
/// round trip. RFC 9002 section 6.1.1 says 3; with the time besides, 1 repairs a small window sooner.
const REORDERED: u64 = 1;

// === impl Flight ===

impl Flight {
    pub(super) fn new(datagram: usize) -> Self {
        let size = PathSize::new(datagram);
        Self {
            batches: BTreeMap::new(),
            next_number: 0,
            next_order: 0,
            fragments: VecDeque::new(),
            window: Window::new(size.datagram()),
            trip: RoundTrip::new(),
            backed_off: Duration::ZERO,
            size,
            heard: Duration::ZERO,
            under_way: 0,
            sent_again: 0,
        }
    }

    /// Notes that the gateway was heard.
    pub(super) const fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    /// Takes acknowledgements; gives the batches that are safe.
    pub(super) fn acknowledged(&mut self, now: Duration, ranges: &Ranges) -> Vec<OnItsWay> {
        let numbers: Vec<u64> = ranges
            .iter()
            .flat_map(|range| self.batches.range(range.first..=range.last))
            .map(|(number, _)| *number)
            .collect();
        let mut safe = Vec::new();
        let mut newest = None;
        for number in numbers {
            let Some(batch) = self.batches.remove(&number) else {
                continue;
            };
            if let Some(trip) = batch.trip(now, self.window.path()) {
                self.trip.measured(trip);
                self.window.measured(now, trip);
            }
            if let Some(sent) = batch.sent {
                self.under_way -= 1;
                newest = newest.max(Some(sent.order));
                self.window.acknowledged(now, sent.bytes);
                self.size.acknowledged(sent.largest);
            }
            self.fragments.retain(|(of, _)| *of != number);
            safe.push(batch);
        }
        if let Some(newest) = newest {
            self.overtaken(now, newest);
        }
        safe
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
        if self.give_up(now, |sent| now >= sent.at + timeout) && now >= self.backed_off + timeout {
            // What was sent together runs out together, and doubles the timeout once.
            self.backed_off = now;
            self.trip.timed_out();
        }
    }

    fn give_up(&mut self, now: Duration, lost: impl Fn(&Sent) -> bool) -> bool {
        let mut any = false;
        for batch in self.batches.values_mut() {
            if let Some(sent) = batch.sent.take_if(|sent| lost(sent)) {
                any = true;
                self.under_way -= 1;
                self.window.lost(now, sent.bytes);
                // In a silence everything is lost, whatever its size.
                if self.heard > sent.at {
                    self.size.lost(now, sent.largest);
                }
            }
        }
        self.window.resize(self.size.datagram());
        any
    }

    /// Lets everything go out anew: what is on its way is lost.
    pub(super) fn begin_anew(&mut self) {
        self.trip.forgive();
        self.fragments.clear();
        let numbers: Vec<u64> = self.batches.keys().copied().collect();
        for number in numbers {
            self.forget(number);
        }
    }

    /// Lets one batch go out anew.
    pub(super) fn forget(&mut self, number: u64) {
        let batch = self.batches.get_mut(&number);
        if let Some(sent) = batch.and_then(|batch| batch.sent.take()) {
            self.under_way -= 1;
            self.window.forgotten(sent.bytes);
        }
    }

    /// The next part of a batch that has begun.
    pub(super) fn next_fragment(&mut self, now: Duration) -> Option<Vec<u8>> {
        if now < self.window.next() {
            return None;
        }
        let (number, fragment) = self.fragments.pop_front()?;
        self.window.paced(now, fragment.len());
        // The batch is on its way when its last part is.
        let sent = self.batches.get_mut(&number).and_then(|b| b.sent.as_mut());
        if let Some(sent) = sent {
            sent.at = now;
        }
        Some(fragment)
    }

    /// Whether a batch may go out.
    pub(super) fn admits(&self, now: Duration) -> bool {
        now >= self.window.next() && self.fragments.is_empty() && self.window.admits()
    }

    /// Whether the window would admit a batch, were the backlog that is on its way all there is and
    /// `weighed` for its bytes.
    pub(super) fn admits_backlog(&self, weighed: impl Fn(usize) -> usize) -> bool {
        let batches = self.batches.values();
        let backlog = batches.filter(|batch| batch.freshness == Freshness::Backlog);
        let bytes = backlog
            .filter_map(|batch| batch.sent)
            .map(|sent| sent.bytes);
        self.window.admits() && self.window.holds(weighed(bytes.sum()))
    }

    /// The number that the next batch gets.
    pub(super) const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Adds a batch that was not sent yet.
    pub(super) fn add(
        &mut self,
        messages: Vec<Waiting>,
        freshness: Freshness,
        rows: Bytes,
        layouts: Vec<Numbered>,
    ) {
        let batch = OnItsWay {
            messages,
            freshness,
            rows,
            layouts,
            sent: None,
            times: 0,
            last: Duration::ZERO,
            earlier: Duration::ZERO,
        };
        self.batches.insert(self.next_number, batch);
        self.next_number += 1;
    }

    /// The first batch that is to be sent.
    pub(super) fn first_unsent(&self) -> Option<(u64, &OnItsWay)> {
        let unsent = self.batches.iter().find(|(_, batch)| batch.sent.is_none());
        unsent.map(|(number, batch)| (*number, batch))
    }

    /// Sends a batch, in parts of a datagram each; gives the first of them.
    pub(super) fn send(
        &mut self,
        now: Duration,
        number: u64,
        mut parts: VecDeque<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let on_the_wire = |part: &Vec<u8>| part.len() + MAX_HEADER + TAG;
        let bytes = parts.iter().map(on_the_wire).sum();
        let largest = parts.iter().map(on_the_wire).max().unwrap_or_default();
        let batch = self.batches.get_mut(&number)?;
        self.window.sent(now, bytes);
        batch.sent = Some(Sent {
            at: now,
            bytes,
            largest,
            order: self.next_order,
        });
        self.next_order += 1;
        self.under_way += 1;
        batch.earlier = std::mem::replace(&mut batch.last, now);
        self.sent_again += u64::from(batch.times > 0);
        batch.times = batch.times.saturating_add(1);
        let first = parts.pop_front()?;
        self.fragments = parts.into_iter().map(|part| (number, part)).collect();
        self.window.paced(now, first.len());
        Some(first)
    }

    /// Whether something was sent and is not acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The messages on their way.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Waiting> {
        self.batches.values().flat_map(|batch| &batch.messages)
    }

    /// When something is to be given up for lost.
    pub(super) fn expiry(&self) -> Option<Duration> {
        let timeout = self.trip.timeout();
        let sent = self.batches.values().filter_map(|batch| batch.sent);
        sent.map(|sent| sent.at + timeout).min()
    }

    /// When something that is there may go out; `None` while the window is full. `more` says that
    /// another batch could be made.
    pub(super) fn ready(&self, more: bool) -> Option<Duration> {
        let is_due = !self.fragments.is_empty()
            || self.window.admits() && (more || self.first_unsent().is_some());
        is_due.then(|| self.window.next())
    }

    /// How long to wait for an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.trip.timeout()
    }

    /// The smoothed round trip.
    pub(super) const fn round_trip(&self) -> Option<Duration> {
        self.trip.smoothed()
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.under_way
    }

    pub(super) const fn sent_again(&self) -> u64 {
        self.sent_again
    }
}

// === impl OnItsWay ===

impl OnItsWay {
    /// The round trip that its acknowledgement tells of, on a path that takes `path` at least. What was
    /// sent twice may be answered for either time (Karn's rule), unless the answer comes too soon to
    /// be one to the second (the idea of RFC 3522).
    fn trip(&self, now: Duration, path: Option<Duration>) -> Option<Duration> {
        let since = now.saturating_sub(self.last);
        match self.times {
            1 => Some(since),
            _ if path.is_some_and(|path| since < path * 3 / 4) => {
                Some(now.saturating_sub(self.earlier))
            }
            _ => None,
        }
    }
}
