//! One decoder's turn: libFuzzer for some seconds, and what it says of itself.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::program::{LONGEST, Program, last};

/// Seconds after which an input counts as one that never ends.
const TIMEOUT: u32 = 1;

/// The most memory of the whole process, in MiB. What one input may take is the program's to judge.
const MEMORY: u32 = 1_024;

/// What a turn came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Figures {
    /// Inputs decoded.
    pub(super) executions: u64,
    /// Places in the code that were reached.
    pub(super) places: u64,
    /// The same told apart by how often, and by what was compared.
    pub(super) features: u64,
    /// Inputs in memory, each of which reaches something that the others do not.
    pub(super) inputs: u64,
    /// How long it took.
    pub(super) time: Duration,
}

/// How a turn ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its time or its executions were used up.
    Passed,
    /// The decoder panicked, hung or took too much memory on the input in this file.
    Failed(PathBuf),
}

/// Fuzzes one decoder.
pub(super) fn take(
    program: &Program,
    decoder: &str,
    time: Duration,
    executions: u64,
) -> anyhow::Result<(Figures, Outcome)> {
    let begin = Instant::now();
    let failures = program.failures(decoder)?;
    let output = program
        .on(decoder)
        .arg(format!("-max_total_time={}", time.as_secs().max(1)))
        .arg(format!("-runs={executions}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-artifact_prefix={}/", failures.display()))
        .arg("-print_final_stats=1")
        // The input tells where; the frames would be the fuzzer's for the most part.
        .env("RUST_BACKTRACE", "0")
        .args(program.inputs(decoder)?)
        .output()
        .context("the fuzz program does not run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let mut figures = Figures::read(&said);
    figures.time = begin.elapsed();
    if output.status.success() {
        return Ok((figures, Outcome::Passed));
    }
    let input = written(&said).with_context(|| format!("{decoder}: {}", last(&said)))?;
    if passes(program, decoder, &input)? {
        // The machine was busy or asleep, and the clock went on.
        writeln!(
            io::stdout(),
            "{decoder} was held up, not by {}",
            input.display()
        )?;
        return Ok((figures, Outcome::Passed));
    }
    writeln!(io::stdout(), "{}", last(&said))?;
    Ok((figures, Outcome::Failed(input)))
}

/// Whether an input does no harm when it is decoded alone.
fn passes(program: &Program, decoder: &str, input: &std::path::Path) -> anyhow::Result<bool> {
    let mut alone = program.on(decoder);
    alone.arg(format!("-timeout={TIMEOUT}")).arg(input);
    Ok(alone.output()?.status.success())
}

// === impl Figures ===

impl Figures {
    /// Reads what libFuzzer says.
    pub(super) fn read(said: &str) -> Self {
        let mut figures = Self::default();
        for line in said.lines() {
            if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
                figures.executions = number.trim().parse().unwrap_or(0);
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words.windows(2).filter(|_| line.starts_with('#')) {
                let [name, value] = pair else { continue };
                let value = value.split('/').next().and_then(|value| value.parse().ok());
                match (*name, value) {
                    ("cov:", Some(value)) => figures.places = value,
                    ("ft:", Some(value)) => figures.features = value,
                    ("corp:", Some(value)) => figures.inputs = value,
                    _ => {}
                }
            }
        }
        figures
    }

    /// Adds a later turn's.
    pub(super) fn add(&mut self, later: &Self) {
        *self = Self {
            executions: self.executions + later.executions,
            time: self.time + later.time,
            ..later.clone()
        };
    }

    /// Executions a second.
    pub(super) fn rate(&self) -> u64 {
        self.executions
            .checked_div(self.time.as_secs())
            .unwrap_or(0)
    }
}

/// The file into which libFuzzer wrote the input that failed.
fn written(said: &str) -> Option<PathBuf> {
    let (_, rest) = said.split_once("Test unit written to ")?;
    rest.lines().next().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
INFO: seed corpus: files: 3
#2\tINITED cov: 50 ft: 51 corp: 1/1b exec/s: 0 rss: 41Mb
#1048576\tpulse  cov: 361 ft: 902 corp: 120/9876b lim: 212 exec/s: 524288 rss: 91Mb
thread 'main' panicked
#1048577\tDONE   cov: 362 ft: 903 corp: 121/9Kb lim: 212 exec/s: 524288 rss: 91Mb
artifact_prefix='/f/'; Test unit written to /f/crash-1
stat::number_of_executed_units: 1048577
";

    #[test]
    fn what_libfuzzer_says_of_itself_is_read() {
        let figures = Figures::read(SAID);
        assert_eq!(figures.executions, 1_048_577);
        let places = (figures.places, figures.features, figures.inputs);
        assert_eq!(places, (362, 903, 121));
        assert_eq!(written(SAID), Some(PathBuf::from("/f/crash-1")));
    }

    #[test]
    fn turns_add_up_and_reach_what_the_last_reached() {
        let mut sum = Figures::read(SAID);
        sum.add(&Figures {
            executions: 3,
            places: 370,
            ..Figures::default()
        });
        assert_eq!((sum.executions, sum.places), (1_048_580, 370));
    }
}
