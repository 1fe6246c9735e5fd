//! The corpus as the repository keeps it: a file for each decoder, an input a line, in hexadecimal.
//!
//! libFuzzer wants a file for each input: thousands, which is what a build folder is for.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

/// Writes inputs into the file of a decoder, the shortest first.
pub(super) fn write(file: &Path, mut inputs: Vec<Vec<u8>>) -> anyhow::Result<()> {
    inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    let mut text = String::new();
    for input in inputs {
        for byte in input {
            write!(text, "{byte:02x}")?;
        }
        text.push('\n');
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Lays the inputs of a decoder's file into a folder; none where there is no file.
pub(super) fn unpack(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    for (place, line) in text.lines().enumerate() {
        let input = bytes(line)
            .with_context(|| format!("{}:{}: no hexadecimal", file.display(), place + 1))?;
        fs::write(folder.join(format!("kept-{place}")), input)?;
    }
    Ok(())
}

fn bytes(line: &str) -> Option<Vec<u8>> {
    let pairs = line.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16)
            .ok()
            .filter(|_| pair.len() == 2)
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_unpacked() {
        let folder = std::env::temp_dir().join(format!("umec-corpus-{}", std::process::id()));
        super::super::empty(&folder).unwrap();
        let file = folder.join("decoder.hex");
        write(&file, vec![vec![0, 255, 10], vec![7]]).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "07\n00ff0a\n");
        unpack(&file, &folder).unwrap();
        assert_eq!(fs::read(folder.join("kept-0")).unwrap(), [7]);
        assert_eq!(fs::read(folder.join("kept-1")).unwrap(), [0, 255, 10]);
        fs::write(&file, "07\n00f\n").unwrap();
        let error = unpack(&file, &folder).unwrap_err().to_string();
        assert!(error.ends_with("decoder.hex:2: no hexadecimal"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
