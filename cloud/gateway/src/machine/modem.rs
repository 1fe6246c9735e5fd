//! One modem: its sessions, what it has sent, and what of that is in Kafka.

use std::time::Duration;

use hashbrown::HashMap;
use smallvec::SmallVec;
use umec_wire::modem::{Heard, Loss, ModemState, Protocol, Told};
use umec_wire::uplink::batch::{Batch, BatchError};
use umec_wire::uplink::{Entry, Ranges};
use umec_wire::{Boot, MessageId, ModemName, NodeName, Timestamp};

use super::admission::Bucket;
use super::assembly::Assembly;
use super::early::Early;
use super::layouts::Layouts;
use super::marks::Marks;
use super::sessions::Sessions;
use super::shares::Turn;

#[derive(Debug)]
pub(super) struct Modem {
    pub(super) node: NodeName,
    pub(super) sessions: Sessions,
    /// The handshakes that it may still begin.
    pub(super) calls: Bucket,
    pub(super) marks: Marks,
    pub(super) assembly: Assembly,
    pub(super) early: Early,
    /// When it sent last, for its share.
    pub(super) turn: Turn,
    /// How many entries wait on the node, as it says.
    pub(super) waiting: u64,
    /// When it said so, and how long its batches take to be acknowledged.
    told: Option<(Timestamp, Option<Duration>)>,
    /// Whether the marks have changed since they were last written down.
    pub(super) is_changed: bool,
    /// Whether it was last told of as up.
    pub(super) is_up: bool,
    /// Messages on their way to Kafka, and the batches that wait for each.
    pending: HashMap<MessageId, SmallVec<[(Boot, u64); 1]>>,
    run: Run,
}

/// The batches of one run of the uplink.
#[derive(Debug)]
struct Run {
    boot: Boot,
    /// How many messages of each unfinished batch are not in Kafka.
    open: HashMap<u64, usize>,
    acknowledged: Ranges,
    layouts: Layouts,
    /// Whether there is something to acknowledge.
    is_owed: bool,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// What is to be written to Kafka.
    pub(super) fresh: Vec<Entry>,
    /// How many of its messages came before.
    pub(super) duplicates: u64,
    /// Whether it was left aside for want of room, with some of its messages taken or none.
    pub(super) is_refused: bool,
}

/// How many ranges an acknowledgement tells. What falls out of it is acknowledged again when its
/// batch comes again.
const TOLD: usize = 48;

// === impl Modem ===

impl Modem {
    pub(super) fn new(node: NodeName) -> Self {
        Self {
            node,
            sessions: Sessions::default(),
            calls: Bucket::new(),
            marks: Marks::default(),
            assembly: Assembly::default(),
            early: Early::default(),
            turn: Turn::default(),
            waiting: 0,
            told: None,
            is_changed: false,
            is_up: false,
            pending: HashMap::new(),
            run: Run::new(Boot::from_bits(0)),
        }
    }

    /// Takes the proof of a session of the uplink's run `boot`: batch numbers are that run's from here on.
    pub(super) fn proven(&mut self, boot: Boot) {
        if boot != self.run.boot {
            self.run = Run::new(boot);
        }
    }

    /// Takes note that it has told how it is.
    pub(super) fn told(&mut self, now: Timestamp, round_trip: Option<Duration>) {
        self.told = Some((now, round_trip));
    }

    /// How it is; `None` before its session was proven, and where another gateway has it.
    pub(super) fn state(&self, name: &ModemName) -> Option<ModemState> {
        let proven = self.sessions.proven()?;
        let (missing, of) = proven.missing();
        Some(ModemState {
            modem: name.clone(),
            node: self.node.clone(),
            protocol: Protocol::V2,
            state: if self.is_up { Heard::Up } else { Heard::Down },
            address: proven.address,
            since: proven.since,
            last_seen: proven.heard.wall,
            carrier: None,
            largest_datagram: u32::try_from(proven.largest).ok(),
            loss: Some(Loss { missing, of }),
            told: self.told.map(|(at, round_trip)| Told {
                at,
                queue: self.waiting,
                round_trip_microseconds: round_trip
                    .and_then(|trip| u64::try_from(trip.as_micros()).ok()),
            }),
        })
    }

    /// Reads the messages of a batch of the uplink's run `boot`.
    pub(super) fn read(&mut self, boot: Boot, batch: &Batch) -> Result<Vec<Entry>, BatchError> {
        let mut entries = if boot == self.run.boot {
            self.run.layouts.read(batch)?
        } else {
            // Of a run that is over: what it defines itself must do.
            batch.entries(|_| None)?
        };
        // A batch tells its messages by their layouts, of which a device may have several.
        entries.sort_by_key(|entry| (entry.id.boot, entry.id.sequence));
        Ok(entries)
    }

    /// Takes a batch. Where more than `room` of its messages are new, that many are taken and the batch is
    /// left aside: when it comes again, fewer are new. So the largest batch gets through the least room.
    pub(super) fn batch(
        &mut self,
        boot: Boot,
        number: u64,
        entries: Vec<Entry>,
        room: usize,
    ) -> Taken {
        let mut taken = Taken::default();
        let is_current = boot == self.run.boot;
        if is_current && self.run.acknowledged.contains(number) {
            self.run.is_owed = true;
            taken.duplicates = entries.len() as u64;
            return taken;
        }
        if is_current && self.run.open.contains_key(&number) {
            taken.duplicates = entries.len() as u64;
            return taken;
        }
        let is_new = |e: &&Entry| !self.marks.contains(&e.id) && !self.pending.contains_key(&e.id);
        taken.is_refused = entries.iter().filter(is_new).count() > room;
        if room == 0 && taken.is_refused {
            return taken;
        }
        let waiter = (!taken.is_refused).then_some((boot, number));
        let mut open = 0;
        for entry in entries {
            self.marks
                .close_below(&entry.id.device, entry.id.boot, entry.floor);
            if self.marks.contains(&entry.id) {
                taken.duplicates += 1;
                continue;
            }
            open += 1;
            if let Some(waiters) = self.pending.get_mut(&entry.id) {
                waiters.extend(waiter);
                taken.duplicates += 1;
            } else if taken.fresh.len() < room {
                self.pending
                    .insert(entry.id.clone(), waiter.into_iter().collect());
                taken.fresh.push(entry);
            }
        }
        if taken.is_refused {
            return taken;
        }
        if is_current {
            if open == 0 {
                self.run.finish(number);
            } else {
                self.run.open.insert(number, open);
            }
        }
        taken
    }

    /// Takes the word that a message is in Kafka, or never will be and is not to be sent again.
    pub(super) fn settled(&mut self, now: Timestamp, id: &MessageId) {
        self.marks.insert(now, id);
        self.is_changed = true;
        for (boot, number) in self.pending.remove(id).unwrap_or_default() {
            if boot != self.run.boot {
                continue;
            }
            if let Some(open) = self.run.open.get_mut(&number) {
                *open -= 1;
                if *open == 0 {
                    self.run.open.remove(&number);
                    self.run.finish(number);
                }
            }
        }
    }

    /// Takes the word that a message did not get into Kafka: its batches begin anew when they come again.
    pub(super) fn failed(&mut self, id: &MessageId) {
        for (boot, number) in self.pending.remove(id).unwrap_or_default() {
            if boot == self.run.boot {
                self.run.open.remove(&number);
            }
        }
    }

    /// Whether something of it is on its way to Kafka.
    pub(super) fn is_writing(&self) -> bool {
        !self.pending.is_empty()
    }

    /// How many messages of it are on their way to Kafka.
    pub(super) fn writing(&self) -> usize {
        self.pending.len()
    }

    /// Lets what was acknowledged be told again: the modem asks, so it may have missed it.
    pub(super) fn repeat(&mut self) {
        self.run.is_owed |= !self.run.acknowledged.is_empty();
    }

    /// Whether an acknowledgement is owed.
    pub(super) const fn owes(&self) -> bool {
        self.run.is_owed
    }

    /// What is to be acknowledged.
    pub(super) fn acknowledgement(&mut self) -> Option<Ranges> {
        let owed = std::mem::take(&mut self.run.is_owed);
        // The session may be of another run by now, whose batch numbers mean something else.
        let is_current = self
            .sessions
            .proven()
            .is_some_and(|proven| proven.boot == self.run.boot);
        (owed && is_current).then(|| self.run.acknowledged.clone())
    }
}

impl super::Machine {
    /// How modems that have called here are, by name.
    pub fn modems(&self) -> Vec<ModemState> {
        let told = self.modems.iter().filter_map(|(name, m)| m.state(name));
        let mut modems: Vec<_> = told.collect();
        modems.sort_unstable_by(|one, other| one.modem.cmp(&other.modem));
        modems
    }
}

// === impl Run ===

impl Run {
    fn new(boot: Boot) -> Self {
        Self {
            boot,
            open: HashMap::new(),
            acknowledged: Ranges::new(),
            layouts: Layouts::default(),
            is_owed: false,
        }
    }

    fn finish(&mut self, number: u64) {
        self.acknowledged.insert(number);
        self.acknowledged.keep_highest(TOLD);
        self.is_owed = true;
    }
}
