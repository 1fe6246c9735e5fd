//! What the documents name exists: tests, files.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_and_metric_that_a_document_names_is_there() {
    let mut functions = BTreeSet::new();
    let mut metrics = BTreeSet::new();
    for source in files(&root(), "rs") {
        let text = fs::read_to_string(source).unwrap();
        let quoted = text.split('"').filter(|text| is_metric(text));
        metrics.extend(quoted.map(str::to_owned));
        let names = text
            .split("fn ")
            .skip(1)
            .filter_map(|rest| rest.split('(').next());
        functions.extend(names.map(str::to_owned));
    }
    let mut absent = Vec::new();
    for document in files(&root(), "md") {
        let text = fs::read_to_string(&document).unwrap();
        let named = text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|quoted| is_sentence(quoted));
        absent.extend(
            named
                .filter(|name| {
                    // A counter is named without the ending that its kind adds.
                    !functions.contains(*name)
                        && !metrics.contains(name.strip_suffix("_total").unwrap_or(name))
                })
                .map(|name| format!("{}: {name}", document.display())),
        );
    }
    assert!(
        absent.is_empty(),
        "there are no tests or metrics of these names:\n{}",
        absent.join("\n")
    );
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let mut broken = Vec::new();
    for document in files(&root(), "md") {
        let text = fs::read_to_string(&document).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            let inside = !file.is_empty() && !file.contains("://");
            if inside && !document.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "these links lead nowhere:\n{}",
        broken.join("\n")
    );
}

/// Tests are named by sentences: words, joined by underscores.
fn is_sentence(quoted: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    quoted.matches('_').count() >= 3 && quoted.chars().all(letters)
}

fn is_metric(text: &str) -> bool {
    text.starts_with("umec_") && is_sentence(text)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of the repository with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}
