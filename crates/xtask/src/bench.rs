//! All benchmarks in one table: what was measured, what it should be, and the ratio of the two.
//!
//! A benchmark tells a figure as a line of its own, `figure {"name": …, "value": …, "unit": …, "goal": …}`;
//! what criterion measures is read from its own files.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: String,
    /// What it should be.
    pub goal: Goal,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// It is only told.
    Open,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Runs the benchmarks of `packages`, of all where none is named, and collects their figures.
pub fn run(packages: &[&str]) -> anyhow::Result<Vec<Figure>> {
    let begin = begin();
    let mut cargo = Command::new("cargo");
    cargo.arg("bench");
    if packages.is_empty() {
        cargo.arg("--workspace");
    }
    for package in packages {
        cargo.args(["--package", package]);
    }
    // By name, for libraries and programs would be built once more to find none in them.
    let mut child = cargo
        .args(["--bench", "*"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo does not start")?;
    let out = child.stdout.take().context("cargo has an output")?;
    let mut figures = Vec::new();
    for line in BufReader::new(out).lines() {
        let line = line?;
        writeln!(std::io::stdout(), "{line}")?;
        figures.extend(told(&line));
    }
    ensure!(child.wait()?.success(), "a benchmark failed");
    criterion(Path::new("target/criterion"), begin, &mut figures)?;
    figures.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(figures)
}

/// The figure that a line of output tells.
pub fn told(line: &str) -> Option<Figure> {
    serde_json::from_str(line.strip_prefix("figure ")?).ok()
}

/// The table, a line for each figure.
pub fn table(figures: &[Figure]) -> String {
    let rows = figures.iter().map(row);
    let heading = ["FIGURE", "MEASURED", "GOAL", "RATIO"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for [name, measured, goal, ratio] in &rows {
        let [first, second, third, fourth] = widths;
        writeln!(
            text,
            "{name:first$}  {measured:>second$}  {goal:>third$}  {ratio:>fourth$}"
        )
        .expect("a text takes a line");
    }
    text
}

fn row(figure: &Figure) -> [String; 4] {
    let number = |value: f64| format!("{} {}", short(value), figure.unit);
    // More than one is better than the goal, whichever way it points.
    let (goal, ratio) = match figure.goal {
        Goal::AtLeast(goal) => (format!("≥ {}", number(goal)), figure.value / goal),
        Goal::AtMost(goal) => (format!("≤ {}", number(goal)), goal / figure.value),
        Goal::Open => {
            return [
                figure.name.clone(),
                number(figure.value),
                String::new(),
                String::new(),
            ];
        }
    };
    [
        figure.name.clone(),
        number(figure.value),
        goal,
        format!("{ratio:.2}"),
    ]
}

/// Three digits that count, and no more.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Reads what criterion has measured since `begin`: times as they are, throughputs as rates.
fn criterion(folder: &Path, begin: SystemTime, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        let estimates = path.join("new/estimates.json");
        let fresh = fs::metadata(&estimates).and_then(|meta| meta.modified());
        if fresh.is_ok_and(|modified| modified >= begin) {
            let estimates: Estimates = serde_json::from_slice(&fs::read(&estimates)?)?;
            let benchmark = fs::read(path.join("new/benchmark.json"))?;
            let benchmark: Benchmark = serde_json::from_slice(&benchmark)?;
            figures.push(rate(&benchmark, estimates.median.point_estimate));
        } else if path.is_dir() {
            criterion(&path, begin, figures)?;
        }
    }
    Ok(())
}

fn rate(benchmark: &Benchmark, nanoseconds: f64) -> Figure {
    let throughput = benchmark.throughput.iter().flatten().next();
    let amount = throughput.and_then(|(kind, amount)| Some((kind.as_str(), amount.as_f64()?)));
    let (value, unit) = match amount {
        Some(("Elements", elements)) => (elements * 1e9 / nanoseconds, "/s"),
        Some((_, bytes)) => (bytes * 1e3 / nanoseconds, "MB/s"),
        None => (nanoseconds / 1e3, "µs"),
    };
    Figure {
        name: benchmark.full_id.clone(),
        value,
        unit: unit.to_owned(),
        goal: Goal::Open,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with the times of files; there is no node here"
)]
fn begin() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_read_from_its_line_and_no_other() {
        let figure = told(r#"figure {"name":"a","value":1.5,"unit":"ms","goal":{"atMost":2.0}}"#);
        assert_eq!(figure.map(|f| f.goal), Some(Goal::AtMost(2.0)));
        assert_eq!(told("figures are fine"), None);
    }

    #[test]
    fn a_ratio_above_one_is_better_than_the_goal() {
        let figure = |value, goal| Figure {
            name: "a".to_owned(),
            value,
            unit: "ms".to_owned(),
            goal,
        };
        let ratio = |value, goal| row(&figure(value, goal))[3].clone();
        assert_eq!(ratio(1.0, Goal::AtMost(2.0)), "2.00");
        assert_eq!(ratio(1.0, Goal::AtLeast(2.0)), "0.50");
        assert_eq!(ratio(1.0, Goal::Open), "");
        let table = table(&[figure(1234.5, Goal::Open), figure(1.0, Goal::AtMost(2.0))]);
        let lengths: Vec<usize> = table.lines().map(|line| line.chars().count()).collect();
        assert_eq!(lengths[0], lengths[1]);
        assert_eq!(lengths[0], lengths[2]);
    }
}
