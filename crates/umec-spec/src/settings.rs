//! The configuration of each process, as the plan writes it and the process reads it.
//!
//! One type for both ends, so that they cannot disagree. A file holds one [`Process`]; secrets are
//! named, never contained: a process finds the secret `x` in the file `x` of its secrets folder.

pub mod custom;
pub mod edge_api;
pub mod gateway;
pub mod kafka;
pub mod modbus;
pub mod modbus_line;
pub mod original;
pub mod plugin;
pub mod sinks;
pub mod stream;
pub mod uplink;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use umec_wire::signature::PublicKey;
use umec_wire::{DeviceName, Label, NodeName, Span};

/// The whole configuration of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Process<S> {
    /// The node it runs on; for a cloud process the name of its installation.
    pub node: NodeName,
    /// The node's bus; absent where the process does not use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<BusSettings>,
    /// The process's own face to whoever looks after it.
    #[serde(default)]
    pub admin: AdminSettings,
    /// The folder in which secrets lie, a file each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<PathBuf>,
    /// How long a drain may take before the process leaves all the same.
    #[serde(default = "default_grace")]
    pub grace: Span,
    /// What is the process's own.
    pub settings: S,
}

/// How to reach the bus, and whom to believe on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BusSettings {
    /// The server, such as `nats://127.0.0.1:4222`.
    pub url: String,
    /// The file with the user's JWT and seed. It is read again at each connect, so that keys can rotate.
    /// The seed also signs what the process publishes.
    pub credentials: PathBuf,
    /// The prefix of the reply subjects that the account may subscribe to, such as `_INBOX.modbus`.
    pub inbox: String,
    /// How many messages are held while the server is away; the oldest are dropped first and counted.
    #[serde(default = "default_outbox")]
    pub outbox: usize,
    /// The prefix of the JetStream API. An account that is not the bus's own reaches the bus's
    /// JetStream under a name of its own, since `$JS.API` is its own, empty one.
    #[serde(default = "default_jetstream")]
    pub jetstream: String,
    /// Who may sign what. Messages of others are dropped and counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trust: Vec<Trust>,
}

/// One signer and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trust {
    /// The signer.
    pub key: PublicKey,
    /// The devices about which it may publish.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<DeviceName>,
    /// The devices whose aggregates it may publish.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregate: Vec<DeviceName>,
    /// The devices to which it may give commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<DeviceName>,
}

/// Where `/healthz`, `/readyz` and `/metrics` are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdminSettings {
    /// The address; port 0 takes a free one, which the log tells.
    pub listen: SocketAddr,
    /// The file to which the address in use is written, for whoever started the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_file: Option<PathBuf>,
}

/// The name of a secret: the file's name in the secrets folder, the key in a Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretName(pub Label);

/// A pattern of names: a label in which `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// Says that a text is not a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a pattern: write a name of a-z, 0-9 and -, with * for any run of characters")]
pub struct PatternError(String);

// === impl AdminSettings ===

impl Default for AdminSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: None,
        }
    }
}

/// Kubernetes gives 30 s; two thirds of it leave room for the kubelet.
const fn default_grace() -> Span {
    Span::from_secs(20)
}

fn default_jetstream() -> String {
    "$JS.API".to_owned()
}

pub(crate) const fn default_outbox() -> usize {
    10_000
}

// === impl Pattern ===

impl Pattern {
    /// The pattern that every name matches.
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    /// The pattern that one name alone matches.
    pub fn exactly(name: &Label) -> Self {
        Self(name.to_string())
    }

    /// Whether `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some((_, after)) = rest.split_once(part) else {
                return false;
            };
            rest = after;
        }
        false
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-*".contains(c);
        if text.is_empty() || text.len() > Label::MAX_LEN || !text.chars().all(allowed) {
            return Err(PatternError(text));
        }
        Ok(Self(text))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        let matches = |pattern: &str, name: &str| {
            Pattern::try_from(pattern.to_owned()).unwrap().matches(name)
        };
        for (pattern, name) in [
            ("*", "meter-3"),
            ("meter-3", "meter-3"),
            ("meter-*", "meter-3"),
            ("*-3", "meter-3"),
            ("m*r-*", "meter-3"),
            ("meter-3*", "meter-3"),
            ("a*a", "aa"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("meter", "meter-3"),
            ("eter-3", "meter-3"),
            ("meter-*", "pump-1"),
            ("a*a", "a"),
            ("m*x*3", "meter-3"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
