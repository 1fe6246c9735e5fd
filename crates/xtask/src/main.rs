//! `cargo run --package xtask -- bench`: runs all benchmarks and prints one table;
//! `... fuzz` lets coverage guide bytes at decoders.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use xtask::bench;
use xtask::fuzz::{self, Task};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["bench", packages @ ..] => run_bench(packages),
        ["fuzz", arguments @ ..] => Task::parse(arguments).and_then(|task| fuzz::run(&task)),
        _ => Err(anyhow::anyhow!(
            "usage: xtask bench [PACKAGE]...\n       xtask fuzz [--seconds N] [--executions N] [--keep] [DECODER]..."
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone there is nobody to tell.
            drop(writeln!(std::io::stderr(), "{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run_bench(packages: &[&str]) -> anyhow::Result<()> {
    let figures = bench::run(packages)?;
    if figures.is_empty() {
        bail!("no benchmark told a figure");
    }
    let table = bench::table(&figures);
    write!(std::io::stdout(), "\n{table}").context("the table cannot be printed")
}
