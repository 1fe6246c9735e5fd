//! How it goes with the uplink, for those who look at it: metrics, health, and the log.

use tokio::time::Instant;
use tracing::{info, warn};
use umec_spec::settings::uplink::Priority;
use umec_wire::Reason;
use umec_wire::uplink::Now;

use super::{CONNECTING, Serving, Told};
use crate::machine::LinkState;

// === impl Serving ===

impl Serving {
    /// Shows how it goes, in metrics, health and, when that changes, the log.
    pub(super) fn tell(&mut self) {
        let now = self.now();
        self.find_holes(now.wall);
        self.cursor.keep_floor(Instant::now());
        self.figures.show(&self.machine, now, self.cursor.floor());
        self.account(now);
        let trouble = self.trouble(now);
        let told = match &trouble {
            None => Told::TakesReadings,
            Some(reason) => Told::Trouble(reason.code.clone()),
        };
        let is_news = told != self.told;
        self.told = told;
        match trouble {
            None => {
                self.part.ready();
                if is_news {
                    info!("the gateway takes readings");
                }
            }
            Some(reason) => {
                if is_news && reason.code.as_str() != CONNECTING {
                    warn!(%reason, "the gateway does not take readings");
                }
                self.part.unready(reason);
            }
        }
    }

    /// Keeps the account of the day's bytes, and shows it.
    pub(super) fn account(&mut self, now: Now) {
        if let Some(note) = self.cursor.found_note() {
            self.machine.restore(now, &note);
        }
        let note = self.machine.note();
        if note != self.noted
            && let Some(note) = &note
        {
            self.cursor.keep_note(note.clone());
        }
        self.noted = note;
        let Some((spent, left)) = self.machine.budget(now) else {
            // The cloud may have taken its budget back.
            if let Some(part) = &self.budget {
                part.ready();
            }
            return;
        };
        self.figures.account(spent, left);
        let health = &self.node.health;
        let part = self.budget.get_or_insert_with(|| health.part("budget"));
        let all = [Priority::Low, Priority::Normal, Priority::High];
        let left_out = all.into_iter().rfind(|p| !self.machine.admits(now, *p));
        match left_out {
            None => part.ready(),
            Some(priority) => part.unready(Reason::new(
                "budget",
                format!(
                    "{spent} bytes of the day are spent, {left} are left: what has priority {} or lower is left out until 00:00 UTC",
                    priority.as_str()
                ),
            )),
        }
    }

    /// Why readings do not get on.
    fn trouble(&self, now: Now) -> Option<Reason> {
        let Some(address) = self.gateway.address() else {
            return Some(Reason::new(
                "gateway-unknown",
                "its name has no address yet",
            ));
        };
        match self.machine.link() {
            LinkState::Connecting { tries } if tries < 2 => Some(Reason::new(
                CONNECTING,
                format!("{address} is being called"),
            )),
            LinkState::Connecting { tries } => Some(Reason::new(
                "gateway-silent",
                format!(
                    "{address} has not answered {tries} calls; is the modem's key the same there?"
                ),
            )),
            LinkState::Silent { heard, .. } => {
                let seconds = now.steady.saturating_sub(heard).as_secs();
                let text = format!("{address} was last heard {seconds} s ago");
                Some(Reason::new("gateway-silent", text))
            }
            LinkState::Up { node } if node != self.node.name => Some(Reason::new(
                "wrong-node",
                format!(
                    "the gateway takes this modem for the node {node}: mend its key file there"
                ),
            )),
            LinkState::Up { .. } => self.machine.refusing().cloned(),
        }
    }
}
