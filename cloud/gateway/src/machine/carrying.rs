//! Commands on their way through this gateway, and whose it is to end them.

use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use umec_wire::command::{CommandId, CommandResult};
use umec_wire::kafka::KafkaTopic;
use umec_wire::uplink::{Down, Now};
use umec_wire::{Boot, ModemName, NodeName, Timestamp};

use super::commands::{Due, RightRecord, Rights, Surroundings, Whereabouts};
use super::modem::Modem;
use super::snapshot::{right_end, right_record};
use super::tenure::Tenure;
use super::{Machine, Written};
use crate::kafka::Place;
use crate::record;

/// What is known of a command outside of it.
struct View<'a> {
    me: Boot,
    nodes: &'a HashMap<NodeName, ModemName>,
    modems: &'a HashMap<ModemName, Modem>,
    tenure: &'a Tenure,
    rights: &'a Rights,
    known_estates: &'a HashSet<Boot>,
}

// === impl Machine ===

impl Machine {
    /// Sends commands, writes results, asks for the right to do either.
    pub(super) fn carry_commands(&mut self, now: Now) {
        let view = View {
            me: self.boot,
            nodes: &self.nodes,
            modems: &self.modems,
            tenure: &self.tenure,
            rights: &self.rights,
            known_estates: &self.known_estates,
        };
        let due = self.commands.due(now, |id, node| view.of(id, node));
        for due in due {
            match due {
                Due::Ask(id, is_sent) => self.say(now.wall, &id, self.boot, is_sent),
                Due::Pass(id, to) => self.say(now.wall, &id, to, false),
                Due::Send(node, order) => self.tell(&node, &order.message()),
                Due::Write(key, result) => {
                    let id = result.id.clone();
                    self.write(Written::Result(id), record::of_result(&key, &result));
                }
            }
        }
    }

    /// Says who is to end a command. It counts when it is read. Compaction may leave this record alone, so it
    /// keeps what earlier ones say of sending.
    fn say(&mut self, now: Timestamp, id: &CommandId, gateway: Boot, is_sent: bool) {
        let record = RightRecord {
            gateway,
            by: self.boot,
            is_sent: is_sent || self.rights.is_sent(id),
        };
        self.write(Written::Tenure, right_record(now, id, &record));
    }

    fn end_right(&mut self, now: Timestamp, id: CommandId) {
        let record = right_end(now, &id);
        self.write(Written::RightEnds(id), record);
    }

    /// Takes the word that a result of this gateway is in Kafka.
    pub(super) fn result_is_there(&mut self, now: Timestamp, id: CommandId, place: Place) {
        self.rights.ends(id.clone(), place);
        if let Some(node) = self.commands.ended(&id) {
            self.tell(&node, &Down::ResultsReceived(vec![id.clone()]));
        }
        self.end_right(now, id);
    }

    /// Takes a record about the right to end a command; without a value, the command has ended.
    pub(super) fn right(&mut self, now: Duration, id: &CommandId, record: Option<RightRecord>) {
        let Some(record) = record else {
            if let Some(place) = self.rights.ended(id) {
                self.places.passed(KafkaTopic::CommandResults, place);
            }
            self.commands.ended(id);
            return;
        };
        let is_own = record.by == self.boot;
        if self.commands.has_ended(id) {
            if is_own {
                self.unclear_rights.insert(id.clone());
            }
            return;
        }
        if self.tenure.is_gone(record.by) {
            return;
        }
        // What was covered before the right was given holds no result of it.
        let since = self.tenure.latest().of(KafkaTopic::CommandResults);
        let living = |boot| self.tenure.living(boot);
        if self.rights.take(id, record, since, living) {
            self.commands.right_changed(now, id);
        } else if self.rights.holds(self.boot, id) {
            // Compaction leaves the last record, which must not be one that is void.
            self.unclear_rights.insert(id.clone());
        }
    }

    /// Says again what records of rights leave in the dark, and takes over what the dead held.
    pub(super) fn clear_rights(&mut self, now: Timestamp) {
        if self.trouble.is_some() {
            return;
        }
        let inherited = self.known_estates.iter();
        let inherited = inherited.flat_map(|boot| self.rights.of(*boot).cloned());
        let mut unclear = std::mem::take(&mut self.unclear_rights);
        unclear.extend(inherited);
        for id in unclear {
            if self.commands.has_ended(&id) {
                self.end_right(now, id);
            } else {
                self.say(now, &id, self.boot, false);
            }
        }
    }

    /// Takes a result that a modem reports.
    pub(super) fn reported(&mut self, now: Now, name: &ModemName, result: CommandResult) {
        // Whether a command has ended is known where its modem is: all that the log says of it was read.
        if !self.is_restored || !self.tenure.is_mine(name) {
            return;
        }
        let Some(modem) = self.modems.get(name) else {
            return;
        };
        let id = result.id.clone();
        let is_taken = self.commands.reported(now, &modem.node, result);
        let is_awaited = self.rights.is_known(&id) && !self.commands.has_ended(&id);
        if !is_taken && !is_awaited {
            self.send(name, &Down::ResultsReceived(vec![id]));
        }
    }

    /// Sends to the modem of a node.
    fn tell(&mut self, node: &NodeName, message: &Down) {
        if let Some(name) = self.nodes.get(node).cloned() {
            self.send(&name, message);
        }
    }
}

// === impl View ===

impl View<'_> {
    fn of(&self, id: &CommandId, node: Option<&NodeName>) -> Surroundings {
        let living = |boot| self.tenure.living(boot);
        let is_open = |boot| !self.known_estates.contains(&boot);
        Surroundings {
            standing: self.rights.standing(self.me, id, living, is_open),
            is_sent: self.rights.is_sent(id),
            node: node.map_or(Whereabouts::Nowhere, |node| self.whereabouts(node)),
        }
    }

    fn whereabouts(&self, node: &NodeName) -> Whereabouts {
        let here = self.nodes.get(node);
        let here = here.and_then(|name| self.modems.get(name));
        if here.is_some_and(|modem| modem.is_up) {
            return Whereabouts::Here;
        }
        let modems = self.modems.iter().filter(|(_, modem)| modem.node == *node);
        let mut elsewhere = modems.filter_map(|(name, _)| self.tenure.elsewhere(name));
        elsewhere
            .next()
            .map_or(Whereabouts::Nowhere, Whereabouts::At)
    }
}
