//! The commands in the documents work as they are written.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use umec_e2e::markdown::commands;
use umec_e2e::node::Node;
use umec_e2e::program::binary;
use umec_e2e::tools;

/// Pages whose commands need the node of the example, in the order in which a reader meets them.
const PAGES: [&str; 2] = ["README.md", "docs/tutorial.md"];

/// `make` is not called inside a test that `make test` calls: its recipes are read, and not run.
const PRELUDE: &str = "set -eu\nmake() { command make --dry-run \"$@\" >/dev/null; }\n";

#[test]
fn the_commands_of_a_page_work_in_their_order() {
    let node = Node::up(None, &[]);
    let folder = node.state().parent().unwrap().to_path_buf();
    furnish(&folder);
    for page in PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let steps = commands(&text).into_iter();
        let steps = steps.map(|block| format!("echo '== {page}:{}'\n{}", block.line, block.text));
        let script = PRELUDE.to_owned() + &steps.collect::<String>();
        let output = Command::new("sh")
            .arg("-c")
            .arg(&script)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "the last of these has failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Each page with commands is either run here, or by the test of its own subject.
#[test]
fn every_page_with_commands_is_run_by_a_test() {
    const ELSEWHERE: [&str; 1] = ["docs/write-a-plugin.md"];
    for folder in ["", "docs"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = Path::new(folder).join(path.file_name().unwrap());
            let name = name.to_str().unwrap();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let has_commands = !commands(&fs::read_to_string(&path).unwrap()).is_empty();
            let is_run = PAGES.contains(&name) || ELSEWHERE.contains(&name);
            assert!(
                !has_commands || is_run,
                "nothing runs the commands of {name}"
            );
        }
    }
}

/// Puts into `folder` what a checkout has after `make up`.
fn furnish(folder: &Path) {
    for name in ["Makefile", "crates", "examples", "docs"] {
        symlink(root().join(name), folder.join(name)).unwrap();
    }
    fs::create_dir(folder.join("target")).unwrap();
    symlink(
        binary("umec").parent().unwrap(),
        folder.join("target/release"),
    )
    .unwrap();
    assert!(tools::installed("jq").exists() && tools::installed("curl").exists());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}
