//! `docs/wire.md` is what the code prints.

#![cfg(test)]

use std::path::Path;

#[test]
fn the_page_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/wire.md");
    let printed = umec_wire::document::document();
    if std::env::var_os("UMEC_BLESS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = || page.lines().zip(printed.lines());
    let first = lines().position(|(page, printed)| page != printed);
    assert!(
        page == printed,
        "docs/wire.md differs from what the code prints, first in line {}; \
         print it anew: UMEC_BLESS=1 cargo test -p umec-wire --test document",
        first.unwrap_or_else(|| lines().count()) + 1,
    );
}
