//! `docs/write-a-plugin.md` holds the examples as they are.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

/// The examples, each the first block of its language in the page.
const EXAMPLES: [(&str, &str); 2] = [
    ("yaml", "examples/python-plugin/site.yaml"),
    ("python", "examples/python-plugin/weather.py"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/write-a-plugin.md")).unwrap()
}

/// The text before the first block of a language, the block, and the text after it.
fn around<'p>(page: &'p str, language: &str) -> (&'p str, &'p str, &'p str) {
    let fence = format!("```{language}\n");
    let begin = page.find(&fence).expect("the page has a block") + fence.len();
    let (before, rest) = page.split_at(begin);
    let end = rest.find("```").expect("the block has an end");
    let (block, after) = rest.split_at(end);
    (before, block, after)
}

#[test]
fn the_page_holds_the_examples_as_they_are() {
    for (language, path) in EXAMPLES {
        let example = fs::read_to_string(root().join(path)).unwrap();
        let page = page();
        let (before, block, after) = around(&page, language);
        if std::env::var_os("UMEC_BLESS").is_some() {
            let page = format!("{before}{example}{after}");
            fs::write(root().join("docs/write-a-plugin.md"), page).unwrap();
        } else {
            assert!(
                block == example,
                "docs/write-a-plugin.md differs from {path}; \
                 UMEC_BLESS=1 cargo test -p umec-e2e --test write_a_plugin the_page"
            );
        }
    }
}
