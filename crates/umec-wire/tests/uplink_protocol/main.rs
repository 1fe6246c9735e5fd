//! The vectors in `docs/uplink-protocol.md` are what the code writes and reads.

#![cfg(test)]

mod batches;

use std::fmt::Write as _;
use std::path::Path;

/// Bytes with what they mean, part by part.
pub(crate) struct Vector {
    /// What it is a vector of.
    pub(crate) title: &'static str,
    /// Bytes in hexadecimal digits, and their meaning.
    pub(crate) parts: &'static [(&'static str, &'static str)],
}

impl Vector {
    pub(crate) fn hex(&self) -> String {
        let parts = self.parts.iter().map(|(hex, _)| hex.replace(' ', ""));
        parts.collect()
    }

    fn print(&self, to: &mut String) {
        writeln!(to, "\n**{}**\n\n| bytes | meaning |\n|---|---|", self.title).unwrap();
        for (hex, meaning) in self.parts {
            writeln!(to, "| `{hex}` | {meaning} |").unwrap();
        }
    }
}

#[test]
fn the_page_has_the_vectors_of_the_code() {
    let mut printed = String::from("\n<!-- printed by the test uplink_protocol of umec-wire -->\n");
    for (vector, _) in batches::vectors() {
        vector.print(&mut printed);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/uplink-protocol.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- batch vectors -->").unwrap();
    let (found, after) = rest.split_once("\n<!-- end of batch vectors -->").unwrap();
    if std::env::var_os("UMEC_BLESS").is_some() {
        let page = format!(
            "{before}<!-- batch vectors -->{printed}\n<!-- end of batch vectors -->{after}"
        );
        std::fs::write(&path, page).unwrap();
        return;
    }
    assert!(
        found == printed,
        "docs/uplink-protocol.md has other vectors than the code; \
         print them anew: UMEC_BLESS=1 cargo test -p umec-wire --test uplink_protocol"
    );
}
