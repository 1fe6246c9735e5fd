//! One command until its result is in Kafka.

use std::time::Duration;

use umec_wire::command::{CommandId, CommandResult, Outcome};
use umec_wire::uplink::Now;
use umec_wire::uplink::rtt::RoundTrip;
use umec_wire::{NodeName, Reason};

use crate::request::Order;

use super::{Due, Standing, Surroundings, Whereabouts, result};

#[derive(Debug)]
pub(super) struct Outstanding {
    /// The command; none where the record held none.
    pub(super) command: Option<(NodeName, Order)>,
    key: String,
    pub(super) place: (i32, i64),
    trip: RoundTrip,
    pub(super) next: Duration,
    deadline: Duration,
    /// How it ended, on its way to Kafka.
    pub(super) result: Option<CommandResult>,
    /// Whether that is this gateway's own judgement, and it knew of no sending.
    is_given_up: bool,
    /// Whether it is on its way to Kafka.
    is_writing: bool,
}

/// How long before a command is tried again where the node has no session.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a record of a right may take to come back before it is written again, and how often it is
/// looked whether the one who has the right still lives.
const AGAIN: Duration = Duration::from_secs(2);

// === impl Outstanding ===

impl Outstanding {
    pub(super) const fn new(
        command: Option<(NodeName, Order)>,
        key: String,
        place: (i32, i64),
        next: Duration,
        deadline: Duration,
        result: Option<CommandResult>,
    ) -> Self {
        Self {
            command,
            key,
            place,
            trip: RoundTrip::new(),
            next,
            deadline,
            result,
            is_given_up: false,
            is_writing: false,
        }
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.next_step() <= now
    }

    pub(super) fn next_step(&self) -> Duration {
        match self.result {
            Some(_) if self.is_writing => Duration::MAX,
            Some(_) => self.next,
            None => self.next.min(self.deadline),
        }
    }

    /// Takes the word that the result did not get into Kafka.
    pub(super) fn not_written(&mut self, now: Duration) {
        self.is_writing = false;
        self.next = now + PAUSE;
    }

    pub(super) fn step(
        &mut self,
        now: Now,
        id: &CommandId,
        surroundings: Surroundings,
    ) -> Option<Due> {
        let Surroundings {
            standing,
            is_sent,
            node,
        } = surroundings;
        if self.is_given_up && is_sent {
            self.result = None;
            self.is_given_up = false;
        }
        if self.result.is_none() && self.deadline <= now.steady {
            self.judge(now, id, surroundings);
        }
        if standing == Standing::Anothers {
            self.next = now.steady + AGAIN;
            return None;
        }
        if let Some(result) = &self.result {
            if self.next > now.steady {
                return None;
            }
            if standing == Standing::Free {
                self.next = now.steady + AGAIN;
                return Some(Due::Ask(id.clone(), false));
            }
            self.is_writing = true;
            return Some(Due::Write(self.key.clone(), result.clone()));
        }
        if self.next > now.steady {
            return None;
        }
        match (node, standing) {
            (Whereabouts::Here, _) => self.send(now, id, standing),
            (Whereabouts::At(gateway), Standing::Mine) => {
                self.next = now.steady + AGAIN;
                Some(Due::Pass(id.clone(), gateway))
            }
            (Whereabouts::At(_) | Whereabouts::Nowhere, _) => {
                self.next = now.steady + PAUSE;
                None
            }
        }
    }

    /// Ends it because its time is over, where nobody else knows better.
    fn judge(&mut self, now: Now, id: &CommandId, surroundings: Surroundings) {
        let Surroundings {
            standing,
            is_sent,
            node,
        } = surroundings;
        if standing == Standing::Anothers || matches!(node, Whereabouts::At(_)) {
            self.deadline = now.steady + AGAIN;
            return;
        }
        self.result = Some(self.overdue(now, id, is_sent));
        self.is_given_up = !is_sent;
        self.next = now.steady;
    }

    fn send(&mut self, now: Now, id: &CommandId, standing: Standing) -> Option<Due> {
        let (node, command) = self.command.as_ref()?;
        // What has expired is not sent for the first time, nor again: the uplink would refuse it.
        if command.request().expires <= now.wall {
            self.next = self.deadline;
            return None;
        }
        if standing == Standing::Free {
            self.next = now.steady + AGAIN;
            return Some(Due::Ask(id.clone(), true));
        }
        self.next = now.steady + self.trip.timeout();
        self.trip.timed_out();
        Some(Due::Send(node.clone(), command.clone()))
    }

    fn overdue(&self, now: Now, id: &CommandId, is_sent: bool) -> CommandResult {
        if is_sent {
            let text = "the node may have got it, and no result came back before it expired";
            result(now, id, Outcome::Failed, Reason::new("no-answer", text))
        } else {
            let node = self.command.as_ref().map(|(node, _)| node.as_str());
            let node = node.unwrap_or("the node");
            let text = format!("{node} was not connected before it expired");
            result(now, id, Outcome::Expired, Reason::new("expired", text))
        }
    }
}
