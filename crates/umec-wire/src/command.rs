//! What a device is told, and the one result that every command ends in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::label::Label;
use crate::reading::Value;
use crate::senml;
use crate::status::{Limits, Reason};
use crate::time::Timestamp;

/// The command that every device on the SDK takes: all its metrics are sampled at this interval, in seconds; without
/// a value, at those that are configured.
pub const POLL_INTERVAL: &str = "poll-interval";

/// The intervals that it takes, in seconds: no device is sampled a hundred times a second by a plan, and one that is
/// sampled less than once a day is rather switched off.
pub const POLL_INTERVALS: Limits = Limits {
    min: Some(0.01),
    max: Some(86_400.0),
};

/// What makes a command the same command: a label that whoever gives it chose, such as a UUID.
///
/// A plugin that is given the same id twice acts once and answers twice with the same result.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub Label);

/// A request on `umec.v1.<node>.<device>.command.<name>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandRequest {
    /// Which command this is.
    pub id: CommandId,
    /// What to set, where the command takes a value: a number, a boolean or a text.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "senml::plain_option"
    )]
    pub value: Option<Value>,
    /// Who asked: the name of a token or of a cloud user; for the record, not for authorisation.
    pub issuer: String,
    /// When it is too late to begin.
    pub expires: Timestamp,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The device did it.
    Done,
    /// It was not tried: not allowed, not known, out of range, or the device said no.
    Refused,
    /// It was tried, and whether the device did it is not known.
    Failed,
    /// Its time had run out before it could begin.
    Expired,
}

/// The one result of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandResult {
    /// Which command ended.
    pub id: CommandId,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the device shows after it, where it can be read back.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "senml::plain_option"
    )]
    pub value: Option<Value>,
    /// When it ended.
    pub time: Timestamp,
}

// === impl CommandId ===

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

// === impl Outcome ===

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 4] = [Self::Done, Self::Refused, Self::Failed, Self::Expired];

    /// What it says about the device, for the documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => {
                "The device did it. `value` is what it shows after that, where it can be read back."
            }
            Self::Refused => {
                "It was not tried: not allowed, not known, out of range, or the device said no."
            }
            Self::Failed => "It was tried, and whether the device did it is not known.",
            Self::Expired => "Its time had run out before it could begin.",
        }
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}
