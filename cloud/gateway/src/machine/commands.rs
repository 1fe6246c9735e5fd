//! Commands on their way down, each until its one result is in Kafka.

mod outstanding;
mod rights;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::uplink::{Now, Ranges};
use umec_wire::{Boot, NodeName, Reason};

use crate::kafka::Incoming;
use crate::request::{Order, Request};

use outstanding::Outstanding;
pub(super) use rights::{RightRecord, Rights, Standing};

#[derive(Debug)]
pub(super) struct Commands {
    grace: Duration,
    outstanding: HashMap<CommandId, Outstanding>,
    /// Commands that ended, the oldest in front.
    ended: VecDeque<CommandId>,
    known_as_ended: HashSet<CommandId>,
    records: BTreeMap<i32, Records>,
    /// Nothing is due before this moment.
    due: Duration,
}

/// The records of one partition.
#[derive(Debug, Default)]
struct Records {
    /// Those without a result.
    open: BTreeSet<i64>,
    /// Those behind the first open one that need nothing more.
    closed: Ranges,
    /// The next one to be read.
    next: i64,
}

/// What is to be done about a command.
#[derive(Debug)]
pub(super) enum Due {
    /// Ask for the right to end it; whether it is to be sent.
    Ask(CommandId, bool),
    /// Pass the right on to the gateway that has the node's modem.
    Pass(CommandId, Boot),
    /// Send it to the node's modem.
    Send(NodeName, Order),
    /// Write its result under this key.
    Write(String, CommandResult),
}

/// What a gateway knows of a command besides the command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    pub(super) standing: Standing,
    /// Whether any gateway may have sent it.
    pub(super) is_sent: bool,
    pub(super) node: Whereabouts,
}

/// Where the modem of a command's node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    Here,
    /// At another gateway.
    At(Boot),
    Nowhere,
}

/// How many ended commands are known by their ids.
const REMEMBERED: usize = 100_000;

/// How many commands may be outstanding.
const OUTSTANDING: usize = 10_000;

// === impl Commands ===

impl Commands {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace,
            outstanding: HashMap::new(),
            ended: VecDeque::new(),
            known_as_ended: HashSet::new(),
            records: BTreeMap::new(),
            due: Duration::MAX,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.outstanding.len() < OUTSTANDING
    }

    /// Takes a record of the topic. A command whose id has ended or is outstanding is not begun again.
    pub(super) fn record(&mut self, now: Now, record: &Incoming) {
        let place = (record.partition, record.offset);
        let records = self.records.entry(record.partition).or_default();
        records.next = (record.offset + 1).max(records.next);
        if records.closed.contains(unsigned(record.offset)) {
            return;
        }
        let key = record.key.as_deref().unwrap_or_default();
        let key = String::from_utf8_lossy(key).into_owned();
        let read = Request::read(record.key.as_deref(), record.value.as_deref(), place);
        let (id, command, result, left) = match read {
            Ok(Request { node, order }) => {
                let request = order.request();
                let left = request.expires.saturating_since(now.wall);
                (request.id.clone(), Some((node, order)), None, left)
            }
            Err(unreadable) => {
                let id = unreadable.id;
                let result = result(now, &id, Outcome::Refused, unreadable.reason);
                (id, None, Some(result), Duration::ZERO)
            }
        };
        if self.known_as_ended.contains(&id) || self.outstanding.contains_key(&id) {
            records.close(record.offset);
            return;
        }
        records.open.insert(record.offset);
        // A command that is too late already is not sent; one that was sent may still be answered.
        let late = left.is_zero();
        let deadline = now.steady + if late { left } else { left + self.grace };
        let outstanding = Outstanding::new(command, key, place, now.steady, deadline, result);
        self.outstanding.insert(id, outstanding);
        self.due = now.steady;
    }

    /// Takes a result that a modem reports for a device of `node`. False where the command is unknown:
    /// it has ended before, never was, or was not read yet.
    pub(super) fn reported(&mut self, now: Now, node: &NodeName, result: CommandResult) -> bool {
        let Some(outstanding) = self.outstanding.get_mut(&result.id) else {
            return false;
        };
        // A modem answers for its own node alone.
        let own = matches!(&outstanding.command, Some((to, _)) if to == node);
        if own && outstanding.result.is_none() {
            outstanding.result = Some(result);
            outstanding.next = now.steady;
            self.due = now.steady;
        }
        true
    }

    /// Takes the word that a result is in Kafka, whoever wrote it; gives the node whose modem may forget
    /// it.
    pub(super) fn ended(&mut self, id: &CommandId) -> Option<NodeName> {
        self.restore_ended(id.clone());
        let ended = self.outstanding.remove(id)?;
        if let Some(records) = self.records.get_mut(&ended.place.0) {
            records.close(ended.place.1);
        }
        ended.command.map(|(node, _)| node)
    }

    /// Whether its result is in Kafka.
    pub(super) fn has_ended(&self, id: &CommandId) -> bool {
        self.known_as_ended.contains(id)
    }

    /// Those whose results are in Kafka.
    pub(super) fn all_ended(self) -> impl Iterator<Item = CommandId> {
        self.ended.into_iter()
    }

    /// Looks at a command at once: the right to end it has another holder.
    pub(super) fn right_changed(&mut self, now: Duration, id: &CommandId) {
        if let Some(outstanding) = self.outstanding.get_mut(id) {
            outstanding.next = now;
            self.due = now;
        }
    }

    /// Takes the word that a result did not get into Kafka.
    pub(super) fn not_written(&mut self, now: Duration, id: &CommandId) {
        if let Some(outstanding) = self.outstanding.get_mut(id) {
            outstanding.not_written(now);
            self.due = self.due.min(outstanding.next);
        }
    }

    /// Notes that a command has ended.
    pub(super) fn restore_ended(&mut self, id: CommandId) {
        if self.known_as_ended.insert(id.clone()) {
            self.ended.push_back(id);
        }
        while self.ended.len() > REMEMBERED {
            if let Some(forgotten) = self.ended.pop_front() {
                self.known_as_ended.remove(&forgotten);
            }
        }
    }

    /// Takes the place from which records are read, and which of them need nothing more.
    pub(super) fn restore_place(&mut self, partition: i32, offset: i64, closed: Ranges) {
        let records = self.records.entry(partition).or_default();
        records.next = offset.max(records.next);
        records.closed = closed;
    }

    /// Takes the place up to which records were read.
    pub(super) fn restore_read(&mut self, partition: i32, end: i64) {
        let records = self.records.entry(partition).or_default();
        records.next = records.next.max(end);
    }

    /// Where reading has to begin after a restart: at the oldest command without a result. Which
    /// ones after it have one comes along.
    pub(super) fn places(&self) -> impl Iterator<Item = (i32, i64, &Ranges)> {
        self.records
            .iter()
            .map(|(partition, records)| (*partition, records.oldest(), &records.closed))
    }

    /// Lets the commands for a node go out at once: it has a session again.
    pub(super) fn session_begins(&mut self, now: Duration, node: &NodeName) {
        for outstanding in self.outstanding.values_mut() {
            let theirs = matches!(&outstanding.command, Some((to, _)) if to == node);
            if theirs && outstanding.result.is_none() {
                outstanding.next = outstanding.next.min(now);
                self.due = now;
            }
        }
    }

    pub(super) const fn wake(&self) -> Duration {
        self.due
    }

    /// What is due. `surroundings` tells of a command and its node what is known besides.
    pub(super) fn due(
        &mut self,
        now: Now,
        surroundings: impl Fn(&CommandId, Option<&NodeName>) -> Surroundings,
    ) -> Vec<Due> {
        if now.steady < self.due {
            return Vec::new();
        }
        let mut due = Vec::new();
        self.due = Duration::MAX;
        for (id, outstanding) in &mut self.outstanding {
            if outstanding.is_due(now.steady) {
                let node = outstanding.command.as_ref().map(|(node, _)| node);
                let surroundings = surroundings(id, node);
                due.extend(outstanding.step(now, id, surroundings));
            }
            self.due = self.due.min(outstanding.next_step());
        }
        due
    }
}

// === impl Records ===

impl Records {
    fn oldest(&self) -> i64 {
        self.open.first().copied().unwrap_or(self.next)
    }

    fn close(&mut self, offset: i64) {
        self.open.remove(&offset);
        self.closed.insert(unsigned(offset));
        // What lies before the oldest open one is not read again.
        self.closed.remove_below(unsigned(self.oldest()));
    }
}

/// Offsets begin at 0.
fn unsigned(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}

fn result(now: Now, id: &CommandId, outcome: Outcome, reason: Reason) -> CommandResult {
    CommandResult {
        id: id.clone(),
        outcome,
        reason: Some(reason),
        value: None,
        time: now.wall,
    }
}
