//! Whether the process does its work: a reason for each part that does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use umec_wire::Reason;

/// The parts of a process and how they are. A process is ready when all its parts are.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, PartHealth>>>);

/// One part's pen: what it writes is what `/readyz` shows. The part is forgotten when it is dropped.
#[derive(Debug)]
pub struct Part {
    health: Health,
    name: String,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartHealth {
    /// Whether it does its work.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// How a process is, as `/readyz` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether all parts do their work.
    pub ready: bool,
    /// The parts by name.
    pub parts: BTreeMap<String, PartHealth>,
}

// === impl Health ===

impl Health {
    /// Adds a part, which is not ready until it says so.
    pub fn part(&self, name: impl Into<String>) -> Part {
        let part = Part {
            health: self.clone(),
            name: name.into(),
        };
        part.unready(Reason::new("starting", "it has not begun its work yet"));
        part
    }

    /// How everything is.
    pub fn report(&self) -> Report {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Report {
            ready: parts.values().all(|part| part.ready),
            parts: parts.clone(),
        }
    }

    fn write(&self, name: &str, part: PartHealth) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(name.to_owned(), part);
    }
}

// === impl Part ===

impl Part {
    /// Says that it does its work.
    pub fn ready(&self) {
        let (ready, reason) = (true, None);
        self.health.write(&self.name, PartHealth { ready, reason });
    }

    /// Says why it does not.
    pub fn unready(&self, reason: Reason) {
        let (ready, reason) = (false, Some(reason));
        self.health.write(&self.name, PartHealth { ready, reason });
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let parts = self.health.0.lock();
        let mut parts = parts.unwrap_or_else(PoisonError::into_inner);
        parts.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_all_its_parts_are() {
        let health = Health::default();
        let (bus, line) = (health.part("bus"), health.part("line"));
        assert!(!health.report().ready);
        bus.ready();
        line.ready();
        assert!(health.report().ready);
        line.unready(Reason::new("no-answer", "nobody answers on 127.0.0.1:502"));
        let report = serde_json::to_string(&health.report()).unwrap();
        assert_eq!(
            report,
            r#"{"ready":false,"parts":{"bus":{"ready":true},"line":{"ready":false,"reason":{"code":"no-answer","text":"nobody answers on 127.0.0.1:502"}}}}"#
        );
        drop(line);
        assert!(health.report().ready);
    }
}
