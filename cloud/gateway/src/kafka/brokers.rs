//! Which brokers, and how they let a client in: the same for every client.

use std::fmt;
use std::sync::Arc;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

/// The brokers of one Kafka cluster.
#[derive(Clone)]
pub struct Brokers {
    bootstrap: Arc<str>,
    /// Settings of librdkafka that let a client in; secrets are among them.
    access: Arc<[(&'static str, String)]>,
}

// === impl Brokers ===

impl Brokers {
    /// Brokers that anyone may speak with, in clear: `host:port` of some, separated by commas.
    pub fn plain(bootstrap: &str) -> Self {
        Self::new(bootstrap, Vec::new())
    }

    pub(crate) fn new(bootstrap: &str, access: Vec<(&'static str, String)>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            access: access.into(),
        }
    }

    /// `host:port` of some, separated by commas.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The settings of every client.
    pub(super) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap())
            .set("client.id", "umec-gateway")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "2000")
            .set("log.connection.close", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        for (name, value) in self.access.iter() {
            config.set(*name, value);
        }
        config
    }
}

impl fmt::Debug for Brokers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.access.iter().map(|(name, _)| name);
        f.debug_struct("Brokers")
            .field("bootstrap", &self.bootstrap)
            .field("access", &names.collect::<Vec<_>>())
            .finish()
    }
}
