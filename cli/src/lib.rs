//! The command `umec`: brings an edge node up on this machine, and looks after its devices.
//!
//! `umec up` applies the plan that `umec-spec` makes from resources: it writes configurations, starts the
//! processes and keeps them running. What a device, a reading or a record is, is the daemons' business.

pub mod addresses;
pub mod arguments;
pub mod check;
pub mod child;
pub mod children;
pub mod config;
pub mod creds;
pub mod device;
pub mod doctor;
pub mod exposition;
pub mod failure;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod output;
pub mod overview;
pub mod picture;
pub mod plain;
pub mod report;
pub mod root;
pub mod screen;
pub mod shown;
pub mod sources;
pub mod sse;
pub mod state;
pub mod status;
pub mod supervisor;
pub mod tools;
pub mod up;
pub mod view;

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use config::Environment;
use failure::{Exit, Failure};
use state::Layout;

/// Reads the command line, does what it says, and tells why it could not.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let bad = error.use_stderr();
            return match error.print() {
                Ok(()) if bad => Exit::BadInput.into(),
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => Exit::Other.into(),
            };
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where standard error is gone too, the exit code still tells.
            drop(writeln!(std::io::stderr(), "umec: {failure}"));
            failure.exit().into()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let environment = Environment::read();
    let layout = Layout::new(&arguments.state)
        .map_err(|error| Failure::bad_input(format!("{}: {error}", arguments.state.display())))?;
    match &arguments.command {
        Command::Up(up) => wait(up::run(&environment, &arguments.state, up)),
        Command::Status(shown) => wait(status::run(&layout, shown.output)),
        Command::Device(device) => wait(device::run(&layout, device)),
        Command::Gateway(gateway) => wait(gateway::run(&layout, gateway)),
        Command::Check(check) => check::run(&check.sources, check.shown.output),
        Command::Doctor(shown) => doctor::run(&environment, shown.output),
        Command::Creds(creds) => creds::run(&layout, creds),
        Command::Child(child) => Err(child::run(child)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "umec", &mut script);
            output::print(&String::from_utf8_lossy(&script))
        }
    }
}

/// Waits for a command on this thread alone. Children are tied to the thread that starts them, and this one
/// lives as long as the process does.
fn wait(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("no runtime can be started: {error}")))?;
    runtime.block_on(command)
}
