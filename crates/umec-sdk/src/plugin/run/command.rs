//! The commands of a link's devices: carried out one after the other, each answered once.

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};
use tokio::time::{Instant, timeout};
use tracing::info;
use umec_wire::command::CommandResult;
use umec_wire::{DeviceName, Reason, Span, Value};

use super::{LinkTask, no_answer};
use crate::bus::Incoming;
use crate::node::Node;
use crate::plugin::ledger::{Order, Verdict, done, expired, refused, written};
use crate::plugin::{Fault, Link, Plugin};

/// The commands of a link's devices, each with the number of its device.
pub(super) type Commands = SelectAll<BoxStream<'static, (usize, Incoming)>>;

/// Takes the commands for devices.
pub(super) async fn listen(
    node: &Node,
    devices: impl Iterator<Item = &DeviceName>,
) -> anyhow::Result<Commands> {
    let mut commands = SelectAll::new();
    for (index, device) in devices.enumerate() {
        let source = node.bus()?.commands(&node.name, device).await?;
        let stream = futures_util::stream::unfold(source, move |mut source| async move {
            let incoming = source.next().await?;
            Some(((index, incoming), source))
        });
        commands.push(stream.boxed());
    }
    Ok(commands)
}

impl<P: Plugin> LinkTask<P> {
    /// Carries a command out; an error means that the link is broken.
    pub(super) async fn command(
        &mut self,
        link: &mut P::Link,
        index: usize,
        incoming: Incoming,
    ) -> Result<(), Reason> {
        let Some((incoming, metric, value)) = self.look_at(index, incoming).await else {
            return Ok(());
        };
        let request = &incoming.request;
        let begun = self.book.begin(&Order::new(&incoming.topic, request)).await;
        let now = self.clock.now();
        if let Err(reason) = begun {
            let result = refused(request, reason, now);
            self.end(index, incoming, result).await;
            return Ok(());
        }
        // The disk may have taken long.
        if now >= request.expires {
            let result = expired(request, now);
            self.end(index, incoming, result).await;
            return Ok(());
        }
        let deadline = self.deadline(link, index);
        // The next read shows what the write has done.
        self.schedule.once_more(index, metric);
        let answer = match timeout(deadline, link.write(index, metric, &value)).await {
            Ok(answer) => answer,
            Err(_) => Err(no_answer(deadline)),
        };
        let broken = match &answer {
            Err(Fault::Link(reason)) => Err(reason.clone()),
            _ => Ok(()),
        };
        let result = written(&incoming.request, answer, self.clock.now());
        self.end(index, incoming, result).await;
        broken
    }

    /// Ends a command whose device cannot be reached, unless it does not need the device.
    pub(super) async fn turn_away(&mut self, index: usize, incoming: Incoming, reason: Reason) {
        if let Some((incoming, ..)) = self.look_at(index, incoming).await {
            let result = refused(&incoming.request, reason, self.clock.now());
            self.end(index, incoming, result).await;
        }
    }

    /// Takes a command in. What is to be written comes back; all else has its result.
    async fn look_at(
        &mut self,
        index: usize,
        incoming: Incoming,
    ) -> Option<(Incoming, usize, Value)> {
        let device = self.devices.get(index)?;
        match self.book.admit(&incoming.topic, &incoming.request, device) {
            Verdict::Write(metric, value) => return Some((incoming, metric, value)),
            Verdict::Sample(every) => self.sample(index, incoming, every).await,
            Verdict::End(result) => self.end(index, incoming, result).await,
            Verdict::Answer(result) => self.answer(index, incoming, result).await,
        }
        None
    }

    /// Samples a device at another interval from here on, also over a restart.
    async fn sample(&mut self, index: usize, incoming: Incoming, every: Option<Span>) {
        let request = &incoming.request;
        let seconds = every.and_then(|every| Value::number(every.duration().as_secs_f64()).ok());
        let result = done(request, seconds, self.clock.now());
        let order = Order::new(&incoming.topic, request);
        match self.book.conclude(&order, &result).await {
            Ok(()) => {
                self.sample_every(index, every);
                self.answer(index, incoming, result).await;
            }
            Err(reason) => {
                let result = refused(request, reason, self.clock.now());
                self.end(index, incoming, result).await;
            }
        }
    }

    /// Samples devices as they were told in an earlier run.
    pub(super) fn recall_intervals(&mut self) {
        let settings = std::sync::Arc::clone(&self.settings);
        for (index, device) in settings.devices.iter().enumerate() {
            if let Some(every) = self.book.interval(&device.name) {
                self.sample_every(index, Some(every));
            }
        }
    }

    fn sample_every(&mut self, index: usize, every: Option<Span>) {
        let (Some(device), Some(voice)) = (self.devices.get_mut(index), self.voices.get_mut(index))
        else {
            return;
        };
        self.schedule
            .set_every(index, every.map(Span::duration), Instant::now());
        device.sample_every(every);
        if device.is_announced() {
            voice.say_status(&device.announce(&self.plugin, self.clock.now()));
        }
    }

    /// Writes down how a command ended, then tells.
    async fn end(&mut self, index: usize, incoming: Incoming, result: CommandResult) {
        let order = Order::new(&incoming.topic, &incoming.request);
        self.book.end(order, result.clone()).await;
        self.answer(index, incoming, result).await;
    }

    async fn answer(&mut self, index: usize, incoming: Incoming, result: CommandResult) {
        let (command, outcome) = (&result.id, result.outcome.as_str());
        info!(%command, outcome, issuer = incoming.request.issuer, "a command ended");
        if let Some(figures) = self.figures.get(index) {
            figures.command(result.outcome);
        }
        incoming.answer(result).await;
    }
}
