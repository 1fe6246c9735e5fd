//! Signatures over messages: Ed25519 over subject, message id and payload, by NATS keys (NKeys).

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde::{Deserialize, Serialize};

/// The header that carries a signature: `<public key> <signature in base64url>`.
pub const HEADER: &str = "Umec-Signature";

/// The public key of a publisher: an NKey of a user, `U` and 55 letters of base32.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

/// Says that a text is not the public key of a user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the public NKey of a user (U and 55 letters of base32)")]
pub struct PublicKeyError(String);

/// What the header carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who says to have signed.
    pub key: PublicKey,
    /// The 64 bytes of Ed25519 (RFC 8032 section 5.1.6).
    pub bytes: [u8; 64],
}

/// Why a message is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no signature.
    #[error("the message has no header Umec-Signature")]
    Absent,
    /// The header is not a key and a signature.
    #[error("the header Umec-Signature is not <public key> <base64url of 64 bytes>")]
    Malformed,
    /// The signature does not belong to this subject, id and payload.
    #[error("the signature by {0} is not of this message")]
    Wrong(PublicKey),
    /// The signer may not speak for this subject.
    #[error("{0} may not sign for this subject")]
    Untrusted(PublicKey),
}

/// The bytes that are signed: each part after its length (64 bits, big-endian), so that no two
/// messages share them.
pub fn signed_bytes(subject: &str, message_id: &str, payload: &[u8]) -> Vec<u8> {
    let parts = [subject.as_bytes(), message_id.as_bytes(), payload];
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

// === impl PublicKey ===

impl PublicKey {
    /// The text, `U...`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The public half of a key pair.
    pub fn of(pair: &KeyPair) -> Self {
        Self(pair.public_key())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        match KeyPair::from_public_key(text) {
            Ok(_) if text.starts_with('U') => Ok(Self(text.to_owned())),
            _ => Err(PublicKeyError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for PublicKey {
    type Error = PublicKeyError;

    fn try_from(text: String) -> Result<Self, PublicKeyError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

// === impl Signature ===

impl Signature {
    /// Signs a message with a key pair that holds its seed.
    pub fn sign(
        pair: &KeyPair,
        subject: &str,
        message_id: &str,
        payload: &[u8],
    ) -> Result<Self, nkeys::error::Error> {
        let bytes = pair.sign(&signed_bytes(subject, message_id, payload))?;
        Ok(Self {
            key: PublicKey::of(pair),
            bytes: bytes.try_into().unwrap_or([0; 64]),
        })
    }

    /// Checks that the signer named in the header signed this message. Whether the signer may speak
    /// for the subject is the caller's question.
    pub fn verify(
        &self,
        subject: &str,
        message_id: &str,
        payload: &[u8],
    ) -> Result<(), VerifyError> {
        let wrong = || VerifyError::Wrong(self.key.clone());
        let pair = KeyPair::from_public_key(self.key.as_str()).map_err(|_| wrong())?;
        pair.verify(&signed_bytes(subject, message_id, payload), &self.bytes)
            .map_err(|_| wrong())
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, BASE64URL_NOPAD.encode(&self.bytes))
    }
}

impl FromStr for Signature {
    type Err = VerifyError;

    fn from_str(text: &str) -> Result<Self, VerifyError> {
        let (key, bytes) = text.split_once(' ').ok_or(VerifyError::Malformed)?;
        let bytes = BASE64URL_NOPAD.decode(bytes.as_bytes());
        Ok(Self {
            key: key.parse().map_err(|_| VerifyError::Malformed)?,
            bytes: bytes
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(VerifyError::Malformed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_alone() {
        let pair = KeyPair::new_user();
        let text = Signature::sign(&pair, "s", "i", b"p").unwrap().to_string();
        let signature: Signature = text.parse().unwrap();
        assert_eq!(signature.verify("s", "i", b"p"), Ok(()));
        for (subject, id, payload) in [("t", "i", b"p"), ("s", "j", b"p"), ("s", "i", b"q")] {
            assert!(signature.verify(subject, id, payload).is_err());
        }
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        assert_ne!(signed_bytes("ab", "c", b""), signed_bytes("a", "bc", b""));
    }
}
