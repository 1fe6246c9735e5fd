//! What the cloud may set of the node itself: read and checked; pure.

use umec_wire::uplink::Setting;
use umec_wire::{Reason, Value};

/// A setting that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The most bytes a day; what is configured where absent.
    Budget(Option<u64>),
}

/// The least budget in bytes a day: some hundred readings, and what keeps a session alive.
const LEAST: f64 = 100_000.0;

/// The most: a number that doubles tell exactly.
const MOST: f64 = 9_007_199_254_740_992.0;

// === impl Change ===

impl Change {
    /// Reads a setting, or says why it is refused.
    pub(super) fn read(setting: &Setting) -> Result<Self, Reason> {
        match setting.name.as_str() {
            "budget" => budget(setting.request.value.as_ref()),
            "poll-interval" => Err(Reason::new(
                "not-of-the-node",
                "poll-interval is a command of a device: address it to <node>/<device>",
            )),
            "carrier" => Err(Reason::new(
                "no-card",
                "this node has no card whose carrier could be switched",
            )),
            other => {
                let text = format!("nobody on the node takes the setting {other}");
                Err(Reason::new("nobody-takes-it", text))
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is whole and lies within what both can tell"
)]
fn budget(value: Option<&Value>) -> Result<Change, Reason> {
    let Some(value) = value else {
        return Ok(Change::Budget(None));
    };
    let Some(number) = value.as_number().filter(|number| number.fract() == 0.0) else {
        let text = format!("{value} is not a whole number of bytes a day");
        return Err(Reason::new("wrong-type", text));
    };
    if !(LEAST..=MOST).contains(&number) {
        let text = format!("{number} is not allowed: a budget has {LEAST} bytes a day or more");
        return Err(Reason::new("out-of-range", text));
    }
    Ok(Change::Budget(Some(number as u64)))
}

#[cfg(test)]
mod tests {
    use umec_wire::command::{CommandId, CommandRequest};
    use umec_wire::{CommandName, Label, Timestamp};

    use super::*;

    fn read(name: &str, value: Option<Value>) -> Result<Change, String> {
        let setting = Setting {
            name: CommandName::new(name).unwrap(),
            request: CommandRequest {
                id: CommandId(Label::new("s-1").unwrap()),
                value,
                issuer: "me".to_owned(),
                expires: Timestamp::default(),
            },
        };
        Change::read(&setting).map_err(|reason| reason.code.to_string())
    }

    #[test]
    fn a_budget_is_a_whole_number_of_bytes_or_nothing_and_the_rest_is_refused_with_its_reason() {
        let number = |number| Value::number(number).ok();
        let refused = |code: &str| Err(code.to_owned());
        for (name, value, expected) in [
            ("budget", number(5e6), Ok(Change::Budget(Some(5_000_000)))),
            ("budget", None, Ok(Change::Budget(None))),
            ("budget", number(99_999.0), refused("out-of-range")),
            ("budget", number(1e300), refused("out-of-range")),
            ("budget", number(100_000.5), refused("wrong-type")),
            ("budget", Some(Value::from(true)), refused("wrong-type")),
            ("carrier", number(1.0), refused("no-card")),
            ("poll-interval", number(1.0), refused("not-of-the-node")),
            ("weather", None, refused("nobody-takes-it")),
        ] {
            assert_eq!(read(name, value.clone()), expected, "{name} {value:?}");
        }
    }
}
