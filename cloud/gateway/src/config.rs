//! What the gateway reads from files: the keys of modems and the secret of its cookies.

mod access;

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;
use umec_sdk::chain;
use umec_wire::uplink::{Cookies, Key};
use umec_wire::{ModemName, NodeName};

pub(crate) use access::brokers;

/// The folder of keys, a file per modem: the key as 64 hexadecimal digits and, where it is not the
/// modem's own name, the name of the node for which the modem speaks.
#[derive(Debug)]
pub(crate) struct Keys {
    folder: PathBuf,
    known: HashMap<ModemName, (Instant, Option<Identity>)>,
}

/// A modem's key and the node for which it speaks.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) key: Key,
    pub(crate) node: NodeName,
}

/// Why a modem has no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("{path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} does not hold 64 hexadecimal digits and, where needed, the name of a node")]
    Content { path: PathBuf },
}

/// How long a file is not read again: anyone can make us ask for one.
const FRESH: Duration = Duration::from_secs(2);

/// How many answers are remembered; when there are more, all are forgotten.
const REMEMBERED: usize = 4_096;

// === impl Keys ===

impl Keys {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            known: HashMap::new(),
        }
    }

    /// The identity of a modem; the error is told once in a while, not for each hello.
    pub(crate) fn find(&mut self, modem: &ModemName) -> Result<Option<Identity>, KeyFileError> {
        let now = Instant::now();
        if let Some((at, identity)) = self.known.get(modem)
            && now < *at + FRESH
        {
            return Ok(identity.clone());
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let read = self.read(modem);
        let identity = read.as_ref().ok().cloned();
        self.known.insert(modem.clone(), (now, identity));
        read.map(Some)
    }

    fn read(&self, modem: &ModemName) -> Result<Identity, KeyFileError> {
        // A name is a label, so it cannot lead out of the folder.
        let path = self.folder.join(modem.as_str());
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(KeyFileError::Read { path, source }),
        };
        parse(modem, &text).ok_or(KeyFileError::Content { path })
    }
}

/// Why there is no secret for cookies.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSecret {
    #[error("{path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} does not hold 64 hexadecimal digits")]
    Content { path: PathBuf },
}

/// The file of the secret, in the folder of keys. Its name is none that a modem can have.
const SECRET: &str = "_cookies";

/// Reads the secret of which cookies are made, or draws one. It outlives the process where the folder
/// can be written, or was given the file; elsewhere modems take a round trip more after a restart.
pub(crate) fn cookies(folder: &Path) -> Result<Cookies, NoSecret> {
    let path = folder.join(SECRET);
    let drawn: [u8; 32] = rand::random();
    let hex = data_encoding::HEXLOWER_PERMISSIVE;
    if let Err(error) = create(&path, &hex.encode(&drawn)) {
        debug!(
            error = chain(&error),
            "the secret of cookies is not written"
        );
    }
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Cookies::new(drawn)),
        Err(source) => return Err(NoSecret::Read { path, source }),
    };
    let secret = hex.decode(text.trim().as_bytes()).ok();
    match secret.and_then(|secret| secret.try_into().ok()) {
        Some(secret) => Ok(Cookies::new(secret)),
        None => Err(NoSecret::Content { path }),
    }
}

/// Makes a new file that only its owner reads: all of it, or none.
fn create(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = path.with_extension(std::process::id().to_string());
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    let written = file.write_all(text.as_bytes());
    // A link takes the place of no file that is there.
    let made = written.and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    made
}

fn parse(modem: &ModemName, text: &str) -> Option<Identity> {
    let mut words = text.split_whitespace();
    let key = words.next()?.parse().ok()?;
    let node = match words.next() {
        Some(node) => node.parse().ok()?,
        None => NodeName::from(modem.as_label().clone()),
    };
    words.next().is_none().then_some(Identity { key, node })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_holds_a_key_and_perhaps_a_node() {
        let folder = tempfile::tempdir().unwrap();
        let key = "07".repeat(32);
        let modem = |name| ModemName::new(name).unwrap();
        for (name, text) in [
            ("plain", format!("{key}\n")),
            ("other", format!("{key} pole-9\n")),
            ("short", "0707".to_owned()),
            ("more", format!("{key} pole-9 x")),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut keys = Keys::new(folder.path().to_owned());
        let mut node = |name| keys.find(&modem(name)).map(|i| i.unwrap().node.to_string());
        assert_eq!(node("plain").unwrap(), "plain");
        assert_eq!(node("other").unwrap(), "pole-9");
        assert!(matches!(node("short"), Err(KeyFileError::Content { .. })));
        assert!(matches!(node("more"), Err(KeyFileError::Content { .. })));
        assert!(matches!(node("none"), Err(KeyFileError::Read { .. })));
        assert!(keys.find(&modem("none")).unwrap().is_none(), "told once");
    }

    #[test]
    fn the_secret_of_cookies_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let from = "192.0.2.1:1".parse().unwrap();
        let now = umec_wire::Timestamp::from_millis(0);
        let first = cookies(folder.path()).unwrap().retry(now, from);
        assert_eq!(cookies(folder.path()).unwrap().retry(now, from), first);
        std::fs::write(folder.path().join(SECRET), "short").unwrap();
        assert!(matches!(
            cookies(folder.path()),
            Err(NoSecret::Content { .. })
        ));
        assert!(cookies(&folder.path().join("nowhere")).is_ok());
    }
}
