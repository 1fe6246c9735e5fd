//! Commands: which may begin, and the one result of each; pure.

use std::collections::{HashMap, VecDeque};

use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome};
use umec_wire::topic::CommandTopic;
use umec_wire::{Reason, Timestamp, Value};

use super::Fault;
use super::device::Device;

/// How many results are remembered for those who ask again.
const REMEMBERED: usize = 1_024;

/// The commands of one link.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    results: HashMap<CommandId, CommandResult>,
    by_age: VecDeque<CommandId>,
}

/// What is to be done with a command.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Write the value to the metric, once.
    Write(usize, Value),
    /// It ends with this result.
    Ended(CommandResult),
}

impl Ledger {
    /// Looks at a command that a device is given.
    pub(crate) fn admit(
        &self,
        topic: &CommandTopic,
        request: &CommandRequest,
        device: &Device,
        now: Timestamp,
    ) -> Verdict {
        if let Some(result) = self.results.get(&request.id) {
            return Verdict::Ended(result.clone());
        }
        if now >= request.expires {
            let reason = Reason::new("expired", format!("its time ended at {}", request.expires));
            return Verdict::Ended(end(request, Outcome::Expired, Some(reason), None, now));
        }
        match check(topic, request, device) {
            Ok((metric, value)) => Verdict::Write(metric, value),
            Err(reason) => Verdict::Ended(refused(request, reason, now)),
        }
    }

    /// The result of a write; remembered, so that the command is not carried out twice.
    pub(crate) fn conclude(
        &mut self,
        request: &CommandRequest,
        written: Result<Option<Value>, Fault>,
        now: Timestamp,
    ) -> CommandResult {
        let result = match written {
            Ok(value) => end(request, Outcome::Done, None, value, now),
            Err(Fault::Refused(reason)) => refused(request, reason, now),
            Err(Fault::Link(reason) | Fault::Device(reason)) => {
                end(request, Outcome::Failed, Some(reason), None, now)
            }
        };
        if self.by_age.len() >= REMEMBERED
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.results.remove(&oldest);
        }
        self.by_age.push_back(request.id.clone());
        self.results.insert(request.id.clone(), result.clone());
        result
    }
}

/// The result of a command that was not tried.
pub(crate) fn refused(request: &CommandRequest, reason: Reason, now: Timestamp) -> CommandResult {
    end(request, Outcome::Refused, Some(reason), None, now)
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

/// Finds the metric that a command sets, and checks the value.
fn check(
    topic: &CommandTopic,
    request: &CommandRequest,
    device: &Device,
) -> Result<(usize, Value), Reason> {
    let name = &topic.name;
    let metric = device
        .metric(name.as_str())
        .ok_or_else(|| Reason::new("unknown-command", format!("the device has no {name}")))?;
    let limits = device
        .write_limits(metric)
        .ok_or_else(|| Reason::new("not-writable", format!("{name} can only be read")))?;
    let value = request
        .value
        .as_ref()
        .ok_or_else(|| Reason::new("no-value", format!("{name} needs a value")))?;
    let bounded = limits.min.is_some() || limits.max.is_some();
    match value.as_number() {
        Some(number) if !limits.contains(number) => {
            let text = format!("{number} is not allowed: {name} takes {limits}");
            return Err(Reason::new("out-of-range", text));
        }
        None if bounded => {
            let text = format!("{value} is no number: {name} takes {limits}");
            return Err(Reason::new("wrong-type", text));
        }
        Some(_) | None => {}
    }
    if let Some(last) = device.value(metric)
        && std::mem::discriminant(last) != std::mem::discriminant(value)
    {
        let text = format!("{value} is not of the kind that {name} shows, such as {last}");
        return Err(Reason::new("wrong-type", text));
    }
    Ok((metric, value.clone()))
}
