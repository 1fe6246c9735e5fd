//! What the uplink asks of the node's stream before it reads: its position, and the newest states.

use std::time::Duration;

use tracing::warn;
use umec_sdk::bus::{AskError, Cursor, Filter, Start};
use umec_sdk::{Bus, Node, chain};
use umec_wire::subject::Target;
use umec_wire::{DeviceName, Label, Reason};

/// The pause before the stream is asked for again.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// Opens the position in the stream, however long that takes; `None` when told to stop.
pub(crate) async fn open(
    bus: &Bus,
    node: &Node,
    position: &Label,
    filter: Filter,
) -> Option<Cursor> {
    let part = node.health.part("stream");
    let mut told = String::new();
    loop {
        match bus.cursor(position, filter.clone()).await {
            Ok(cursor) => return Some(cursor),
            Err(error) => {
                let text = chain(&error);
                if text != told {
                    warn!(error = text, "the stream cannot be read yet");
                }
                part.unready(Reason::new("stream", text.clone()));
                told = text;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = node.tasks.stopped() => return None,
        }
    }
}

/// The newest state of each device and its position.
pub(crate) async fn newest_states(bus: &Bus) -> Result<Vec<(DeviceName, u64)>, AskError> {
    let filter = Filter::targets([Target::Status]);
    let mut follow = bus.follow(Start::LastPerSubject, filter).await?;
    let mut states = Vec::new();
    while let Some(stored) = follow.recorded().await {
        states.push((stored.message.subject.device, stored.sequence));
    }
    Ok(states)
}
