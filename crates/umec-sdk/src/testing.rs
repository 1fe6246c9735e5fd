//! The contract of plugins: checks that each plugin runs against its simulator.
//!
//! A plugin's test implements [`Rig`] for its simulator and has one test per check:
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_dead_device_gives_a_reason_and_then_recovers() {
//!     testing::a_dead_device_gives_a_reason_and_then_recovers(rig().await).await.unwrap();
//! }
//! ```

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::info_span;
use umec_spec::settings::plugin::PluginSettings;
use umec_spec::settings::{AdminSettings, Process};
use umec_wire::command::{CommandId, CommandRequest, Outcome};
use umec_wire::status::State;
use umec_wire::subject::Target;
use umec_wire::topic::CommandTopic;
use umec_wire::{
    DeviceName, Label, MetricName, NodeName, Pack, Readings, Span, Status, Statuses, Value,
};

use crate::bus::{Bus, Filter, Follow, Start};
use crate::node::Node;
use crate::plugin::{Plugin, run_plugin};

/// A simulator and how it is misused. The first device of the first link is the one that is looked at.
pub trait Rig: Send {
    /// The plugin under test.
    type Plugin: Plugin;

    /// The settings by which the plugin reaches the simulator.
    fn settings(&self) -> PluginSettings<<Self::Plugin as Plugin>::Protocol>;

    /// Lets the device fall silent.
    fn silence(&mut self) -> impl Future<Output = ()> + Send;

    /// Lets it answer again.
    fn mend(&mut self) -> impl Future<Output = ()> + Send;

    /// A metric of the device that can be written, and a value for it that it does not have yet; `None`
    /// where this kind of device cannot be written.
    fn writable(&self) -> Option<(MetricName, Value)>;
}

/// What a plugin does not keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the contract of plugins: {0}")]
pub struct Broken(String);

/// How long anything may take. Simulators answer in milliseconds; a loaded machine gets more.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running plugin, and readers of what it says.
struct Stage {
    node: Node,
    bus: Bus,
    statuses: Follow,
    readings: Follow,
    device: DeviceName,
    metrics: BTreeSet<String>,
    timeout: Duration,
    run: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// It opens its link, tells the birth of its device, and publishes every metric with its value.
pub async fn opens_and_reads<R: Rig>(rig: R) -> Result<(), Broken> {
    let mut stage = Stage::start(&rig).await?;
    let birth = stage.status().await?;
    if birth.state != State::Up {
        return broken(format!("the device is not up: {:?}", birth.reason));
    }
    let mut missing = stage.metrics.clone();
    while !missing.is_empty() {
        for name in names(&stage.pack().await?) {
            missing.remove(&name);
        }
    }
    stage.stop().await
}

/// The names that it publishes are those of its birth, each time.
pub async fn keeps_names_stable<R: Rig>(rig: R) -> Result<(), Broken> {
    let mut stage = Stage::start(&rig).await?;
    for _ in 0..2 {
        let birth = stage.status().await?;
        let born: BTreeSet<String> = birth.metrics.iter().map(|m| m.name.to_string()).collect();
        if born != stage.metrics {
            return broken(format!("{born:?} are born of {:?}", stage.metrics));
        }
        for _ in 0..5 {
            let unknown = names(&stage.pack().await?);
            if let Some(name) = unknown.into_iter().find(|name| !born.contains(name)) {
                return broken(format!("{name} was never born"));
            }
        }
        stage = stage.restart(&rig).await?;
    }
    stage.stop().await
}

/// A device that falls silent is down with a reason, and up again when it answers again.
pub async fn a_dead_device_gives_a_reason_and_then_recovers<R: Rig>(
    mut rig: R,
) -> Result<(), Broken> {
    let mut stage = Stage::start(&rig).await?;
    stage.until(State::Up).await?;
    rig.silence().await;
    let down = stage.until(State::Down).await?;
    match down.reason {
        Some(reason) if !reason.text.is_empty() => {}
        reason => return broken(format!("it is down without a reason: {reason:?}")),
    }
    rig.mend().await;
    stage.until(State::Up).await?;
    stage.stop().await
}

/// It drains within its grace period, with the device alive and with it silent, and tells its death.
pub async fn stops_within_its_grace_period<R: Rig>(mut rig: R) -> Result<(), Broken> {
    let mut stage = Stage::start(&rig).await?;
    stage.until(State::Up).await?;
    stage.stop().await?;
    let mut stage = Stage::start(&rig).await?;
    stage.until(State::Up).await?;
    rig.silence().await;
    stage.until(State::Down).await?;
    stage.stop().await
}

/// Other tasks of its thread go on while the device answers and while it is silent. To be run on a
/// runtime with one thread, as `#[tokio::test]` makes it.
pub async fn never_blocks_the_runtime<R: Rig>(mut rig: R) -> Result<(), Broken> {
    const TICK: Duration = Duration::from_millis(5);
    let mut stage = Stage::start(&rig).await?;
    let stopping = stage.node.tasks.stopping();
    let watch = async move {
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        while !stopping.is_cancelled() {
            tokio::time::sleep(TICK).await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    };
    let watch = stage.node.tasks.spawn(info_span!("watch"), watch);
    stage.until(State::Up).await?;
    rig.silence().await;
    stage.until(State::Down).await?;
    // A read that blocks holds the thread for the device's whole timeout.
    let allowed = stage.timeout.mul_f64(0.8).max(4 * TICK);
    stage.stop().await?;
    match watch.await {
        Ok(longest) if longest < allowed => Ok(()),
        Ok(longest) => broken(format!("it held its thread for {longest:?}")),
        Err(_) => broken("the watch ended early".to_owned()),
    }
}

/// A command is carried out once, shows in the readings, and answers the same when it is asked again;
/// one to a silent device ends too.
pub async fn a_command_ends_in_one_result<R: Rig>(mut rig: R) -> Result<(), Broken> {
    let Some((metric, value)) = rig.writable() else {
        return Ok(());
    };
    let mut stage = Stage::start(&rig).await?;
    stage.until(State::Up).await?;
    let done = stage.command("contract-1", &metric, &value).await?;
    if done.outcome != Outcome::Done {
        return broken(format!("the command ended in {done:?}"));
    }
    if stage.command("contract-1", &metric, &value).await? != done {
        return broken("the same command has two results".to_owned());
    }
    let shows = |pack: &Pack| {
        let mut of_metric = pack.readings.iter().filter(|r| r.series.metric == metric);
        of_metric.any(|reading| reading.value == value)
    };
    while !shows(&stage.pack().await?) {}
    rig.silence().await;
    let failed = stage.command("contract-2", &metric, &value).await?;
    if failed.outcome == Outcome::Done {
        return broken("a silent device has done something".to_owned());
    }
    stage.stop().await
}

// === impl Stage ===

impl Stage {
    async fn start<R: Rig>(rig: &R) -> Result<Self, Broken> {
        let bus = Bus::memory();
        let name = NodeName::new("contract").map_err(|e| Broken(e.to_string()))?;
        let node = Node::for_test(name, Some(bus.clone()));
        Self::on(node, bus, rig).await
    }

    async fn on<R: Rig>(node: Node, bus: Bus, rig: &R) -> Result<Self, Broken> {
        let settings = rig.settings();
        let device = settings.links.first().and_then(|link| link.devices.first());
        let Some(device) = device else {
            return broken("the rig has no device".to_owned());
        };
        let follow = async |target| {
            let filter = Filter {
                targets: vec![target],
                devices: vec![device.name.clone()],
            };
            let followed = bus.follow(Start::New, filter).await;
            followed.map_err(|error| Broken(error.to_string()))
        };
        let (statuses, readings) = (
            follow(Target::Status).await?,
            follow(Target::Readings).await?,
        );
        let metrics = device.metrics.iter().map(|m| m.name.to_string());
        let (metrics, device, timeout) = (
            metrics.collect(),
            device.name.clone(),
            device.timeout.duration(),
        );
        let config = Process {
            node: node.name.clone(),
            bus: None,
            admin: AdminSettings::default(),
            secrets: None,
            grace: Span::from_secs(20),
            settings,
        };
        let run = run_plugin::<R::Plugin>(config, node.clone());
        let run = node.tasks.spawn(info_span!("plugin"), run);
        Ok(Self {
            node,
            bus,
            statuses,
            readings,
            device,
            metrics,
            timeout,
            run,
        })
    }

    /// Stops the plugin and starts it again on the same bus.
    async fn restart<R: Rig>(self, rig: &R) -> Result<Self, Broken> {
        let (node, bus) = (self.node.restarted(), self.bus.clone());
        self.stop().await?;
        Self::on(node, bus, rig).await
    }

    async fn status(&mut self) -> Result<Status, Broken> {
        let stored = within("a status", self.statuses.next()).await?;
        let status = stored.map(|stored| stored.message.decode::<Statuses>());
        match status {
            Some(Ok(status)) => Ok(status),
            other => broken(format!("no status that can be read: {other:?}")),
        }
    }

    async fn until(&mut self, state: State) -> Result<Status, Broken> {
        loop {
            let status = self.status().await?;
            if status.state == state {
                return Ok(status);
            }
        }
    }

    async fn pack(&mut self) -> Result<Pack, Broken> {
        let stored = within("a reading", self.readings.next()).await?;
        let pack = stored.map(|stored| stored.message.decode::<Readings>());
        match pack {
            Some(Ok(pack)) => Ok(pack),
            other => broken(format!("no pack that can be read: {other:?}")),
        }
    }

    async fn command(
        &self,
        id: &str,
        metric: &MetricName,
        value: &Value,
    ) -> Result<umec_wire::command::CommandResult, Broken> {
        let topic = CommandTopic {
            node: self.node.name.clone(),
            device: self.device.clone(),
            name: metric.clone().into(),
        };
        let request = CommandRequest {
            id: CommandId(Label::new(id).map_err(|e| Broken(e.to_string()))?),
            value: Some(value.clone()),
            issuer: "contract".to_owned(),
            expires: self.node.clock.now().saturating_add(DEADLINE),
        };
        let result = self.bus.command(&topic, &request).await;
        result.map_err(|error| Broken(format!("the command has no result: {error}")))
    }

    async fn stop(mut self) -> Result<(), Broken> {
        let began = Instant::now();
        let drained = self.node.tasks.drain(DEADLINE).await;
        drained.map_err(|error| Broken(error.to_string()))?;
        match self.run.await {
            Ok(Ok(())) => {}
            other => return broken(format!("the run ended with {other:?}")),
        }
        // A read may take its timeout; beyond that nothing holds a drain up.
        if began.elapsed() > self.timeout + Duration::from_secs(5) {
            return broken(format!("the drain took {:?}", began.elapsed()));
        }
        loop {
            let stored = within("its death", self.statuses.next()).await?;
            let status = stored.and_then(|stored| stored.message.decode::<Statuses>().ok());
            let code = status
                .and_then(|status| status.reason)
                .map(|reason| reason.code);
            if code.is_some_and(|code| code.as_str() == "stopped") {
                return Ok(());
            }
        }
    }
}

fn names(pack: &Pack) -> Vec<String> {
    let metrics = pack.readings.iter().map(|r| r.series.metric.to_string());
    metrics.collect()
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Broken> {
    let waited = timeout(DEADLINE, future).await;
    waited.map_err(|_| Broken(format!("{what} did not come within {DEADLINE:?}")))
}

fn broken<T>(what: String) -> Result<T, Broken> {
    Err(Broken(what))
}
