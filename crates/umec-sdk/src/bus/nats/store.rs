//! Whether the stream takes what is published: a full disk is a state with a reason, which passes.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;
use tracing::{info, warn};
use umec_wire::Reason;

use super::DEADLINE;
use crate::bus::{Ack, AskError};
use crate::health::Part;
use crate::telemetry::chain;

/// What the last answers of the stream were.
#[derive(Debug)]
pub(crate) struct Store {
    part: Part,
    refuses: AtomicBool,
    /// Since when nothing was answered.
    silent: Mutex<Option<Instant>>,
}

// === impl Store ===

impl Store {
    /// A store that takes everything, until it says no.
    pub(crate) fn new(part: Part) -> Self {
        part.ready();
        Self {
            part,
            refuses: AtomicBool::new(false),
            silent: Mutex::new(None),
        }
    }

    /// Takes an answer to what was published. That the bus is away is told elsewhere.
    ///
    /// A server whose disk is full answers nothing. What was asked before a connection was lost has no
    /// answer either, so that only silence that lasts is told.
    pub(crate) fn note(&self, answer: &Result<Ack, AskError>) {
        match answer {
            Ok(_) => {
                self.silent(false);
                if self.refuses.swap(false, Ordering::Relaxed) {
                    info!("the stream takes messages again");
                    self.part.ready();
                }
            }
            Err(error @ (AskError::Refused { .. } | AskError::NoStream { .. })) => {
                self.silent(false);
                self.tell("store-refuses", chain(error));
            }
            Err(AskError::Unanswered) => {
                if self.silent(true) {
                    let text = "the server is there and does not say that it has stored what it is sent: \
                                its log says why. After a full disk it takes messages again when it has \
                                room and has opened its store anew";
                    self.tell("store-silent", text.to_owned());
                }
            }
            Err(AskError::Away(_)) => {
                self.silent(false);
            }
            Err(AskError::TooLarge { .. }) => {}
        }
    }

    /// Notes whether an answer was missing; says whether that has been so for long.
    fn silent(&self, is_silent: bool) -> bool {
        let mut since = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_silent {
            *since = None;
            return false;
        }
        since.get_or_insert_with(Instant::now).elapsed() >= DEADLINE
    }

    fn tell(&self, code: &'static str, text: String) {
        if !self.refuses.swap(true, Ordering::Relaxed) {
            warn!(error = text, "the stream takes no messages");
        }
        self.part.unready(Reason::new(code, text));
    }
}
