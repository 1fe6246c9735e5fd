//! The keys of an installation: all of them come from one root secret, so that a plan is a pure
//! function and nothing but the root has to be kept.

mod jwt;

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, Mac};
use nkeys::{KeyPair, KeyPairType};
use sha2::Sha256;
use umec_wire::signature::PublicKey;
use umec_wire::{Label, ModemName, NodeName, Timestamp};

use crate::settings::SecretName;

pub(crate) use jwt::{Claims, mint};

/// The root of all keys, and the time that the tokens made of it tell as their birth.
#[derive(Clone)]
pub struct Keys {
    root: [u8; 32],
    issued_at: Timestamp,
}

/// What makes a key this key and no other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role<'n> {
    /// Signs the accounts of the installation.
    Operator,
    /// The server's own account on a node.
    System(&'n NodeName),
    /// An account on a node.
    Account(&'n NodeName, &'n Label),
    /// Signs the users of an account, within what the account says of them.
    Scope(&'n NodeName, &'n Label),
    /// The user of a process on a node; also signs what the process publishes.
    User(&'n NodeName, &'n Label),
}

/// A text that is shown to nobody by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

// === impl Keys ===

impl Keys {
    /// Keys from a root that was drawn at random, once; `issued_at` goes into the tokens.
    pub const fn from_root(root: [u8; 32], issued_at: Timestamp) -> Self {
        Self { root, issued_at }
    }

    /// A bearer token for the secret of this name.
    pub fn token(&self, name: &SecretName) -> Secret {
        let bytes = self.derive(&["token", name.0.as_str()]);
        Secret(BASE64URL_NOPAD.encode(&bytes))
    }

    /// The pre-shared key of a modem, as 64 hexadecimal digits.
    pub fn pre_shared_key(&self, modem: &ModemName) -> Secret {
        let bytes = self.derive(&["modem", modem.as_str()]);
        Secret(HEXLOWER.encode(&bytes))
    }

    /// The public key of a node's process: its user on the bus and the signer of what it publishes.
    pub fn signer(&self, node: &NodeName, process: &Label) -> PublicKey {
        PublicKey::of(&self.pair(Role::User(node, process)))
    }

    pub(crate) const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    pub(crate) fn pair(&self, role: Role<'_>) -> KeyPair {
        let (kind, seed) = match role {
            Role::Operator => (KeyPairType::Operator, self.derive(&["operator"])),
            Role::System(node) => {
                let seed = self.derive(&["system", node.as_str()]);
                (KeyPairType::Account, seed)
            }
            Role::Account(node, name) => {
                let seed = self.derive(&["account", node.as_str(), name.as_str()]);
                (KeyPairType::Account, seed)
            }
            Role::Scope(node, name) => {
                let seed = self.derive(&["scope", node.as_str(), name.as_str()]);
                (KeyPairType::Account, seed)
            }
            Role::User(node, name) => {
                let seed = self.derive(&["user", node.as_str(), name.as_str()]);
                (KeyPairType::User, seed)
            }
        };
        KeyPair::new_from_raw(kind, seed)
            .expect("every 32 bytes are a seed (RFC 8032 section 5.1.5)")
    }

    /// HMAC-SHA256 (RFC 2104) under the root, over the parts. Each part ends with a zero byte, which
    /// no name contains, so that no two lists of parts share their bytes.
    fn derive(&self, parts: &[&str]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.root).expect("HMAC takes keys of any length");
        for part in ["umec/v1"].iter().chain(parts) {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("issued_at", &self.issued_at)
            .finish_non_exhaustive()
    }
}

// === impl Secret ===

impl Secret {
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, to be written where only its owner reads.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(byte: u8) -> Keys {
        Keys::from_root([byte; 32], Timestamp::from_millis(0))
    }

    fn label(text: &str) -> Label {
        Label::new(text).unwrap()
    }

    #[test]
    fn the_same_root_gives_the_same_keys_and_another_one_others() {
        let node = NodeName::new("pole-7").unwrap();
        let signer = |keys: &Keys, name| keys.signer(&node, &label(name));
        assert_eq!(signer(&keys(1), "modbus"), signer(&keys(1), "modbus"));
        assert_ne!(signer(&keys(1), "modbus"), signer(&keys(2), "modbus"));
        assert_ne!(signer(&keys(1), "modbus"), signer(&keys(1), "edge-api"));
    }

    #[test]
    fn each_role_has_the_prefix_that_nats_gives_it() {
        let (node, name) = (NodeName::new("n").unwrap(), label("a"));
        let keys = keys(1);
        for (role, prefix) in [
            (Role::Operator, 'O'),
            (Role::System(&node), 'A'),
            (Role::Account(&node, &name), 'A'),
            (Role::Scope(&node, &name), 'A'),
            (Role::User(&node, &name), 'U'),
        ] {
            assert!(keys.pair(role).public_key().starts_with(prefix));
        }
    }

    #[test]
    fn a_pre_shared_key_is_64_hexadecimal_digits() {
        let key = keys(1).pre_shared_key(&ModemName::new("pole-7").unwrap());
        assert_eq!(key.reveal().len(), 64);
        assert!(key.reveal().bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let keys = Keys::from_root([0xab; 32], Timestamp::from_millis(0));
        let token = keys.token(&SecretName(label("t")));
        let printed = format!("{keys:?} {token:?}");
        assert!(
            !printed.contains("171") && !printed.contains(token.reveal()),
            "{printed}"
        );
    }
}
