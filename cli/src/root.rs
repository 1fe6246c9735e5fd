//! The root of a node's keys on this machine: drawn once, kept where only its owner reads.

use std::fs;
use std::io;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use umec_wire::Timestamp;

use crate::failure::Failure;
use crate::state::{Layout, write_private};

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    root: String,
    issued_at: Timestamp,
}

/// Takes the root that is kept, or draws one: 32 bytes, and when they were drawn.
pub fn take(layout: &Layout, now: Timestamp) -> Result<([u8; 32], Timestamp), Failure> {
    let path = layout.root_key();
    let spoilt = || {
        Failure::bad_input(format!(
            "{} is spoilt: put the right one back, or remove the folder {} to begin anew",
            path.display(),
            layout.root().display()
        ))
    };
    match fs::read(&path) {
        Ok(bytes) => {
            let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| spoilt())?;
            let root = HEXLOWER.decode(kept.root.as_bytes()).ok();
            let root = root.and_then(|root| root.try_into().ok());
            Ok((root.ok_or_else(spoilt)?, kept.issued_at))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let root: [u8; 32] = rand::random();
            let kept = Kept {
                root: HEXLOWER.encode(&root),
                issued_at: now,
            };
            let bytes = serde_json::to_vec(&kept).unwrap_or_default();
            write_private(&path, &bytes)
                .map_err(|error| Failure::other(format!("{}: {error}", path.display())))?;
            Ok((root, now))
        }
        Err(error) => Err(Failure::other(format!("{}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use crate::state::StateFolder;

    #[test]
    fn a_root_is_drawn_once_and_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let now = Timestamp::from_millis(7);
        let first = take(&state.layout, now).unwrap();
        let again = take(&state.layout, Timestamp::from_millis(8)).unwrap();
        assert_eq!(first, again);
        assert_eq!(again.1, now);
        fs::write(state.layout.root_key(), "{}").unwrap();
        let failure = take(&state.layout, now).unwrap_err();
        assert_eq!(failure.exit(), Exit::BadInput);
        assert!(failure.to_string().contains("is spoilt"), "{failure}");
    }
}
