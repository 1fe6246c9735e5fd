//! The part of the live table that shows devices.

use super::{Line, Style, age, grouped, pad};
use crate::overview::{DeviceRow, DeviceState};

/// The columns behind the values: age, last message, last message in the cloud.
const TAIL: usize = 6 + 9 + 9;
/// The column of a device's state.
const STATE: usize = 6;
/// What a value takes at the least, so that nothing moves when it gets a digit more or less.
const VALUE: usize = 9;

/// The widths of the columns that depend on the screen.
#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    values: usize,
    /// The values on the lines that continue a device, where nothing stands behind them.
    continued: usize,
}

/// A piece of text that is not torn, in its style.
type Cell = (Style, String);

/// The devices in at most `room` lines under a heading. Where there is room every value is shown, else one
/// line for each device, and where even those have no room the devices in trouble come first.
pub(super) fn lines(rows: &[DeviceRow], width: usize, room: usize) -> Vec<Line> {
    let longest = rows.iter().map(|row| row.name.chars().count()).max();
    let name = longest.unwrap_or(0).clamp(6, 20) + 2;
    let columns = Columns {
        name,
        values: width.saturating_sub(name + STATE + TAIL).max(12),
        continued: width.saturating_sub(name + STATE),
    };
    let heading = format!(
        "{:name$}{:STATE$}{:values$}{:>6}{:>9}{:>9}",
        "DEVICE",
        "STATE",
        "LAST VALUES",
        "AGE",
        "MESSAGE",
        "IN CLOUD",
        values = columns.values,
    );
    let mut lines = vec![Line::default().with(Style::Heading, heading)];
    if rows.is_empty() {
        lines.push(Line::default().with(Style::Dim, "no device yet"));
        return lines;
    }
    let whole: Vec<Line> = rows.iter().flat_map(|row| whole(row, columns)).collect();
    if whole.len() <= room {
        lines.extend(whole);
        return lines;
    }
    let hidden = if rows.len() > room {
        rows.len() - (room - 1)
    } else {
        0
    };
    let mut shown: Vec<&DeviceRow> = rows.iter().collect();
    if hidden > 0 {
        shown.sort_by_key(|row| row.reason.is_none());
    }
    let shown = shown.into_iter().take(rows.len() - hidden);
    lines.extend(shown.map(|row| short(row, columns)));
    if hidden > 0 {
        let text = format!("… and {hidden} more: umec device list");
        lines.push(Line::default().with(Style::Dim, text));
    }
    lines
}

/// A device with all its values and reasons, on as many lines as they take.
fn whole(row: &DeviceRow, columns: Columns) -> Vec<Line> {
    let mut rest = cells(row).into_iter().peekable();
    let mut lines = Vec::new();
    loop {
        let room = if lines.is_empty() {
            columns.values
        } else {
            columns.continued
        };
        let mut line = Line::default();
        while let Some(cell) = rest.peek() {
            let taken = line.width();
            // The last column of the values stays free, so that they do not touch what stands behind.
            if taken > 0 && taken + cell.1.chars().count() >= room {
                break;
            }
            line.0.extend(rest.next());
        }
        lines.push(if lines.is_empty() {
            framed(row, line.cut(room - 1), columns)
        } else {
            let indent = " ".repeat(columns.name + STATE);
            Line(vec![(Style::Plain, indent)]).and(line)
        });
        if rest.peek().is_none() {
            return lines;
        }
    }
}

/// A device on one line.
fn short(row: &DeviceRow, columns: Columns) -> Line {
    let text = if let Some(reason) = &row.reason {
        (style(row), reason.clone())
    } else {
        let values = row.values.iter();
        let values = values.map(|(metric, value)| format!("{metric} {value}"));
        (Style::Plain, values.collect::<Vec<_>>().join("  "))
    };
    framed(row, Line(vec![text]).cut(columns.values - 1), columns)
}

/// What stands before and behind the values on the first line of a device.
fn framed(row: &DeviceRow, values: Line, columns: Columns) -> Line {
    let gap = columns.values.saturating_sub(values.width());
    let age = row.age.map(age).unwrap_or_default();
    let number = |n: Option<u64>| n.map(grouped).unwrap_or_default();
    let cloud = if row.in_cloud == row.served {
        Style::Good
    } else {
        Style::Plain
    };
    Line::default()
        .with(Style::Plain, pad(&row.name, columns.name))
        .with(style(row), pad(row.state.word(), STATE))
        .and(values)
        .with(Style::Plain, " ".repeat(gap))
        .with(Style::Plain, format!("{age:>6}"))
        .with(Style::Plain, format!("{:>9}", number(row.served)))
        .with(cloud, format!("{:>9}", number(row.in_cloud)))
}

/// The values, unless the device is down, and the words of the reason.
fn cells(row: &DeviceRow) -> Vec<Cell> {
    let values = row.values.iter();
    let values = values.filter(|_| row.state != DeviceState::Down);
    let values =
        values.map(|(metric, value)| (Style::Plain, format!("{metric} {value:<VALUE$}  ")));
    let words = row.reason.iter().flat_map(|reason| reason.split(' '));
    let words = words.map(|word| (style(row), format!("{word} ")));
    values.chain(words).collect()
}

fn style(row: &DeviceRow) -> Style {
    match (row.state, &row.reason) {
        (DeviceState::Up, None) => Style::Good,
        (DeviceState::Up, Some(_)) | (DeviceState::Unknown, _) => Style::Warning,
        (DeviceState::Down, _) => Style::Bad,
    }
}
