//! Commands on their way down, each until its one result is in Kafka.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::uplink::rtt::RoundTrip;
use umec_wire::uplink::{Command, Now, Ranges};
use umec_wire::{NodeName, Reason};

use crate::kafka::Incoming;
use crate::request::Request;

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

#[derive(Debug)]
struct Outstanding {
    /// The command; none where the record held none.
    command: Option<(NodeName, Command)>,
    key: String,
    place: (i32, i64),
    /// Whether it was ever sent: then nobody knows whether it was done.
    was_sent: bool,
    trip: RoundTrip,
    next: Duration,
    deadline: Duration,
    /// How it ended, on its way to Kafka.
    result: Option<CommandResult>,
}

/// What is to be done about a command.
#[derive(Debug)]
pub(super) enum Due {
    /// Send it to the node's modem.
    Send(NodeName, Command),
    /// Write its result under this key.
    Write(String, CommandResult),
}

/// How many ended commands are known by their ids.
const REMEMBERED: usize = 100_000;

/// How many commands may be outstanding.
const OUTSTANDING: usize = 10_000;

/// How long before a command is tried again where the node has no session.
const PAUSE: Duration = Duration::from_millis(200);

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
            Ok(Request { node, command }) => {
                let request = &command.request;
                let left = request.expires.saturating_since(now.wall);
                (request.id.clone(), Some((node, command)), None, left)
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
        let outstanding = Outstanding {
            command,
            key,
            place,
            was_sent: false,
            trip: RoundTrip::new(),
            next: now.steady,
            deadline,
            result,
        };
        self.outstanding.insert(id, outstanding);
        self.due = now.steady;
    }

    /// Takes a result that a modem reports for a device of `node`. True when the command has ended
    /// before, or never was: the modem need not repeat it.
    pub(super) fn reported(&mut self, now: Now, node: &NodeName, result: CommandResult) -> bool {
        let Some(outstanding) = self.outstanding.get_mut(&result.id) else {
            return true;
        };
        // A modem answers for its own node alone.
        let own = matches!(&outstanding.command, Some((to, _)) if to == node);
        if own && outstanding.result.is_none() {
            outstanding.result = Some(result);
            outstanding.next = now.steady;
            self.due = now.steady;
        }
        false
    }

    /// Takes the word that a result is in Kafka; gives the node whose modem may forget it.
    pub(super) fn written(&mut self, id: &CommandId) -> Option<NodeName> {
        let ended = self.outstanding.remove(id)?;
        if let Some(records) = self.records.get_mut(&ended.place.0) {
            records.close(ended.place.1);
        }
        self.restore_ended(id.clone());
        ended.command.map(|(node, _)| node)
    }

    /// Takes the word that a result did not get into Kafka.
    pub(super) fn not_written(&mut self, now: Duration, id: &CommandId) {
        if let Some(outstanding) = self.outstanding.get_mut(id) {
            outstanding.next = now + PAUSE;
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

    /// What is due. `reaches` says whether a node has a session.
    pub(super) fn due(&mut self, now: Now, reaches: impl Fn(&NodeName) -> bool) -> Vec<Due> {
        if now.steady < self.due {
            return Vec::new();
        }
        let mut due = Vec::new();
        self.due = Duration::MAX;
        for (id, outstanding) in &mut self.outstanding {
            if outstanding.next <= now.steady || outstanding.deadline <= now.steady {
                due.extend(outstanding.step(now, id, &reaches));
            }
            let next = match outstanding.result {
                Some(_) => outstanding.next,
                None => outstanding.next.min(outstanding.deadline),
            };
            self.due = self.due.min(next);
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

// === impl Outstanding ===

impl Outstanding {
    fn step(
        &mut self,
        now: Now,
        id: &CommandId,
        reaches: impl Fn(&NodeName) -> bool,
    ) -> Option<Due> {
        if self.result.is_none() && self.deadline <= now.steady {
            self.result = Some(self.overdue(now, id));
            self.next = now.steady;
        }
        if let Some(result) = &self.result {
            if self.next > now.steady {
                return None;
            }
            // Until Kafka has said what became of it.
            self.next = Duration::MAX;
            return Some(Due::Write(self.key.clone(), result.clone()));
        }
        let (node, command) = self.command.as_ref()?;
        if !reaches(node) {
            self.next = now.steady + PAUSE;
            return None;
        }
        self.next = now.steady + self.trip.timeout();
        self.trip.timed_out();
        // What has expired is not sent for the first time, nor again: the uplink would refuse it.
        if command.request.expires <= now.wall {
            self.next = self.deadline;
            return None;
        }
        self.was_sent = true;
        Some(Due::Send(node.clone(), command.clone()))
    }

    fn overdue(&self, now: Now, id: &CommandId) -> CommandResult {
        if self.was_sent {
            let text = "it was sent to the node, and no result came back before it expired";
            result(now, id, Outcome::Failed, Reason::new("no-answer", text))
        } else {
            let node = self.command.as_ref().map(|(node, _)| node.as_str());
            let node = node.unwrap_or("the node");
            let text = format!("{node} was not connected before it expired");
            result(now, id, Outcome::Expired, Reason::new("expired", text))
        }
    }
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
