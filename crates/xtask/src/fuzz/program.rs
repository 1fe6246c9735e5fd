//! The fuzz program: how it is built, and what it can be asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::{corpus, empty};

/// What coverage needs of the compiler, all of it stable: counters and places of branches, and the
/// operands of comparisons.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1";

/// The longest input in bytes, also of those that are kept.
pub(super) const LONGEST: usize = 4_096;

/// The longest input that is kept in the repository, in bytes: what longer ones find is found again.
const LONGEST_KEPT: usize = 512;

/// The most inputs that are kept for a decoder; of more, an even choice of all lengths.
const MOST_KEPT: usize = 160;

/// How many lines tell what went wrong.
const LAST_LINES: usize = 20;

/// The program, and the folders in which it works.
#[derive(Debug)]
pub(super) struct Program {
    file: PathBuf,
    /// `<folder>/seeds`, `/kept`, `/found` and `/failures` have a folder for each decoder.
    folder: PathBuf,
    /// What the repository keeps.
    corpus: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

// === impl Program ===

impl Program {
    /// Builds the program, apart from what is built without coverage.
    pub(super) fn build() -> anyhow::Result<Self> {
        let metadata = output(Command::new(env!("CARGO")).args([
            "metadata",
            "--format-version=1",
            "--no-deps",
        ]))?;
        let metadata: Metadata = serde_json::from_str(&metadata)?;
        let folder = metadata.target_directory.join("fuzz");
        let rustc = output(Command::new("rustc").arg("-vV"))?;
        let host = rustc
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc does not tell its host")?;
        // With a target named, programs that run during the build are built without coverage.
        let status = Command::new(env!("CARGO"))
            .args(["build", "--profile", "fuzz", "--package", "umec-e2e"])
            .args(["--features", "fuzz libfuzzer-sys/link_libfuzzer"])
            .args(["--example", "fuzz", "--target", host, "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", COVERAGE)
            .current_dir(&metadata.workspace_root)
            .status()
            .context("cargo does not run")?;
        ensure!(status.success(), "the fuzz program does not build");
        Ok(Self {
            file: folder.join(host).join("fuzz/examples/fuzz"),
            folder,
            corpus: metadata.workspace_root.join("crates/umec-e2e/corpus"),
        })
    }

    /// Lays out the seeds, and tells the names of all decoders.
    pub(super) fn decoders(&self) -> anyhow::Result<Vec<String>> {
        let seeds = self.folder.join("seeds");
        empty(&seeds)?;
        output(Command::new(&self.file).env("UMEC_FUZZ_SEEDS", &seeds))?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&seeds)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// libFuzzer for one decoder.
    pub(super) fn on(&self, decoder: &str) -> Command {
        let mut command = Command::new(&self.file);
        command
            .env("UMEC_FUZZ_DECODER", decoder)
            .stdin(Stdio::null());
        command
    }

    /// The inputs to begin with, of which the first folder takes what is found.
    pub(super) fn inputs(&self, decoder: &str) -> anyhow::Result<[PathBuf; 3]> {
        let kept = self.folder.join("kept").join(decoder);
        empty(&kept)?;
        corpus::unpack(&self.kept(decoder), &kept)?;
        let seeds = self.folder.join("seeds").join(decoder);
        Ok([self.found(decoder)?, seeds, kept])
    }

    /// Where inputs go that a decoder fails on.
    pub(super) fn failures(&self, decoder: &str) -> anyhow::Result<PathBuf> {
        made(self.folder.join("failures").join(decoder))
    }

    /// What to type to see a failure again.
    pub(super) fn again(&self, decoder: &str, input: &Path) -> String {
        let (program, input) = (self.file.display(), input.display());
        format!("UMEC_FUZZ_DECODER={decoder} {program} {input}")
    }

    /// Keeps in the repository the least that reaches what all inputs reach: how many and their bytes.
    pub(super) fn keep(&self, decoder: &str) -> anyhow::Result<(usize, usize)> {
        let least = self.folder.join("least").join(decoder);
        empty(&least)?;
        let mut merge = self.on(decoder);
        merge
            // Places count, and not how often they are passed: a tenth of the inputs.
            .args(["-set_cover_merge=1", "-use_counters=0"])
            .arg(format!("-max_len={LONGEST_KEPT}"))
            .arg(&least)
            .args(self.inputs(decoder)?);
        output(&mut merge)?;
        let mut inputs = Vec::new();
        for entry in fs::read_dir(&least)? {
            inputs.push(fs::read(entry?.path())?);
        }
        inputs.sort_by_key(Vec::len);
        let inputs = evenly(inputs, MOST_KEPT);
        let figures = (inputs.len(), inputs.iter().map(Vec::len).sum());
        corpus::write(&self.kept(decoder), inputs)?;
        Ok(figures)
    }

    /// The file in the repository.
    fn kept(&self, decoder: &str) -> PathBuf {
        self.corpus.join(format!("{decoder}.hex"))
    }

    fn found(&self, decoder: &str) -> anyhow::Result<PathBuf> {
        made(self.folder.join("found").join(decoder))
    }
}

fn made(folder: PathBuf) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// At most so many of these, from the first to the last at even distances.
fn evenly<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let number = all.len();
    let is_kept = |place: usize| number <= most || place * most % number < most;
    let places = all.into_iter().enumerate();
    let kept = places.filter(|(place, _)| is_kept(*place));
    kept.map(|(_, one)| one).collect()
}

/// The end of what was said.
pub(super) fn last(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    lines.into_iter().skip(from).collect::<Vec<_>>().join("\n")
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not run"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        last(&said)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_inputs_an_even_choice_is_kept() {
        assert_eq!(evenly(vec![1, 2, 3, 4, 5, 6], 3), [1, 3, 5]);
        assert_eq!(evenly(vec![1, 2, 3, 4, 5], 3).len(), 3);
        assert_eq!(evenly(vec![1, 2], 3), [1, 2]);
    }
}
