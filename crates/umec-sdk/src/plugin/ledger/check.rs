//! What a device can be told: whether a command may begin.

use std::time::Duration;

use umec_wire::command::{CommandRequest, POLL_INTERVAL, POLL_INTERVALS};
use umec_wire::topic::CommandTopic;
use umec_wire::{Reason, Span, Value};

use super::Verdict;
use crate::plugin::device::Device;

/// Finds what a command sets, and checks the value.
pub(super) fn check(
    topic: &CommandTopic,
    request: &CommandRequest,
    device: &Device,
) -> Result<Verdict, Reason> {
    let name = &topic.name;
    if name.as_str() == POLL_INTERVAL {
        return check_interval(request.value.as_ref());
    }
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
    Ok(Verdict::Write(metric, value.clone()))
}

fn check_interval(value: Option<&Value>) -> Result<Verdict, Reason> {
    let Some(value) = value else {
        return Ok(Verdict::Sample(None));
    };
    let takes = format!("{POLL_INTERVAL} takes {POLL_INTERVALS} seconds");
    let number = value
        .as_number()
        .ok_or_else(|| Reason::new("wrong-type", format!("{value} is no number: {takes}")))?;
    let every = interval(value)
        .ok_or_else(|| Reason::new("out-of-range", format!("{number} is not allowed: {takes}")))?;
    Ok(Verdict::Sample(Some(every)))
}

/// The interval of a number of seconds that is allowed.
pub(super) fn interval(value: &Value) -> Option<Span> {
    let seconds = value.as_number().filter(|n| POLL_INTERVALS.contains(*n))?;
    let every = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Span::from_micros(u64::try_from(every.as_micros()).ok()?))
}
