//! What a point costs on its way from a device to the bus: 16 devices of 125 registers on 16 connections, signed
//! and acknowledged by the stream of a real NATS server. The plugin is a process of its own, and its processor
//! time alone is counted. Telegraf 1.37 takes 3.3 s per million points for the same work, not signed.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nkeys::KeyPair;
use umec_e2e::figure::{Goal, tell};
use umec_e2e::nats::Server;
use umec_e2e::program::Running as Program;
use umec_modbus_line::{Place, Running, start};
use umec_sdk::bus::BusState;
use umec_sdk::{Bus, Node};
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::plugin::PluginSettings;
use umec_spec::settings::stream::StreamSettings;
use umec_spec::settings::{AdminSettings, BusSettings, Process};
use umec_spec::yaml;
use umec_wire::{NodeName, Span};

const DEVICES: usize = 16;
const REGISTERS: usize = 125;
const EVERY: &str = "1ms";

const CONNECT: Duration = Duration::from_secs(30);
const WARMING: Duration = Duration::from_secs(3);
const MEASURE: Duration = Duration::from_secs(10);

/// A third of what Telegraf takes.
const GOAL: f64 = 1.1;

/// The unit of the times in `/proc/<pid>/stat` (proc(5)); 100 a second on every Linux.
const TICK: f64 = 0.01;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::start();
    let folder = tempfile::tempdir()?;
    let pair = KeyPair::new_user();
    let credentials = folder.path().join("modbus.creds");
    std::fs::write(&credentials, pair.seed()?)?;
    let bus: BusSettings = yaml::from_str(&format!(
        "{{ url: '{}', credentials: {}, inbox: _INBOX.modbus }}",
        server.url(),
        credentials.display()
    ))?;
    let node = Node::for_test(NodeName::new("pole-7")?, None);
    let watch = Bus::connect(&bus, &node).await?;
    let mut state = watch.state();
    let connected = state.wait_for(|state| *state == BusState::Connected);
    tokio::time::timeout(CONNECT, connected).await??;
    let stream = StreamSettings::bounded(256 * 1024 * 1024, Span::from_secs(3_600));
    watch.ensure_stream(&stream).await?;

    let running = played().await?;
    let config = Process {
        node: node.name.clone(),
        bus: Some(bus),
        admin: AdminSettings::default(),
        secrets: None,
        grace: Span::from_secs(5),
        settings: settings(&running)?,
    };
    let file = folder.path().join("modbus.yaml");
    std::fs::write(&file, yaml::to_string(&config)?)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_umec-modbus"));
    command.arg("--config").arg(&file);
    let mut plugin = Program::start(command);

    tokio::time::sleep(WARMING).await;
    let (begin, before, spent) = (Instant::now(), last(&watch).await?, cpu(plugin.pid())?);
    tokio::time::sleep(MEASURE).await;
    let (elapsed, after) = (begin.elapsed().as_secs_f64(), last(&watch).await?);
    let spent = cpu(plugin.pid())? - spent;
    let memory = resident(plugin.pid())?;
    let messages = f64::from(u32::try_from(after - before)?);
    let points = messages * f64::from(u32::try_from(REGISTERS)?);
    tell(
        "Modbus TCP to the bus",
        points / elapsed,
        "points/s",
        Goal::Open,
    );
    tell(
        "Modbus TCP to the bus, processor time per million points",
        spent / points * 1e6,
        "s",
        Goal::AtMost(GOAL),
    );
    tell("Modbus TCP to the bus, memory", memory, "MiB", Goal::Open);
    plugin.stop(Duration::from_secs(20));
    running.stop().await;
    Ok(())
}

async fn last(bus: &Bus) -> anyhow::Result<u64> {
    Ok(bus.bounds().await?.last_sequence)
}

/// The processor time of a process, in seconds.
fn cpu(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("the name is in brackets")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
    Ok(ticks * TICK)
}

/// The memory of a process, in MiB.
fn resident(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next());
    let size: f64 = size.context("a process has memory")?.parse()?;
    Ok(size / 1024.0)
}

async fn played() -> anyhow::Result<Running> {
    let shown = |address| {
        format!(
            "    - {{ register: {{ table: holding, address: {address} }}, wave: {{ kind: constant, value: {} }} }}",
            address * 37 % 5_000
        )
    };
    let shown: Vec<String> = (0..REGISTERS).map(shown).collect();
    let line = format!(
        "- offer: {{ kind: tcp, listen: 127.0.0.1:0 }}\n  units:\n  - unit: 1\n    registers:\n{}\n",
        shown.join("\n")
    );
    let text = format!("lines:\n{}", line.repeat(DEVICES));
    Ok(start(&yaml::from_str(&text)?).await?)
}

fn settings(running: &Running) -> anyhow::Result<PluginSettings<Modbus>> {
    let metric = |address| {
        format!(
            "    - {{ name: m{address}, every: {EVERY}, source: {{ table: holding, address: {address}, scale: 0.1 }} }}"
        )
    };
    let metrics: Vec<String> = (0..REGISTERS).map(metric).collect();
    let metrics = metrics.join("\n");
    let links = running.lines.iter().enumerate().map(|(number, line)| {
        let Place::Tcp(address) = &line.place else {
            return String::new();
        };
        format!(
            "- link: {{ transport: {{ kind: tcp, address: '{address}' }} }}\n  devices:\n  - name: meter-{number}\n    timeout: 1s\n    device: {{ unit: 1 }}\n    metrics:\n{metrics}\n"
        )
    });
    let links: String = links.collect::<Vec<_>>().concat();
    Ok(yaml::from_str(&format!("plugin: modbus\nlinks:\n{links}"))?)
}
