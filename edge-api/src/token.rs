//! Who is calling and what they may do: bearer tokens (RFC 6750), compared without telling how far
//! they agree.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use umec_sdk::Secret;
use umec_spec::settings::Pattern;
use umec_spec::settings::edge_api::{Scope, Token};
use umec_wire::{DeviceName, Label};

/// The shortest token that is taken: 16 characters of base64 are 96 bits, which nobody guesses.
pub const MIN_LENGTH: usize = 16;

/// All tokens. Only their hashes are kept.
#[derive(Debug, Default)]
pub struct Tokens(Vec<(Hash, Arc<Grant>)>);

/// What the holder of a token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token's name, for logs and command records.
    pub name: Label,
    allow: Vec<Scope>,
    devices: Vec<Pattern>,
}

/// Why a token of the configuration is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is too short to be a secret.
    #[error("the token {0} has {1} characters; a token has at least {MIN_LENGTH}")]
    Short(Label, usize),
    /// Two names have one token, so that nobody could tell who calls.
    #[error("the tokens {0} and {1} are the same text")]
    Same(Label, Label),
}

type Hash = [u8; 32];

// === impl Tokens ===

impl Tokens {
    /// Takes the tokens of the configuration with their texts.
    pub fn new(tokens: Vec<(Token, Secret)>) -> Result<Self, TokenError> {
        let mut known: Vec<(Hash, Arc<Grant>)> = Vec::with_capacity(tokens.len());
        for (token, secret) in tokens {
            let text = secret.expose();
            if text.len() < MIN_LENGTH {
                return Err(TokenError::Short(token.name, text.len()));
            }
            let hash = hash(text);
            if let Some((_, other)) = known.iter().find(|(known, _)| *known == hash) {
                return Err(TokenError::Same(other.name.clone(), token.name));
            }
            let grant = Grant {
                name: token.name,
                allow: token.allow,
                devices: token.devices,
            };
            known.push((hash, Arc::new(grant)));
        }
        Ok(Self(known))
    }

    /// The grant of a token. Each known token is compared whole, so that time tells nothing.
    pub fn grant(&self, text: &str) -> Option<Arc<Grant>> {
        let presented = hash(text);
        let mut found = None;
        for (known, grant) in &self.0 {
            if same(known, &presented) {
                found = Some(grant);
            }
        }
        found.map(Arc::clone)
    }
}

// === impl Grant ===

impl Grant {
    /// Whether it allows this at all.
    pub fn allows(&self, scope: Scope) -> bool {
        self.allow.contains(&scope)
    }

    /// Whether the device is among its devices.
    pub fn covers(&self, device: &DeviceName) -> bool {
        self.devices
            .iter()
            .any(|pattern| pattern.matches(device.as_str()))
    }
}

/// The token of an `Authorization` header (RFC 6750 section 2.1); the scheme's case does not matter.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// Looks at all bytes whatever they are.
fn same(a: &Hash, b: &Hash) -> bool {
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use umec_spec::settings::SecretName;

    use super::*;

    fn token(name: &str, allow: &[Scope], devices: &[&str]) -> Token {
        Token {
            name: Label::new(name).unwrap(),
            allow: allow.to_vec(),
            devices: devices
                .iter()
                .map(|d| Pattern::try_from((*d).to_owned()).unwrap())
                .collect(),
            secret: SecretName(Label::new(name).unwrap()),
        }
    }

    fn secret(text: &str) -> Secret {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s"), text).unwrap();
        let name = SecretName(Label::new("s").unwrap());
        Secret::read(Some(folder.path()), &name).unwrap()
    }

    #[test]
    fn a_token_gives_its_grant_and_no_other() {
        let tokens = Tokens::new(vec![
            (
                token("dashboard", &[Scope::Read], &["*"]),
                secret("dashboard-secret-1"),
            ),
            (
                token("control", &[Scope::Command], &["thermometer-*"]),
                secret("control-secret-1"),
            ),
        ])
        .unwrap();
        let grant = tokens.grant("control-secret-1").unwrap();
        assert_eq!(grant.name.as_str(), "control");
        assert!(grant.allows(Scope::Command) && !grant.allows(Scope::Read));
        assert!(grant.covers(&DeviceName::new("thermometer-1").unwrap()));
        assert!(!grant.covers(&DeviceName::new("pump-1").unwrap()));
        for text in [
            "",
            "control-secret-",
            "control-secret-11",
            "CONTROL-SECRET-1",
        ] {
            assert_eq!(tokens.grant(text), None, "{text}");
        }
    }

    #[test]
    fn a_short_token_and_a_shared_one_are_refused() {
        let read = |name| token(name, &[Scope::Read], &["*"]);
        assert!(Tokens::new(vec![(read("a"), secret("short"))]).is_err());
        let both = vec![
            (read("a"), secret("the-same-secret-1")),
            (read("b"), secret("the-same-secret-1")),
        ];
        assert!(Tokens::new(both).is_err());
    }

    #[test]
    fn only_the_bearer_scheme_carries_a_token() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for header in ["", "Bearer", "Bearer ", "Basic abc", "abc"] {
            assert_eq!(bearer(header), None, "{header}");
        }
    }
}
