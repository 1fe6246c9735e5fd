//! What a plugin keeps over its end: commands with their results, and poll intervals.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;
use umec_spec::settings::plugin::DeviceSettings;
use umec_wire::command::{CommandResult, Outcome, POLL_INTERVAL};
use umec_wire::status::{Limits, State};
use umec_wire::{Span, Statuses, Value};

use super::example::{Boxes, Trouble};
use super::{SECOND, Stage, device, metric};

fn heater() -> Vec<DeviceSettings<Boxes>> {
    let mut setpoint = metric("setpoint", 0, SECOND);
    setpoint.write = Some(Limits::default());
    vec![device("box-1", vec![setpoint])]
}

/// What hangs on `box-1` cannot be written, and has two intervals.
fn meter() -> Vec<DeviceSettings<Boxes>> {
    let slow = metric("energy", 1, Span::from_secs(10));
    vec![device("box-1", vec![metric("power", 0, SECOND), slow])]
}

fn code(result: &CommandResult) -> Option<String> {
    Some(result.reason.as_ref()?.code.to_string())
}

/// The folder as it is at this moment: what a later run finds where the process is killed now.
fn as_it_is(notes: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(notes).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

impl Stage {
    /// Stops the plugin and starts it again.
    async fn again(&mut self, name: &str, devices: Vec<DeviceSettings<Boxes>>, notes: PathBuf) {
        self.stop().await;
        self.node = self.node.restarted();
        self.start(name, devices, Some(notes));
        loop {
            let told = self.statuses.next().await.unwrap().message;
            let status = told.decode::<Statuses>().unwrap();
            if told.id.boot == self.node.boot && status.state == State::Up {
                break;
            }
        }
    }

    /// The intervals that the next status tells.
    async fn told(&mut self) -> Vec<Option<Span>> {
        let status = self.status().await;
        status.metrics.iter().map(|metric| metric.every).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_has_ended_has_the_same_result_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("state/boxes");
    let mut stage = Stage::open_in("ended", &[20.0], heater(), Some(notes.clone())).await;
    stage.reading().await;
    let done = stage.command("c-1", "setpoint", 21.5).await;
    assert_eq!(done.outcome, Outcome::Done);
    let refused = stage.command("c-2", "energy", 1.0).await;
    assert_eq!(code(&refused).unwrap(), "unknown-command");
    stage.again("ended", heater(), notes).await;
    assert_eq!(stage.command("c-1", "setpoint", 21.5).await, done);
    assert_eq!(stage.command("c-2", "energy", 1.0).await, refused);
    assert_eq!(stage.wire.0.lock().unwrap().writes, 1);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_had_begun_when_the_plugin_was_killed_has_failed_and_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().to_owned();
    let mut stage = Stage::open_in("killed", &[20.0], heater(), Some(notes.clone())).await;
    stage.reading().await;
    stage.wire.fail(Trouble::Silent(0));
    let asked = stage.wire.0.lock().unwrap().reads.len();
    let found = {
        let mut command = std::pin::pin!(stage.command("c-1", "setpoint", 21.5));
        loop {
            tokio::select! {
                result = &mut command => panic!("it has ended: {result:?}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
            if stage.wire.0.lock().unwrap().reads.len() > asked {
                break as_it_is(&notes);
            }
        }
    };
    stage.stop().await;
    stage.wire.mend();
    let mut stage = Stage::open_in("killed", &[20.0], heater(), Some(found.path().into())).await;
    stage.reading().await;
    let result = stage.command("c-1", "setpoint", 21.5).await;
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(code(&result).unwrap(), "interrupted");
    stage.again("killed", heater(), found.path().into()).await;
    assert_eq!(stage.command("c-1", "setpoint", 21.5).await, result);
    assert_eq!(stage.wire.0.lock().unwrap().writes, 0);
    assert_eq!(
        stage.command("c-2", "setpoint", 22.0).await.outcome,
        Outcome::Done
    );
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_noted_down_is_not_tried_and_reading_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("state");
    fs::write(&notes, "a file in the way").unwrap();
    let mut stage = Stage::open_in("unkept", &[20.0], heater(), Some(notes)).await;
    for _ in 0..3 {
        stage.reading().await;
    }
    let refused = stage.command("c-1", "setpoint", 21.5).await;
    assert_eq!(refused.outcome, Outcome::Refused);
    assert_eq!(code(&refused).unwrap(), "not-kept");
    let refused = stage.command("c-2", POLL_INTERVAL, 5.0).await;
    assert_eq!(code(&refused).unwrap(), "not-kept");
    assert_eq!(stage.wire.0.lock().unwrap().writes, 0);
    let report = stage.node.health.report();
    assert!(
        !report.ready && !report.parts["commands"].ready,
        "{report:?}"
    );
    for _ in 0..3 {
        stage.reading().await;
    }
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_device_is_told_how_often_it_is_sampled() {
    let mut stage = Stage::open("interval", &[1.0, 2.0], meter()).await;
    assert_eq!(
        stage.told().await,
        [Some(SECOND), Some(Span::from_secs(10))]
    );
    let done = stage.command("c-1", POLL_INTERVAL, 0.25).await;
    assert_eq!(
        (done.outcome, done.value),
        (Outcome::Done, Value::number(0.25).ok())
    );
    let quarter = Span::from_millis(250);
    assert_eq!(stage.told().await, [Some(quarter), Some(quarter)]);
    while stage.reading().await.1.len() < 2 {}
    let begin = Instant::now();
    for _ in 0..20 {
        assert_eq!(stage.reading().await.1.len(), 2, "all are read together");
    }
    assert_eq!(begin.elapsed().as_millis() / 10, 500);
    for (id, value) in [("c-2", 0.001), ("c-3", 100_000.0)] {
        let refused = stage.command(id, POLL_INTERVAL, value).await;
        assert_eq!(code(&refused).unwrap(), "out-of-range");
    }
    let done = stage.tell("c-4", POLL_INTERVAL, None).await;
    assert_eq!((done.outcome, done.value), (Outcome::Done, None));
    assert_eq!(
        stage.told().await,
        [Some(SECOND), Some(Span::from_secs(10))]
    );
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_interval_holds_over_restarts_and_is_told_to_a_device_that_is_gone_too() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().to_owned();
    let mut stage = Stage::open_in("holds", &[1.0, 2.0], meter(), Some(notes.clone())).await;
    stage.reading().await;
    let first = stage.command("c-1", POLL_INTERVAL, 5.0).await;
    assert_eq!(first.outcome, Outcome::Done);
    stage.wire.fail(Trouble::Cut);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let done = stage.command("c-2", POLL_INTERVAL, 2.0).await;
    assert_eq!(done.outcome, Outcome::Done, "it does not need the wire");
    stage.wire.mend();
    stage.again("holds", meter(), notes.clone()).await;
    let first_again = stage.command("c-1", POLL_INTERVAL, 5.0).await;
    assert_eq!(
        first_again, first,
        "the same result, and the later command holds"
    );
    for _ in 0..2 {
        while stage.readings.next().await.unwrap().message.id.boot != stage.node.boot {}
    }
    let begin = Instant::now();
    for _ in 0..5 {
        stage.reading().await;
    }
    assert_eq!(begin.elapsed().as_millis() / 10, 1_000);
    let done = stage.tell("c-3", POLL_INTERVAL, None).await;
    assert_eq!(done.outcome, Outcome::Done);
    stage.again("holds", meter(), notes).await;
    stage.stop().await;
    let every = stage.told().await;
    assert_eq!(every, [Some(SECOND), Some(Span::from_secs(10))]);
}
