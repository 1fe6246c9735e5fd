//! What `umec` answers where nothing runs: exit codes, errors with their remedies, what it prints.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn umec(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umec"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn wrong_resources_are_told_with_file_and_line_and_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let site = "apiVersion: umec.dev/v1alpha1\n\
                kind: Device\n\
                metadata: { name: meter-3 }\n\
                spec:\n  node: pole-7\n  profil: energy-meter\n  modbus: { tcp: \"127.0.0.1:502\" }\n";
    fs::write(folder.path().join("site.yaml"), site).unwrap();
    for command in ["up", "check"] {
        let output = umec(folder.path(), &[command, "site.yaml"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{told}");
        assert!(told.contains("site.yaml:6:"), "{told}");
        assert!(told.contains("profile"), "{told}");
        assert!(!folder.path().join(".umec").exists());
    }
}

#[test]
fn wrong_arguments_exit_with_64_and_help_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| umec(folder.path(), arguments).status.code();
    for wrong in [
        &["fly"][..],
        &[],
        &["up", "--http", "here"],
        &["device", "get", "Meter 3"],
        &["device", "write", "meter-3", "setpoint"],
        &["status", "-o", "xml"],
        &["gateway", "modems", "--admin", "https://here"],
        &["up", "absent.yaml"],
        &["check", "."],
    ] {
        assert_eq!(code(wrong), Some(64), "{wrong:?}");
    }
    for right in [&["--help"][..], &["up", "--help"], &["--version"]] {
        assert_eq!(code(right), Some(0), "{right:?}");
    }
}

#[test]
fn where_nothing_runs_whoever_asks_is_told_how_to_start_it() {
    let folder = tempfile::tempdir().unwrap();
    for asks in [
        &["status"][..],
        &["device", "list"],
        &["device", "watch"],
        &["device", "write", "meter-3", "a=1"],
        &["creds"],
        &["gateway", "modems"],
    ] {
        let output = umec(folder.path(), asks);
        assert_eq!(output.status.code(), Some(69), "{asks:?}");
        let told = text(&output.stderr);
        assert!(told.contains("start it with `umec up`"), "{told}");
        assert!(!folder.path().join(".umec").exists());
    }
}

#[test]
fn a_gateway_that_is_dead_or_none_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let output = umec(folder.path(), &["gateway", "modems", "--admin", &address]);
    assert_eq!(output.status.code(), Some(69));
    let told = text(&output.stderr);
    assert!(told.contains("does the gateway run"), "{told}");
}

#[test]
fn several_nodes_in_the_resources_have_to_be_chosen_from() {
    let folder = tempfile::tempdir().unwrap();
    let node = |name| {
        format!(
            "---\napiVersion: umec.dev/v1alpha1\nkind: EdgeNode\nmetadata: {{ name: {name} }}\nspec: {{}}\n"
        )
    };
    fs::write(
        folder.path().join("a.yaml"),
        node("pole-1") + &node("pole-2"),
    )
    .unwrap();
    for (arguments, told) in [
        (&["up", "a.yaml"][..], "--node: pole-1, pole-2"),
        (
            &["up", "a.yaml", "--node", "pole-3"],
            "there is no node pole-3",
        ),
    ] {
        let output = umec(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(64));
        assert!(text(&output.stderr).contains(told), "{output:?}");
    }
}

#[test]
fn the_requests_of_the_example_are_shown_where_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let output = umec(folder.path(), &["device", "plan", "thermometer-1"]);
    assert_eq!(
        text(&output.stdout),
        "\
DEVICE         EVERY  TABLE    ADDRESSES  COUNT  METRICS
thermometer-1  1s     coil     0..0       1      heater
thermometer-1  1s     input    0..1       2      temperature, humidity
thermometer-1  5s     holding  10..10     1      setpoint
"
    );
    let unknown = umec(folder.path(), &["device", "plan", "thermometer-9"]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(text(&unknown.stderr).contains("there are: "), "{unknown:?}");
}

#[test]
fn completions_are_printed_for_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = umec(folder.path(), &["completions", shell]);
        assert!(text(&output.stdout).contains("doctor"), "{shell}");
    }
}

#[test]
fn a_pipe_that_is_closed_early_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "{} completions bash | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_umec")
    );
    let status = Command::new("bash")
        .current_dir(folder.path())
        .args(["-c", &script])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn doctor_names_what_is_missing_and_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_umec"))
        .args(["doctor", "-o", "json"])
        .env("UMEC_TOOLS", folder.path())
        .env("PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let nats = &findings[0];
    assert_eq!(nats["verdict"], "missing");
    assert!(
        nats["remedy"].as_str().unwrap().contains("make tools"),
        "{nats}"
    );
}
