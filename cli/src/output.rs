//! Printing: tables for people, JSON and YAML for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::arguments::Format;
use crate::failure::Failure;

/// Prints a text to standard output. A reader that has gone away is no failure: it has seen enough.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::other(format!("cannot print: {error}"))),
    }
}

/// Prints a value: for people as `table` says, for programs as it is.
pub fn show<T: Serialize>(
    format: Format,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    print(&rendered(format, value, table)?)
}

/// One line of JSON, one document of YAML, or what `table` says.
pub fn rendered<T: Serialize>(
    format: Format,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> Result<String, Failure> {
    let cannot = |error: &dyn std::fmt::Display| Failure::other(format!("cannot print: {error}"));
    match format {
        Format::Table => Ok(table(value)),
        Format::Json => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| cannot(&error)),
        Format::Yaml => umec_spec::yaml::to_string(value).map_err(|error| cannot(&error)),
    }
}

/// Rows in columns with two spaces between them, under a heading.
pub fn table(heading: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut all = vec![heading.iter().map(|&cell| cell.to_owned()).collect()];
    all.extend(rows);
    let mut widths = vec![0; heading.len()];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:width$}  "));
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_plain_columns() {
        let rows = [["meter-3", "up"], ["p", "down"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&["DEVICE", "STATE"], rows),
            "DEVICE   STATE\nmeter-3  up\np        down\n"
        );
    }
}
