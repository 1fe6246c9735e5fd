//! Batches that come before this gateway may write for their modem: a claim takes some milliseconds, and the
//! start of a gateway some seconds. They wait for that in the order in which they came, so that what is sent
//! meanwhile and afterwards gets into Kafka in that order, and need not be sent again.

use std::collections::VecDeque;
use std::time::Duration;

use umec_wire::uplink::{Entry, Freshness, Now};
use umec_wire::{Boot, ModemName};

use super::Machine;

/// A batch that was read.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) boot: Boot,
    pub(super) number: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) freshness: Freshness,
}

/// The batches of one modem that wait.
#[derive(Debug, Default)]
pub(super) struct Early {
    batches: VecDeque<Arrived>,
    messages: usize,
    since: Duration,
}

/// How long they wait at most: another gateway may have the modem. It sends them again.
const PATIENCE: Duration = Duration::from_secs(30);

// === impl Early ===

impl Early {
    fn has(&self, batch: &Arrived) -> bool {
        let mut batches = self.batches.iter();
        batches.any(|other| (other.boot, other.number) == (batch.boot, batch.number))
    }
}

// === impl Machine ===

impl Machine {
    /// Lets a batch wait until this gateway may write for the modem, as far as there is room.
    pub(super) fn wait(&mut self, now: Now, name: &ModemName, batch: Arrived) {
        let messages = batch.entries.len();
        let room = self.capacity.saturating_sub(self.written.len());
        let Some(modem) = self.modems.get_mut(name) else {
            return;
        };
        let early = &mut modem.early;
        if early.has(&batch) {
            self.counters.duplicates += messages as u64;
        } else if self.early + messages > room {
            self.counters.held_back += 1;
        } else {
            if early.batches.is_empty() {
                early.since = now.steady;
            }
            early.messages += messages;
            early.batches.push_back(batch);
            self.early += messages;
        }
    }

    /// Takes what has waited for a modem for which this gateway may write.
    pub(super) fn take_early(&mut self, now: Now, name: &ModemName) {
        if self.early == 0 {
            return;
        }
        let modem = self.modems.get_mut(name);
        let early = modem.map(|modem| std::mem::take(&mut modem.early));
        let early = early.unwrap_or_default();
        self.early -= early.messages;
        for batch in early.batches {
            self.entries(now, name, batch);
        }
    }

    /// Takes what has waited for modems that this gateway has by now, and forgets what nobody waits for.
    pub(super) fn look_at_early(&mut self, now: Now) {
        if self.early == 0 {
            return;
        }
        let waiting = self.modems.iter().filter(|(_, m)| m.early.messages > 0);
        let names: Vec<ModemName> = waiting.map(|(name, _)| name.clone()).collect();
        for name in names {
            if self.is_restored && self.tenure.is_mine(&name) {
                self.take_early(now, &name);
            } else if let Some(modem) = self.modems.get_mut(&name)
                && now.steady >= modem.early.since + PATIENCE
            {
                self.early -= std::mem::take(&mut modem.early).messages;
            }
        }
    }
}
