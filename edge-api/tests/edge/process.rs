//! The program itself, on a real NATS server: what it says, what it obeys.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use umec_e2e::nats::Server;
use umec_e2e::program::{Running, address};

use super::events::Events;
use super::fixture::{CONTROL, DEADLINE};
use super::restart::settings;

fn start(server: &Server, folder: &Path, further: &str) -> Running {
    std::fs::write(folder.join("control"), CONTROL).unwrap();
    let bus = umec_spec::yaml::to_string(&settings(server, folder)).unwrap();
    let bus = bus.replace('\n', "\n  ");
    let folder = folder.display();
    let config = format!(
        "node: pole-7
secrets: {folder}
settings:
  listen: 127.0.0.1:0
  addressFile: {folder}/address
  tokens: [{{name: control, allow: [read], devices: ['*'], secret: control}}]
{further}
bus:
  {bus}
"
    );
    Running::with_config(Path::new(env!("CARGO_BIN_EXE_umec-edge-api")), &config)
}

#[tokio::test]
async fn sigterm_ends_streams_with_a_goodbye_and_the_process_with_success() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut program = start(&server, folder.path(), "");
    let base = address(&folder.path().join("address"), DEADLINE);
    let url = format!("http://{base}/api/v1/stream");
    let mut events = umec_e2e::eventually_async(DEADLINE, || async {
        let request = reqwest::Client::new().get(&url).bearer_auth(CONTROL);
        match request.send().await {
            Ok(response) if response.status() == 200 => Ok(Events::of(response)),
            // The bus is not there yet.
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    program.signal(Signal::SIGTERM);
    assert_eq!(events.data("bye").await["reason"], "stopping");
    assert_eq!(events.next().await, None);
    let status = program.wait(Duration::from_secs(20));
    assert_eq!(status.code(), Some(0), "{}", program.log());
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_told_with_its_remedy() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut program = start(&server, folder.path(), "  windows: [7s]");
    let status = program.wait(DEADLINE);
    assert_eq!(status.code(), Some(64), "{}", program.log());
    assert!(
        program
            .log()
            .contains("the window 7s does not divide a day")
    );
}
