//! A whole node on this machine: `umec up` on a state folder of a test's own, driven as a person drives it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::program::{Running, binary, last_lines};
use crate::{eventually, fail, tools};

/// Everything is up within some seconds; two cores that compile get more.
const UP: Duration = Duration::from_mins(2);

/// The grace period of `umec up` and its daemons, and some more.
const DOWN: Duration = Duration::from_secs(40);

/// A node that `umec up` runs. It is stopped when dropped.
#[derive(Debug)]
pub struct Node {
    running: Running,
    umec: PathBuf,
    folder: TempDir,
    disk: Option<Disk>,
}

/// What `umec status -o json` tells, as far as tests ask.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    /// `starting`, `running` or `stopping`.
    pub phase: String,
    /// Where the node can be reached.
    pub faces: Value,
    /// The processes.
    pub processes: Vec<Process>,
}

/// One process of the node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// Its id, while it runs.
    pub pid: Option<u32>,
    /// How it is, in a word.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// The file that it logs to.
    pub log: PathBuf,
}

// === impl Node ===

impl Node {
    /// Brings up the resources in the text `site`, or the example, with further arguments of `umec up`.
    #[track_caller]
    pub fn up(site: Option<&str>, arguments: &[&str]) -> Self {
        let mut node = Self::start(site, arguments);
        node.wait_until_up();
        node
    }

    /// The same without waiting until it is up.
    #[track_caller]
    pub fn start(site: Option<&str>, arguments: &[&str]) -> Self {
        Self::launch(site, arguments, None)
    }

    /// Brings up the resources in the text `site`, or the example, with its state on a disk of its own.
    #[track_caller]
    pub fn on_disk(disk: Disk, site: Option<&str>, arguments: &[&str]) -> Self {
        let mut node = Self::launch(site, arguments, Some(disk));
        node.wait_until_up();
        node
    }

    #[track_caller]
    fn launch(site: Option<&str>, arguments: &[&str], disk: Option<Disk>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the node");
        let umec = binary("umec");
        let mut command = seen_by(disk.as_ref(), &umec);
        command
            .args(["up", "--plain", "--state"])
            .arg(state(&folder, disk.as_ref()))
            .args(arguments);
        if let Some(site) = site {
            let file = folder.path().join("site.yaml");
            std::fs::write(&file, site).expect("the resources are written");
            command.arg(file);
        }
        Self {
            running: Running::start(command),
            umec,
            folder,
            disk,
        }
    }

    /// The disk of its state, where that is its own.
    pub const fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// Waits until all processes have been ready.
    #[track_caller]
    pub fn wait_until_up(&mut self) {
        eventually(UP, || {
            if let Some(status) = self.running.ended() {
                fail(&format!(
                    "umec up ended with {status}\n{}",
                    self.running.tail()
                ));
            }
            match self.status() {
                Some(status) if status.phase == "running" => Ok(()),
                status => Err(status),
            }
        });
    }

    /// What `umec status` tells; nothing where nothing runs yet.
    pub fn status(&self) -> Option<Status> {
        serde_json::from_slice(&self.umec(&["status", "-o", "json"]).stdout).ok()
    }

    /// One of its processes.
    #[track_caller]
    pub fn process(&self, name: &str) -> Process {
        let status = self.status().unwrap_or_else(|| fail("nothing runs"));
        let found = status.processes.iter().find(|process| process.name == name);
        found
            .cloned()
            .unwrap_or_else(|| fail(&format!("no process {name} in {status:#?}")))
    }

    /// Sends SIGKILL to one of its processes; tells its id, or nothing where it does not run just then.
    #[track_caller]
    pub fn kill(&self, process: &str) -> Option<u32> {
        let pid = self.process(process).pid?;
        let number = i32::try_from(pid).expect("a pid fits");
        kill(Pid::from_raw(number), Signal::SIGKILL).ok()?;
        Some(pid)
    }

    /// A string in what `umec status` tells of its faces, such as `/edgeApi/url`.
    #[track_caller]
    pub fn face(&self, pointer: &str) -> String {
        let status = self.status().unwrap_or_else(|| fail("nothing runs"));
        let face = status.faces.pointer(pointer).and_then(Value::as_str);
        face.unwrap_or_else(|| fail(&format!("no {pointer} in {}", status.faces)))
            .to_owned()
    }

    /// The command `umec` for this node, with `arguments`, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = seen_by(self.disk.as_ref(), &self.umec);
        command.arg("--state").arg(self.state()).args(arguments);
        command
    }

    /// Runs `umec` for this node and waits for its end.
    pub fn umec(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("umec runs")
    }

    /// The same for a command that prints JSON.
    #[track_caller]
    pub fn umec_json(&self, arguments: &[&str]) -> Value {
        let output = self.umec(arguments);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| fail(&format!("umec {arguments:?}: {e}: {output:?}")))
    }

    /// `curl` for a path of the edge API with the node's own token, not started yet.
    #[track_caller]
    pub fn curl(&self, path: &str) -> Command {
        let token =
            std::fs::read_to_string(self.face("/edgeApi/token")).expect("the token is there");
        let mut command = Command::new(tools::installed("curl"));
        command
            .args(["--silent", "--no-buffer", "--header"])
            .arg(format!("Authorization: Bearer {}", token.trim()))
            .arg(format!("{}{path}", self.face("/edgeApi/url")));
        command
    }

    /// The tests' Python with a script of `tests/foreign`, and the bus's address, credentials and inbox
    /// prefix as its first arguments; not started yet.
    #[track_caller]
    pub fn python(&self, script: &str, arguments: &[&str]) -> Command {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
        let mut command = seen_by(self.disk.as_ref(), &tools::python());
        command
            .arg("-u")
            .arg(scripts.join(script))
            .args(["/nats/url", "/nats/credentials", "/nats/inbox"].map(|p| self.face(p)))
            .args(arguments);
        command
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        state(&self.folder, self.disk.as_ref())
    }

    /// What `umec up` has printed.
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Stops it (SIGINT, as Ctrl-C does) and waits for its end.
    #[track_caller]
    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.running.signal(Signal::SIGINT);
        self.running.wait(DOWN)
    }

    /// Kills `umec up` itself (SIGKILL); its processes are not told.
    pub fn kill_umec(&mut self) {
        self.running.kill();
    }

    /// Starts it again on its state.
    #[track_caller]
    pub fn restart(&mut self) {
        self.running.restart();
        self.wait_until_up();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in self
                .status()
                .into_iter()
                .flat_map(|status| status.processes)
            {
                self.running
                    .append(&format!("--- {process:?}\n{}", log_of(&process)));
            }
        }
    }
}

/// The program where the disk is seen, not started yet.
fn seen_by(disk: Option<&Disk>, program: &Path) -> Command {
    disk.map_or_else(|| Command::new(program), |disk| disk.command(program))
}

fn state(folder: &TempDir, disk: Option<&Disk>) -> PathBuf {
    disk.map_or_else(|| folder.path(), Disk::folder)
        .join(".umec")
}

/// The last lines of a process's log.
fn log_of(process: &Process) -> String {
    last_lines(
        &std::fs::read_to_string(&process.log).unwrap_or_default(),
        15,
    )
}
