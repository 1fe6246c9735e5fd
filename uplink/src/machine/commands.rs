//! Commands from the cloud: checked, handed out once, and answered until the gateway has the result.
//!
//! One id is one command. While it runs, or its result is remembered, it is not handed out again;
//! after a restart of the uplink the gateway may send it again, and it is the plugin that then acts
//! once and answers with the same result (`umec_wire::command::CommandId`), for as long as the
//! plugin remembers and the command has not expired.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use umec_spec::settings::Pattern;
use umec_wire::Reason;
use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::uplink::rtt::RoundTrip;
use umec_wire::uplink::{Command, Now, Setting};

use super::settings::Change;

#[derive(Debug)]
pub(super) struct Commands {
    allowed: Vec<Pattern>,
    running: HashSet<CommandId>,
    /// Results that the gateway has not confirmed.
    unconfirmed: HashMap<CommandId, Unconfirmed>,
    /// Results that it has confirmed, the oldest in front.
    confirmed: VecDeque<CommandResult>,
}

#[derive(Debug)]
struct Unconfirmed {
    result: CommandResult,
    trip: RoundTrip,
    next: Duration,
}

/// How many commands may run at a time; further ones are refused.
const RUNNING: usize = 256;

/// How many results are remembered after the gateway has them.
const REMEMBERED: usize = 1_024;

const TOO_LATE: &str = "it reached the node too late";

// === impl Commands ===

impl Commands {
    pub(super) fn new(allowed: Vec<Pattern>) -> Self {
        Self {
            allowed,
            running: HashSet::new(),
            unconfirmed: HashMap::new(),
            confirmed: VecDeque::new(),
        }
    }

    /// Takes a command; gives it back where it is to be handed out.
    pub(super) fn received(&mut self, now: Now, command: Command) -> Option<Command> {
        let id = &command.request.id;
        if self.is_known(now.steady, id) {
            return None;
        }
        if let Some((outcome, reason)) = self.objection(now, &command) {
            self.end(now, id, outcome, reason);
            return None;
        }
        self.running.insert(id.clone());
        Some(command)
    }

    /// Takes a setting of the node; gives what is to be changed, which counts as running until
    /// [`Commands::finished`] says that it is kept.
    pub(super) fn setting(&mut self, now: Now, setting: &Setting) -> Option<Change> {
        let id = &setting.request.id;
        if self.is_known(now.steady, id) {
            return None;
        }
        if setting.request.expires <= now.wall {
            let reason = Reason::new("expired", TOO_LATE);
            self.end(now, id, Outcome::Expired, reason);
            return None;
        }
        match Change::read(setting) {
            Ok(change) => {
                self.running.insert(id.clone());
                Some(change)
            }
            Err(reason) => {
                self.end(now, id, Outcome::Refused, reason);
                None
            }
        }
    }

    /// Whether an id came before. What is known of its end is told again.
    fn is_known(&mut self, now: Duration, id: &CommandId) -> bool {
        if self.running.contains(id) {
            return true;
        }
        if let Some(waiting) = self.unconfirmed.get_mut(id) {
            waiting.next = now;
            return true;
        }
        let known = self.confirmed.iter().find(|result| result.id == *id);
        let Some(result) = known.cloned() else {
            return false;
        };
        self.finished(now, result);
        true
    }

    fn end(&mut self, now: Now, id: &CommandId, outcome: Outcome, reason: Reason) {
        let result = CommandResult {
            id: id.clone(),
            outcome,
            reason: Some(reason),
            value: None,
            time: now.wall,
        };
        self.finished(now.steady, result);
    }

    fn objection(&self, now: Now, command: &Command) -> Option<(Outcome, Reason)> {
        let device = command.device.as_str();
        if !self.allowed.iter().any(|pattern| pattern.matches(device)) {
            let text = format!("the uplink takes no commands for {device}");
            return Some((Outcome::Refused, Reason::new("not-allowed", text)));
        }
        if command.request.expires <= now.wall {
            return Some((Outcome::Expired, Reason::new("expired", TOO_LATE)));
        }
        if self.running.len() >= RUNNING {
            let text = format!("{RUNNING} commands are running on the node");
            return Some((Outcome::Refused, Reason::new("busy", text)));
        }
        None
    }

    /// Takes the end of a command.
    pub(super) fn finished(&mut self, now: Duration, result: CommandResult) {
        self.running.remove(&result.id);
        self.confirmed.retain(|known| known.id != result.id);
        let id = result.id.clone();
        self.unconfirmed.entry(id).or_insert(Unconfirmed {
            result,
            trip: RoundTrip::new(),
            next: now,
        });
    }

    /// Takes the gateway's word that it has these results.
    pub(super) fn results_received(&mut self, ids: &[CommandId]) {
        for id in ids {
            if let Some(waiting) = self.unconfirmed.remove(id) {
                self.confirmed.push_back(waiting.result);
            }
        }
        let surplus = self.confirmed.len().saturating_sub(REMEMBERED);
        self.confirmed.drain(..surplus);
    }

    /// Lets all results go out at once: the gateway may not have them.
    pub(super) fn session_begins(&mut self) {
        for waiting in self.unconfirmed.values_mut() {
            waiting.next = Duration::ZERO;
        }
    }

    /// A result that is to be sent now.
    pub(super) fn due(&mut self, now: Duration) -> Option<CommandResult> {
        let due = |waiting: &&mut Unconfirmed| waiting.next <= now;
        let waiting = self
            .unconfirmed
            .values_mut()
            .filter(due)
            .min_by(|a, b| a.result.id.cmp(&b.result.id))?;
        waiting.next = now + waiting.trip.timeout();
        waiting.trip.timed_out();
        Some(waiting.result.clone())
    }

    pub(super) fn wake(&self) -> Option<Duration> {
        self.unconfirmed.values().map(|w| w.next).min()
    }
}
