//! Version 1 of the uplink protocol into a real Kafka: how many datagrams a second our gateway takes without
//! losing one, against a stand-in for the original server, which flushes for each record.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::info_span;
use umec_e2e::eventually;
use umec_e2e::figure::{Figure, Goal};
use umec_e2e::kafka::Broker;
use umec_e2e::original::{MOMENT, Server, data};
use umec_gateway::kafka::{Brokers, Headers, Plain, Producer, Watched};
use umec_sdk::Node;
use umec_spec::settings::gateway::{GatewaySettings, Kafka, default_name};
use umec_spec::settings::sinks::Sinks;
use umec_spec::settings::{AdminSettings, Process};
use umec_spec::yaml;
use umec_wire::{NodeName, Span};

/// Datagrams a second that are tried, in turn, until one is too much.
const RATES: [u32; 6] = [10_000, 20_000, 30_000, 40_000, 60_000, 80_000];

/// How long each is kept up.
const SECONDS: u32 = 4;

/// Records that did not get into Kafka.
const UNWRITTEN: &str = "umec_gateway_original_unwritten_records_total";

/// Datagrams for the stand-in.
const FEW: u64 = 1_000;

const LONG: Duration = Duration::from_mins(1);

fn main() {
    let broker = Broker::with_properties("auto.create.topics.enable=true\nnum.partitions=1");
    let flushed = stand_in(&broker.bootstrap());
    tell("a flush for each record, datagrams", flushed, Goal::Open);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (node, address) = runtime.block_on(async { gateway(&broker.bootstrap()) });
    let mut sustained = 0.0;
    for rate in RATES {
        let (taken, seconds) = load(&node, address, rate);
        if taken < u64::from(rate * SECONDS) || figure(&node, UNWRITTEN) > 0 {
            break;
        }
        sustained = f64::from(rate * SECONDS) / seconds;
    }
    tell(
        "ours without loss, datagrams",
        sustained,
        Goal::AtLeast(20_000.0),
    );
    runtime.block_on(async {
        let drained = node.tasks.drain(Duration::from_secs(20)).await;
        drained.expect("everything is in Kafka");
    });
    let samples = figure(&node, "umec_gateway_original_samples_total");
    let records = broker.count("temp", 1);
    let unwritten = figure(&node, UNWRITTEN);
    // The stand-in has written to the same topic.
    let own = records.unsigned_abs() - FEW;
    assert!(
        own <= samples && own + unwritten >= samples,
        "what was taken is in Kafka or counted: {own}, {unwritten}, {samples}"
    );
}

fn tell(what: &str, rate: f64, goal: Goal) {
    Figure {
        name: format!("version 1 into Kafka, {what}"),
        value: rate,
        unit: "/s",
        goal,
    }
    .tell();
}

/// What the stand-in for the original server takes in a second.
fn stand_in(bootstrap: &str) -> f64 {
    let (producer, mut deliveries) =
        Producer::open(&Brokers::plain(bootstrap), &Watched::new()).expect("a producer");
    let handled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&handled);
    let server = Server::start(Box::new(move |topic, value| {
        let record = Plain {
            topic,
            key: None,
            time: None,
            headers: &Headers::default(),
            value: Some(value.as_bytes()),
        };
        producer.send_plain(0, &record).expect("there is room");
        while deliveries.ready().is_none() {
            std::thread::yield_now();
        }
        if topic == "temp-grafana" {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let done = || handled.load(Ordering::Relaxed);
    let began = Instant::now();
    for number in 0..FEW {
        // No more than its kernel holds for it.
        while number - done() > 100 {
            std::thread::yield_now();
        }
        let sent = socket.send_to(&data(3, MOMENT, 1), server.address());
        sent.expect("loopback takes it");
    }
    eventually(LONG, || (done() == FEW).then_some(()).ok_or_else(done));
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let rate = FEW as f64 / began.elapsed().as_secs_f64();
    rate
}

/// Sends at a rate, and tells how many datagrams were taken and how long sending took.
fn load(node: &Node, to: SocketAddr, rate: u32) -> (u64, f64) {
    let before = figure(node, "umec_gateway_original_samples_total");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let packet = data(3, MOMENT, 777);
    let began = Instant::now();
    let mut sent = 0;
    while sent < rate * SECONDS {
        let due = began.elapsed().as_secs_f64() * f64::from(rate);
        while f64::from(sent) < due && sent < rate * SECONDS {
            socket.send_to(&packet, to).expect("loopback takes it");
            sent += 1;
        }
        #[expect(clippy::disallowed_methods, reason = "a load program keeps a rate")]
        std::thread::sleep(Duration::from_millis(1));
    }
    let seconds = began.elapsed().as_secs_f64();
    let taken = || figure(node, "umec_gateway_original_samples_total") - before;
    let until = Instant::now() + Duration::from_secs(3);
    while taken() < u64::from(sent) && Instant::now() < until {
        std::thread::yield_now();
    }
    // A new port is believed when the old one has been silent.
    #[expect(clippy::disallowed_methods, reason = "a load program takes its breath")]
    std::thread::sleep(Duration::from_millis(200));
    (taken(), seconds)
}

fn kafka(bootstrap: &str) -> Kafka {
    Kafka::at(bootstrap)
}

fn gateway(bootstrap: &str) -> (Node, SocketAddr) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("original");
    let text = format!(
        "{{ listen: '127.0.0.1:0', addressFile: {}, rebind: {{ port: 10ms }}, \
            modems: [{{ node: bus-12, networks: [127.0.0.1] }}] }}",
        file.display()
    );
    let node = Node::start(NodeName::new("cloud").expect("a name"));
    let process = Process {
        node: node.name.clone(),
        bus: None,
        admin: AdminSettings::default(),
        secrets: None,
        grace: Span::from_secs(20),
        settings: GatewaySettings {
            name: default_name(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: None,
            keys: folder.path().to_owned(),
            kafka: kafka(bootstrap),
            original: Some(yaml::from_str(&text).expect("settings")),
            sinks: Sinks::default(),
        },
    };
    let run = Box::pin(umec_gateway::run(process, node.clone()));
    drop(node.tasks.spawn(info_span!("gateway"), run));
    let read = || umec_e2e::program::address(&file, LONG);
    let address = tokio::task::block_in_place(read);
    let ready = || {
        let report = node.health.report();
        let is_ready = report.ready && report.parts.contains_key("original");
        is_ready.then_some(()).ok_or(report)
    };
    tokio::task::block_in_place(|| eventually(LONG, ready));
    (node, address)
}

/// A counter, over all its labels.
fn figure(node: &Node, name: &str) -> u64 {
    let text = node.metrics.encode();
    let lines = text.lines().filter(|line| line.starts_with(name));
    let numbers = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    numbers.sum()
}
