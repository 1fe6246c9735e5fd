//! The corpus: inputs that coverage-guided runs found worth keeping, in a file for each decoder, an input
//! a line in hexadecimal. `make fuzz ARGS=--keep` writes it.

use std::fs;
use std::path::PathBuf;

/// The most bytes that all inputs may have together: the repository keeps them for ever.
pub(crate) const ALL_BYTES: usize = 320 * 1024;

/// The inputs kept for a decoder.
pub(crate) fn inputs(decoder: &str) -> Vec<Vec<u8>> {
    let file = folder().join(format!("{decoder}.hex"));
    let Ok(text) = fs::read_to_string(file) else {
        return Vec::new();
    };
    let lines = text.lines().map(|line| line.as_bytes().chunks(2));
    lines.map(|pairs| pairs.map(byte).collect()).collect()
}

/// The decoders for which something is kept.
pub(crate) fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("there is a corpus");
    let names = entries.map(|entry| entry.unwrap().path());
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    names.map(stem).collect()
}

fn byte(digits: &[u8]) -> u8 {
    let text = std::str::from_utf8(digits).unwrap();
    u8::from_str_radix(text, 16).expect("a corpus is hexadecimal")
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus"].iter().collect()
}
