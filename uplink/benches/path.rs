//! The path from a sample to Kafka: how long it takes, and how much goes through one gateway.
//!
//! `cargo bench -p umec-uplink --bench path`. Modems, gateway and Kafka share the machine; the modems are
//! the uplink's state machine on sockets of their own, without a bus.

#![cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "a benchmark prints its table")
)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tracing::info_span;
use umec_e2e::kafka::Broker;
use umec_sdk::bus::Lane;
use umec_sdk::{Clock, Node};
use umec_spec::settings::gateway::{GatewaySettings, Kafka};
use umec_spec::settings::uplink::Backlog;
use umec_spec::settings::{AdminSettings, Process};
use umec_uplink::machine::{Action, Machine, Parameters, Renewal};
use umec_wire::uplink::{Content, Entry, Key, Now};
use umec_wire::{
    Boot, DeviceName, MessageId, MetricName, ModemName, NodeName, Reading, Sequence, Series, Span,
    Timestamp, Value,
};

/// How long each measurement takes.
const SECONDS: u64 = 8;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#[expect(
    clippy::cast_precision_loss,
    reason = "figures are told in three digits"
)]
async fn measure() -> anyhow::Result<()> {
    let broker = Broker::start();
    let folder = tempfile::tempdir()?;
    let (node, gateway) = start_gateway(folder.path(), &broker.bootstrap()).await?;
    // Connections, leaders and code paths are warm before anything counts.
    load(gateway, 2, 1_200, Duration::from_secs(2)).await?;
    for rate in [1_u32, 100, 1_000] {
        let mut times = paced(gateway, rate).await?;
        times.sort_unstable();
        let at = |share: usize| {
            times
                .get(times.len() * share / 100)
                .copied()
                .unwrap_or_default()
        };
        println!(
            "sample to acknowledged in Kafka, {rate}/s: p50 {:?}, p99 {:?} ({} samples)",
            at(50),
            at(99),
            times.len()
        );
    }
    for (modems, datagram) in [(8, 237), (8, 1_200)] {
        let before = cpu_seconds();
        let (messages, datagrams) =
            load(gateway, modems, datagram, Duration::from_secs(SECONDS)).await?;
        let cpu = cpu_seconds() - before;
        let seconds = SECONDS as f64;
        println!(
            "{modems} modems, datagrams of {datagram}: {:.0} messages/s, {:.0} datagrams/s acknowledged, {:.1} µs CPU a message (modems included), {} MiB",
            messages as f64 / seconds,
            datagrams as f64 / seconds,
            cpu * 1e6 / messages as f64,
            resident_mib()
        );
    }
    node.tasks.drain(Duration::from_secs(20)).await?;
    Ok(())
}

async fn start_gateway(folder: &Path, bootstrap: &str) -> anyhow::Result<(Node, SocketAddr)> {
    for modem in 0..64 {
        std::fs::write(folder.join(format!("modem-{modem}")), "07".repeat(32))?;
    }
    let node = Node::start(NodeName::new("cloud")?);
    let file = folder.join("address");
    let process = Process {
        node: node.name.clone(),
        bus: None,
        admin: AdminSettings::default(),
        secrets: None,
        grace: Span::from_secs(20),
        settings: GatewaySettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: Some(file.clone()),
            keys: folder.to_owned(),
            kafka: Kafka {
                bootstrap: bootstrap.to_owned(),
                address_file: None,
                partitions: 6,
                replication: 1,
            },
            original: None,
        },
    };
    let run = umec_gateway::run(process, node.clone());
    drop(node.tasks.spawn(info_span!("gateway"), run));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if let Ok(text) = std::fs::read_to_string(&file) {
            return Ok((node, text.trim().parse()?));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("the gateway tells no address")
}

/// One modem at a given rate; how long each message took to be acknowledged.
async fn paced(gateway: SocketAddr, rate: u32) -> anyhow::Result<Vec<Duration>> {
    let mut modem = Modem::start(63, gateway, 1_200, Duration::from_millis(1)).await?;
    let (mut sent, mut times) = (Vec::new(), Vec::new());
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    let end = Instant::now() + Duration::from_secs(SECONDS);
    while Instant::now() < end {
        tokio::select! {
            _ = ticks.tick() => {
                sent.push(Instant::now());
                modem.offer();
            }
            () = modem.wait() => {}
        }
        for position in modem.act() {
            let index = usize::try_from(position - 1)?;
            let at = sent.get(index).context("a message that was sent")?;
            times.push(at.elapsed());
        }
    }
    Ok(times)
}

/// Modems that send as fast as they may; messages and datagrams acknowledged.
async fn load(
    gateway: SocketAddr,
    modems: usize,
    datagram: usize,
    duration: Duration,
) -> anyhow::Result<(u64, u64)> {
    let tasks = umec_sdk::Tasks::new();
    let mut running = Vec::new();
    for number in 0..modems {
        running.push(tasks.spawn(info_span!("modem"), async move {
            let mut modem =
                Modem::start(number, gateway, datagram, Duration::from_millis(5)).await?;
            let end = Instant::now() + duration;
            let mut acknowledged = 0_u64;
            while Instant::now() < end {
                while modem.machine.room().in_order {
                    modem.offer();
                }
                acknowledged += modem.act().len() as u64;
                modem.wait().await;
            }
            anyhow::Ok((acknowledged, modem.datagrams))
        }));
    }
    let mut total = (0, 0);
    for modem in running {
        let (messages, datagrams) = modem.await??;
        total = (total.0 + messages, total.1 + datagrams);
    }
    Ok(total)
}

struct Modem {
    machine: Machine,
    socket: UdpSocket,
    began: Instant,
    clock: Clock,
    boot: Boot,
    position: u64,
    datagrams: u64,
    buffer: Vec<u8>,
}

impl Modem {
    async fn start(
        number: usize,
        gateway: SocketAddr,
        datagram: usize,
        linger: Duration,
    ) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        socket.connect(gateway).await?;
        let clock = Clock::system();
        let boot = Boot::new(clock.now(), rand::random());
        let parameters = Parameters {
            modem: ModemName::new(&format!("modem-{number}"))?,
            key: Key::new([7; 32]),
            boot,
            command: Vec::new(),
            datagram,
            linger,
            renewal: Renewal::default(),
            backlog: Backlog::default(),
        };
        Ok(Self {
            machine: Machine::new(parameters, rand::random()),
            socket,
            began: Instant::now(),
            clock,
            boot,
            position: 0,
            datagrams: 0,
            buffer: vec![0; 65_535],
        })
    }

    fn now(&self) -> Now {
        Now {
            steady: self.began.elapsed(),
            wall: self.clock.now(),
        }
    }

    /// Offers a message with one reading.
    fn offer(&mut self) {
        self.position += 1;
        let now = self.now();
        let entry = entry(self.boot, self.position, now.wall);
        self.machine.offer(now, self.position, entry, Lane::Live);
    }

    fn act(&mut self) -> Vec<u64> {
        while let Ok(length) = self.socket.try_recv(&mut self.buffer) {
            let now = self.now();
            self.machine
                .datagram(now, self.buffer.get(..length).unwrap_or_default());
        }
        let now = self.now();
        self.machine.poll(now);
        let mut acknowledged = Vec::new();
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Send(bytes) => {
                    self.datagrams += u64::from(self.socket.try_send(&bytes).is_ok());
                }
                Action::Acknowledge(position) => acknowledged.push(position),
                Action::Resolve | Action::Command(_) => {}
            }
        }
        acknowledged
    }

    async fn wait(&self) {
        let wake = self.machine.wake().saturating_sub(self.began.elapsed());
        tokio::select! {
            _ = self.socket.readable() => {}
            () = tokio::time::sleep(wake) => {}
        }
    }
}

fn entry(boot: Boot, sequence: u64, now: Timestamp) -> Entry {
    let device = DeviceName::new("meter-3").expect("a label");
    let reading = Reading {
        series: Series::raw(MetricName::new("power").expect("a label")),
        time: now,
        unit: None,
        value: Value::number(21.5).expect("finite"),
    };
    Entry {
        id: MessageId {
            device,
            boot,
            sequence: Sequence::new(sequence).unwrap_or(Sequence::FIRST),
        },
        floor: Sequence::FIRST,
        trace: None,
        content: Content::Readings(vec![reading]),
    }
}

/// What this process has used of the processors (`utime` and `stime`, fields 14 and 15 of proc(5)).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|t| t.parse::<f64>().ok()).sum();
    // USER_HZ is 100 on every Linux that Rust supports.
    ticks / 100.0
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1_024
}
