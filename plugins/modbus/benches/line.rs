//! How much of a serial line's time is used: the time that characters and silent intervals take on a paced
//! line, over the time that passed. The rest is what the kernel's and our own waking up costs.

use std::time::{Duration, Instant};

use umec_e2e::figure::{Figure, Goal};
use umec_modbus::ModbusPlugin;
use umec_modbus_line::{Running, start};
use umec_sdk::{Link as _, Plugin as _};
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::plugin::LinkSettings;
use umec_spec::yaml;

/// Bits per second, and registers in one request.
const CASES: [(u32, usize); 6] = [
    (9_600, 10),
    (9_600, 125),
    (19_200, 10),
    (19_200, 125),
    (115_200, 10),
    (115_200, 125),
];

/// Long enough for a hundred short requests.
const MEASURE: Duration = Duration::from_secs(4);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    for (baud, registers) in CASES {
        let folder = tempfile::tempdir()?;
        let port = folder.path().join("line");
        let running = played(&port.display().to_string(), baud, registers).await?;
        let settings = reached(&port.display().to_string(), baud, registers)?;
        let mut master = ModbusPlugin::open(&settings).await?;
        let due: Vec<usize> = (0..registers).collect();
        master.read(0, &due).await?;
        let Some(line) = running.lines.first() else {
            anyhow::bail!("no line is played");
        };
        let (before, begin) = (line.counted(), Instant::now());
        while begin.elapsed() < MEASURE {
            master.read(0, &due).await?;
        }
        let (after, elapsed) = (line.counted(), begin.elapsed());
        let used = after.busy.saturating_sub(before.busy).as_secs_f64() / elapsed.as_secs_f64();
        Figure {
            name: format!("serial line in use at {baud} baud, {registers} registers a request"),
            value: used * 100.0,
            unit: "%",
            goal: Goal::AtLeast(95.0),
        }
        .tell();
        anyhow::ensure!(
            after.crowded == before.crowded,
            "a silent interval was cut short"
        );
        running.stop().await;
    }
    Ok(())
}

async fn played(port: &str, baud: u32, registers: usize) -> anyhow::Result<Running> {
    let shown = |address| {
        format!(
            "    - {{ register: {{ table: holding, address: {address} }}, wave: {{ kind: constant, value: {address} }} }}"
        )
    };
    let shown: Vec<String> = (0..registers).map(shown).collect();
    let text = format!(
        "lines:\n- offer: {{ kind: serial, link: {port}, baud: {baud}, paced: true }}\n  units:\n  - unit: 1\n    registers:\n{}\n",
        shown.join("\n")
    );
    Ok(start(&yaml::from_str(&text)?).await?)
}

fn reached(port: &str, baud: u32, registers: usize) -> anyhow::Result<LinkSettings<Modbus>> {
    let metric = |address| {
        format!(
            "  - {{ name: m{address}, every: 1s, source: {{ table: holding, address: {address} }} }}"
        )
    };
    let metrics: Vec<String> = (0..registers).map(metric).collect();
    let text = format!(
        "link: {{ transport: {{ kind: serial, path: {port}, baud: {baud} }} }}\ndevices:\n- name: meter-1\n  timeout: 1s\n  device: {{ unit: 1 }}\n  metrics:\n{}\n",
        metrics.join("\n")
    );
    Ok(yaml::from_str(&text)?)
}
