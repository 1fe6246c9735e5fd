//! What waits for a sink: bounded in bytes, the oldest go first when it is full.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Fates, Packed};

/// Records on their way to one sink. Never blocks whoever fills it.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
    fates: Fates,
}

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<Packed>,
    bytes: usize,
}

/// The most bytes that wait: about a hundred thousand readings, or 5 s of 20,000 a second.
pub(super) const BYTES: usize = 8 << 20;

/// What a record takes beside its own bytes, roughly.
const OVERHEAD: usize = 96;

// === impl Queue ===

impl Queue {
    pub(super) fn new(fates: Fates) -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Notify::new(),
            fates,
        }
    }

    /// Adds a record; the oldest go, counted, until it fits.
    pub(super) fn push(&self, packed: Packed) {
        let dropped = self.waiting().push(packed, BYTES);
        self.fates.count("queue-full", dropped);
        self.filled.notify_one();
    }

    /// Takes records of at most `bytes`, and at least one; waits while there is none. Cancel safe.
    pub(super) async fn take(&self, bytes: usize) -> Vec<Packed> {
        loop {
            let taken = self.waiting().take(bytes);
            if !taken.is_empty() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    /// How many records wait.
    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.waiting().records.len()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    /// Adds a record; gives how many went for it.
    fn push(&mut self, packed: Packed, most: usize) -> usize {
        self.bytes += packed.bytes() + OVERHEAD;
        self.records.push_back(packed);
        let mut dropped = 0;
        while self.bytes > most && self.pop().is_some() {
            dropped += 1;
        }
        dropped
    }

    fn take(&mut self, bytes: usize) -> Vec<Packed> {
        let mut taken = Vec::new();
        let mut sum = 0;
        while let Some(next) = self.records.front() {
            sum += next.bytes();
            if sum > bytes && !taken.is_empty() {
                break;
            }
            taken.extend(self.pop());
        }
        taken
    }

    fn pop(&mut self) -> Option<Packed> {
        let packed = self.records.pop_front()?;
        self.bytes -= packed.bytes() + OVERHEAD;
        Some(packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(value: &'static str) -> Packed {
        Packed {
            key: String::new(),
            value: value.into(),
        }
    }

    #[test]
    fn the_oldest_go_when_it_is_full_and_are_counted() {
        let mut waiting = Waiting::default();
        let most = 2 * (OVERHEAD + 3);
        let dropped = ["one", "two", "six", "four"].map(|v| waiting.push(packed(v), most));
        assert_eq!(dropped, [0, 0, 1, 2]);
        assert_eq!(waiting.take(usize::MAX), [packed("four")]);
        assert_eq!(waiting.bytes, 0);
    }

    #[test]
    fn at_least_one_record_is_taken_and_no_more_than_asked_for() {
        let mut waiting = Waiting::default();
        for value in ["four", "one", "two"] {
            waiting.push(packed(value), BYTES);
        }
        assert_eq!(waiting.take(3), [packed("four")]);
        assert_eq!(waiting.take(5), [packed("one")]);
        assert_eq!(waiting.take(5), [packed("two")]);
        assert!(waiting.take(5).is_empty());
    }
}
