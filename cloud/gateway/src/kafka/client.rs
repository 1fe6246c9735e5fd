//! What every client of Kafka has in common: its settings, and that its troubles are seen.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use tokio::sync::watch;
use tracing::{debug, warn};

/// Whether the brokers answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaState {
    /// Nothing speaks against it.
    Connected,
    /// They do not; the text says what was tried.
    Away(String),
}

/// A client whose log and errors go where people look.
#[derive(Debug, Clone)]
pub struct Watched {
    state: watch::Sender<KafkaState>,
}

/// The settings of every client.
pub(super) fn client_config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "umec-gateway")
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Warning);
    config
}

// === impl Watched ===

impl Watched {
    /// Nothing is known yet.
    pub fn new() -> Self {
        let state = KafkaState::Away("no broker has answered yet".to_owned());
        Self {
            state: watch::Sender::new(state),
        }
    }

    /// The state, to be watched.
    pub fn subscribe(&self) -> watch::Receiver<KafkaState> {
        self.state.subscribe()
    }

    /// Notes that a broker has answered.
    pub fn answered(&self) {
        self.change(KafkaState::Connected);
    }

    fn change(&self, to: KafkaState) {
        self.state.send_if_modified(|state| {
            let changed = *state != to;
            *state = to;
            changed
        });
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientContext for Watched {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => warn!(facility, message, "kafka client"),
            _ => debug!(facility, message, "kafka client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "kafka client error");
        self.change(KafkaState::Away(reason.to_owned()));
    }
}

impl ConsumerContext for Watched {}
