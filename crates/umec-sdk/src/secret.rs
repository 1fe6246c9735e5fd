//! Secrets: read from a folder with a file each, never shown.

use std::fmt;
use std::path::{Path, PathBuf};

use umec_spec::settings::SecretName;

/// A text that is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The configuration names no folder of secrets.
    #[error(
        "the secret {0} is needed and the configuration names no folder: set `secrets` to where it lies"
    )]
    NoFolder(String),
    /// The file cannot be read.
    #[error("the secret in {path}: create the file, readable by this process alone")]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

// === impl Secret ===

impl Secret {
    /// Reads the secret `name` from the file of that name in `folder`; white space at its end is not part of it.
    pub fn read(folder: Option<&Path>, name: &SecretName) -> Result<Self, SecretError> {
        let folder = folder.ok_or_else(|| SecretError::NoFolder(name.0.to_string()))?;
        let path = folder.join(name.0.as_str());
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self(text.trim_end().to_owned())),
            Err(source) => Err(SecretError::Read { path, source }),
        }
    }

    /// The text itself, for whoever has to send or compare it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
