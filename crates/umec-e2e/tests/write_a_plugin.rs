//! Plugins written from `docs/write-a-plugin.md` alone appear in the edge API.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use umec_e2e::node::Node;
use umec_e2e::program::{Running, binary};
use umec_e2e::{eventually, tools};

/// A station that reports each second is seen within some; two cores that compile get more.
const SOON: Duration = Duration::from_mins(1);

/// The examples, each the first block of its language in the page.
const EXAMPLES: [(&str, &str); 3] = [
    ("yaml", "examples/python-plugin/site.yaml"),
    ("python", "examples/python-plugin/weather.py"),
    ("rust", "crates/umec-sdk/examples/board.rs"),
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

#[test]
fn plugins_in_python_and_in_rust_written_from_the_page_appear_in_the_edge_api() {
    let page = page();
    let (_, station, rest) = around(&page, "yaml");
    let (_, board, _) = around(rest, "yaml");
    let (_, program, _) = around(&page, "python");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("weather.py");
    fs::write(&script, program).unwrap();
    // A machine without a thermal zone has one of its own here.
    fs::write(folder.path().join("temp"), "41500\n").unwrap();
    let zone = folder.path().display().to_string();
    let board = board.replace("/sys/class/thermal/thermal_zone0", &zone);

    let node = Node::up(Some(&format!("{station}---\n{board}")), &[]);
    let mut weather = Running::start(weather(&node, &script));
    let mut umec_board = Running::start(umec_board(&node));
    let born = eventually(SOON, || device(&node, "station-1", "up"));
    assert_eq!(born["plugin"], "weather", "{born}");
    shows(&node, "station-1", &["wind-speed", "temperature", "m/s"]);
    shows(&node, "board", &["cpu", "41.5", "Cel"]);

    fs::remove_file(folder.path().join("temp")).unwrap();
    let down = eventually(SOON, || device(&node, "board", "down"));
    assert_eq!(down["reason"]["code"], "no-file", "{down}");
    for (plugin, name) in [(&mut weather, "station-1"), (&mut umec_board, "board")] {
        plugin.signal(Signal::SIGTERM);
        assert!(plugin.wait(SOON).success(), "{}", plugin.log());
        let dead = eventually(SOON, || device(&node, name, "down"));
        assert!(dead["reason"]["code"].is_string(), "{dead}");
    }
    let dead = api(&node, "/api/v1/devices/station-1");
    assert_eq!(dead["reason"]["code"], "stopped", "{dead}");
}

/// The command of the page for the plugin in Python, with what `umec creds` tells.
fn weather(node: &Node, script: &Path) -> Command {
    let told = node.umec_json(&["creds", "weather", "-o", "json"]);
    let told = |pointer: &str| {
        told.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };
    let mut command = Command::new(tools::python());
    command.arg("-u").arg(script);
    command.args([
        told("/url"),
        told("/credentials/0/file"),
        "pole-7".to_owned(),
    ]);
    command
}

/// The command of the page for the plugin in Rust.
fn umec_board(node: &Node) -> Command {
    let mut command = Command::new(binary("examples/board"));
    command
        .arg("--config")
        .arg(node.state().join("config/board.yaml"));
    command
}

/// A device as the edge API shows it, where its state is the expected one.
fn device(node: &Node, name: &str, state: &str) -> Result<Value, Value> {
    let device = api(node, &format!("/api/v1/devices/{name}"));
    if device["state"] == state {
        Ok(device)
    } else {
        Err(device)
    }
}

/// Waits until the latest readings of a device show all these words.
fn shows(node: &Node, name: &str, words: &[&str]) {
    eventually(SOON, || {
        let readings = api(node, &format!("/api/v1/devices/{name}/readings")).to_string();
        let all = words.iter().all(|word| readings.contains(word));
        if all { Ok(()) } else { Err(readings) }
    });
}

fn api(node: &Node, path: &str) -> Value {
    let output = node.curl(path).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}
