//! `umec doctor`: what this machine lacks, and how to get it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::arguments::Format;
use crate::config::Environment;
use crate::failure::Failure;
use crate::output;
use crate::tools::{self, Version};

/// The daemons that `umec up` starts.
const DAEMONS: [&str; 5] = [
    "umec-modbus",
    "umec-edge-api",
    "umec-uplink",
    "umec-gateway",
    "umec-modbus-line",
];

/// One thing that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub what: String,
    /// Whether it is as needed.
    pub verdict: Verdict,
    /// Where it is, or what is wrong.
    pub found: String,
    /// What to do where it is not as needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Whether something is as needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Good,
    /// It is not, and only some things need it.
    Optional,
    /// It is not, and nothing runs without it.
    Missing,
}

/// Looks, prints, and fails with 69 where something that everything needs is missing.
pub fn run(environment: &Environment, format: Format) -> Result<(), Failure> {
    let findings = examine(environment);
    output::show(format, &findings, |findings| {
        let rows = findings.iter().map(|finding| {
            let mark = match finding.verdict {
                Verdict::Good => "ok",
                Verdict::Optional => "optional",
                Verdict::Missing => "MISSING",
            };
            let remedy = finding.remedy.as_deref();
            let told = match remedy {
                Some(remedy) => format!("{}; {remedy}", finding.found),
                None => finding.found.clone(),
            };
            vec![mark.to_owned(), finding.what.clone(), told]
        });
        output::table(&["", "WHAT", "FOUND"], rows)
    })?;
    let missing = findings.iter().filter(|f| f.verdict == Verdict::Missing);
    match missing.count() {
        0 => Ok(()),
        n => Err(Failure::unavailable(format!(
            "{n} of what `umec up` needs is missing on this machine"
        ))),
    }
}

fn examine(environment: &Environment) -> Vec<Finding> {
    let mut findings = vec![nats(environment)];
    findings.extend(DAEMONS.map(|name| daemon(environment, name)));
    findings.push(program(
        environment,
        "java",
        "a real Kafka on this machine; 17 or later",
        "install openjdk-17-jre-headless, then `make tools` in the source tree",
    ));
    findings.push(program(
        environment,
        "kcat",
        "looking into Kafka from a shell",
        "install kcat",
    ));
    findings.push(program(
        environment,
        "curl",
        "asking the edge API from a shell",
        "install curl",
    ));
    findings.extend(serial_lines());
    findings
}

fn nats(environment: &Environment) -> Finding {
    let what = format!("nats-server {} or later", tools::OLDEST_NATS);
    match tools::nats(environment) {
        Ok((path, version)) => good(what, format!("{version} at {}", path.display())),
        Err(error) => Finding {
            what,
            verdict: Verdict::Missing,
            found: error.to_string(),
            remedy: Some(
                "`make tools` in the source tree, or `GOBIN=~/.cache/umec/tools/bin go install github.com/nats-io/nats-server/v2@latest`"
                    .to_owned(),
            ),
        },
    }
}

fn daemon(environment: &Environment, name: &str) -> Finding {
    match tools::daemon(environment, name) {
        Some(path) => good(name.to_owned(), path.display().to_string()),
        None => Finding {
            what: name.to_owned(),
            verdict: Verdict::Missing,
            found: "neither beside umec nor on PATH".to_owned(),
            remedy: Some("`cargo build --release --workspace` in the source tree".to_owned()),
        },
    }
}

fn program(environment: &Environment, name: &str, purpose: &str, remedy: &str) -> Finding {
    let what = format!("{name} ({purpose})");
    match tools::foreign(environment, name) {
        Some(path) => good(what, told(&path)),
        None => Finding {
            what,
            verdict: Verdict::Optional,
            found: "not on PATH".to_owned(),
            remedy: Some(remedy.to_owned()),
        },
    }
}

/// Where a program lies, with its version where it tells one.
fn told(path: &Path) -> String {
    let output = Command::new(path).arg("--version").output().ok();
    let version = output.and_then(|o| Version::parse(&String::from_utf8_lossy(&o.stdout)));
    match version {
        Some(version) => format!("{version} at {}", path.display()),
        None => path.display().to_string(),
    }
}

/// The serial lines of USB adapters, and whether this user may open them.
fn serial_lines() -> Vec<Finding> {
    let Ok(entries) = fs::read_dir("/dev/serial/by-id") else {
        return vec![good(
            "serial lines".to_owned(),
            "no USB adapter is plugged in".to_owned(),
        )];
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| serial_line(path)).collect()
}

fn serial_line(path: &Path) -> Finding {
    let what = path.display().to_string();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits() | nix::fcntl::OFlag::O_NOCTTY.bits())
        .open(path);
    match opened {
        Ok(_) => good(what, "may be opened".to_owned()),
        Err(error) => Finding {
            what,
            verdict: Verdict::Optional,
            found: error.to_string(),
            remedy: Some("`sudo usermod -aG dialout $USER`, then log in again".to_owned()),
        },
    }
}

fn good(what: String, found: String) -> Finding {
    Finding {
        what,
        verdict: Verdict::Good,
        found,
        remedy: None,
    }
}
