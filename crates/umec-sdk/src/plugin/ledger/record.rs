//! What is written down of commands, so that a later run of the process knows it.

use serde::{Deserialize, Serialize};
use umec_wire::command::{CommandId, CommandRequest, CommandResult};
use umec_wire::topic::CommandTopic;
use umec_wire::{CommandName, DeviceName, Span, Timestamp};

/// Which command is meant, and until when it could be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) id: CommandId,
    pub(crate) device: DeviceName,
    pub(crate) name: CommandName,
    pub(crate) expires: Timestamp,
}

/// Something that became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Record {
    /// From here on it may have been carried out.
    Begun(Order),
    /// It has its one result. A poll interval that was done holds from here on.
    Ended { order: Order, result: CommandResult },
    /// The device is sampled at this interval, or as configured; the command that said so may be forgotten.
    Every {
        device: DeviceName,
        every: Option<Span>,
    },
}

// === impl Order ===

impl Order {
    pub(crate) fn new(topic: &CommandTopic, request: &CommandRequest) -> Self {
        Self {
            id: request.id.clone(),
            device: topic.device.clone(),
            name: topic.name.clone(),
            expires: request.expires,
        }
    }
}
