//! Commands: which may begin, and the one result of each; poll intervals, which are commands' doing; pure.

mod check;
mod record;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome, POLL_INTERVAL};
use umec_wire::topic::CommandTopic;
use umec_wire::{DeviceName, Reason, Span, Timestamp, Value};

pub(crate) use self::record::{Order, Record};
use super::Fault;
use super::device::Device;

/// How many results are remembered for those who ask again after a command has expired.
const REMEMBERED: usize = 1_024;

/// The most commands that are known at once. As long as a command has not expired it is not forgotten, since it could
/// be carried out again; what would be more is refused.
const MOST: usize = 16_384;

/// How long after its expiry a command may still not be forgotten: a clock that is set back makes it young again.
const MARGIN: Duration = Duration::from_mins(1);

/// The commands of one process.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: HashMap<CommandId, Entry>,
    /// Those that have ended, in the order of their ends.
    ended: VecDeque<CommandId>,
    /// How often devices are sampled that were told; none: told to go back to what is configured.
    intervals: BTreeMap<DeviceName, Option<Span>>,
}

#[derive(Debug)]
struct Entry {
    order: Order,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It is looked at; nothing was done yet.
    Taken,
    /// It may have been carried out.
    Begun,
    Ended(CommandResult),
}

/// What is to be done with a command.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Write the value to the metric, once.
    Write(usize, Value),
    /// Sample the device at this interval; as configured where there is none.
    Sample(Option<Span>),
    /// It ends with this result.
    End(CommandResult),
    /// This is what is to be answered; nothing about it is new.
    Answer(CommandResult),
}

impl Ledger {
    /// Takes over what an earlier run has left; what is known already stays as it is. A command that it began and did not
    /// end may have been carried out or not: it has failed, and is not repeated.
    pub(crate) fn add(&mut self, records: impl IntoIterator<Item = Record>, now: Timestamp) {
        for record in records {
            self.apply(record, now);
        }
        let begun = self.entries.values().filter_map(|entry| match entry.stage {
            Stage::Begun => Some(entry.order.clone()),
            Stage::Taken | Stage::Ended(_) => None,
        });
        for order in begun.collect::<Vec<_>>() {
            let text = "its plugin ended before the device had answered; it is not repeated";
            let result = CommandResult {
                id: order.id.clone(),
                outcome: Outcome::Failed,
                reason: Some(Reason::new("interrupted", text)),
                value: None,
                time: now,
            };
            self.apply(Record::Ended { order, result }, now);
        }
    }

    /// Looks at a command that a device is given, and takes it in unless it is known.
    pub(crate) fn admit(
        &mut self,
        topic: &CommandTopic,
        request: &CommandRequest,
        device: &Device,
        now: Timestamp,
    ) -> Verdict {
        if let Some(entry) = self.entries.get(&request.id) {
            return Verdict::Answer(entry.again(topic, request, now));
        }
        if !self.makes_room(now) {
            let text = format!("{MOST} commands are known that have not expired");
            let reason = Reason::new("too-many-commands", text);
            return Verdict::Answer(refused(request, reason, now));
        }
        let order = Order::new(topic, request);
        let stage = Stage::Taken;
        self.entries
            .insert(request.id.clone(), Entry { order, stage });
        if now >= request.expires {
            return Verdict::End(expired(request, now));
        }
        check::check(topic, request, device)
            .unwrap_or_else(|reason| Verdict::End(refused(request, reason, now)))
    }

    /// Notes what has become of a command. The first result of one stays.
    pub(crate) fn apply(&mut self, record: Record, now: Timestamp) {
        match record {
            Record::Begun(order) => {
                let id = order.id.clone();
                let entry = self.entries.entry(id).or_insert(Entry {
                    order,
                    stage: Stage::Taken,
                });
                if matches!(entry.stage, Stage::Taken) {
                    entry.stage = Stage::Begun;
                }
            }
            Record::Ended { order, result } => self.end(order, result, now),
            Record::Every { device, every } => {
                self.intervals.insert(device, every);
            }
        }
    }

    fn end(&mut self, order: Order, result: CommandResult, now: Timestamp) {
        let known = self.entries.get(&order.id).map(|entry| &entry.stage);
        if matches!(known, Some(Stage::Ended(_))) {
            return;
        }
        if order.name.as_str() == POLL_INTERVAL && result.outcome == Outcome::Done {
            let every = result.value.as_ref().and_then(check::interval);
            self.intervals.insert(order.device.clone(), every);
        }
        let id = order.id.clone();
        self.ended.push_back(id.clone());
        let stage = Stage::Ended(result);
        self.entries.insert(id, Entry { order, stage });
        while self.ended.len() > REMEMBERED && self.is_over(self.ended.front(), now) {
            if let Some(oldest) = self.ended.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    /// How often a device is sampled, where it was told.
    pub(crate) fn interval(&self, device: &DeviceName) -> Option<Span> {
        self.intervals.get(device).copied().flatten()
    }

    /// All that a later run has to know, in the order in which it is to be applied.
    pub(crate) fn records(&self) -> Vec<Record> {
        let begun = self.entries.values().filter_map(|entry| match entry.stage {
            Stage::Begun => Some(Record::Begun(entry.order.clone())),
            Stage::Taken | Stage::Ended(_) => None,
        });
        let ended = self.ended.iter().filter_map(|id| {
            let Entry { order, stage } = self.entries.get(id)?;
            let Stage::Ended(result) = stage else {
                return None;
            };
            Some(Record::Ended {
                order: order.clone(),
                result: result.clone(),
            })
        });
        // The intervals come last, since the results before them are those of older commands, too.
        let every = self.intervals.iter().map(|(device, every)| Record::Every {
            device: device.clone(),
            every: *every,
        });
        begun.chain(ended).chain(every).collect()
    }

    /// Whether one more command may be known.
    fn makes_room(&mut self, now: Timestamp) -> bool {
        if self.entries.len() < MOST {
            return true;
        }
        let over: Vec<_> = self
            .ended
            .iter()
            .filter(|id| self.is_over(Some(id), now))
            .cloned()
            .collect();
        for id in &over {
            self.entries.remove(id);
        }
        let entries = &self.entries;
        self.ended.retain(|id| entries.contains_key(id));
        self.entries.len() < MOST
    }

    /// Whether a command is well past its expiry.
    fn is_over(&self, id: Option<&CommandId>, now: Timestamp) -> bool {
        let entry = id.and_then(|id| self.entries.get(id));
        entry.is_some_and(|entry| now >= entry.order.expires.saturating_add(MARGIN))
    }
}

impl Entry {
    /// What is answered when the id is given again.
    fn again(
        &self,
        topic: &CommandTopic,
        request: &CommandRequest,
        now: Timestamp,
    ) -> CommandResult {
        let Order { device, name, .. } = &self.order;
        if (device, name) != (&topic.device, &topic.name) {
            let text = format!("this id is that of {name} for {device}");
            return refused(request, Reason::new("another-command", text), now);
        }
        match &self.stage {
            Stage::Ended(result) => result.clone(),
            Stage::Taken | Stage::Begun => {
                let reason = Reason::new("under-way", "the same command has not ended yet");
                refused(request, reason, now)
            }
        }
    }
}

/// The result of a write.
pub(crate) fn written(
    request: &CommandRequest,
    written: Result<Option<Value>, Fault>,
    now: Timestamp,
) -> CommandResult {
    match written {
        Ok(value) => done(request, value, now),
        Err(Fault::Refused(reason)) => refused(request, reason, now),
        Err(Fault::Link(reason) | Fault::Device(reason)) => {
            end(request, Outcome::Failed, Some(reason), None, now)
        }
    }
}

/// The result of a command that was carried out.
pub(crate) fn done(
    request: &CommandRequest,
    value: Option<Value>,
    now: Timestamp,
) -> CommandResult {
    end(request, Outcome::Done, None, value, now)
}

/// The result of a command that was not tried.
pub(crate) fn refused(request: &CommandRequest, reason: Reason, now: Timestamp) -> CommandResult {
    end(request, Outcome::Refused, Some(reason), None, now)
}

/// The result of a command that came too late.
pub(crate) fn expired(request: &CommandRequest, now: Timestamp) -> CommandResult {
    let reason = Reason::new("expired", format!("its time ended at {}", request.expires));
    end(request, Outcome::Expired, Some(reason), None, now)
}

fn end(
    request: &CommandRequest,
    outcome: Outcome,
    reason: Option<Reason>,
    value: Option<Value>,
    time: Timestamp,
) -> CommandResult {
    CommandResult {
        id: request.id.clone(),
        outcome,
        reason,
        value,
        time,
    }
}

#[cfg(test)]
mod tests;
