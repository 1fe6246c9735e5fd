//! Where a gateway shows readings beside Kafka. None of it is needed, and none of it holds Kafka up.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use umec_wire::Span;

/// The sinks; each is off where it is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sinks {
    /// Pushes readings to Grafana Live as they come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grafana: Option<Grafana>,
    /// Shows the last value of each series at `/readings` of the admin listener, for Prometheus to scrape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Prometheus>,
}

// === impl Sinks ===

impl Sinks {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Grafana Live, or whatever takes lines in Influx's form at a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grafana {
    /// Where to: `http://grafana:3000/api/live/push/STREAM`.
    pub url: PushUrl,
    /// The file of the service account's token, which needs the role Admin; read again at each refusal,
    /// so that a new one needs no restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// How long readings are gathered for one request.
    #[serde(default = "default_every")]
    pub every: Span,
    /// How long an answer may take.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

/// What Prometheus is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prometheus {
    /// The most series; readings of further ones are counted and not shown.
    #[serde(default = "default_series")]
    pub series: usize,
    /// How long after its last reading a series is shown.
    #[serde(default = "default_forget")]
    pub forget: Span,
}

/// A URL to which is pushed: `http://`, a host, and a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PushUrl(String);

/// Says that a text is no [`PushUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushUrlError {
    /// It asks for TLS.
    #[error(
        "{0:?} asks for TLS, which sinks do not speak: write http://, to a Grafana in the same network or a proxy beside the gateway"
    )]
    Tls(String),
    /// It is no URL of a host and a path.
    #[error("{0:?} is no URL to push to: write http://HOST:3000/api/live/push/STREAM")]
    Shape(String),
}

// === impl PushUrl ===

impl PushUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PushUrl {
    type Error = PushUrlError;

    fn try_from(text: String) -> Result<Self, PushUrlError> {
        if text.starts_with("https://") {
            return Err(PushUrlError::Tls(text));
        }
        let place = text
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'));
        let is_plain = text.chars().all(|c| c.is_ascii_graphic());
        match place {
            // What stands before an @ would be a secret in a place where none belongs.
            Some((host, path))
                if is_plain && !host.is_empty() && !host.contains('@') && !path.is_empty() =>
            {
                Ok(Self(text))
            }
            _ => Err(PushUrlError::Shape(text)),
        }
    }
}

impl From<PushUrl> for String {
    fn from(url: PushUrl) -> Self {
        url.0
    }
}

const fn default_every() -> Span {
    Span::from_millis(100)
}

const fn default_timeout() -> Span {
    Span::from_secs(5)
}

const fn default_series() -> usize {
    10_000
}

const fn default_forget() -> Span {
    Span::from_secs(600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn sinks_need_little_and_come_back_as_they_were_written() {
        let text = "{ grafana: { url: 'http://grafana:3000/api/live/push/umec', tokenFile: /t }, prometheus: {} }";
        let sinks: Sinks = yaml::from_str(text).unwrap();
        assert_eq!(sinks.prometheus.as_ref().unwrap().series, 10_000);
        let again: Sinks = yaml::from_str(&yaml::to_string(&sinks).unwrap()).unwrap();
        assert_eq!(again, sinks);
    }

    #[test]
    fn a_url_that_cannot_be_pushed_to_is_refused_with_the_remedy() {
        for (url, told) in [
            ("https://grafana/api/live/push/umec", "proxy"),
            ("grafana:3000", "write http"),
            ("http://grafana:3000", "write http"),
            ("http://user:word@grafana/x", "write http"),
        ] {
            let error = PushUrl::try_from(url.to_owned()).unwrap_err().to_string();
            assert!(error.contains(told), "{url}: {error}");
        }
    }
}
