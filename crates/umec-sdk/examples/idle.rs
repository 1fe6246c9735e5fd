//! The smallest daemon there can be: it waits until it is told to stop. The tests of the life of a
//! process drive it.

use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use umec_sdk::{Node, Program};
use umec_spec::settings::Process;
use umec_wire::Span;

const PROGRAM: Program = Program {
    name: "umec-idle",
    about: "Waits until it is told to stop.",
};

/// What it does with its life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Idle {
    /// How long its drain takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    drain: Option<Span>,
    /// Whether a task of it panics.
    panics: bool,
    /// Whether it returns by itself.
    returns: bool,
}

fn main() -> ExitCode {
    umec_sdk::main(PROGRAM, run)
}

async fn run(config: Process<Idle>, node: Node) -> anyhow::Result<()> {
    let idle = config.settings;
    node.metrics.counter("umec_idle_starts", "Starts").inc();
    if idle.panics {
        drop(node.tasks.spawn(tracing::info_span!("worker"), panicking()));
    }
    if !idle.returns {
        node.tasks.stopped().await;
        let drain = idle.drain.map_or(Duration::ZERO, Span::duration);
        tokio::time::sleep(drain).await;
    }
    Ok(())
}

#[expect(clippy::panic, reason = "the test looks at what becomes of it")]
async fn panicking() {
    tokio::task::yield_now().await;
    panic!("on purpose");
}
