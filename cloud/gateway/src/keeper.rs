//! Snapshots on their way to Kafka: the places are written when the marks are there.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;
use umec_wire::Timestamp;

use crate::kafka::{Outgoing, Producer};
use crate::machine::Machine;

/// Writes a snapshot at a time.
#[derive(Debug)]
pub(crate) struct Keeper {
    next: Instant,
    number: u64,
    waiting: HashSet<u64>,
    places: Vec<Outgoing>,
}

/// What distinguishes the tokens of snapshots from the machine's, which count up from 0.
const OURS: u64 = 1 << 63;

/// How often; what was written since the last one is read again after a restart. It is the sign of life
/// by which other gateways know this one, too.
const EVERY: Duration = Duration::from_secs(2);

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new() -> Self {
        Self {
            next: Instant::now() + EVERY,
            number: OURS,
            waiting: HashSet::new(),
            places: Vec::new(),
        }
    }

    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    /// Whether a snapshot is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Begins a snapshot when one is due.
    pub(crate) fn poll(&mut self, machine: &mut Machine, producer: &Producer, now: Timestamp) {
        if Instant::now() >= self.next && !self.is_busy() {
            self.next = Instant::now() + EVERY;
            self.begin(machine, producer, now);
        }
    }

    /// Begins a snapshot.
    pub(crate) fn begin(&mut self, machine: &mut Machine, producer: &Producer, now: Timestamp) {
        let snapshot = machine.snapshot(now);
        self.places = snapshot.places;
        for record in &snapshot.modems {
            if !self.send(producer, record) {
                self.fail(machine);
                return;
            }
        }
        self.finish(machine, producer);
    }

    /// Takes a report; false where it is not ours.
    pub(crate) fn delivered(
        &mut self,
        machine: &mut Machine,
        producer: &Producer,
        token: u64,
        is_there: bool,
    ) -> bool {
        if token < OURS {
            return false;
        }
        if self.waiting.remove(&token) {
            if is_there {
                self.finish(machine, producer);
            } else {
                self.fail(machine);
            }
        }
        true
    }

    fn finish(&mut self, machine: &mut Machine, producer: &Producer) {
        if !self.waiting.is_empty() {
            return;
        }
        for record in std::mem::take(&mut self.places) {
            if !self.send(producer, &record) {
                self.fail(machine);
                return;
            }
        }
    }

    fn fail(&mut self, machine: &mut Machine) {
        self.waiting.clear();
        self.places.clear();
        machine.snapshot_failed();
    }

    fn send(&mut self, producer: &Producer, record: &Outgoing) -> bool {
        self.number += 1;
        let is_taken = producer.send(self.number, record).is_ok();
        if is_taken {
            self.waiting.insert(self.number);
        }
        is_taken
    }
}
