//! A program that a test has started: its log, its end, and the addresses it tells.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{eventually, fail};

/// As many lines of a log as are shown when a test fails.
const TAIL: usize = 200;

/// A running program. It is killed when this is dropped; where the test is failing then, the end of
/// its log is shown.
#[derive(Debug)]
pub struct Running {
    name: String,
    command: Command,
    child: Child,
    folder: TempDir,
}

/// Finds the binary `name` of this workspace, built from the present sources in the profile of the
/// test that asks. The first call builds; tests along with it, because then the dependencies have the
/// features that `cargo test --workspace` gives them and nothing is built twice. Where `UMEC_BINARIES` names
/// a folder, the binaries in it are tested as they are.
#[track_caller]
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(build_workspace);
    let path = folder.join(name);
    if !path.exists() {
        fail(&format!("the workspace builds no {}", path.display()));
    }
    path
}

/// Reads the address that a process writes to `file` once it listens.
#[track_caller]
pub fn address(file: &Path, deadline: Duration) -> SocketAddr {
    eventually(deadline, || {
        let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        text.trim()
            .parse()
            .map_err(|e| format!("{}: {text:?}: {e}", file.display()))
    })
}

// === impl Running ===

impl Running {
    /// Starts `command`. Both of its outputs go to the log.
    #[track_caller]
    pub fn start(command: Command) -> Self {
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let folder = tempfile::tempdir().expect("a folder for the log");
        let mut command = command;
        let child = spawn(&name, &mut command, &folder.path().join("log"));
        Self {
            name,
            command,
            child,
            folder,
        }
    }

    /// Starts `binary --config FILE` with `config` as the file's text.
    #[track_caller]
    pub fn with_config(binary: &Path, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the configuration");
        let file = folder.path().join("config.yaml");
        fs::write(&file, config).expect("the configuration is written");
        let name = binary
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut command = Command::new(binary);
        command.arg("--config").arg(&file);
        let child = spawn(&name, &mut command, &folder.path().join("log"));
        Self {
            name,
            command,
            child,
            folder,
        }
    }

    /// Its process id; the last one, where it has ended.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once (SIGKILL) and reaps it.
    pub fn kill(&mut self) {
        // An error says that it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("a pid fits"));
        kill(pid, signal).expect("the program takes the signal");
    }

    /// Asks it to stop (SIGTERM), and waits for its end.
    #[track_caller]
    pub fn stop(&mut self, deadline: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait(deadline)
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let name = self.name.clone();
        eventually(deadline, || match self.ended() {
            Some(status) => Ok(status),
            None => Err(format!("{name} is running")),
        })
    }

    /// How it ended, where it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Starts it again with the same arguments, after its end; kills it where it still runs.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let log = self.log_file();
        self.child = spawn(&self.name, &mut self.command, &log);
    }

    /// All that it has written, over all its starts.
    pub fn log(&self) -> String {
        fs::read(self.log_file())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Waits until the log holds `text`.
    #[track_caller]
    pub fn logs(&self, text: &str, deadline: Duration) {
        eventually(deadline, || {
            if self.log().contains(text) {
                Ok(())
            } else {
                Err(self.tail())
            }
        });
    }

    /// The last lines of the log, with the program's name.
    pub fn tail(&self) -> String {
        format!("--- {}\n{}", self.name, last_lines(&self.log(), TAIL))
    }

    /// Adds to the log what belongs to this program's story.
    pub(crate) fn append(&self, text: &str) {
        let log = OpenOptions::new().append(true).open(self.log_file());
        if let Ok(mut log) = log {
            // The log is shown where a test fails; without this part it is shown all the same.
            drop(log.write_all(text.as_bytes()));
        }
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let tail = self.tail();
            // Where even standard error is gone there is nobody to tell.
            drop(std::io::stderr().write_all(tail.as_bytes()));
        }
        self.kill();
    }
}

/// The last `count` lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    let mut last = lines.get(from..).unwrap_or_default().join("\n");
    last.push('\n');
    last
}

#[track_caller]
fn spawn(name: &str, command: &mut Command, log: &Path) -> Child {
    let open = || -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log can be opened")
    };
    command
        .stdin(Stdio::null())
        .stdout(open())
        .stderr(open())
        .spawn()
        .unwrap_or_else(|e| fail(&format!("{name} does not start: {e}")))
}

fn build_workspace() -> PathBuf {
    if let Some(folder) = std::env::var_os("UMEC_BINARIES") {
        return folder.into();
    }
    let test = std::env::current_exe().expect("a test knows its own file");
    // target/<profile>/deps/<test>
    let folder = test
        .ancestors()
        .nth(2)
        .unwrap_or_else(|| fail("a test lies in target/<profile>/deps"))
        .to_path_buf();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--workspace", "--bins", "--examples"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    build.arg(if folder.ends_with("release") {
        "--release"
    } else {
        "--tests"
    });
    let status = build.status().expect("cargo starts");
    if !status.success() {
        fail("the workspace does not build");
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start(command)
    }

    #[test]
    fn a_program_is_stopped_and_its_log_is_kept_over_a_restart() {
        let mut running =
            shell("trap 'echo drained; exit 3' TERM; echo ready; while :; do sleep 0.02; done");
        running.logs("ready", SOON);
        assert_eq!(running.stop(SOON).code(), Some(3));
        running.restart();
        eventually(SOON, || match running.log().matches("ready").count() {
            2 => Ok(()),
            _ => Err(running.log()),
        });
        running.kill();
        assert!(running.ended().is_some());
        assert!(running.log().contains("drained"));
    }

    #[test]
    fn an_address_is_read_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("address");
        fs::write(&file, "127.0.0.1:").unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| address(&file, SOON));
            fs::write(&file, "127.0.0.1:4222\n").unwrap();
            assert_eq!(reader.join().unwrap().port(), 4222);
        });
    }
}
