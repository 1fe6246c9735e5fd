//! What is live before what has piled up: which message waits where, and whose turn it is.

use std::time::Duration;

use umec_sdk::bus::{Lane, Room};
use umec_wire::DeviceName;
use umec_wire::uplink::{Entry, Freshness};

use super::super::packing::{self, Packed};
use super::super::waiting::Waiting;
use super::{BYTES, MESSAGES, Outgoing};

/// How many messages of the backlog wait in memory; the rest waits in the stream.
const BACKLOG: usize = MESSAGES / 2;

/// What marks a batch of the backlog takes: an array of two, a number, and the head of the bytes.
const MARK: usize = 1 + 1 + 3;

// === impl Outgoing ===

impl Outgoing {
    /// What may be offered. New messages find room also while the backlog has used up its own.
    pub(in super::super) fn offers(&self) -> Room {
        let backlog = self.backlog.queue.len();
        // What is held goes when others have been read, so it takes no room from them.
        let messages = self.total.messages - self.backlog.held();
        let bytes = self.total.bytes - self.backlog.held_bytes();
        Room {
            in_order: backlog < BACKLOG && messages < MESSAGES && bytes < BYTES,
            ahead: messages - backlog < MESSAGES && bytes < 2 * BYTES,
        }
    }

    /// Takes a message. Says whether it goes up: an older state does not, once a newer one does.
    pub(in super::super) fn offer(
        &mut self,
        now: Duration,
        position: u64,
        mut entry: Entry,
        lane: Lane,
    ) -> bool {
        let kind = entry.content.kind();
        if kind == umec_wire::uplink::EntryKind::Status
            && !self.backlog.is_newest(&entry.id.device, position)
        {
            return false;
        }
        entry.floor = self.floors.taken(&entry.id, lane);
        let layout = self.layouts.of(&entry);
        let waiting = Waiting::new(now, position, lane, entry, layout);
        self.total.messages += 1;
        self.total.bytes += waiting.bytes;
        let device = &waiting.entry.id.device;
        if waiting.is_state() {
            if self.state_on_its_way.insert(device.clone()) {
                self.queue.push_back(waiting);
            } else {
                let held = self.held.entry(device.clone()).or_default();
                held.push_back(waiting);
            }
        } else if lane == Lane::Backlog {
            self.backlog.passed(position);
            self.backlog.push(waiting);
        } else {
            self.queue.push_back(waiting);
        }
        true
    }

    /// Takes note of how far the stream has been read in order.
    pub(in super::super) fn passed(&mut self, position: u64) {
        self.backlog.passed(position);
    }

    /// Takes note of a state that an earlier run may have sent.
    pub(in super::super) fn known_state(&mut self, device: &DeviceName, position: u64) {
        self.backlog.is_newest(device, position);
    }

    /// Whether something has waited for so long that new messages should be read ahead of it.
    pub(in super::super) fn has_backlog(&self) -> bool {
        !self.backlog.queue.is_empty()
    }

    /// Lets a device's next state go. Of those that have piled up the newest alone does; the others are
    /// done.
    pub(super) fn release(&mut self, now: Duration, device: &DeviceName, done: &mut Vec<u64>) {
        loop {
            let held = self.held.get_mut(device);
            let next = held.and_then(|held| held.pop_front().map(|next| (next, held.is_empty())));
            let Some((next, is_last)) = next else {
                self.held.remove(device);
                self.state_on_its_way.remove(device);
                return;
            };
            if is_last || !self.backlog.is_old(now, &next) {
                self.queue.push_back(next);
                return;
            }
            done.push(next.position);
            self.settled(&next);
        }
    }

    /// Makes a batch of what has piled up, as far as its share of the way allows.
    pub(super) fn collect_backlog(&mut self, now: Duration) {
        let admits = now >= self.backlog.alone() || self.admits_backlog();
        if !self.has_backlog() || !admits || !self.backlog.may_send(now) {
            return;
        }
        let room = self.room().saturating_sub(MARK);
        let number = self.flight.next_number();
        let (queue, filling) = (&self.backlog.queue, self.backlog.filling);
        let packed = packing::pack(queue, number, room, &self.layouts, filling);
        self.backlog.filling = packed.filling(room);
        let Packed {
            count,
            batch,
            layouts,
            length,
        } = packed;
        self.backlog.sent(length);
        let messages = self.backlog.queue.drain(..count).collect();
        self.flight
            .add(messages, Freshness::Backlog, batch.rows, layouts);
    }

    /// When there may be something to do for the backlog.
    pub(super) fn backlog_due(&self) -> Option<Duration> {
        let next = self.flight.ready(true)?;
        let from = if self.admits_backlog() {
            next
        } else {
            self.backlog.alone().max(next)
        };
        let wake = self.backlog.wake();
        self.has_backlog()
            .then(|| wake.map_or(from, |wake| wake.max(from)))
    }

    fn admits_backlog(&self) -> bool {
        self.flight
            .admits_backlog(|bytes| self.backlog.weighed(bytes))
    }
}
