//! A plugin written from `docs/write-a-plugin.md` alone appears in the edge API.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use umec_e2e::node::Node;
use umec_e2e::program::Running;
use umec_e2e::{eventually, tools};

/// A station that reports each second is seen within some; two cores that compile get more.
const SOON: Duration = Duration::from_secs(60);

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

#[test]
fn a_plugin_in_python_written_from_the_page_appears_in_the_edge_api() {
    let page = page();
    let (_, site, _) = around(&page, "yaml");
    let (_, program, _) = around(&page, "python");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("weather.py");
    fs::write(&script, program).unwrap();

    let node = Node::up(Some(site), &[]);
    let mut plugin = Running::start(start(&node, &script));
    let device = |expected: &str| {
        let device = api(&node, "/api/v1/devices/station-1");
        if device["state"] == expected {
            Ok(device)
        } else {
            Err(device)
        }
    };
    let born = eventually(SOON, || device("up"));
    assert_eq!(born["plugin"], "weather", "{born}");
    let readings = eventually(SOON, || {
        let readings = api(&node, "/api/v1/devices/station-1/readings");
        let text = readings.to_string();
        let whole = text.contains("wind-speed") && text.contains("temperature");
        if whole { Ok(text) } else { Err(text) }
    });
    assert!(readings.contains("m/s"), "{readings}");

    plugin.signal(Signal::SIGTERM);
    assert!(plugin.wait(SOON).success(), "{}", plugin.log());
    let dead = eventually(SOON, || device("down"));
    assert_eq!(dead["reason"]["code"], "stopped", "{dead}");
}

/// The command of the page, with what `umec creds` tells in place of its example's values.
fn start(node: &Node, script: &Path) -> std::process::Command {
    let credentials = node.state().join("creds/weather.creds");
    let mut command = std::process::Command::new(tools::python());
    command
        .arg("-u")
        .arg(script)
        .arg(node.face("/nats/url"))
        .arg(credentials)
        .arg("pole-7");
    command
}

fn api(node: &Node, path: &str) -> Value {
    let output = node.curl(path).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}
