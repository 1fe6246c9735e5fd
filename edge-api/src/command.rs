//! Commands that were given over HTTP: each is given to its plugin once, its one result is kept for
//! whoever asks again. Pure but for the clock that is passed in; [`run`](crate::run) sends them.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::{CommandName, DeviceName, Label, Reason, Timestamp, Value};

use crate::document::Plain;

/// A command and, once it has ended, its result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// Which command it is.
    pub id: CommandId,
    /// The device it is for.
    pub device: DeviceName,
    /// What is to be done.
    pub name: CommandName,
    /// What to set, where it takes a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<Plain>,
    /// The name of the token that gave it.
    pub issuer: Label,
    /// When it is too late to begin.
    pub expires: Timestamp,
    /// How it stands.
    #[serde(flatten)]
    pub progress: Progress,
}

/// How a command stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Progress {
    /// It has no result yet.
    Pending,
    /// The device did it.
    Done(Ended),
    /// It was not tried.
    Refused(Ended),
    /// It was tried, and whether the device did it is not known.
    Failed(Ended),
    /// Its time had run out before it could begin.
    Expired(Ended),
}

/// The rest of a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ended {
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the device shows after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Plain>,
    /// When it ended.
    pub time: Timestamp,
}

/// The commands that are remembered: all that are pending, and the latest results.
#[derive(Debug)]
pub struct Register {
    capacity: usize,
    commands: HashMap<CommandId, Command>,
    /// The ended ones, the oldest result first.
    ended: VecDeque<CommandId>,
}

/// What becomes of a command that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is new and is to be sent.
    New,
    /// It was given before: the same result answers both.
    Known,
    /// Its id was used for another command.
    Conflict,
    /// There are as many pending ones as may be.
    Full,
}

// === impl Register ===

impl Register {
    /// Pending commands at once; each holds a request on the bus.
    pub const MAX_PENDING: usize = 256;

    /// An empty one that keeps `capacity` results.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            commands: HashMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// Takes a command in, unless its id is known.
    pub fn admit(&mut self, command: Command) -> Admission {
        if let Some(known) = self.commands.get(&command.id) {
            let same = known.device == command.device
                && known.name == command.name
                && known.requested == command.requested;
            return if same {
                Admission::Known
            } else {
                Admission::Conflict
            };
        }
        if self.commands.len() - self.ended.len() >= Self::MAX_PENDING {
            return Admission::Full;
        }
        self.commands.insert(command.id.clone(), command);
        Admission::New
    }

    /// Writes down how a command ended. A second result of one command is ignored.
    pub fn end(&mut self, result: CommandResult) {
        let Some(command) = self.commands.get_mut(&result.id) else {
            return;
        };
        if command.progress.is_ended() {
            return;
        }
        self.ended.push_back(result.id.clone());
        command.progress = Progress::from(result);
        while self.ended.len() > self.capacity {
            if let Some(oldest) = self.ended.pop_front() {
                self.commands.remove(&oldest);
            }
        }
    }

    /// The command of an id.
    pub fn find(&self, id: &CommandId) -> Option<&Command> {
        self.commands.get(id)
    }
}

// === impl Progress ===

impl Progress {
    /// Whether there is a result.
    pub const fn is_ended(&self) -> bool {
        !matches!(self, Self::Pending)
    }
}

impl From<CommandResult> for Progress {
    fn from(result: CommandResult) -> Self {
        let ended = Ended {
            reason: result.reason,
            value: result.value.map(Plain),
            time: result.time,
        };
        match result.outcome {
            Outcome::Done => Self::Done(ended),
            Outcome::Refused => Self::Refused(ended),
            Outcome::Failed => Self::Failed(ended),
            Outcome::Expired => Self::Expired(ended),
        }
    }
}

// === impl Command ===

impl Command {
    /// The value to send, where there is one.
    pub fn value(&self) -> Option<Value> {
        self.requested.as_ref().map(|plain| plain.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(id: &str, value: f64) -> Command {
        Command {
            id: CommandId(Label::new(id).unwrap()),
            device: DeviceName::new("thermometer-1").unwrap(),
            name: CommandName::new("setpoint").unwrap(),
            requested: Some(Plain(Value::number(value).unwrap())),
            issuer: Label::new("control").unwrap(),
            expires: Timestamp::from_millis(1_000),
            progress: Progress::Pending,
        }
    }

    fn result(id: &str, outcome: Outcome) -> CommandResult {
        CommandResult {
            id: CommandId(Label::new(id).unwrap()),
            outcome,
            reason: None,
            value: Some(Value::number(21.5).unwrap()),
            time: Timestamp::from_millis(500),
        }
    }

    #[test]
    fn a_command_is_admitted_once_and_its_id_is_its_own() {
        let mut register = Register::new(10);
        assert_eq!(register.admit(command("a", 1.0)), Admission::New);
        assert_eq!(register.admit(command("a", 1.0)), Admission::Known);
        assert_eq!(register.admit(command("a", 2.0)), Admission::Conflict);
        register.end(result("a", Outcome::Done));
        assert_eq!(register.admit(command("a", 1.0)), Admission::Known);
    }

    #[test]
    fn the_first_result_stays() {
        let mut register = Register::new(10);
        register.admit(command("a", 1.0));
        register.end(result("a", Outcome::Done));
        register.end(result("a", Outcome::Failed));
        let found = register.find(&command("a", 1.0).id).unwrap();
        assert!(matches!(found.progress, Progress::Done(_)));
        let json = serde_json::to_value(found).unwrap();
        assert_eq!(json["outcome"], "done");
        assert_eq!(json["value"], 21.5);
        assert_eq!(json["requested"], 1);
        register.end(result("unknown", Outcome::Done));
    }

    #[test]
    fn the_oldest_results_are_forgotten_and_no_pending_one() {
        let mut register = Register::new(2);
        register.admit(command("pending", 1.0));
        for id in ["a", "b", "c"] {
            register.admit(command(id, 1.0));
            register.end(result(id, Outcome::Done));
        }
        let known = |id: &str| register.find(&command(id, 1.0).id).is_some();
        assert_eq!(
            ["pending", "a", "b", "c"].map(known),
            [true, false, true, true]
        );
    }

    #[test]
    fn there_is_an_end_to_pending_commands() {
        let mut register = Register::new(2);
        for index in 0..Register::MAX_PENDING {
            assert_eq!(
                register.admit(command(&format!("c{index}"), 1.0)),
                Admission::New
            );
        }
        assert_eq!(register.admit(command("more", 1.0)), Admission::Full);
        register.end(result("c0", Outcome::Expired));
        assert_eq!(register.admit(command("more", 1.0)), Admission::New);
    }
}
