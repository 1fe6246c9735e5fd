//! The Kafka cluster of a gateway: where it is, how it lets the gateway in, what topics are made like.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where records go. Secrets are in files, which are named here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Written")]
pub struct Kafka {
    /// `host:port` of some brokers, separated by commas; or `embedded`, librdkafka's own broker in
    /// this process's memory, for trying out.
    pub bootstrap: String,
    /// The file to which an embedded broker's address is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_file: Option<PathBuf>,
    /// The partitions of a topic that has to be created.
    pub partitions: i32,
    /// The replicas of a topic that has to be created.
    pub replication: i32,
    /// Speaks TLS with the brokers; in clear where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Shows the brokers who is there by a name and a password; by nothing, or by a certificate, where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl: Option<Sasl>,
}

/// How the brokers are known, and perhaps the gateway by them. Names in certificates are always checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// The file of certificates, PEM, of which one must have signed the brokers'. Those that the
    /// machine trusts where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// What the gateway shows of itself to brokers that ask for a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// The gateway's own certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// The file of the certificate and those between it and the brokers' authority, PEM.
    pub certificate: PathBuf,
    /// The file of its private key, PEM.
    pub key: PathBuf,
    /// The file of the password with which the key is encrypted; absent where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_password_file: Option<PathBuf>,
}

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sasl {
    /// How they are shown.
    pub mechanism: Mechanism,
    /// The name.
    pub username: String,
    /// The file of the password; a line end behind it is not part of it.
    pub password_file: PathBuf,
}

/// How a password is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    /// As it is (RFC 4616); over TLS alone.
    #[serde(rename = "PLAIN")]
    Plain,
    /// By an answer that only who knows it can give (RFC 5802, RFC 7677).
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The same with the longer hash.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// Why settings that can be read one by one make no sense together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// The password would cross the network as it is.
    #[error(
        "PLAIN without tls shows the password to the network: add `tls: {{}}`, or use SCRAM-SHA-512"
    )]
    PlainInClear,
    /// The broker in this process knows neither.
    #[error(
        "an embedded Kafka has no tls and no sasl: leave them out, or name brokers in `bootstrap`"
    )]
    Embedded,
}

/// As it is written, before it is known to make sense.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    bootstrap: String,
    #[serde(default)]
    address_file: Option<PathBuf>,
    #[serde(default = "default_partitions")]
    partitions: i32,
    #[serde(default = "default_replication")]
    replication: i32,
    #[serde(default)]
    tls: Option<Tls>,
    #[serde(default)]
    sasl: Option<Sasl>,
}

/// The word in the place of an address that asks for a broker inside the gateway.
pub const EMBEDDED: &str = "embedded";

// === impl Kafka ===

impl Kafka {
    /// The brokers at `bootstrap`, in clear, with what is usual for the rest.
    pub fn at(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            address_file: None,
            partitions: default_partitions(),
            replication: default_replication(),
            tls: None,
            sasl: None,
        }
    }

    /// Whether the broker is to live in the gateway's memory.
    pub fn is_embedded(&self) -> bool {
        self.bootstrap == EMBEDDED
    }
}

impl TryFrom<Written> for Kafka {
    type Error = KafkaError;

    fn try_from(written: Written) -> Result<Self, KafkaError> {
        let kafka = Self {
            bootstrap: written.bootstrap,
            address_file: written.address_file,
            partitions: written.partitions,
            replication: written.replication,
            tls: written.tls,
            sasl: written.sasl,
        };
        let is_plain = |sasl: &Sasl| sasl.mechanism == Mechanism::Plain;
        match (&kafka.tls, &kafka.sasl) {
            (None, None) => Ok(kafka),
            _ if kafka.is_embedded() => Err(KafkaError::Embedded),
            (None, Some(sasl)) if is_plain(sasl) => Err(KafkaError::PlainInClear),
            _ => Ok(kafka),
        }
    }
}

// === impl Mechanism ===

impl Mechanism {
    /// The name that Kafka knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

const fn default_partitions() -> i32 {
    6
}

const fn default_replication() -> i32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn settings_come_back_as_they_were_written() {
        for text in [
            "{ bootstrap: 'k:9092' }",
            "{ bootstrap: embedded, addressFile: /run/kafka, partitions: 1 }",
            "{ bootstrap: 'k:9093', tls: {} }",
            "{ bootstrap: 'k:9093', tls: { ca: /ca, identity: { certificate: /c, key: /k } } }",
            "{ bootstrap: 'k:9093', tls: {}, sasl: { mechanism: PLAIN, username: u, passwordFile: /p } }",
            "{ bootstrap: 'k:9093', sasl: { mechanism: SCRAM-SHA-512, username: u, passwordFile: /p } }",
        ] {
            let kafka: Kafka = yaml::from_str(text).unwrap();
            let again: Kafka = yaml::from_str(&yaml::to_string(&kafka).unwrap()).unwrap();
            assert_eq!(again, kafka, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_together_is_refused_with_the_remedy() {
        let sasl = "{ mechanism: PLAIN, username: u, passwordFile: /p }";
        for (text, told) in [
            (format!("{{ bootstrap: 'k:9092', sasl: {sasl} }}"), "add `tls"),
            ("{ bootstrap: embedded, tls: {} }".to_owned(), "leave them out"),
            ("{ bootstrap: 'k:9092', tls: { identity: { key: /k } } }".to_owned(), "certificate"),
            ("{ bootstrap: 'k:9092', tls: { cert: /c } }".to_owned(), "identity"),
            (
                "{ bootstrap: 'k:9092', sasl: { mechanism: GSSAPI, username: u, passwordFile: /p } }"
                    .to_owned(),
                "SCRAM-SHA-512",
            ),
        ] {
            let error = yaml::from_str::<Kafka>(&text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
