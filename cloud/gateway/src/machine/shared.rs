//! What gateways that share modems owe each other: claims, releases, fences.

use std::time::Duration;

use umec_wire::uplink::Now;
use umec_wire::{Boot, ModemName, Timestamp};

use super::modem::Modem;
use super::sessions::Sessions;
use super::snapshot::{gateway_record, modem_record, owner_record};
use super::tenure::OwnerRecord;
use super::{Action, Machine, Written};
use crate::kafka::{Incoming, Outgoing};

/// How long a claim or a release may take to come back before it is made again.
const AGAIN: Duration = Duration::from_secs(2);

// === impl Machine ===

impl Machine {
    /// Takes the next record of `umec.marks`, in order, of whichever gateway.
    pub fn log(&mut self, now: Now, record: &Incoming) -> Result<(), serde_json::Error> {
        self.restore(now.steady, record)
    }

    /// Takes the word of who owns a modem.
    pub(super) fn owner(&mut self, name: &ModemName, record: OwnerRecord) {
        let was_mine = self.tenure.is_mine(name);
        self.tenure.owner(name.clone(), record);
        if was_mine == self.tenure.is_mine(name) {
            return;
        }
        self.asked.remove(name);
        if was_mine && let Some(modem) = self.modems.get_mut(name) {
            // It speaks with another gateway; should it come back, it does so with a new session.
            for connection in modem.sessions.connections() {
                self.connections.remove(&connection);
            }
            modem.sessions = Sessions::default();
            modem.is_up = false;
        }
    }

    /// Claims a modem that speaks here, unless that is done.
    pub(super) fn claim(&mut self, now: Now, name: &ModemName) {
        let Some(record) = self.tenure.claim(name).filter(|_| self.is_restored) else {
            return;
        };
        if self.is_due(now.steady, name) {
            self.write(Written::Tenure, owner_record(now.wall, name, &record));
        }
    }

    fn is_due(&mut self, now: Duration, name: &ModemName) -> bool {
        if self
            .asked
            .get(name)
            .is_some_and(|asked| now < *asked + AGAIN)
        {
            return false;
        }
        self.asked.insert(name.clone(), now);
        true
    }

    /// Releases what others have claimed, and fences those who are silent.
    pub(super) fn share(&mut self, now: Now) {
        let leaving = self.tenure.leaving();
        let leaving: Vec<_> = leaving
            .map(|(name, record)| (name.clone(), record))
            .collect();
        for (name, record) in leaving {
            let modem = self.modems.get(&name);
            if modem.is_some_and(Modem::is_writing) || !self.is_due(now.steady, &name) {
                continue;
            }
            if let Some(modem) = self.modems.get(&name) {
                self.write(Written::Tenure, modem_record(now.wall, &name, modem));
            }
            self.write(Written::Tenure, owner_record(now.wall, &name, &record));
        }
        if now.steady < self.next_look {
            return;
        }
        self.next_look = now.steady + Duration::from_secs(1);
        self.clear_rights(now.wall);
        let silent = self.tenure.silent(now.steady);
        if self.is_restored && !self.is_inheriting && !silent.is_empty() {
            self.is_inheriting = true;
            self.actions.push_back(Action::Inherit(silent));
        }
    }

    /// Earlier runs of this very gateway, which nobody has inherited.
    pub fn predecessors(&self) -> Vec<Boot> {
        self.tenure.predecessors()
    }

    /// The records that announce this gateway and make it the heir of others.
    pub fn fences(&self, now: Timestamp, others: &[Boot]) -> Vec<Outgoing> {
        let own = (!self.tenure.is_announced())
            .then(|| self.tenure.own_record(self.tenure.latest().clone()));
        let fence = |boot: &Boot| Some((*boot, self.tenure.fence(*boot)?));
        let records = own.into_iter().chain(others.iter().filter_map(fence));
        records
            .map(|(boot, record)| gateway_record(now, boot, &record))
            .collect()
    }

    /// Whether what [`Machine::fences`] gave has been read.
    pub fn has_fenced(&self, others: &[Boot]) -> bool {
        let living = |boot: &Boot| {
            self.tenure
                .fence(*boot)
                .is_some_and(|_| !self.tenure.is_gone(*boot))
        };
        self.tenure.is_announced() && !others.iter().any(living)
    }

    /// Those whose last records have to be looked through before their modems are taken.
    pub fn estates(&self) -> Vec<Boot> {
        self.tenure.estates().map(|(boot, _)| boot).collect()
    }

    /// Whether this gateway must stop: another has its modems, or may have them any moment.
    pub fn is_over(&self, now: Duration) -> bool {
        self.is_restored && self.tenure.is_over(now)
    }

    /// Leaves in order: the next snapshot says so. Nothing is on its way to Kafka any more, and nothing
    /// is taken.
    pub fn leave(&mut self) {
        self.tenure.leave();
    }

    /// Takes over what another machine has restored: at first all of it, later what it knows of those
    /// that are gone. From the first time on batches are taken.
    pub fn adopt(&mut self, now: Duration, restored: Self) {
        let estates = restored.estates();
        for (name, from) in restored.modems {
            let node = from.node.clone();
            let modem = self.modems.entry(name).or_insert_with(|| Modem::new(node));
            for (device, boot, mark) in from.marks.iter() {
                modem.marks.merge(device, boot, mark);
            }
            modem.is_changed |= from.is_changed;
        }
        self.is_inheriting = false;
        if self.is_restored {
            for id in restored.commands.all_ended() {
                self.commands.ended(&id);
            }
        } else {
            self.commands = restored.commands;
            self.rights = restored.rights;
            self.places = restored.places;
            self.tenure = restored.tenure;
            self.tenure.begin(now);
            self.is_restored = true;
        }
        self.tenure.known(&estates);
        self.known_estates.extend(estates);
    }

    /// Takes the word that inheriting did not succeed; it is tried again.
    pub fn not_inherited(&mut self) {
        self.is_inheriting = false;
    }
}
