//! `make fuzz`: builds the fuzz program with coverage, and takes turns among the decoders until the time
//! or the executions are used up.
//!
//! What a run finds worth keeping stays in the build folder, so that the next run goes on from there;
//! `--keep` takes the least of it that covers as much into the repository.

mod corpus;
mod program;
mod turn;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use program::Program;
use turn::{Figures, Outcome};

/// Each decoder has several turns in a run, so that a run that is broken off has been everywhere.
const ROUNDS: u32 = 4;

/// The shortest turn: loading a corpus takes a fraction of it.
const SHORTEST_TURN: Duration = Duration::from_secs(2);

/// What to do.
#[derive(Debug)]
pub struct Task {
    /// How long to fuzz, all decoders together.
    pub time: Duration,
    /// How many executions are enough, all decoders together.
    pub executions: u64,
    /// Whether to take what was found into the repository afterwards.
    pub keep: bool,
    /// The decoders; none stands for all.
    pub decoders: Vec<String>,
}

/// Fuzzes, printing a line for each turn, and fails where a decoder did.
pub fn run(task: &Task) -> anyhow::Result<()> {
    let program = Program::build()?;
    let decoders = chosen(&task.decoders, program.decoders()?)?;
    let mut sums: BTreeMap<&str, Figures> = BTreeMap::new();
    let mut failures: BTreeMap<&str, PathBuf> = BTreeMap::new();
    let begin = Instant::now();
    let turn = (task.time / ROUNDS / u32::try_from(decoders.len())?).max(SHORTEST_TURN);
    for name in decoders.iter().cycle() {
        let executions: u64 = sums.values().map(|sum| sum.executions).sum();
        let left = task.time.saturating_sub(begin.elapsed());
        let all_failed = failures.len() == decoders.len();
        if executions >= task.executions || left < SHORTEST_TURN || all_failed {
            break;
        }
        if failures.contains_key(name.as_str()) {
            continue;
        }
        let (figures, outcome) =
            turn::take(&program, name, turn.min(left), task.executions - executions)?;
        tell(name, &figures, begin.elapsed())?;
        sums.entry(name).or_default().add(&figures);
        if let Outcome::Failed(input) = outcome {
            failures.insert(name, input);
        }
    }
    conclude(&sums, begin.elapsed())?;
    if task.keep {
        for name in &decoders {
            let (inputs, bytes) = program.keep(name)?;
            writeln!(
                io::stdout(),
                "{name:<20} {inputs:>5} inputs, {bytes:>7} bytes kept"
            )?;
        }
    }
    for (name, input) in &failures {
        writeln!(
            io::stdout(),
            "{name} failed; again: {}",
            program.again(name, input)
        )?;
    }
    ensure!(failures.is_empty(), "{} decoders failed", failures.len());
    Ok(())
}

impl Task {
    /// Reads `[--seconds N] [--executions N] [--keep] [DECODER]...`.
    pub fn parse(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut task = Self {
            time: Duration::from_hours(1),
            executions: 100_000_000,
            keep: false,
            decoders: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || -> anyhow::Result<u64> {
                let text = arguments.next().context("a number is missing")?;
                text.parse()
                    .with_context(|| format!("{text:?} is no number"))
            };
            match *argument {
                "--seconds" => task.time = Duration::from_secs(number()?),
                "--executions" => task.executions = number()?,
                "--keep" => task.keep = true,
                option if option.starts_with('-') => bail!("there is no option {option}"),
                name => task.decoders.push(name.to_owned()),
            }
        }
        Ok(task)
    }
}

fn chosen(wanted: &[String], all: Vec<String>) -> anyhow::Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(all);
    }
    for name in wanted {
        ensure!(all.contains(name), "{name} is none of {}", all.join(", "));
    }
    Ok(wanted.to_vec())
}

fn tell(name: &str, figures: &Figures, elapsed: Duration) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "{:>5} s  {name:<20} {:>10} executions, {:>7}/s, {:>6} places, {:>6} features, {:>5} inputs",
        elapsed.as_secs(),
        figures.executions,
        figures.rate(),
        figures.places,
        figures.features,
        figures.inputs,
    )
}

fn conclude(sums: &BTreeMap<&str, Figures>, elapsed: Duration) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\nall turns together")?;
    for (name, sum) in sums {
        writeln!(
            out,
            "{name:<20} {:>10} executions, {:>6} places, {:>6} features, {:>5} inputs",
            sum.executions, sum.places, sum.features, sum.inputs
        )?;
    }
    let executions: u64 = sums.values().map(|sum| sum.executions).sum();
    let seconds = elapsed.as_secs();
    writeln!(out, "{executions} executions in {seconds} s")
}

/// Empties a folder, or makes it.
fn empty(folder: &std::path::Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(folder)
}
