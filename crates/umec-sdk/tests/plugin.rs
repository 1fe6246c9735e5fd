//! The plugin loop, with the smallest plugin there can be and paused time.

#![cfg(test)]

#[path = "plugin/contract.rs"]
mod contract;
#[path = "plugin/example.rs"]
mod example;
#[path = "plugin/kept.rs"]
mod kept;

use std::path::PathBuf;
use std::time::Duration;

use example::{Boxes, Cell, Trouble, Wire, WireName};
use umec_sdk::bus::{BusState, Filter, Follow, Start};
use umec_sdk::{Bus, Node, run_plugin};
use umec_spec::settings::plugin::{
    DeviceSettings, LinkSettings, MetricSettings, PluginSettings, Report,
};
use umec_spec::settings::{AdminSettings, Process};
use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome};
use umec_wire::status::{Identity, Limits, State};
use umec_wire::subject::Target;
use umec_wire::topic::CommandTopic;
use umec_wire::{
    DeviceName, Label, MetricName, NodeName, PluginName, Readings, Reason, Span, Status, Statuses,
    Value,
};

/// A plugin that runs, and a reader of what it says.
struct Stage {
    node: Node,
    wire: Wire,
    readings: Follow,
    statuses: Follow,
    bus: Bus,
}

fn metric(name: &str, cell: usize, every: Span) -> MetricSettings<Boxes> {
    MetricSettings {
        name: MetricName::new(name).unwrap(),
        unit: None,
        every,
        range: None,
        write: None,
        report: None,
        source: Cell(cell),
    }
}

fn device(name: &str, metrics: Vec<MetricSettings<Boxes>>) -> DeviceSettings<Boxes> {
    DeviceSettings {
        name: DeviceName::new(name).unwrap(),
        identity: Identity::default(),
        timeout: Span::from_millis(200),
        device: (),
        metrics,
    }
}

impl Stage {
    async fn open(name: &str, cells: &[f64], devices: Vec<DeviceSettings<Boxes>>) -> Self {
        Self::open_in(name, cells, devices, None).await
    }

    /// The same with a state folder.
    async fn open_in(
        name: &str,
        cells: &[f64],
        devices: Vec<DeviceSettings<Boxes>>,
        notes: Option<PathBuf>,
    ) -> Self {
        let wire = Wire::new(name, cells);
        let bus = Bus::memory();
        let node = Node::for_test(NodeName::new("pole-7").unwrap(), Some(bus.clone()));
        let follow = async |target| {
            let filter = Filter::targets([target]);
            bus.follow(Start::First, filter).await.unwrap()
        };
        let stage = Self {
            readings: follow(Target::Readings).await,
            statuses: follow(Target::Status).await,
            node,
            wire,
            bus,
        };
        stage.start(name, devices, notes);
        stage
    }

    fn start(&self, name: &str, devices: Vec<DeviceSettings<Boxes>>, notes: Option<PathBuf>) {
        let config = Process {
            node: self.node.name.clone(),
            bus: None,
            admin: AdminSettings::default(),
            secrets: None,
            grace: Span::from_secs(20),
            settings: PluginSettings {
                plugin: PluginName::new("boxes").unwrap(),
                links: vec![LinkSettings {
                    link: WireName(name.to_owned()),
                    devices,
                }],
                state: notes,
            },
        };
        let run = run_plugin::<Boxes>(config, self.node.clone());
        drop(self.node.tasks.spawn(
            tracing::info_span!("run"),
            async move { run.await.unwrap() },
        ));
    }

    async fn status(&mut self) -> Status {
        let stored = self.statuses.next().await.unwrap();
        stored.message.decode::<Statuses>().unwrap()
    }

    /// The sequence, and the metrics with their numbers.
    async fn reading(&mut self) -> (u64, Vec<(String, f64)>) {
        let stored = self.readings.next().await.unwrap();
        let pack = stored.message.decode::<Readings>().unwrap();
        let readings = pack.readings.iter();
        let readings = readings.map(|r| (r.series.to_string(), r.value.as_number().unwrap()));
        (stored.message.id.sequence.get(), readings.collect())
    }

    async fn command(&self, id: &str, name: &str, value: f64) -> CommandResult {
        self.tell(id, name, Some(Value::number(value).unwrap()))
            .await
    }

    async fn tell(&self, id: &str, name: &str, value: Option<Value>) -> CommandResult {
        let topic = CommandTopic {
            node: self.node.name.clone(),
            device: DeviceName::new("box-1").unwrap(),
            name: name.parse().unwrap(),
        };
        let request = CommandRequest {
            id: CommandId(Label::new(id).unwrap()),
            value,
            issuer: "test".to_owned(),
            expires: self.node.clock.now().saturating_add(Duration::from_secs(5)),
        };
        self.bus.command(&topic, &request).await.unwrap()
    }

    async fn stop(&self) {
        self.node
            .tasks
            .drain(Duration::from_secs(20))
            .await
            .unwrap();
    }
}

const SECOND: Span = Span::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_device_is_born_read_and_dies_with_a_reason() {
    let devices = vec![device("box-1", vec![metric("power", 0, SECOND)])];
    let mut stage = Stage::open("life", &[5.0], devices).await;
    let birth = stage.status().await;
    assert_eq!((birth.state, birth.reason), (State::Up, None));
    assert_eq!(birth.metrics[0].name.as_str(), "power");
    assert_eq!(birth.metrics[0].every, Some(SECOND));
    assert_eq!(stage.reading().await, (2, vec![("power".to_owned(), 5.0)]));
    stage.wire.set(0, 6.0);
    assert_eq!(stage.reading().await, (3, vec![("power".to_owned(), 6.0)]));
    stage.stop().await;
    let death = stage.status().await;
    assert_eq!(death.state, State::Down);
    assert_eq!(death.reason.unwrap().code.as_str(), "stopped");
}

#[tokio::test(start_paused = true)]
async fn metrics_of_one_interval_travel_together() {
    let slow = Span::from_secs(10);
    let metrics = vec![
        metric("a", 0, SECOND),
        metric("b", 1, slow),
        metric("c", 2, SECOND),
    ];
    let mut stage = Stage::open("together", &[1.0, 2.0, 3.0], vec![device("box-1", metrics)]).await;
    let names = |readings: Vec<(String, f64)>| -> Vec<String> {
        readings.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(stage.reading().await.1), ["a", "c"]);
    assert_eq!(names(stage.reading().await.1), ["b"]);
    for _ in 0..9 {
        assert_eq!(names(stage.reading().await.1), ["a", "c"]);
    }
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_device_is_down_with_a_reason_and_recovers_while_the_other_is_read() {
    let metrics = || vec![metric("power", 0, SECOND)];
    let devices = vec![device("box-1", metrics()), device("box-2", metrics())];
    let mut stage = Stage::open("silent", &[1.0], devices).await;
    assert_eq!(stage.status().await.state, State::Up);
    assert_eq!(stage.status().await.state, State::Up);
    stage.wire.fail(Trouble::Silent(0));
    let down = stage.status().await;
    assert_eq!(down.state, State::Down);
    assert_eq!(down.reason.unwrap().code.as_str(), "no-answer");
    stage.wire.0.lock().unwrap().reads.clear();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let reads = stage.wire.0.lock().unwrap().reads.clone();
    let of = |device| reads.iter().filter(|d| **d == device).count();
    assert!(of(1) >= 58, "the other is read on time: {}", of(1));
    assert!(
        (5..=15).contains(&of(0)),
        "the dead one is tried: {}",
        of(0)
    );
    stage.wire.mend();
    assert_eq!(stage.status().await.state, State::Up);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_takes_its_devices_down_and_is_opened_again() {
    let metrics = || vec![metric("power", 0, SECOND)];
    let devices = vec![device("box-1", metrics()), device("box-2", metrics())];
    let mut stage = Stage::open("cut", &[1.0], devices).await;
    for _ in 0..2 {
        assert_eq!(stage.status().await.state, State::Up);
    }
    stage.wire.fail(Trouble::Cut);
    for _ in 0..2 {
        let down = stage.status().await;
        assert_eq!(
            down.reason.map(|r| r.code.to_string()),
            Some("wire-cut".to_owned())
        );
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    stage.wire.mend();
    for _ in 0..2 {
        assert_eq!(stage.status().await.state, State::Up);
    }
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_value_outside_its_range_is_a_problem_and_no_reading() {
    let mut power = metric("power", 0, SECOND);
    power.range = Some(Limits {
        min: Some(0.0),
        max: Some(10.0),
    });
    let devices = vec![device("box-1", vec![power, metric("other", 1, SECOND)])];
    let mut stage = Stage::open("range", &[5.0, 1.0], devices).await;
    assert!(stage.status().await.problems.is_empty());
    assert_eq!(stage.reading().await.1.len(), 2);
    stage.wire.set(0, 11.0);
    let status = stage.status().await;
    assert_eq!(status.state, State::Up);
    let (name, reason) = status.problems.first_key_value().unwrap();
    assert_eq!(
        (name.as_str(), reason.code.as_str()),
        ("power", "out-of-range")
    );
    assert_eq!(stage.reading().await.1, [("other".to_owned(), 1.0)]);
    // On the edge of its range the value comes and goes; the status stays.
    for value in [5.0, 11.0, 5.0, 11.0, 5.0] {
        stage.wire.set(0, value);
        stage.reading().await;
    }
    assert!(stage.status().await.problems.is_empty());
    let figures = stage.node.metrics.encode();
    assert!(
        figures.contains(r#"umec_plugin_bad_values_total{device="box-1"} 3"#),
        "{figures}"
    );
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_metric_with_a_deadband_is_published_on_change_and_by_heartbeat() {
    let mut power = metric("power", 0, SECOND);
    power.report = Some(Report {
        deadband: 0.5,
        heartbeat: Span::from_secs(10),
    });
    let mut stage = Stage::open("deadband", &[5.0], vec![device("box-1", vec![power])]).await;
    let begin = tokio::time::Instant::now();
    assert_eq!(stage.reading().await.1, [("power".to_owned(), 5.0)]);
    stage.wire.set(0, 5.4);
    assert_eq!(stage.reading().await.1, [("power".to_owned(), 5.4)]);
    assert_eq!(begin.elapsed().as_secs(), 10);
    stage.wire.set(0, 6.0);
    assert_eq!(stage.reading().await.1, [("power".to_owned(), 6.0)]);
    assert_eq!(begin.elapsed().as_secs(), 11);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_read_that_takes_too_long_is_not_made_up_for() {
    let mut slow = device("box-1", vec![metric("power", 0, SECOND)]);
    slow.timeout = Span::from_secs(10);
    let mut stage = Stage::open("late", &[1.0], vec![slow]).await;
    stage.wire.0.lock().unwrap().takes = Duration::from_millis(2_500);
    let begin = tokio::time::Instant::now();
    for _ in 0..4 {
        stage.reading().await;
    }
    // One follows upon the other; the ticks that passed meanwhile are left out.
    assert_eq!(begin.elapsed().as_millis() / 100, 100);
    let figures = stage.node.metrics.encode();
    assert!(
        figures.contains(r#"skipped_reads_total{device="box-1"} 4"#),
        "{figures}"
    );
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_is_carried_out_once_however_often_it_is_given() {
    let mut setpoint = metric("setpoint", 0, SECOND);
    setpoint.write = Some(Limits {
        min: Some(5.0),
        max: Some(30.0),
    });
    let devices = vec![device("box-1", vec![setpoint, metric("fixed", 1, SECOND)])];
    let mut stage = Stage::open("command", &[20.0, 1.0], devices).await;
    stage.reading().await;
    let first = stage.command("c-1", "setpoint", 21.5).await;
    assert_eq!(
        (first.outcome, &first.value),
        (Outcome::Done, &Some(Value::number(21.5).unwrap()))
    );
    assert_eq!(stage.command("c-1", "setpoint", 21.5).await, first);
    assert_eq!(stage.wire.0.lock().unwrap().writes, 1);
    let code = |result: CommandResult| (result.outcome, result.reason.unwrap().code.to_string());
    let refused = |code: &str| (Outcome::Refused, code.to_owned());
    assert_eq!(
        code(stage.command("c-2", "setpoint", 31.0).await),
        refused("out-of-range")
    );
    assert_eq!(
        code(stage.command("c-3", "fixed", 1.0).await),
        refused("not-writable")
    );
    assert_eq!(
        code(stage.command("c-4", "other", 1.0).await),
        refused("unknown-command")
    );
    stage.wire.fail(Trouble::Silent(0));
    let failed = stage.command("c-5", "setpoint", 22.0).await;
    assert_eq!(code(failed), (Outcome::Failed, "no-answer".to_owned()));
    stage.wire.fail(Trouble::Cut);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        code(stage.command("c-7", "setpoint", 22.0).await),
        refused("wire-cut")
    );
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn readings_wait_for_a_bus_that_is_away() {
    let devices = vec![device("box-1", vec![metric("power", 0, SECOND)])];
    let mut stage = Stage::open("away", &[1.0], devices).await;
    stage.reading().await;
    let reason = Reason::new("bus-away", "on purpose");
    stage.bus.set_reachable(BusState::Away(reason));
    tokio::time::sleep(Duration::from_secs(30)).await;
    stage.bus.set_reachable(BusState::Connected);
    for sequence in 3..=32 {
        assert_eq!(stage.reading().await.0, sequence);
    }
    stage.stop().await;
}
