//! The life of a process: arguments, configuration, logs, the run, the drain, the exit code.

use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};
use umec_spec::settings::Process;
use umec_spec::settings::plugin::Section;

use crate::node::Node;
use crate::{admin, chain, config, telemetry};

/// What a program is called and what it is for.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name: package, binary, image and `service.name` in the logs.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
}

/// The configuration is bad (`EX_USAGE` of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;

/// Says that a configuration could be read and cannot be used, such as for a secret that is not there.
/// A `run` that ends with it makes the process end with 64.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used")]
pub struct Misconfigured(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The threads that run tasks. A node has few cores, and each thread costs memory.
const WORKERS: usize = 2;

/// Runs a daemon: `fn main() -> ExitCode { umec_sdk::main(PROGRAM, run) }`.
///
/// `run` returns when `node.tasks` is told to stop and everything is drained, or when it cannot go on.
/// The exit code is 0 when it drained, 64 for a bad configuration, 1 for the rest.
pub fn main<S, F, Fut>(program: Program, run: F) -> ExitCode
where
    S: Section,
    F: FnOnce(Process<S>, Node) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let arguments = match config::arguments(program, std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(shown) => {
            let code = if shown.use_stderr() {
                BAD_CONFIGURATION
            } else {
                0
            };
            // Nowhere is left to complain to when the terminal is gone.
            drop(shown.print());
            return ExitCode::from(code);
        }
    };
    let process = match config::read::<S>(&arguments.config) {
        Ok(process) => process,
        Err(error) => return refuse(program, &error),
    };
    if arguments.check {
        return match config::effective(&process) {
            Ok(text) => show(&text),
            Err(error) => refuse(program, &error),
        };
    }
    telemetry::start(program.name, &config::log_filter());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(error = chain(&error), "no threads can be started");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(live(program, process, run));
    // Whatever still runs had its grace period; a blocked thread must not hold the process back.
    runtime.shutdown_background();
    code
}

async fn live<S, F, Fut>(program: Program, process: Process<S>, run: F) -> ExitCode
where
    S: Section,
    F: FnOnce(Process<S>, Node) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let grace = process.grace.duration();
    let node = Node::start(process.node.clone());
    info!(service = program.name, node = %node.name, boot = %node.boot, version = env!("CARGO_PKG_VERSION"), "started");
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            error!(error = chain(&error), "signals cannot be received");
            return ExitCode::FAILURE;
        }
    };
    let node = match equip(node, &process).await {
        Ok(node) => node,
        Err(error) => {
            error!(error = chain(error.as_ref()), "the process cannot start");
            return ExitCode::FAILURE;
        }
    };
    let mut running = node
        .tasks
        .spawn(tracing::info_span!("run"), run(process, node.clone()));
    let early = tokio::select! {
        ended = &mut running => Some(ended),
        () = signals.next() => {
            info!("told to stop, draining");
            None
        }
        () = node.tasks.stopped() => None,
    };
    tokio::select! {
        code = drain(&node, grace, early, running) => code,
        () = signals.next() => {
            warn!("told to stop again, leaving at once");
            ExitCode::FAILURE
        }
    }
}

/// Gives the node its face and its bus.
async fn equip<S: Section>(mut node: Node, process: &Process<S>) -> anyhow::Result<Node> {
    admin::start(&process.admin, &node).await?;
    if let Some(settings) = &process.bus {
        node.bus = Some(crate::bus::Bus::open(settings, &node).await?);
    }
    Ok(node)
}

type Ended = Result<anyhow::Result<()>, tokio::task::JoinError>;

/// Stops everything and tells how it ended.
async fn drain(
    node: &Node,
    grace: Duration,
    early: Option<Ended>,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
) -> ExitCode {
    let began = tokio::time::Instant::now();
    let stopped_by_itself = early.is_some() && !node.tasks.is_stopping();
    let drained = node.tasks.drain(grace).await;
    let ended = match early {
        Some(ended) => Some(ended),
        // It has ended where the drain has; otherwise the drain's error tells all.
        None if drained.is_ok() => Some(running.await),
        None => None,
    };
    if let Some(bus) = &node.bus {
        bus.close(grace.saturating_sub(began.elapsed())).await;
    }
    match (ended, drained) {
        (Some(Ok(Err(error))), _) => {
            error!(error = chain(error.as_ref()), "the process ends");
            if error.is::<Misconfigured>() {
                ExitCode::from(BAD_CONFIGURATION)
            } else {
                ExitCode::FAILURE
            }
        }
        (Some(Err(error)), _) => {
            error!(error = chain(&error), "the run was broken off");
            ExitCode::FAILURE
        }
        (_, Err(error)) => {
            error!(error = chain(&error), "the drain was cut short");
            ExitCode::FAILURE
        }
        (_, Ok(())) if stopped_by_itself => {
            error!("the process ended without being told to");
            ExitCode::FAILURE
        }
        (_, Ok(())) => {
            info!(seconds = began.elapsed().as_secs_f64(), "drained");
            ExitCode::SUCCESS
        }
    }
}

impl Misconfigured {
    /// What is wrong with it, and what to do.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for either. Cancel safe.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Says on standard error what is wrong with the configuration.
fn refuse(program: Program, error: &config::ConfigError) -> ExitCode {
    // Nowhere is left to complain to when standard error is gone.
    drop(writeln!(
        std::io::stderr(),
        "{}: {}",
        program.name,
        chain(error)
    ));
    ExitCode::from(BAD_CONFIGURATION)
}

fn show(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
