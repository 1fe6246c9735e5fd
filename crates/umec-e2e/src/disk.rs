//! A small disk of a test's own, which can be full.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::eventually;
use crate::program::Running;

/// A mount takes some milliseconds; a loaded machine gets more.
const UP: Duration = Duration::from_secs(30);

/// What makes room when it goes.
const BALLAST: &str = "ballast";

/// A file system in memory, seen by the programs that are started on it alone. It is gone when dropped.
#[derive(Debug)]
pub struct Disk {
    holder: Running,
    folder: TempDir,
}

// === impl Disk ===

impl Disk {
    /// A disk of this many bytes, of which `ballast` are taken.
    #[track_caller]
    pub fn of(bytes: u64, ballast: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder to mount on");
        let mut command = Command::new("unshare");
        // The file system lives as long as the process that mounted it.
        let script = r#"mount -t tmpfs -o "size=$1" tmpfs "$3" && head -c "$2" /dev/zero > "$3/ballast" && exec sleep infinity"#;
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ]);
        command.args([bytes.to_string(), ballast.to_string()]);
        command.arg(folder.path());
        let mut disk = Self {
            holder: Running::start(command),
            folder,
        };
        eventually(UP, || {
            let found = fs::metadata(disk.seen(BALLAST)).map(|file| file.len());
            if let Some(status) = disk.holder.ended() {
                crate::fail(&format!(
                    "no disk could be mounted ({status}): let this user make user namespaces \
                     (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0) \
                     or run as root\n{}",
                    disk.holder.tail()
                ));
            }
            match found {
                Ok(length) if length == ballast => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        disk
    }

    /// The folder on the disk, as programs on it see it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command that runs `program` where the disk is seen.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--preserve-credentials", "--user", "--mount", "--target"]);
        command.arg(self.holder.pid().to_string()).arg(program);
        command
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let opened = OpenOptions::new().append(true).open(self.seen(BALLAST));
        let mut ballast = opened.expect("the ballast is there");
        let full = loop {
            if let Err(error) = ballast.write_all(&[0; 4_096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
    }

    /// Makes room.
    pub fn clear(&self) {
        fs::remove_file(self.seen(BALLAST)).expect("the ballast goes");
    }

    /// A file on the disk, as this process sees it.
    fn seen(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.pid()));
        let folder = self.folder.path().strip_prefix("/");
        root.join(folder.expect("a folder has a whole path"))
            .join(name)
    }
}
