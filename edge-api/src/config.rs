//! The configuration as it is used: secrets read, windows checked.

use std::path::Path;

use umec_sdk::Secret;
use umec_sdk::secret::SecretError;
use umec_spec::settings::edge_api::EdgeApiSettings;
use umec_wire::Span;

use crate::token::{TokenError, Tokens};

/// A day in microseconds, which windows divide so that they are aligned to midnight.
const DAY: u64 = 86_400_000_000;

/// Lengths of windows; each costs memory per device and a message per device and window.
const MAX_WINDOWS: usize = 8;

/// What the process runs on.
#[derive(Debug)]
pub struct Config {
    /// Who may do what.
    pub tokens: Tokens,
    /// Everything else.
    pub settings: EdgeApiSettings,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A token's secret cannot be had.
    #[error("the token {name}")]
    Secret {
        /// The token's name.
        name: umec_wire::Label,
        /// Why not.
        source: SecretError,
    },
    /// A token is not taken.
    #[error("the tokens")]
    Token(#[source] TokenError),
    /// A window does not fit into a day a whole number of times.
    #[error("the window {0} does not divide a day: take one such as 10s, 1m, 15m or 1h")]
    Window(Span),
    /// Two windows are the same.
    #[error("the window {0} is there twice")]
    Twice(Span),
    /// There are too many windows.
    #[error("there are {0} windows; there may be {MAX_WINDOWS}")]
    Many(usize),
}

impl Config {
    /// Reads the secrets that the settings name from their folder.
    pub fn read(settings: EdgeApiSettings, secrets: Option<&Path>) -> Result<Self, ConfigError> {
        let tokens = settings.tokens.iter().map(|token| {
            let secret = Secret::read(secrets, &token.secret);
            let secret = secret.map_err(|source| ConfigError::Secret {
                name: token.name.clone(),
                source,
            });
            Ok((token.clone(), secret?))
        });
        let tokens = tokens.collect::<Result<_, _>>()?;
        let windows = &settings.windows;
        if windows.len() > MAX_WINDOWS {
            return Err(ConfigError::Many(windows.len()));
        }
        for (index, window) in windows.iter().enumerate() {
            if !DAY.is_multiple_of(window.as_micros()) {
                return Err(ConfigError::Window(*window));
            }
            if windows.iter().take(index).any(|other| other == window) {
                return Err(ConfigError::Twice(*window));
            }
        }
        Ok(Self {
            tokens: Tokens::new(tokens).map_err(ConfigError::Token)?,
            settings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(windows: &str, tokens: &str) -> Result<Config, String> {
        let text = format!("{{listen: '127.0.0.1:0', windows: {windows}, tokens: {tokens}}}");
        let settings = umec_spec::yaml::from_str(&text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good"), "a-token-long-enough\n").unwrap();
        let config = Config::read(settings, Some(folder.path()));
        config.map_err(|error| umec_sdk::chain(&error))
    }

    #[test]
    fn windows_divide_a_day_and_are_different() {
        assert!(read("[10s, 1m, 15m, 1h, 1d]", "[]").is_ok());
        for windows in ["[7s]", "[2d]", "[60s, 1m]", "[1s,2s,3s,4s,5s,6s,8s,9s,10s]"] {
            assert!(read(windows, "[]").is_err(), "{windows}");
        }
    }

    #[test]
    fn a_token_without_its_secret_is_named() {
        let token = |secret: &str| {
            format!("[{{name: dash, allow: [read], devices: ['*'], secret: {secret}}}]")
        };
        assert!(read("[10s]", &token("good")).is_ok());
        let error = read("[10s]", &token("absent")).unwrap_err();
        assert!(
            error.contains("dash") && error.contains("absent"),
            "{error}"
        );
    }
}
