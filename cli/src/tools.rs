//! The programs that a node needs: where they lie, and which version they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::config::Environment;

/// The oldest nats-server that keeps its word: older ones lose updates of replicated key-value stores.
pub const OLDEST_NATS: Version = Version(2, 12, 0);

/// Major, minor and patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

/// Why there is no nats-server to start.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// It is nowhere.
    #[error(
        "nats-server is neither in the tools cache nor on PATH; `umec doctor` tells how to get it"
    )]
    Absent,
    /// It cannot be asked for its version.
    #[error("{0} does not tell its version; `umec doctor` tells how to get another")]
    Silent(PathBuf),
    /// It is too old.
    #[error(
        "{path} is version {found}, {OLDEST_NATS} or later is needed; `umec doctor` tells how to get it"
    )]
    Old {
        /// Where it lies.
        path: PathBuf,
        /// Which version it is.
        found: Version,
    },
}

/// Finds a daemon of the platform: beside `umec` itself, else on `PATH`.
pub fn daemon(environment: &Environment, name: &str) -> Option<PathBuf> {
    first(environment.beside.iter().chain(&environment.path), name)
}

/// Finds a foreign program: in the tools cache, else on `PATH`.
pub fn foreign(environment: &Environment, name: &str) -> Option<PathBuf> {
    let cache = environment.tools.iter().map(|tools| tools.join("bin"));
    let cache: Vec<PathBuf> = cache.collect();
    first(cache.iter().chain(&environment.path), name)
}

/// Finds a nats-server that is new enough.
pub fn nats(environment: &Environment) -> Result<(PathBuf, Version), NatsError> {
    let path = foreign(environment, "nats-server").ok_or(NatsError::Absent)?;
    let output = Command::new(&path).arg("--version").output();
    let found = output
        .ok()
        .and_then(|output| Version::parse(&String::from_utf8_lossy(&output.stdout)))
        .ok_or_else(|| NatsError::Silent(path.clone()))?;
    if found < OLDEST_NATS {
        return Err(NatsError::Old { path, found });
    }
    Ok((path, found))
}

fn first<'a>(mut folders: impl Iterator<Item = &'a PathBuf>, name: &str) -> Option<PathBuf> {
    folders.find_map(|folder| {
        let path = folder.join(name);
        is_program(&path).then_some(path)
    })
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

// === impl Version ===

impl Version {
    /// Reads a version from a line such as `nats-server: v2.15.2`.
    pub fn parse(text: &str) -> Option<Self> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        let (_, text) = text.split_at_checked(start)?;
        let mut numbers = text
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self(next()?, next()?, next().unwrap_or(0)))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &Path) -> Environment {
        Environment {
            beside: None,
            tools: Some(folder.to_owned()),
            path: Vec::new(),
            invoked: "umec".to_owned(),
            terminal: false,
            colour: false,
        }
    }

    fn server(folder: &Path, says: &str) {
        let path = folder.join("bin/nats-server");
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(&path, format!("#!/bin/sh\necho {says}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn versions_are_read_and_compared_by_number() {
        let version = |text| Version::parse(text);
        assert_eq!(version("nats-server: v2.15.2"), Some(Version(2, 15, 2)));
        assert_eq!(version("openjdk 17.0.9 2023"), Some(Version(17, 0, 9)));
        assert_eq!(version("2.9-beta"), Some(Version(2, 9, 0)));
        assert_eq!(version("no version"), None);
        assert!(Version(2, 9, 10) < OLDEST_NATS);
    }

    #[test]
    fn a_server_that_is_absent_or_too_old_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        assert!(matches!(nats(&environment), Err(NatsError::Absent)));
        server(folder.path(), "nats-server: v2.9.10");
        let error = nats(&environment).unwrap_err().to_string();
        assert!(error.contains("2.9.10, 2.12.0 or later"), "{error}");
        assert!(error.contains("umec doctor"), "{error}");
        server(folder.path(), "nats-server: v2.12.1");
        assert_eq!(nats(&environment).unwrap().1, Version(2, 12, 1));
    }
}
