//! What comes in from modems.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use umec_wire::uplink::batch::{Batch, BatchError};
use umec_wire::uplink::{Datagram, Down, Fragment, Freshness, Lane, Now, Sealed, Up, Way};
use umec_wire::{Boot, ModemName};

use super::early::Arrived;
use super::modem::Modem;
use super::sessions::NotOpened;
use super::{Action, Machine, Written};
use crate::record;

/// What has happened, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that were opened.
    pub opened: u64,
    /// Messages that Kafka refused for good; they come again.
    pub failed: u64,
    /// Messages that came before.
    pub duplicates: u64,
    /// Messages whose body could not be read; they are acknowledged and not written.
    pub unreadable: u64,
    /// Batches left aside because Kafka takes nothing or too much is on its way.
    pub held_back: u64,
    /// Sessions that were proven.
    pub sessions: u64,
    /// Changes of address that the modem has confirmed.
    pub moves: u64,
    /// Challenges sent to new addresses.
    pub challenges: u64,
    /// Datagrams that are not of this protocol.
    pub malformed: u64,
    /// Hellos of callers that did not show that they hear at their address.
    pub no_cookie: u64,
    /// Hellos beyond what may begin at a time.
    pub not_admitted: u64,
    /// Hellos with a wrong key.
    pub wrong_key: u64,
    /// Datagrams of sessions that are not known.
    pub unknown_session: u64,
    /// Datagrams of sessions whose time is over.
    pub old_session: u64,
    /// Datagrams that came before.
    pub replayed: u64,
    /// Datagrams that are damaged or forged.
    pub broken: u64,
    /// Messages that were opened and not understood.
    pub not_understood: u64,
    /// Batches that were not read for want of a layout; they come again with it.
    pub unknown_layouts: u64,
}

impl Machine {
    /// Takes any other datagram.
    pub fn datagram(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        match Datagram::decode(bytes) {
            Ok(Datagram::Sealed(sealed)) if sealed.way == Way::Up => {
                self.sealed(now, from, sealed, bytes.len());
            }
            Ok(_) | Err(_) => self.counters.malformed += 1,
        }
    }

    fn sealed(&mut self, now: Now, from: SocketAddr, sealed: Sealed<'_>, length: usize) {
        let name = self.connections.get(&sealed.connection).cloned();
        let known = name.and_then(|name| {
            let modem = self.modems.get_mut(&name)?;
            Some((name, modem))
        });
        let Some((name, modem)) = known else {
            self.counters.unknown_session += 1;
            self.tell_unknown(from, &sealed);
            return;
        };
        let drawn = self.random.random();
        let opened = match modem.sessions.open(now, from, &sealed, length, drawn) {
            Ok(opened) => opened,
            Err(NotOpened::Replayed) => {
                self.counters.replayed += 1;
                return;
            }
            Err(NotOpened::Broken) => {
                self.counters.broken += 1;
                return;
            }
            Err(NotOpened::Old) => {
                self.counters.old_session += 1;
                self.tell_unknown(from, &sealed);
                return;
            }
        };
        self.counters.opened += 1;
        let was_up = std::mem::replace(&mut modem.is_up, true);
        if opened.proved {
            modem.proven(opened.boot);
            self.counters.sessions += 1;
            self.nodes.insert(modem.node.clone(), name.clone());
            self.commands.session_begins(now.steady, &modem.node);
        }
        if opened.proved || !was_up {
            self.tell_of(now.wall, &name);
        }
        if opened.proved {
            self.claim(now, &name);
        }
        self.challenge(now, &name);
        self.message(now, &name, opened.boot, sealed.lane, &opened.message);
    }

    /// Asks a modem that seems to have moved whether it hears there.
    fn challenge(&mut self, now: Now, name: &ModemName) {
        let modem = self.modems.get_mut(name);
        if let Some(sealed) = modem.and_then(|m| m.sessions.challenge(now.steady)) {
            self.counters.challenges += 1;
            self.send_sealed(Some(sealed));
        }
    }

    /// Takes the answer to a challenge.
    fn answered(&mut self, now: Now, name: &ModemName, number: u32) {
        let Some(modem) = self.modems.get_mut(name) else {
            return;
        };
        if !modem.sessions.settle(number) {
            return;
        }
        self.counters.moves += 1;
        // What was sent to the old address since the move is lost.
        modem.repeat();
        self.owed.insert(name.clone());
        self.commands.session_begins(now.steady, &modem.node);
        self.tell_of(now.wall, name);
    }

    fn tell_unknown(&mut self, to: SocketAddr, sealed: &Sealed<'_>) {
        // Shorter than what it answers, so nobody gains by making us send it.
        let bytes = Datagram::Unknown(sealed.connection).encode();
        self.actions.push_back(Action::Send { to, bytes });
    }

    fn message(&mut self, now: Now, name: &ModemName, boot: Boot, lane: Lane, message: &Bytes) {
        match Up::decode(message).ok().filter(|m| m.lane() == lane) {
            Some(Up::Batch(batch)) => self.batch(now, name, boot, &batch, Freshness::Live),
            Some(Up::Backlog(batch)) => self.batch(now, name, boot, &batch, Freshness::Backlog),
            Some(Up::Fragment(fragment)) => self.fragment(now, name, boot, fragment),
            Some(Up::Result(result)) => self.reported(now, name, result),
            Some(Up::Keepalive {
                waiting,
                round_trip,
            }) => {
                if let Some(modem) = self.modems.get_mut(name) {
                    modem.waiting = waiting;
                    modem.told(now.wall, round_trip);
                    if waiting > 0 {
                        modem.repeat();
                        self.owed.insert(name.clone());
                    }
                }
                let refusing = self.trouble.clone();
                self.send(name, &Down::Alive { refusing });
            }
            Some(Up::Answer(number)) => self.answered(now, name, number),
            Some(Up::Probe { number, .. }) => self.send(name, &Down::ProbeArrived(number)),
            None => self.counters.not_understood += 1,
        }
    }

    fn fragment(&mut self, now: Now, name: &ModemName, boot: Boot, fragment: Fragment) {
        let number = fragment.number;
        let modem = self.modems.get_mut(name);
        let Some(whole) = modem.and_then(|m| m.assembly.insert(boot, fragment)) else {
            return;
        };
        match Up::decode(&whole) {
            Ok(Up::Batch(batch)) if batch.number == number => {
                self.batch(now, name, boot, &batch, Freshness::Live);
            }
            Ok(Up::Backlog(batch)) if batch.number == number => {
                self.batch(now, name, boot, &batch, Freshness::Backlog);
            }
            _ => self.counters.not_understood += 1,
        }
    }

    /// Takes a batch, or says what is missing to read it.
    fn batch(
        &mut self,
        now: Now,
        name: &ModemName,
        boot: Boot,
        batch: &Batch,
        freshness: Freshness,
    ) {
        let Some(modem) = self.modems.get_mut(name) else {
            return;
        };
        match modem.read(boot, batch) {
            Ok(entries) => {
                let batch = Arrived {
                    boot,
                    number: batch.number,
                    entries,
                    freshness,
                };
                if self.is_restored && self.tenure.is_mine(name) {
                    self.take_early(now, name);
                    self.entries(now, name, batch);
                } else {
                    self.claim(now, name);
                    self.wait(now, name, batch);
                }
            }
            Err(BatchError::UnknownLayouts(layouts)) => {
                self.counters.unknown_layouts += 1;
                let batch = batch.number;
                self.send(name, &Down::UnknownLayouts { batch, layouts });
            }
            Err(_) => self.counters.not_understood += 1,
        }
    }

    /// How many messages of a modem may be handed out for writing: what is left, within a fair share.
    fn room(&mut self, now: Duration, name: &ModemName) -> usize {
        let Some(modem) = self.modems.get_mut(name) else {
            return 0;
        };
        let share = self.shares.of(now, self.capacity, &mut modem.turn);
        let left = self.capacity.saturating_sub(self.written.len());
        left.min(share.saturating_sub(modem.writing()))
    }

    /// Takes a batch of a modem for which this gateway may write.
    pub(super) fn entries(&mut self, now: Now, name: &ModemName, batch: Arrived) {
        let Arrived {
            boot,
            number,
            entries,
            freshness,
        } = batch;
        let room = self.room(now.steady, name);
        let Some(modem) = self.modems.get_mut(name) else {
            return;
        };
        let node = modem.node.clone();
        let taken = modem.batch(boot, number, entries, room);
        self.counters.duplicates += taken.duplicates;
        self.counters.held_back += u64::from(taken.is_refused);
        for entry in taken.fresh {
            let id = entry.id.clone();
            if let Ok(record) = record::of_entry(name, &node, entry, freshness) {
                let what = Written::Message(record.topic, name.clone(), id);
                self.write(what, record);
            } else if let Some(modem) = self.modems.get_mut(name) {
                // It would come again for ever, and be no better.
                self.counters.unreadable += 1;
                modem.settled(now.wall, &id);
            }
        }
        if self.modems.get(name).is_some_and(Modem::owes) {
            self.owed.insert(name.clone());
        }
    }
}
