//! From a sample that is published on a real NATS server to the same sample in a server-sent event:
//! how long it takes, how many go through in a second, and what memory 100 devices take.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use nkeys::KeyPair;
use tokio::sync::mpsc;
use umec_e2e::figure::{Goal, quantile, tell};
use umec_e2e::nats::Server;
use umec_e2e::program::{Running, address};
use umec_sdk::bus::BusState;
use umec_sdk::{Bus, Node};
use umec_spec::settings::stream::StreamSettings;
use umec_spec::settings::{BusSettings, Trust};
use umec_wire::signature::PublicKey;
use umec_wire::{
    Boot, DeviceName, MessageId, NodeName, Pack, Reading, Readings, Sequence, Span, Timestamp,
    Topic, Value,
};

const TOKEN: &str = "a-token-for-the-bench";
const DEVICES: u64 = 100;
const METRICS: u64 = 10;
const SAMPLES: u64 = 3_000;
/// Samples a second while the delay is measured: what 100 devices give at 5 Hz.
const RATE: u64 = 500;
const FLOOD: u64 = 20_000;
const DEADLINE: Duration = Duration::from_mins(1);

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let server = Server::start();
    let folder = tempfile::tempdir()?;
    let settings = settings(&server, folder.path())?;
    let node = Node::for_test(NodeName::new("pole-7")?, None);
    let bus = Bus::connect(&settings, &node).await?;
    bus.state()
        .wait_for(|state| *state == BusState::Connected)
        .await?;
    let age = Span::from_secs(3_600);
    bus.ensure_stream(&StreamSettings::bounded(1 << 30, age))
        .await?;
    let config = config(&settings, folder.path())?;
    let edge = Running::with_config(Path::new(env!("CARGO_BIN_EXE_umec-edge-api")), &config);
    let base = address(&folder.path().join("address"), DEADLINE);
    let mut feed = Feed::new(bus);
    let mut events = events(&format!("http://{base}/api/v1/stream?kind=readings")).await?;
    tell(
        "edge API, memory at idle",
        resident(&edge)?,
        "MiB",
        Goal::Open,
    );
    let mut delays = Vec::new();
    for device in 0..DEVICES {
        feed.publish(device).await?;
        received(&mut events, &feed, 1, &mut Vec::new()).await;
    }
    tell(
        "edge API, memory with 100 devices of 10 metrics",
        resident(&edge)?,
        "MiB",
        Goal::Open,
    );
    let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    for sample in 0..SAMPLES {
        pace.tick().await;
        feed.publish(sample % DEVICES).await?;
        received(&mut events, &feed, 1, &mut delays).await;
    }
    tell(
        "sample to SSE, p50",
        quantile(&mut delays, 0.5),
        "ms",
        Goal::Open,
    );
    tell(
        "sample to SSE, p99",
        quantile(&mut delays, 0.99),
        "ms",
        Goal::AtMost(2.0),
    );
    flood(&mut feed, &mut events, &node).await?;
    tell(
        "edge API, memory after 20,000 messages",
        resident(&edge)?,
        "MiB",
        Goal::Open,
    );
    Ok(())
}

/// As many as go through.
async fn flood(
    feed: &mut Feed,
    events: &mut mpsc::Receiver<(String, Instant)>,
    node: &Node,
) -> anyhow::Result<()> {
    let capacity = usize::try_from(FLOOD)?;
    let outbox = feed.bus.outbox(&node.tasks, &node.metrics, capacity);
    let began = Instant::now();
    for message in 0..FLOOD {
        let (topic, id, pack) = feed.next(message % DEVICES);
        outbox.push(&topic, &id, &pack, None);
    }
    received(events, feed, FLOOD, &mut Vec::new()).await;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = FLOOD as f64 / began.elapsed().as_secs_f64();
    tell(
        "messages of 10 metrics, published to SSE",
        rate,
        "1/s",
        Goal::Open,
    );
    Ok(())
}

/// Publishes about all devices and remembers when.
struct Feed {
    bus: Bus,
    node: NodeName,
    next: HashMap<u64, Sequence>,
    sent: HashMap<String, Instant>,
}

impl Feed {
    fn new(bus: Bus) -> Self {
        Self {
            bus,
            node: NodeName::new("pole-7").expect("a name"),
            next: HashMap::new(),
            sent: HashMap::new(),
        }
    }

    async fn publish(&mut self, device: u64) -> anyhow::Result<()> {
        let (topic, id, pack) = self.next(device);
        let key = format!("{}:{}", id.device, id.sequence);
        self.sent.insert(key, Instant::now());
        self.bus.publish(&topic, &id, &pack, None).await?;
        Ok(())
    }

    fn next(&mut self, index: u64) -> (Topic<Readings>, MessageId, Pack) {
        let device = name(index);
        let sequence = self.next.entry(index).or_insert(Sequence::FIRST);
        let id = MessageId {
            device: device.clone(),
            boot: Boot::from_bits(1),
            sequence: *sequence,
        };
        *sequence = sequence.next();
        let time = Timestamp::from_millis(1_800_000_000_000);
        let readings = (0..METRICS).map(|metric| Reading {
            series: format!("metric-{metric}").parse().expect("a series"),
            time,
            unit: None,
            value: Value::number(21.5).expect("finite"),
        });
        let pack = Pack {
            node: self.node.clone(),
            device: device.clone(),
            readings: readings.collect(),
        };
        (Topic::new(self.node.clone(), device), id, pack)
    }
}

fn name(index: u64) -> DeviceName {
    DeviceName::new(&format!("device-{index}")).expect("a name")
}

/// Waits for events; of those whose sending time is known, the delays in milliseconds.
async fn received(
    events: &mut mpsc::Receiver<(String, Instant)>,
    feed: &Feed,
    count: u64,
    delays: &mut Vec<f64>,
) {
    for _ in 0..count {
        let event = tokio::time::timeout(DEADLINE, events.recv()).await;
        let (key, arrived) = event.expect("an event comes").expect("the stream goes on");
        if let Some(sent) = feed.sent.get(&key) {
            delays.push(arrived.duration_since(*sent).as_secs_f64() * 1e3);
        }
    }
}

/// Reads a stream: device and sequence of each event, and when it arrived.
async fn events(url: &str) -> anyhow::Result<mpsc::Receiver<(String, Instant)>> {
    let response = reqwest::Client::builder()
        .tcp_nodelay(true)
        .build()?
        .get(url)
        .bearer_auth(TOKEN)
        .send()
        .await?
        .error_for_status()?;
    let mut chunks = response.bytes_stream();
    chunks.next().await;
    let (sender, receiver) = mpsc::channel(1_000);
    #[expect(
        clippy::disallowed_methods,
        reason = "a reader that ends with the program"
    )]
    tokio::spawn(async move {
        let mut text = String::new();
        while let Some(Ok(chunk)) = chunks.next().await {
            let arrived = Instant::now();
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((event, rest)) = text.split_once("\n\n") {
                let data = event.split_once("data: ").map(|(_, data)| data.to_owned());
                text = rest.to_owned();
                let Some(data) = data else { continue };
                let json: serde_json::Value = serde_json::from_str(&data).expect("JSON");
                let device = json["device"].as_str().unwrap_or_default();
                let key = format!("{device}:{}", json["sequence"]);
                if sender.send((key, arrived)).await.is_err() {
                    return;
                }
            }
        }
    });
    Ok(receiver)
}

fn settings(server: &Server, folder: &Path) -> anyhow::Result<BusSettings> {
    let pair = KeyPair::new_user();
    let credentials = folder.join("bench.creds");
    std::fs::write(&credentials, pair.seed()?)?;
    let devices: Vec<DeviceName> = (0..DEVICES).map(name).collect();
    Ok(BusSettings {
        url: server.url(),
        credentials,
        inbox: "_INBOX.bench".to_owned(),
        outbox: 1_000,
        jetstream: "$JS.API".to_owned(),
        trust: vec![Trust {
            key: PublicKey::of(&pair),
            publish: devices.clone(),
            aggregate: devices.clone(),
            command: devices,
        }],
    })
}

fn config(settings: &BusSettings, folder: &Path) -> anyhow::Result<String> {
    std::fs::write(folder.join("bench"), TOKEN)?;
    let folder = folder.display();
    let mut text = String::new();
    writeln!(text, "node: pole-7\nsecrets: {folder}\nsettings:")?;
    writeln!(
        text,
        "  listen: 127.0.0.1:0\n  addressFile: {folder}/address"
    )?;
    writeln!(text, "  limits: {{behind: 30000}}")?;
    writeln!(
        text,
        "  tokens:\n    - {{name: bench, allow: [read], devices: ['*'], secret: bench}}"
    )?;
    writeln!(text, "bus:")?;
    for line in umec_spec::yaml::to_string(settings)?.lines() {
        writeln!(text, "  {line}")?;
    }
    Ok(text)
}

/// The memory of a process that is in use, in MiB.
fn resident(program: &Running) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line
        .unwrap_or("0")
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}
