//! The tasks of a plugin: one per link, which opens it, reads, writes, and opens it again.

mod command;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, info_span, warn};
use umec_spec::settings::Process;
use umec_spec::settings::plugin::{LinkSettings, PluginSettings};
use umec_wire::{DeviceName, PluginName, Reason};

use self::command::{Commands, listen};
use super::book::Book;
use super::device::{Device, FAILURES_UNTIL_DOWN};
use super::figures::{DeviceFigures, ReadResult};
use super::pause::Pauses;
use super::publish::Voice;
use super::schedule::{Due, Schedule};
use super::{Fault, Link, Plugin, Samples};
use crate::bus::Outbox;
use crate::clock::Clock;
use crate::node::Node;

/// The messages held while the bus is away, where the configuration has no bus to say so.
const OUTBOX: usize = 10_000;

/// How long opening a link may take at the least.
const OPEN_DEADLINE: Duration = Duration::from_secs(5);

/// Pauses between attempts to open a link.
const REOPEN: Pauses = Pauses {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(5),
};

/// Pauses between attempts to reach a dead device: long enough that its time-outs leave the line to the others.
const RETRY: Pauses = Pauses {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(10),
};

/// Runs a plugin until the process stops: `umec_sdk::main(PROGRAM, run_plugin::<Modbus>)`.
pub async fn run_plugin<P: Plugin>(
    config: Process<PluginSettings<P::Protocol>>,
    node: Node,
) -> anyhow::Result<()> {
    let capacity = config.bus.as_ref().map_or(OUTBOX, |bus| bus.outbox);
    let bus = node.bus()?.clone();
    let outbox = bus.outbox(&node.tasks, &node.metrics, capacity);
    let part = node.health.part("links");
    // What earlier runs have done is known before the first command is taken.
    let book = Book::open(config.settings.state, &node).await;
    let mut tasks = Vec::new();
    let mut before = 0;
    for (number, settings) in config.settings.links.into_iter().enumerate() {
        let plugin = &config.settings.plugin;
        let count = settings.devices.len();
        let whole = Whole {
            plugin,
            before,
            node: &node,
            outbox: &outbox,
            book: &book,
        };
        let task = LinkTask::<P>::new(settings, &whole).await?;
        before += count;
        let span = info_span!("link", link = number);
        tasks.push(node.tasks.spawn(span, task.run()));
    }
    // From here on the links alone hold the outbox, which ends with the last of them.
    drop(outbox);
    part.ready();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

/// The process that a link is a part of.
struct Whole<'p> {
    plugin: &'p PluginName,
    /// How many devices hang on the links before.
    before: usize,
    node: &'p Node,
    outbox: &'p Outbox,
    book: &'p Book,
}

/// One link with all that is known of its devices.
struct LinkTask<P: Plugin> {
    settings: Arc<LinkSettings<P::Protocol>>,
    plugin: PluginName,
    devices: Vec<Device>,
    voices: Vec<Voice>,
    figures: Vec<DeviceFigures>,
    schedule: Schedule,
    book: Book,
    commands: Commands,
    stopping: CancellationToken,
    clock: Clock,
    /// How often opening the link, or keeping it open, failed in a row.
    failures: u32,
}

/// Why a link is no longer served.
enum End {
    Stop,
    Broken(Reason),
}

impl<P: Plugin> LinkTask<P> {
    async fn new(settings: LinkSettings<P::Protocol>, whole: &Whole<'_>) -> anyhow::Result<Self> {
        let node = whole.node;
        let now = node.clock.now();
        let names = || settings.devices.iter().map(|device| &device.name);
        let commands = listen(node, names()).await?;
        let intervals = settings.devices.iter().map(|device| {
            let metrics = device.metrics.iter();
            metrics.map(|metric| metric.every.duration()).collect()
        });
        let intervals: Vec<Vec<Duration>> = intervals.collect();
        let voice = |name: &DeviceName| {
            let outbox = whole.outbox.clone();
            Voice::new(node.name.clone(), name.clone(), node.boot, outbox)
        };
        let figures = |name: &DeviceName| DeviceFigures::new(&node.metrics, name.as_str());
        let mut task = Self {
            plugin: whole.plugin.clone(),
            devices: settings
                .devices
                .iter()
                .map(|d| Device::new(d, now))
                .collect(),
            voices: names().map(voice).collect(),
            figures: names().map(figures).collect(),
            schedule: Schedule::new(&intervals, whole.before, Instant::now()),
            settings: Arc::new(settings),
            book: whole.book.clone(),
            commands,
            stopping: node.tasks.stopping(),
            clock: node.clock.clone(),
            failures: 0,
        };
        task.recall_intervals();
        Ok(task)
    }

    async fn run(mut self) {
        loop {
            let end = match self.open().await {
                Ok(mut link) => {
                    info!("the link is open");
                    self.schedule.restart(Instant::now());
                    self.serve(&mut link).await
                }
                Err(end) => end,
            };
            match end {
                End::Stop => break,
                End::Broken(reason) => {
                    self.failures = self.failures.saturating_add(1);
                    if self.failures == 1 {
                        warn!(reason = %reason, "the link is broken, it is opened again");
                    }
                    self.all_down(&reason);
                    self.rest(&reason).await;
                }
            }
            if self.stopping.is_cancelled() {
                break;
            }
        }
        self.leave().await;
    }

    async fn open(&mut self) -> Result<P::Link, End> {
        let settings = Arc::clone(&self.settings);
        let timeouts = settings.devices.iter().map(|d| d.timeout.duration());
        let deadline = timeouts.max().unwrap_or_default().max(OPEN_DEADLINE);
        let opening = timeout(deadline, P::open(&settings));
        tokio::select! {
            opened = opening => match opened {
                Ok(Ok(link)) => Ok(link),
                Ok(Err(fault)) => Err(End::Broken(fault.reason().clone())),
                Err(_) => {
                    let text = format!("it did not open within {deadline:?}");
                    Err(End::Broken(Reason::new("open-timeout", text)))
                }
            },
            () = self.stopping.cancelled() => Err(End::Stop),
        }
    }

    /// Reads and writes until the link breaks or the process stops.
    async fn serve(&mut self, link: &mut P::Link) -> End {
        loop {
            let next = self.schedule.next(Instant::now());
            let tick = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            // Writes come before reads. A command that is taken is carried through; nothing else is
            // under way when an arm is chosen, so that no arm is cut off.
            let broken = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return End::Stop,
                Some((device, incoming)) = self.commands.next() => {
                    self.command(link, device, incoming).await
                }
                () = tick => match self.schedule.take(Instant::now()) {
                    Some(due) => self.read(link, due).await,
                    None => Ok(()),
                },
            };
            if let Err(reason) = broken {
                return End::Broken(reason);
            }
        }
    }

    /// Reads one group; an error means that the link is broken.
    async fn read(&mut self, link: &mut P::Link, due: Due) -> Result<(), Reason> {
        let began = Instant::now();
        let result = {
            let metrics = self.schedule.metrics(due.group);
            let deadline = self.deadline(link, due.device);
            let read = timeout(deadline, link.read(due.device, metrics));
            tokio::select! {
                read = read => match read {
                    Ok(result) => result.map_err(|fault| (fault, ReadResult::Failed)),
                    Err(_) => Err((no_answer(deadline), ReadResult::Late)),
                },
                // A read changes nothing and may be given up; the link is closed next.
                () = self.stopping.cancelled() => return Ok(()),
            }
        };
        if let Some(figures) = self.figures.get(due.device) {
            let how = result.as_ref().err().map_or(ReadResult::Good, |e| e.1);
            figures.read(how, began.elapsed());
            figures.skipped.inc_by(due.skipped);
        }
        match result {
            Ok(samples) => self.sampled(link, due.device, samples).await,
            Err((Fault::Link(reason), _)) => Err(reason),
            Err((Fault::Device(reason) | Fault::Refused(reason), _)) => {
                self.failed(due.device, &reason);
                Ok(())
            }
        }
    }

    async fn sampled(
        &mut self,
        link: &mut P::Link,
        index: usize,
        samples: Samples,
    ) -> Result<(), Reason> {
        self.failures = 0;
        let was_up = self.devices.get(index).is_some_and(Device::is_up);
        // Who it is belongs into its birth.
        let mut broken = Ok(());
        if !was_up {
            broken = self.identify(link, index).await;
        }
        let now = self.clock.now();
        let (Some(device), Some(voice), Some(figures)) = (
            self.devices.get_mut(index),
            self.voices.get_mut(index),
            self.figures.get(index),
        ) else {
            return Ok(());
        };
        let outcome = device.sampled(samples, now, &mut voice.pack.readings);
        if outcome.changed || device.wants_refresh(now) {
            voice.say_status(&device.announce(&self.plugin, now));
        }
        figures.readings.inc_by(voice.say_readings());
        figures.bad.inc_by(outcome.bad);
        figures.success(now);
        if outcome.came_back {
            figures.state(true, 0);
            self.schedule.release(index, Instant::now());
            let name = self.settings.devices.get(index).map(|d| &d.name);
            info!(
                device = name.map(tracing::field::display),
                "the device is up"
            );
        }
        broken
    }

    async fn identify(&mut self, link: &mut P::Link, index: usize) -> Result<(), Reason> {
        let deadline = self.deadline(link, index);
        let told = timeout(deadline, link.identify(index)).await;
        match told {
            Ok(Ok(identity)) => {
                if let Some(device) = self.devices.get_mut(index) {
                    device.identify(identity);
                }
                Ok(())
            }
            Ok(Err(Fault::Link(reason))) => Err(reason),
            // Many devices cannot say who they are; their profile does.
            Ok(Err(Fault::Device(_) | Fault::Refused(_))) | Err(_) => Ok(()),
        }
    }

    fn failed(&mut self, index: usize, reason: &Reason) {
        let now = self.clock.now();
        let Some(device) = self.devices.get_mut(index) else {
            return;
        };
        let changed = device.failed(reason, now);
        if device.failures() >= FAILURES_UNTIL_DOWN {
            let beyond = device.failures() - FAILURES_UNTIL_DOWN + 1;
            let pause = RETRY.after(beyond, rand::random());
            self.schedule.hold(index, Instant::now() + pause);
        }
        self.note(index, changed, reason);
    }

    fn all_down(&mut self, reason: &Reason) {
        let now = self.clock.now();
        for index in 0..self.devices.len() {
            let device = self.devices.get_mut(index);
            let changed = device.is_some_and(|device| device.down(reason, now));
            self.note(index, changed, reason);
        }
    }

    /// Tells of a device that gave nothing; publishes its status where that has changed.
    fn note(&mut self, index: usize, changed: bool, reason: &Reason) {
        let now = self.clock.now();
        let (Some(device), Some(voice), Some(figures)) = (
            self.devices.get_mut(index),
            self.voices.get_mut(index),
            self.figures.get(index),
        ) else {
            return;
        };
        figures.state(device.is_up(), device.failures());
        if changed {
            let name = self.settings.devices.get(index).map(|d| &d.name);
            warn!(device = name.map(tracing::field::display), reason = %reason, "the device is down");
        }
        if changed || device.wants_refresh(now) {
            voice.say_status(&device.announce(&self.plugin, now));
        }
    }

    /// Waits before the link is opened again; what needs the device is refused meanwhile.
    async fn rest(&mut self, reason: &Reason) {
        let until = Instant::now() + REOPEN.after(self.failures, rand::random());
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = sleep_until(until) => return,
                Some((device, incoming)) = self.commands.next() => {
                    self.turn_away(device, incoming, reason.clone()).await;
                }
            }
        }
    }

    /// Says goodbye: commands that wait are refused, devices are down because the plugin stops.
    async fn leave(mut self) {
        let reason = Reason::new("stopped", "its plugin was stopped");
        while let Some(Some((device, incoming))) = self.commands.next().now_or_never() {
            self.turn_away(device, incoming, reason.clone()).await;
        }
        self.all_down(&reason);
    }

    fn deadline(&self, link: &P::Link, index: usize) -> Duration {
        let device = self.settings.devices.get(index);
        let timeout = device.map_or(OPEN_DEADLINE, |device| device.timeout.duration());
        link.deadline(index).unwrap_or(timeout)
    }
}

fn no_answer(deadline: Duration) -> Fault {
    let text = format!("no answer within {deadline:?}");
    Fault::Device(Reason::new("no-answer", text))
}
