//! Readings per second that a plugin's loop can have acknowledged by a real NATS server: 16 devices
//! with 125 metrics each, as `docs/promises.md` counts them, for each way to write through to the disk.
//! Prints one line per figure.

use std::io::Write as _;
use std::time::{Duration, Instant};

use umec_e2e::nats::Server;
use umec_sdk::bus::BusState;
use umec_sdk::{Bus, Node};
use umec_spec::settings::BusSettings;
use umec_spec::settings::stream::StreamSettings;
use umec_wire::{
    Boot, DeviceName, MessageId, MetricName, NodeName, Pack, Reading, Readings, Sequence, Series,
    Span, Topic, Value,
};

const DEVICES: usize = 16;
const METRICS: usize = 125;
const MESSAGES: u64 = 60_000;
const HELD: usize = 2_000;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut out = std::io::stdout();
    for sync in ["always", "10s", "2m"] {
        writeln!(out, "the server writes through to the disk: {sync}")?;
        let config = format!("jetstream {{ sync_interval: {sync} }}");
        runtime.block_on(measure(&Server::with_config(&config)))?;
    }
    Ok(())
}

async fn measure(server: &Server) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let credentials = folder.path().join("user.creds");
    std::fs::write(&credentials, nkeys::KeyPair::new_user().seed()?)?;
    let settings = BusSettings {
        url: server.url(),
        credentials,
        inbox: "_INBOX.bench".to_owned(),
        outbox: HELD,
        jetstream: "$JS.API".to_owned(),
        trust: Vec::new(),
    };
    let node = Node::for_test(NodeName::new("pole-7")?, None);
    let bus = Bus::connect(&settings, &node).await?;
    let mut state = bus.state();
    state
        .wait_for(|state| *state == BusState::Connected)
        .await?;
    bus.ensure_stream(&StreamSettings::bounded(1 << 30, Span::from_secs(3_600)))
        .await?;
    let mut devices = devices(&node)?;
    let outbox = bus.outbox(&node.tasks, &node.metrics, HELD);
    let (began, used) = (Instant::now(), processor_seconds());
    for number in 1..=MESSAGES / DEVICES as u64 {
        for (topic, pack) in &mut devices {
            for reading in &mut pack.readings {
                reading.time = node.clock.now();
            }
            let id = MessageId {
                device: topic.device.clone(),
                boot: Boot::from_bits(1),
                sequence: Sequence::new(number).unwrap_or(Sequence::FIRST),
            };
            outbox.push(topic, &id, pack, None);
        }
        while outbox.waiting() > HELD / 2 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    outbox.settled().await;
    let (took, used) = (began.elapsed().as_secs_f64(), processor_seconds() - used);
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (messages, metrics) = (MESSAGES as f64, METRICS as f64);
    let mut out = std::io::stdout();
    writeln!(out, "messages/s acknowledged  {:.0}", messages / took)?;
    writeln!(
        out,
        "readings/s acknowledged  {:.0}",
        messages * metrics / took
    )?;
    writeln!(
        out,
        "CPU s per 1M readings    {:.2}",
        used / messages / metrics * 1e6
    )?;
    writeln!(out, "resident memory MiB      {:.1}", resident_mebibytes())?;
    drop(outbox);
    node.tasks.drain(Duration::from_secs(10)).await?;
    Ok(())
}

fn devices(node: &Node) -> anyhow::Result<Vec<(Topic<Readings>, Pack)>> {
    let devices = (0..DEVICES).map(|number| {
        let device = DeviceName::new(&format!("meter-{number}"))?;
        let readings = (0..METRICS).map(|metric| {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let value = metric as f64 * 0.1;
            Ok(Reading {
                series: Series::raw(MetricName::new(&format!("register-{metric}"))?),
                time: node.clock.now(),
                unit: None,
                value: Value::number(value)?,
            })
        });
        let pack = Pack {
            node: node.name.clone(),
            device: device.clone(),
            readings: readings.collect::<anyhow::Result<_>>()?,
        };
        Ok((Topic::new(node.name.clone(), device), pack))
    });
    devices.collect()
}

/// The processor time that this process has used, from `/proc/self/stat` (proc(5)), in seconds.
fn processor_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

fn resident_mebibytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or_default() / 1_024.0
}
