//! The state folder of a node on this machine, `.umec/`: what lies where, and who may write it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// Where things lie in a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// A state folder that this process alone may write until it ends.
#[derive(Debug)]
pub struct StateFolder {
    /// Where things lie.
    pub layout: Layout,
    _lock: Flock<File>,
}

/// Why a state folder cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A folder or file cannot be made.
    #[error("cannot make {path}")]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another `umec up` has it.
    #[error(
        "`umec up` already runs on {root} (process {pid}): stop it with Ctrl-C there or `kill {pid}`, or take another folder with --state"
    )]
    Taken {
        /// The folder.
        root: PathBuf,
        /// The process.
        pid: String,
    },
}

// === impl Layout ===

impl Layout {
    /// The layout of the folder `root`.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: std::path::absolute(root)?,
        })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The secret from which all keys are derived.
    pub fn root_key(&self) -> PathBuf {
        self.root.join("root.key")
    }

    /// The folder of secrets, a file each.
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// The header with this command's own token, as `curl -H @FILE` takes it.
    pub fn header(&self) -> PathBuf {
        self.root.join("auth")
    }

    /// The folder of NATS credentials.
    pub fn creds(&self) -> PathBuf {
        self.root.join("creds")
    }

    /// The folder of the gateway's pre-shared keys, a file per modem.
    pub fn modem_keys(&self) -> PathBuf {
        self.root.join("modem-keys")
    }

    /// The folder in which nats-server keeps its stream.
    pub fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }

    /// The folder in which plugins keep what must outlive them, a folder each.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The configuration of a process.
    pub fn config(&self, process: &str, extension: &str) -> PathBuf {
        self.root
            .join("config")
            .join(format!("{process}.{extension}"))
    }

    /// What a process has logged.
    pub fn log(&self, process: &str) -> PathBuf {
        self.root.join("log").join(format!("{process}.log"))
    }

    /// What holds only while `umec up` runs.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The file to which a process writes an address in use.
    pub fn address(&self, process: &str, face: &str) -> PathBuf {
        self.run().join(format!("{process}.{face}"))
    }

    /// The state as told to other processes.
    pub fn status(&self) -> PathBuf {
        self.run().join("status.json")
    }

    /// The processes that run, to find those that a killed `umec up` left behind.
    pub fn processes(&self) -> PathBuf {
        self.run().join("processes.json")
    }

    /// The ports that were in use, to be used again.
    pub fn ports(&self) -> PathBuf {
        self.root.join("ports.json")
    }

    fn lock(&self) -> PathBuf {
        self.run().join("lock")
    }

    /// The process that has the folder, where one has.
    pub fn holder(&self) -> Option<String> {
        let file = File::open(self.lock()).ok()?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_free) => None,
            Err((mut file, _)) => Some(told(&mut file)),
        }
    }
}

// === impl StateFolder ===

impl StateFolder {
    /// Makes the folder where it is absent, and takes it.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        let cannot = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Make { path, source }
        };
        let layout = Layout::new(root).map_err(cannot(root))?;
        let folders = [
            layout.root.clone(),
            layout.secrets(),
            layout.creds(),
            layout.modem_keys(),
            layout.nats(),
            layout.state(),
            layout.root.join("config"),
            layout.root.join("log"),
            layout.run(),
        ];
        for folder in folders {
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder);
            made.map_err(cannot(&folder))?;
        }
        let path = layout.lock();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(cannot(&path))?;
        let mut lock =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(mut file, _)| {
                OpenError::Taken {
                    root: root.to_owned(),
                    pid: told(&mut file),
                }
            })?;
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}", std::process::id())
        };
        write(&mut lock).map_err(cannot(&path))?;
        Ok(Self {
            layout,
            _lock: lock,
        })
    }
}

/// How much longer a report may get on a full disk: some reasons.
const SPARE: usize = 4_096;

/// Writes a file that only its owner may read, at once or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o600)
}

/// Writes a file that may be read by all who may enter the folder, at once or not at all.
pub fn write_shared(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o644)
}

/// Writes a text that may end in spaces, so that it can be written again on a full disk: over the old one
/// then, in the room that it has. A reader may see some of both, and reads again.
pub fn write_report(path: &Path, text: &[u8]) -> io::Result<()> {
    let padded = |length: usize| {
        let mut padded = text.to_vec();
        padded.resize(length, b' ');
        padded
    };
    match write_private(path, &padded(text.len() + SPARE)) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            let room = usize::try_from(fs::metadata(path)?.len()).unwrap_or(0);
            if room < text.len() {
                return Err(error);
            }
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.write_all(&padded(room))
        }
        written => written,
    }
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(&fresh)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(&fresh, path)
}

fn told(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.is_empty() => text,
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn two_at_once_are_refused_with_the_process_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("state");
        let layout = Layout::new(&root).unwrap();
        assert_eq!(layout.holder(), None);
        let first = StateFolder::open(&root).unwrap();
        let pid = std::process::id().to_string();
        assert_eq!(layout.holder(), Some(pid.clone()));
        let error = StateFolder::open(&root).unwrap_err().to_string();
        assert!(error.contains(&format!("kill {pid}")), "{error}");
        drop(first);
        assert_eq!(layout.holder(), None);
        StateFolder::open(&root).unwrap();
    }

    #[test]
    fn a_private_file_is_its_owners_alone_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        write_private(&path, b"first").unwrap();
        write_private(&path, b"2nd").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2nd");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
