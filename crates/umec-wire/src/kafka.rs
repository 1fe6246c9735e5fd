//! What lies in the cloud's Kafka: topics, keys and the headers of records.

use std::fmt;

use crate::label::{DeviceName, ModemName, NodeName};
use crate::message_id::MessageId;
use crate::subject::{Subject, Target};
use crate::time::Timestamp;

/// The header that names the modem by which a record came.
pub const MODEM: &str = "umec_modem";

/// The header that holds the id of the message on its node's bus.
pub const MESSAGE_ID: &str = "umec_message_id";

/// The media type of a value (CloudEvents Kafka protocol binding section 3.2.1).
pub const CONTENT_TYPE: &str = "content-type";

/// What the types of messages of the platform begin with (`ce_type`).
pub const TYPE_PREFIX: &str = "dev.umec";

/// A topic that the gateway creates and knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KafkaTopic {
    /// What devices measure.
    Readings,
    /// What windows make of it.
    Aggregates,
    /// What happened.
    Events,
    /// How devices are.
    Status,
    /// What devices are told.
    Commands,
    /// How commands ended.
    CommandResults,
    /// How modems are.
    Modems,
    /// Which messages of which modem are in Kafka: the gateway's memory over restarts.
    Marks,
}

/// How Kafka clears a topic up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Old records go by age and size.
    Delete,
    /// The last record of each key stays.
    Compact,
}

impl KafkaTopic {
    /// All topics.
    pub const ALL: [Self; 8] = [
        Self::Readings,
        Self::Aggregates,
        Self::Events,
        Self::Status,
        Self::Commands,
        Self::CommandResults,
        Self::Modems,
        Self::Marks,
    ];

    /// The topic's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readings => "umec.readings",
            Self::Aggregates => "umec.aggregates",
            Self::Events => "umec.events",
            Self::Status => "umec.status",
            Self::Commands => "umec.commands",
            Self::CommandResults => "umec.command-results",
            Self::Modems => "umec.modems",
            Self::Marks => "umec.marks",
        }
    }

    /// How it is cleared up.
    pub const fn cleanup(self) -> Cleanup {
        match self {
            Self::Readings
            | Self::Aggregates
            | Self::Events
            | Self::Commands
            | Self::CommandResults => Cleanup::Delete,
            Self::Status | Self::Modems | Self::Marks => Cleanup::Compact,
        }
    }

    /// What the keys are, for the documentation.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Modems => "`<modem>`",
            Self::Marks => "the gateway's own",
            Self::Commands | Self::CommandResults => {
                "`<node>/<device>`; `<node>/_uplink` for settings of the node"
            }
            _ => "`<node>/<device>`",
        }
    }

    /// What the values are, for the documentation.
    pub const fn value(self) -> &'static str {
        match self {
            Self::Readings | Self::Aggregates => "SenML pack in JSON, as on the bus",
            Self::Events => "the event's data; its attributes are the `ce_*` headers",
            Self::Status => "status, as on the bus",
            Self::Commands => "command request with the member `name`",
            Self::CommandResults => "command result",
            Self::Modems => "how the modem is: address, queue, last seen",
            Self::Marks => "the gateway's own",
        }
    }

    /// The topic of what a device's publisher sends; `None` for what is not carried to the cloud.
    pub const fn of(target: &Target) -> Option<Self> {
        match target {
            Target::Readings => Some(Self::Readings),
            Target::Aggregates => Some(Self::Aggregates),
            Target::Events => Some(Self::Events),
            Target::Status => Some(Self::Status),
            Target::Frames | Target::Command(_) => None,
        }
    }
}

impl fmt::Display for KafkaTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Cleanup {
    /// The value of `cleanup.policy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Compact => "compact",
        }
    }
}

/// The key of everything about a device.
pub fn key(node: &NodeName, device: &DeviceName) -> String {
    format!("{node}/{device}")
}

/// Tells the headers of a record that came from a node's bus: `CloudEvents` attributes by the Kafka protocol
/// binding, and where it came from. An event brings its own attributes in place of these.
pub fn headers(
    subject: &Subject,
    id: &MessageId,
    modem: &ModemName,
    time: Timestamp,
    content_type: &str,
    mut tell: impl FnMut(&'static str, fmt::Arguments<'_>),
) {
    tell("ce_specversion", format_args!("1.0"));
    tell("ce_id", format_args!("{id}"));
    let (node, device) = (&subject.node, &subject.device);
    tell("ce_source", format_args!("/{node}/{device}"));
    let kind = subject.target.token();
    tell("ce_type", format_args!("{TYPE_PREFIX}.{kind}"));
    tell("ce_time", format_args!("{time}"));
    tell(CONTENT_TYPE, format_args!("{content_type}"));
    tell(MODEM, format_args!("{modem}"));
    tell(MESSAGE_ID, format_args!("{id}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_stream_keeps_has_a_topic_in_the_cloud() {
        for target in Target::PUBLISHED {
            assert_eq!(
                KafkaTopic::of(&target).is_some(),
                target.is_kept(),
                "{target:?}"
            );
        }
    }
}
