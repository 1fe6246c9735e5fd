//! The commands of a link's devices: carried out one after the other, each answered once.

use tokio::time::timeout;
use tracing::info;
use umec_wire::Reason;
use umec_wire::command::CommandResult;

use super::{LinkTask, no_answer};
use crate::bus::Incoming;
use crate::plugin::ledger::{Verdict, refused};
use crate::plugin::{Fault, Link, Plugin};

impl<P: Plugin> LinkTask<P> {
    /// Carries a command out; an error means that the link is broken.
    pub(super) async fn command(
        &mut self,
        link: &mut P::Link,
        index: usize,
        incoming: Incoming,
    ) -> Result<(), Reason> {
        let Some(device) = self.devices.get(index) else {
            return Ok(());
        };
        let (topic, request) = (&incoming.topic, &incoming.request);
        let (metric, value) = match self.ledger.admit(topic, request, device, self.clock.now()) {
            Verdict::Write(metric, value) => (metric, value),
            Verdict::Ended(result) => {
                self.answer(index, incoming, result).await;
                return Ok(());
            }
        };
        let deadline = self.deadline(link, index);
        // The next read shows what the write has done.
        self.schedule.once_more(index, metric);
        let written = match timeout(deadline, link.write(index, metric, &value)).await {
            Ok(written) => written,
            Err(_) => Err(no_answer(deadline)),
        };
        let broken = match &written {
            Err(Fault::Link(reason)) => Err(reason.clone()),
            _ => Ok(()),
        };
        let now = self.clock.now();
        let result = self.ledger.conclude(&incoming.request, written, now);
        self.answer(index, incoming, result).await;
        broken
    }

    async fn answer(&mut self, index: usize, incoming: Incoming, result: CommandResult) {
        let (command, outcome) = (&result.id, result.outcome.as_str());
        info!(%command, outcome, issuer = incoming.request.issuer, "a command ended");
        if let Some(figures) = self.figures.get(index) {
            figures.command(result.outcome);
        }
        incoming.answer(result).await;
    }

    /// Ends a command that is not tried, with the result it has already or with a refusal.
    pub(super) async fn turn_away(&mut self, index: usize, incoming: Incoming, reason: Reason) {
        let Some(device) = self.devices.get(index) else {
            return;
        };
        let now = self.clock.now();
        let verdict = self
            .ledger
            .admit(&incoming.topic, &incoming.request, device, now);
        let result = match verdict {
            Verdict::Ended(result) => result,
            Verdict::Write(..) => refused(&incoming.request, reason, now),
        };
        self.answer(index, incoming, result).await;
    }
}
