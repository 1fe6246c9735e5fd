//! The live table: an [`Overview`] laid out on a screen of a given size. Pure; [`crate::screen`] draws it.

mod devices;

use std::time::Duration;

use crate::overview::{Overview, Phase, Pipeline, ProcessRow};

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Of less importance.
    Dim,
    /// A heading.
    Heading,
    /// As it should be.
    Good,
    /// On the way, or not quite as it should be.
    Warning,
    /// Not as it should be.
    Bad,
}

/// A line of the screen: pieces of text, each in its style.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(Vec<(Style, String)>);

// === impl Line ===

impl Line {
    /// The pieces in their order.
    pub fn pieces(&self) -> &[(Style, String)] {
        &self.0
    }

    /// The text without its looks.
    pub fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The line cut to `width` characters, the last of which then is an ellipsis.
    fn cut(self, width: usize) -> Self {
        if self.width() <= width {
            return self;
        }
        let mut left = width.saturating_sub(1);
        let mut pieces = Vec::new();
        for (style, text) in self.0 {
            let kept: String = text.chars().take(left).collect();
            left -= kept.chars().count();
            pieces.push((style, kept));
            if left == 0 {
                pieces.push((style, "…".to_owned()));
                break;
            }
        }
        Self(pieces)
    }
}

/// Lays an overview out; at most `height` lines of at most `width` characters.
pub fn layout(overview: &Overview, width: usize, height: usize) -> Vec<Line> {
    let mut below = vec![Line::default()];
    below.extend(pipeline(&overview.pipeline));
    below.push(Line::default());
    below.extend(processes(&overview.processes, width));
    if overview.phase == Phase::Running && !overview.hints.is_empty() {
        below.push(Line::default());
        below.extend(hints(overview));
    }
    let above = [title(overview, width), Line::default()];
    let room = height.saturating_sub(above.len() + below.len() + 1).max(3);
    let lines = above
        .into_iter()
        .chain(devices::lines(&overview.devices, width, room))
        .chain(below);
    lines.map(|line| line.cut(width)).take(height).collect()
}

fn title(overview: &Overview, width: usize) -> Line {
    let (style, phase) = match overview.phase {
        Phase::Starting => (Style::Warning, "starting"),
        Phase::Running => (Style::Good, "running"),
        Phase::Stopping => (Style::Warning, "stopping"),
    };
    let left = Line::default()
        .with(Style::Heading, "µMEC ")
        .with(Style::Plain, overview.node.as_str())
        .with(Style::Dim, "  ")
        .with(style, phase);
    let right = match overview.phase {
        Phase::Stopping => "Ctrl-C again: at once".to_owned(),
        _ => format!("{} · Ctrl-C stops", clock(overview.uptime)),
    };
    let gap = width.saturating_sub(left.width() + right.chars().count());
    left.with(Style::Dim, format!("{:gap$}{right}", ""))
}

fn pipeline(pipeline: &Pipeline) -> Vec<Line> {
    let stage = |line: Line, name: &str, count: Option<u64>| {
        let (style, count) = match count {
            Some(count) => (Style::Good, grouped(count)),
            None => (Style::Dim, "–".to_owned()),
        };
        line.with(Style::Plain, format!("{name} "))
            .with(style, count)
    };
    let arrow = |line: Line| line.with(Style::Dim, "  →  ");
    let mut line = Line::default().with(Style::Heading, "READINGS  ");
    line = arrow(stage(line, "sampled", pipeline.sampled));
    line = arrow(stage(line, "bus", pipeline.bus));
    line = arrow(stage(line, "API", pipeline.api));
    vec![stage(line, "Kafka", pipeline.cloud)]
}

/// The processes: names in running text, and a line for each that is not as it should be.
fn processes(rows: &[ProcessRow], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default().with(Style::Heading, "PROCESSES ");
    for row in rows {
        let style = match row.state.as_str() {
            "ready" => Style::Good,
            "failed" => Style::Bad,
            "waiting" | "stopped" => Style::Dim,
            _ => Style::Warning,
        };
        let text = match row.state.as_str() {
            "ready" => row.name.clone(),
            state => format!("{} {state}", row.name),
        };
        if line.width() + text.chars().count() + 2 > width {
            lines.push(line);
            line = Line::default().with(Style::Plain, "          ");
        }
        line = line.with(style, text).with(Style::Plain, "  ");
    }
    lines.push(line);
    let told = rows.iter().filter_map(|row| {
        let reason = row.reason.as_ref()?;
        let style = if row.state == "failed" {
            Style::Bad
        } else {
            Style::Warning
        };
        let text = format!("          {}: {reason}", row.name);
        Some(Line::default().with(style, text))
    });
    lines.extend(told.take(3));
    lines
}

fn hints(overview: &Overview) -> Vec<Line> {
    let lines = overview.hints.iter().enumerate().map(|(index, hint)| {
        let heading = if index == 0 {
            "TRY       "
        } else {
            "          "
        };
        Line::default()
            .with(Style::Heading, heading)
            .with(Style::Dim, pad(hint.what, 7))
            .with(Style::Plain, hint.command.as_str())
    });
    lines.collect()
}

/// The text at exactly `width` characters, the last of which is a space.
fn pad(text: &str, width: usize) -> String {
    let room = width.saturating_sub(1);
    if text.chars().count() <= room {
        return format!("{text:width$}");
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}… ")
}

/// A count with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An age in at most five characters.
pub fn age(age: Duration) -> String {
    match age.as_secs() {
        0..=9 => format!("{:.1}s", age.as_secs_f64().min(9.9)),
        seconds @ 10..=119 => format!("{seconds}s"),
        seconds @ 120..=7_199 => format!("{}m", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A duration as hours, minutes and seconds.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests;
