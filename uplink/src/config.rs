//! What the uplink reads from files: its key.

use std::path::Path;

use umec_sdk::Secret;
use umec_sdk::secret::SecretError;
use umec_spec::settings::SecretName;
use umec_wire::uplink::Key;
use umec_wire::uplink::session::KeyError;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKey {
    #[error("the pre-shared key")]
    Read(#[from] SecretError),
    #[error("the secret {name}")]
    Content { name: String, source: KeyError },
}

/// Reads the pre-shared key.
pub(crate) fn key(folder: Option<&Path>, name: &SecretName) -> Result<Key, NoKey> {
    let secret = Secret::read(folder, name)?;
    let parsed = secret.expose().parse();
    parsed.map_err(|source| NoKey::Content {
        name: name.0.to_string(),
        source,
    })
}
