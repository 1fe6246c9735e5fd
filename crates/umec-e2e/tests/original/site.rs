//! A gateway and an uplink of ours within the test, and Kafka as seen from outside.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tracing::info_span;
use umec_e2e::original::Sink;
use umec_gateway::kafka::{
    Brokers, Deliveries, Group, Headers, Incoming, Plain, Producer, Watched,
};
use umec_sdk::{Bus, Node};
use umec_spec::settings::gateway::{GatewaySettings, Kafka, default_name};
use umec_spec::settings::sinks::Sinks;
use umec_spec::settings::uplink::UplinkSettings;
use umec_spec::settings::{AdminSettings, Process};
use umec_spec::yaml;
use umec_wire::{
    Boot, DeviceName, MessageId, MetricName, NodeName, Pack, Reading, Readings, Sequence, Series,
    Span, Timestamp, Topic, Value,
};

pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

const GRACE: Duration = Duration::from_secs(10);

/// One modem on this machine, with the devices of the original.
pub(crate) const ONE: &str = "[{ node: bus-12, networks: [127.0.0.1] }]";

/// Waits until `probe` gives something.
pub(crate) async fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    let mut found = || std::future::ready(probe().ok_or("nothing"));
    umec_e2e::eventually_async(DEADLINE, &mut found).await
}

fn process<S>(node: &Node, secrets: Option<&Path>, settings: S) -> Process<S> {
    Process {
        node: node.name.clone(),
        bus: None,
        admin: AdminSettings::default(),
        secrets: secrets.map(Path::to_owned),
        grace: Span::from_secs(10),
        settings,
    }
}

/// What `/metrics` shows under `name`, 0 where nothing.
fn figure(node: &Node, name: &str) -> f64 {
    let text = node.metrics.encode();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_default()
}

/// A gateway that takes original modems.
pub(crate) struct Gateway {
    node: Node,
    folder: TempDir,
    pub(crate) address: SocketAddr,
}

impl Gateway {
    /// Starts one that is ready to be told things.
    pub(crate) async fn start(bootstrap: &str, modems: &str) -> Self {
        let gateway = Self::launch(bootstrap, modems, "").await;
        gateway.ready().await;
        gateway
    }

    /// Starts one, with further settings of its original side.
    pub(crate) async fn launch(bootstrap: &str, modems: &str, further: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("original");
        let text = format!(
            "{{ listen: '127.0.0.1:0', addressFile: {}, modems: {modems}{further} }}",
            file.display()
        );
        let settings = GatewaySettings {
            name: default_name(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: None,
            keys: folder.path().to_owned(),
            kafka: Kafka {
                address_file: Some(folder.path().join("kafka")),
                partitions: 1,
                ..Kafka::at(bootstrap)
            },
            original: Some(yaml::from_str(&text).unwrap()),
            sinks: Sinks::default(),
        };
        let node = Node::start(NodeName::new("cloud").unwrap());
        let run = umec_gateway::run(process(&node, None, settings), node.clone());
        let run = Box::pin(run);
        drop(
            node.tasks
                .spawn(info_span!("gateway"), async { run.await.unwrap() }),
        );
        let read = || std::fs::read_to_string(&file).ok()?.trim().parse().ok();
        let address = eventually(read).await;
        Self {
            node,
            folder,
            address,
        }
    }

    /// Waits until it can be told things.
    pub(crate) async fn ready(&self) {
        let began = tokio::time::Instant::now();
        while !self.is_ready() {
            let report = self.node.health.report();
            assert!(began.elapsed() < DEADLINE, "it is not ready: {report:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        let parts = self.node.health.report().parts;
        parts
            .get("original")
            .is_some_and(|part| part.reason.is_none())
    }

    /// Where the embedded Kafka is.
    pub(crate) fn embedded(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("kafka")).unwrap();
        text.trim().to_owned()
    }

    pub(crate) fn figure(&self, name: &str) -> f64 {
        figure(&self.node, name)
    }

    pub(crate) async fn stop(&self) {
        self.node.tasks.drain(GRACE).await.unwrap();
    }
}

/// An uplink of ours with an original server at the other end.
pub(crate) struct Uplink {
    bus: Bus,
    node: Node,
    published: u64,
}

impl Uplink {
    pub(crate) fn start(server: SocketAddr, further: &str) -> Self {
        let text = format!(
            "{{ modem: pole-7, gateway: '{server}', send: [], original: {{ series: \
               [{{ id: 3, device: thermometer-1, metric: temperature, scale: 0.1 }}]{further} }} }}"
        );
        let settings: UplinkSettings = yaml::from_str(&text).unwrap();
        let bus = Bus::memory();
        let name = NodeName::new("pole-7").unwrap();
        let node = Node::for_test(name, Some(bus.clone()));
        node.clock.set(umec_sdk::Clock::system().now());
        let run = umec_uplink::run(process(&node, None, settings), node.clone());
        let run = Box::pin(run);
        drop(
            node.tasks
                .spawn(info_span!("uplink"), async { run.await.unwrap() }),
        );
        Self {
            bus,
            node,
            published: 0,
        }
    }

    /// Publishes a temperature as a plugin would.
    pub(crate) async fn publish(&mut self, time: Timestamp, value: f64) {
        self.published += 1;
        let device = DeviceName::new("thermometer-1").unwrap();
        let pack = Pack {
            node: self.node.name.clone(),
            device: device.clone(),
            readings: vec![Reading {
                series: Series::raw(MetricName::new("temperature").unwrap()),
                time,
                unit: None,
                value: Value::number(value).unwrap(),
            }],
        };
        let id = MessageId {
            device: device.clone(),
            boot: Boot::from_bits(1),
            sequence: Sequence::new(self.published).unwrap(),
        };
        let topic = Topic::<Readings>::new(self.node.name.clone(), device);
        self.bus.publish(&topic, &id, &pack, None).await.unwrap();
    }

    pub(crate) fn figure(&self, name: &str) -> f64 {
        figure(&self.node, name)
    }

    pub(crate) async fn stop(&self) {
        self.node.tasks.drain(GRACE).await.unwrap();
    }
}

/// Kafka as another program sees it.
pub(crate) struct Outside {
    bootstrap: String,
    producer: Producer,
    deliveries: Deliveries,
}

impl Outside {
    pub(crate) fn new(bootstrap: &str) -> Self {
        let brokers = Brokers::plain(bootstrap);
        let (producer, deliveries) = Producer::open(&brokers, &Watched::new()).unwrap();
        Self {
            bootstrap: bootstrap.to_owned(),
            producer,
            deliveries,
        }
    }

    /// Writes a record without key and headers, and waits until Kafka has it.
    pub(crate) fn write(&mut self, topic: &str, value: &str) {
        let record = Plain {
            topic,
            key: None,
            time: None,
            headers: &Headers::default(),
            value: Some(value.as_bytes()),
        };
        self.producer.send_plain(0, &record).unwrap();
        // The producer's own flush looks every 100 ms.
        let delivery = loop {
            match self.deliveries.ready() {
                Some(delivery) => break delivery,
                None => std::thread::yield_now(),
            }
        };
        delivery.result.unwrap();
    }

    /// What the original server writes by: one flush for each record.
    pub(crate) fn sink(mut self) -> Sink {
        Box::new(move |topic, value| self.write(topic, value))
    }

    /// Reads a topic from its beginning.
    pub(crate) async fn reader(&self, topic: &str) -> Reader {
        let (brokers, topic) = (Brokers::plain(&self.bootstrap), topic.to_owned());
        let begin = move || Group::begin(&brokers, &Watched::new(), &topic, "outside");
        let group = tokio::task::spawn_blocking(begin).await.unwrap();
        Reader(group.unwrap())
    }

    /// The first `count` values of a topic.
    pub(crate) async fn values(&self, topic: &str, count: usize) -> Vec<String> {
        let reader = self.reader(topic).await;
        let mut values = Vec::new();
        while values.len() < count {
            values.push(reader.value().await);
        }
        values
    }
}

/// Somebody who reads a topic.
pub(crate) struct Reader(Group);

impl Reader {
    pub(crate) async fn next(&self) -> Incoming {
        let next = tokio::time::timeout(DEADLINE, self.0.next());
        next.await.expect("a record comes")
    }

    pub(crate) async fn value(&self) -> String {
        let value = self.next().await.value.unwrap_or_default();
        String::from_utf8(value.to_vec()).unwrap()
    }
}
