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

#[cfg(test)]
mod tests {
    use umec_spec::settings::plugin::{DeviceSettings, MetricSettings, Protocol};
    use umec_wire::status::{Identity, Limits};
    use umec_wire::{DeviceName, Label, MetricName, NodeName, Span};

    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    enum Nothing {}

    impl Protocol for Nothing {
        type Link = ();
        type Device = ();
        type Metric = ();
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn device() -> Device {
        let limits = Limits {
            min: Some(5.0),
            max: Some(30.0),
        };
        let settings = DeviceSettings::<Nothing> {
            name: DeviceName::new("heater-1").unwrap(),
            identity: Identity::default(),
            timeout: Span::from_secs(1),
            device: (),
            metrics: vec![MetricSettings {
                name: MetricName::new("setpoint").unwrap(),
                unit: None,
                every: Span::from_secs(1),
                range: None,
                write: Some(limits),
                report: None,
                source: (),
            }],
        };
        Device::new(&settings, NOW)
    }

    fn command(id: &str, value: Option<Value>) -> (CommandTopic, CommandRequest) {
        let topic = CommandTopic {
            node: NodeName::new("pole-7").unwrap(),
            device: DeviceName::new("heater-1").unwrap(),
            name: "setpoint".parse().unwrap(),
        };
        let request = CommandRequest {
            id: CommandId(Label::new(id).unwrap()),
            value,
            issuer: "test".to_owned(),
            expires: Timestamp::from_millis(2_000),
        };
        (topic, request)
    }

    fn outcome(verdict: Verdict) -> Option<(Outcome, String)> {
        match verdict {
            Verdict::Ended(result) => Some((result.outcome, result.reason?.code.to_string())),
            Verdict::Write(..) => None,
        }
    }

    #[test]
    fn a_command_is_checked_before_it_begins() {
        let (ledger, device) = (Ledger::default(), device());
        let admit = |value, now| {
            let (topic, request) = command("c-1", value);
            outcome(ledger.admit(&topic, &request, &device, now))
        };
        let refused = |code: &str| Some((Outcome::Refused, code.to_owned()));
        assert_eq!(admit(Value::number(21.5).ok(), NOW), None);
        assert_eq!(
            admit(Value::number(31.0).ok(), NOW),
            refused("out-of-range")
        );
        assert_eq!(admit(Some(Value::from("warm")), NOW), refused("wrong-type"));
        assert_eq!(admit(None, NOW), refused("no-value"));
        let late = Timestamp::from_millis(2_000);
        let expired = Some((Outcome::Expired, "expired".to_owned()));
        assert_eq!(admit(Value::number(21.5).ok(), late), expired);
    }

    #[test]
    fn a_write_whose_end_is_not_known_has_failed_and_is_not_repeated() {
        let (mut ledger, device) = (Ledger::default(), device());
        let (topic, request) = command("c-1", Value::number(21.5).ok());
        let fault = Fault::Link(Reason::new("line-cut", "the line is cut"));
        let result = ledger.conclude(&request, Err(fault), NOW);
        assert_eq!(result.outcome, Outcome::Failed);
        let again = ledger.admit(&topic, &request, &device, NOW);
        assert_eq!(again, Verdict::Ended(result));
    }

    #[test]
    fn the_oldest_results_are_forgotten() {
        let mut ledger = Ledger::default();
        for number in 0..=REMEMBERED {
            let (_, request) = command(&format!("c-{number}"), None);
            ledger.conclude(&request, Ok(None), NOW);
        }
        assert_eq!(ledger.results.len(), REMEMBERED);
        assert!(!ledger.results.contains_key(&command("c-0", None).1.id));
    }
}
