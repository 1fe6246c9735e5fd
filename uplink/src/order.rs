//! Commands from the cloud on the node's bus: asked, and answered with one result whatever happens.

use umec_sdk::bus::CommandError;
use umec_sdk::{Bus, Clock, chain};
use umec_wire::command::{CommandResult, Outcome};
use umec_wire::topic::CommandTopic;
use umec_wire::uplink::Command;
use umec_wire::{NodeName, Reason};

/// Gives a command to the device's plugin and waits for its end, at most until the command expires.
pub(crate) async fn give(
    bus: Bus,
    clock: Clock,
    node: NodeName,
    command: Command,
) -> CommandResult {
    let topic = CommandTopic {
        node,
        device: command.device,
        name: command.name,
    };
    match bus.command(&topic, &command.request).await {
        Ok(result) => result,
        Err(error) => {
            let (outcome, reason) = ended(&error);
            CommandResult {
                id: command.request.id,
                outcome,
                reason: Some(reason),
                value: None,
                time: clock.now(),
            }
        }
    }
}

/// How a command ended that no plugin answered.
fn ended(error: &CommandError) -> (Outcome, Reason) {
    let text = chain(error);
    match error {
        CommandError::NobodyListens { .. } => (Outcome::Refused, Reason::new("no-plugin", text)),
        CommandError::Ask(_) => (Outcome::Failed, Reason::new("bus", text)),
        CommandError::Unanswered => (Outcome::Failed, Reason::new("no-answer", text)),
        CommandError::Answer => (Outcome::Failed, Reason::new("bad-answer", text)),
    }
}
