//! The life of a process, seen from outside: signals, exit codes, its face, its configuration.

#![cfg(test)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::Signal;
use umec_e2e::program::{self, Running};

/// A loaded machine gets this long for what takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(30);

/// The example `idle`, which cargo builds along with all tests; a test that runs alone builds it itself.
fn idle() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let idle = profile.join("examples/idle");
        if !idle.exists() {
            let cargo = Command::new(env!("CARGO"))
                .args(["test", "--quiet", "--no-run", "--package", "umec-sdk"])
                .args(["--features", "nats", "--example", "idle"])
                .status();
            assert!(cargo.unwrap().success());
        }
        idle
    })
}

struct Process {
    running: Running,
    folder: tempfile::TempDir,
}

fn start(settings: &str) -> Process {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("address");
    let config = format!(
        "{{node: pole-7, grace: 5s, admin: {{listen: '127.0.0.1:0', addressFile: '{}'}}, settings: {settings}}}",
        address.display()
    );
    let running = Running::with_config(idle(), &config);
    Process { running, folder }
}

impl Process {
    fn get(&self, path: &str) -> String {
        let address = program::address(&self.folder.path().join("address"), DEADLINE);
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.running.wait(DEADLINE).code()
    }
}

fn check(config: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("umec-idle.yaml");
    std::fs::write(&path, config).unwrap();
    run(&[Path::new("--config"), &path, Path::new("--check")])
}

fn run(arguments: &[&Path]) -> (Option<i32>, String, String) {
    let output = Command::new(idle()).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn sigterm_and_sigint_drain_and_exit_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut process = start("{}");
        process
            .running
            .logs("health and metrics are served", DEADLINE);
        process.running.signal(signal);
        assert_eq!(process.exit_code(), Some(0), "{}", process.running.log());
        assert!(process.running.log().contains("drained"));
    }
}

#[test]
fn a_drain_is_cut_short_by_the_grace_period_and_by_a_second_signal() {
    let mut process = start("{drain: 1h}");
    process
        .running
        .logs("health and metrics are served", DEADLINE);
    process.running.signal(Signal::SIGTERM);
    process.running.logs("draining", DEADLINE);
    process.running.signal(Signal::SIGTERM);
    assert_eq!(process.exit_code(), Some(1));
    assert!(process.running.log().contains("leaving at once"));

    let mut process = start("{drain: 1h}");
    process
        .running
        .logs("health and metrics are served", DEADLINE);
    process.running.signal(Signal::SIGTERM);
    assert_eq!(process.exit_code(), Some(1));
    assert!(process.running.log().contains("the drain was cut short"));
}

#[test]
fn a_panicking_task_and_a_run_that_returns_end_the_process_with_1() {
    let mut process = start("{panics: true}");
    assert_eq!(process.exit_code(), Some(1), "{}", process.running.log());
    let mut process = start("{returns: true}");
    assert_eq!(process.exit_code(), Some(1));
    assert!(process.running.log().contains("without being told to"));
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let process = start("{}");
    assert!(process.get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(process.get("/readyz").contains(r#"{"ready":true"#));
    let metrics = process.get("/metrics");
    assert!(metrics.contains("umec_idle_starts_total 1"), "{metrics}");
    assert!(process.get("/other").starts_with("HTTP/1.1 404"));
}

#[test]
fn logs_are_json_lines_that_name_the_service() {
    let process = start("{}");
    process
        .running
        .logs("health and metrics are served", DEADLINE);
    for line in process.running.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["service.name"], "umec-idle", "{line}");
    }
}

#[test]
fn check_shows_the_configuration_in_effect_or_what_is_wrong_with_it() {
    let (code, out, _) = check("{node: pole-7, settings: {drain: 2s}}");
    assert_eq!(code, Some(0));
    assert!(
        out.contains("grace: 20s") && out.contains("drain: 2s"),
        "{out}"
    );
    let (code, _, err) = check("node: pole-7\nsettings:\n  drian: 2s\n");
    assert_eq!(code, Some(64));
    for part in ["umec-idle.yaml", "line 3", "drian"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let (code, _, err) = run(&[]);
    assert_eq!(code, Some(64));
    assert!(err.contains("--config"), "{err}");
    let (code, out, _) = run(&[Path::new("--help")]);
    assert_eq!(code, Some(0));
    assert!(out.contains("Example:"), "{out}");
    let (code, out, _) = run(&[Path::new("--version")]);
    assert_eq!((code, out.contains("umec-idle 0.1.0")), (Some(0), true));
}
