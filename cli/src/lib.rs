//! The command `umec`: brings an edge node up on this machine, and looks after its devices.
//!
//! `umec up` applies the plan that `umec-spec` makes from resources: it writes configurations, starts the
//! processes and keeps them running. What a device, a reading or a record is, is the daemons' business.

pub mod addresses;
pub mod arguments;
pub mod child;
pub mod children;
pub mod config;
pub mod doctor;
pub mod exposition;
pub mod failure;
pub mod http;
pub mod identity;
pub mod output;
pub mod overview;
pub mod picture;
pub mod plain;
pub mod root;
pub mod screen;
pub mod shown;
pub mod sources;
pub mod sse;
pub mod state;
pub mod supervisor;
pub mod tools;
pub mod view;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use config::Environment;
use failure::{Exit, Failure};

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
    match &arguments.command {
        Command::Child(child) => Err(child::run(child)),
        Command::Doctor(shown) => doctor::run(&environment, shown.output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "umec", &mut script);
            output::print(&String::from_utf8_lossy(&script))
        }
        _ => Err(Failure::other("not there yet")),
    }
}
