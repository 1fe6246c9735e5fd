//! The link against a server that is not ours: libmodbus, over TCP and on a serial line.

#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use umec_e2e::program::Running;
use umec_e2e::{eventually, tools};
use umec_modbus::{ModbusLink, ModbusPlugin};
use umec_sdk::{Link as _, Plugin as _};
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::plugin::LinkSettings;
use umec_wire::Value;

/// Compiling and starting take a moment on a machine that is busy.
const SOON: Duration = Duration::from_secs(30);

/// Builds the server, starts it, and gives the first line that it prints.
fn server(folder: &TempDir, arguments: &[&str]) -> (Running, String) {
    let program = folder.path().join("server");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/server.c");
    let built = Command::new(tools::installed("cc"))
        .args(["-I/usr/include/modbus", "-o"])
        .args([&program, &source])
        .arg("-lmodbus")
        .status()
        .unwrap();
    assert!(
        built.success(),
        "libmodbus-dev is not installed: run `make tools`"
    );
    let mut command = Command::new(program);
    command.args(arguments);
    let running = Running::start(command);
    let line = eventually(SOON, || match running.log().split_once('\n') {
        Some((line, _)) => Ok(line.to_owned()),
        None => Err(running.log()),
    });
    (running, line)
}

/// Two serial ports with a wire between them.
fn wire(folder: &TempDir) -> (Running, PathBuf, PathBuf) {
    let ends = ["ours", "theirs"].map(|name| folder.path().join(name));
    let pty = |end: &PathBuf| format!("pty,rawer,link={}", end.display());
    let mut command = Command::new(tools::installed("socat"));
    command.args(ends.iter().map(pty));
    let running = Running::start(command);
    eventually(SOON, || {
        if ends.iter().all(|end| end.exists()) {
            Ok(())
        } else {
            Err("no ports yet")
        }
    });
    let [ours, theirs] = ends;
    (running, ours, theirs)
}

async fn opened(transport: &str) -> ModbusLink {
    let text = format!(
        "
link: {{ transport: {transport} }}
devices:
- name: foreign-1
  timeout: 2s
  device: {{ unit: 7, maxGap: 4 }}
  metrics:
  - {{ name: coil, every: 1s, source: {{ table: coil, address: 3, type: bit }} }}
  - {{ name: discrete, every: 1s, source: {{ table: discrete, address: 5, type: bit }} }}
  - {{ name: setpoint, every: 1s, source: {{ table: holding, address: 10, scale: 0.1 }} }}
  - {{ name: cold, every: 1s, source: {{ table: input, address: 0, type: i16, scale: 0.1 }} }}
  - {{ name: flow, every: 1s, source: {{ table: input, address: 1, type: f32 }} }}
  - {{ name: ghost, every: 1s, source: {{ table: input, address: 99 }} }}
  - {{ name: gain, every: 1s, source: {{ table: holding, address: 20, type: f64, byteOrder: CDAB }} }}
"
    );
    let settings: LinkSettings<Modbus> = umec_spec::yaml::from_str(&text).unwrap();
    ModbusPlugin::open(&settings).await.unwrap()
}

/// Reads, writes and is refused.
async fn converse(mut link: ModbusLink) {
    let number = |value: f64| Value::number(value).unwrap();
    link.identify(0).await.unwrap();
    let samples = link.read(0, &[0, 1, 2, 3, 4, 5]).await.unwrap();
    let good: Vec<Value> = samples
        .iter()
        .filter_map(|(_, sample)| sample.clone().ok())
        .collect();
    let expected = [
        Value::Boolean(true),
        Value::Boolean(true),
        number(21.5),
        number(-3.7),
        number(21.3),
    ];
    assert_eq!(good, expected);
    let refused = samples[5].1.clone().unwrap_err();
    assert_eq!(refused.text, "illegal address at input 99 (ghost)");
    for (metric, value) in [
        (0, Value::Boolean(false)),
        (2, number(18.2)),
        (6, number(-0.001)),
    ] {
        let written = link.write(0, metric, &value).await;
        assert_eq!(written, Ok(Some(value)), "metric {metric}");
    }
}

#[tokio::test]
async fn libmodbus_is_read_and_written_over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = server(&folder, &["tcp"]);
    let link = opened(&format!("{{ kind: tcp, address: '127.0.0.1:{port}' }}")).await;
    converse(link).await;
}

#[tokio::test]
async fn libmodbus_is_read_and_written_on_a_serial_line() {
    let folder = tempfile::tempdir().unwrap();
    let (_wire, ours, theirs) = wire(&folder);
    let (_server, ready) = server(&folder, &["rtu", theirs.to_str().unwrap()]);
    assert_eq!(ready, "ready");
    let path = ours.display();
    let link = opened(&format!("{{ kind: serial, path: '{path}', baud: 115200 }}")).await;
    converse(link).await;
}
