//! The file by which a user proves who it is: a JWT and a seed, or a seed alone.

use std::path::Path;

use nkeys::KeyPair;

use crate::bus::ConnectError;
use crate::bus::signing::Signer;

/// What the file holds.
pub(crate) struct Credentials {
    /// What the operator says of the user; absent where the server knows the key itself.
    pub(crate) jwt: Option<String>,
    pub(crate) pair: KeyPair,
    pub(crate) signer: Signer,
}

impl Credentials {
    pub(crate) fn read(path: &Path) -> Result<Self, ConnectError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConnectError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).ok_or_else(|| ConnectError::Credentials {
            path: path.to_owned(),
            missing: "seed of a user",
        })
    }

    /// Reads the lines between the marks of a `.creds` file, or a seed that stands alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let after = |mark: &str| {
            let mut lines = text.lines().skip_while(|line| !line.contains(mark));
            lines.nth(1).map(|line| line.trim().to_owned())
        };
        let seed = after("BEGIN USER NKEY SEED").unwrap_or_else(|| text.trim().to_owned());
        Some(Self {
            jwt: after("BEGIN NATS USER JWT"),
            pair: KeyPair::from_seed(&seed).ok()?,
            signer: Signer::from_seed(&seed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creds_file_gives_jwt_and_seed() {
        let seed = KeyPair::new_user().seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n\n\
             *** IMPORTANT ***\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        let read = Credentials::parse(&text).unwrap();
        assert_eq!(read.jwt.as_deref(), Some("eyJ0"));
        assert_eq!(read.pair.seed().unwrap(), seed);
        assert_eq!(Credentials::parse(&seed).unwrap().jwt, None);
        assert!(Credentials::parse("no seed").is_none());
    }
}
