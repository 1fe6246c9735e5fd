//! Child processes: started in a group of their own, tied to this process, logging to a file, waited for.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::identity::ProcessIdentity;
use crate::supervisor::PartId;

/// How a program is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The file that its output is added to.
    pub log: PathBuf,
}

/// A log that is larger is set aside when its process starts; one older log is kept.
const LARGEST_LOG: u64 = 8 * 1024 * 1024;
/// How much of a log is read for its last line.
const TAIL: u64 = 4 * 1024;

/// A child that is waited for.
type End = dyn Future<Output = (PartId, io::Result<ExitStatus>)> + Send;

/// The children that run.
#[derive(Default)]
pub struct Children {
    running: HashMap<PartId, ProcessIdentity>,
    ends: FuturesUnordered<Pin<Box<End>>>,
}

// === impl Children ===

impl Children {
    /// Starts a program for `id`.
    pub fn start(&mut self, id: PartId, launch: &Launch) -> io::Result<ProcessIdentity> {
        let log = open_log(&launch.log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("child")
            .arg("--parent")
            .arg(std::process::id().to_string())
            .arg("--")
            .arg(&launch.program)
            .args(&launch.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C reaches the group of the terminal; children are told to stop in their order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let identity = ProcessIdentity::of(pid).ok_or(io::ErrorKind::NotFound)?;
        self.running.insert(id, identity);
        self.ends
            .push(Box::pin(async move { (id, child.wait().await) }));
        Ok(identity)
    }

    /// The process that runs for `id`.
    pub fn identity(&self, id: PartId) -> Option<ProcessIdentity> {
        self.running.get(&id).copied()
    }

    /// All processes that run.
    pub fn identities(&self) -> Vec<ProcessIdentity> {
        self.running.values().copied().collect()
    }

    /// Sends a signal to the process of `id`.
    pub fn signal(&self, id: PartId, signal: Signal) {
        if let Some(identity) = self.identity(id) {
            identity.signal(signal);
        }
    }

    /// Waits for the next child that ends, and tells how. Waits for ever where none runs. Cancel safe.
    pub async fn ended(&mut self) -> (PartId, String) {
        if self.ends.is_empty() {
            std::future::pending::<()>().await;
        }
        let Some((id, status)) = self.ends.next().await else {
            return std::future::pending().await;
        };
        self.running.remove(&id);
        let reason = status.map_or_else(
            |error| format!("cannot be waited for: {error}"),
            |status| status.to_string(),
        );
        (id, reason)
    }
}

impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Children")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

/// Ends the processes that an earlier `umec up` has left behind: asks them, and after `grace` makes them.
pub async fn sweep(left: &[ProcessIdentity], grace: Duration) {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for identity in left {
            identity.signal(signal);
        }
        let gone = async {
            while left.iter().any(|identity| identity.is_alive()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(grace, gone).await.is_ok() {
            return;
        }
    }
}

/// The last line of a log that says something, for whoever asks why a process ended.
pub fn last_words(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(spoken(line))
}

/// What a log line says to a person: of a JSON line the message and the error.
fn spoken(line: &str) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(line) else {
        return line.trim().to_owned();
    };
    let nested = fields.get("fields").and_then(serde_json::Value::as_object);
    let told = |name: &str| {
        let value = fields.get(name).or_else(|| nested?.get(name))?;
        value.as_str().map(str::to_owned)
    };
    let parts: Vec<String> = [told("message"), told("error").or_else(|| told("reason"))]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() {
        return line.trim().to_owned();
    }
    parts.join(": ")
}

fn open_log(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LARGEST_LOG) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_log_are_its_message_and_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        let words = |text: &str| {
            fs::write(&log, text).unwrap();
            last_words(&log)
        };
        assert_eq!(words(""), None);
        assert_eq!(words("a\nb\n\n").as_deref(), Some("b"));
        assert_eq!(
            words("{\"level\":\"ERROR\",\"fields\":{\"message\":\"cannot listen\",\"error\":\"in use\"}}\n")
                .as_deref(),
            Some("cannot listen: in use")
        );
        let many = "x".repeat(10_000) + "\nlast\n";
        assert_eq!(words(&many).as_deref(), Some("last"));
    }
}
