//! What every client of Kafka has in common: its troubles are seen.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::watch;
use tracing::{debug, warn};
use umec_wire::Reason;

/// Whether the brokers answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaState {
    /// Nothing speaks against it.
    Connected,
    /// They do not, or do not let this client in. The code is `kafka-away`, `kafka-login` for a name or
    /// password that they refuse, `kafka-tls` where no trust comes about; the text says what was tried.
    Away(Reason),
}

const AWAY: &str = "kafka-away";

/// A client whose log and errors go where people look.
#[derive(Debug, Clone)]
pub struct Watched {
    state: watch::Sender<KafkaState>,
}

// === impl Watched ===

impl Watched {
    /// Nothing is known yet.
    pub fn new() -> Self {
        let state = KafkaState::Away(Reason::new(AWAY, "no broker has answered yet"));
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
        // So it is with all but one of many thousand records.
        if *self.state.borrow() != KafkaState::Connected {
            self.change(KafkaState::Connected);
        }
    }

    /// Why a step towards Kafka did not succeed: that the brokers do not let this client in, where that
    /// is known, else what the step itself says.
    pub fn why(&self, step: String) -> Reason {
        match &*self.state.borrow() {
            KafkaState::Away(reason) if reason.code.as_str() != AWAY => reason.clone(),
            _ => Reason::new(AWAY, step),
        }
    }

    fn is_away(&self) -> bool {
        matches!(&*self.state.borrow(), KafkaState::Away(_))
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
        let code = match error.rdkafka_error_code() {
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => "kafka-login",
            Some(Code::SSL) => "kafka-tls",
            // A broker that misses a certificate says so after the handshake, when the client already reads.
            Some(Code::BrokerTransportFailure) if reason.contains("SSL routines") => "kafka-tls",
            // What was said of single brokers says more.
            Some(Code::AllBrokersDown) if self.is_away() => return,
            _ => AWAY,
        };
        self.change(KafkaState::Away(Reason::new(code, reason)));
    }
}

impl ConsumerContext for Watched {}
