//! Whether the stream takes what is published: a full disk is a state with a reason, which passes.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{info, warn};
use umec_wire::Reason;

use crate::bus::{Ack, AskError};
use crate::health::Part;
use crate::telemetry::chain;

/// What the last answers of the stream were.
#[derive(Debug)]
pub(crate) struct Store {
    part: Part,
    refuses: AtomicBool,
}

// === impl Store ===

impl Store {
    /// A store that takes everything, until it says no.
    pub(crate) fn new(part: Part) -> Self {
        part.ready();
        Self {
            part,
            refuses: AtomicBool::new(false),
        }
    }

    /// Takes an answer to what was published. That the bus is away is told elsewhere.
    pub(crate) fn note(&self, answer: &Result<Ack, AskError>) {
        match answer {
            Ok(_) => {
                if self.refuses.swap(false, Ordering::Relaxed) {
                    info!("the stream takes messages again");
                    self.part.ready();
                }
            }
            Err(error @ (AskError::Refused { .. } | AskError::NoStream { .. })) => {
                let text = chain(error);
                if !self.refuses.swap(true, Ordering::Relaxed) {
                    warn!(error = text, "the stream takes no messages");
                }
                self.part.unready(Reason::new("store-refuses", text));
            }
            Err(AskError::Away(_) | AskError::Unanswered | AskError::TooLarge { .. }) => {}
        }
    }
}
