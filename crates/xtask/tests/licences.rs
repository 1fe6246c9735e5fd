//! All that is built in may be.

#![cfg(test)]

use std::fs;
use std::path::Path;

use xtask::licences;

#[test]
fn every_package_that_is_built_in_has_a_licence_that_is_allowed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let allowed = licences::allow_list(&fs::read_to_string(root.join("deny.toml")).unwrap());
    let packages = licences::packages(&root).unwrap();
    assert!(packages.len() > 100 && allowed.len() > 5);
    let told = licences::not_allowed(&packages, &allowed);
    assert!(told.is_empty(), "\n{}\n", told.join("\n"));
}
