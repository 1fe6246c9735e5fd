//! One node and one cloud, with what a test asks of them.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tracing::info_span;
use umec_e2e::kafka::{Record, records};
use umec_gateway::kafka::{Brokers, Outgoing, Producer, Watched};
use umec_sdk::{Bus, Node};
use umec_spec::settings::gateway::{GatewaySettings, Kafka, default_name};
use umec_spec::settings::sinks::Sinks;
use umec_spec::settings::uplink::UplinkSettings;
use umec_spec::settings::{AdminSettings, Process};
use umec_spec::yaml;
use umec_wire::command::{CommandResult, Outcome};
use umec_wire::kafka::KafkaTopic;
use umec_wire::{
    Boot, DeviceName, MessageId, MetricName, NodeName, Pack, Reading, Readings, Sequence, Series,
    Span, Timestamp, Topic, Value,
};

const DEADLINE: Duration = Duration::from_mins(1);

const GRACE: Duration = Duration::from_secs(10);

/// The gateway's folder of keys.
pub(crate) fn keys() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pole-7"), "07".repeat(32)).unwrap();
    folder
}

/// Waits until `probe` gives something.
pub(crate) async fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    let mut found = || std::future::ready(probe().ok_or("nothing"));
    umec_e2e::eventually_async(DEADLINE, &mut found).await
}

/// The sequence of the message that became a record.
pub(crate) fn sequence(record: &Record) -> u64 {
    let id: MessageId = record.header("umec_message_id").unwrap().parse().unwrap();
    id.sequence.get()
}

fn trouble(node: &Node, part: &str) -> Option<String> {
    let report = node.health.report();
    report
        .parts
        .get(part)?
        .reason
        .as_ref()
        .map(ToString::to_string)
}

fn figure(node: &Node, name: &str) -> f64 {
    let text = node.metrics.encode();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_default()
}

fn message_id(device: &str, sequence: u64) -> MessageId {
    MessageId {
        device: DeviceName::new(device).unwrap(),
        boot: Boot::from_bits(1),
        sequence: Sequence::new(sequence).unwrap(),
    }
}

pub(crate) struct Cloud {
    settings: GatewaySettings,
    node: Node,
    folder: TempDir,
    orders: Option<Producer>,
}

impl Cloud {
    pub(crate) async fn start(bootstrap: &str, keys: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = GatewaySettings {
            name: default_name(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: Some(folder.path().join("udp")),
            keys: keys.to_owned(),
            kafka: Kafka {
                address_file: Some(folder.path().join("kafka")),
                partitions: 3,
                ..Kafka::at(bootstrap)
            },
            original: None,
            sinks: Sinks::default(),
        };
        let mut cloud = Self {
            settings,
            node: Node::start(NodeName::new("cloud").unwrap()),
            folder,
            orders: None,
        };
        cloud.launch().await;
        cloud
    }

    async fn launch(&mut self) {
        let process = Process {
            node: self.node.name.clone(),
            bus: None,
            admin: AdminSettings::default(),
            secrets: None,
            grace: Span::from_secs(10),
            settings: self.settings.clone(),
        };
        let run = umec_gateway::run(process, self.node.clone());
        let span = info_span!("gateway");
        drop(self.node.tasks.spawn(span, async { run.await.unwrap() }));
        let file = self.folder.path().join("udp");
        self.settings.listen = eventually(|| read_address(&file)).await;
    }

    /// Ends it and starts it again at the same address.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.node = Node::start(self.node.name.clone());
        self.launch().await;
    }

    pub(crate) async fn stop(&mut self) {
        self.node.tasks.drain(GRACE).await.unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.settings.listen
    }

    pub(crate) fn trouble(&self, part: &str) -> Option<String> {
        trouble(&self.node, part)
    }

    pub(crate) fn figure(&self, name: &str) -> f64 {
        figure(&self.node, name)
    }

    fn bootstrap(&self) -> String {
        match self.settings.kafka.bootstrap.as_str() {
            "embedded" => std::fs::read_to_string(self.folder.path().join("kafka"))
                .unwrap()
                .trim()
                .to_owned(),
            real => real.to_owned(),
        }
    }

    pub(crate) fn records(&self, topic: &str) -> Vec<Record> {
        records(&self.bootstrap(), topic)
    }

    pub(crate) fn order(&mut self, key: &str, id: &str, name: &str, value: &str, seconds: u64) {
        let now = self.node.clock.now();
        let expires = now.saturating_add(Duration::from_secs(seconds));
        let order =
            format!(r#"{{"id":"{id}","name":"{name}","value":{value},"expires":"{expires}"}}"#);
        self.produce(key, &order);
    }

    pub(crate) fn produce(&mut self, key: &str, value: &str) {
        let brokers = Brokers::plain(&self.bootstrap());
        let producer = self.orders.get_or_insert_with(|| {
            let (producer, _) = Producer::open(&brokers, &Watched::new()).unwrap();
            producer
        });
        let record = Outgoing {
            topic: KafkaTopic::Commands,
            key: key.to_owned(),
            time: self.node.clock.now().as_millis(),
            headers: umec_gateway::kafka::Headers::default(),
            value: Some(value.to_owned().into()),
        };
        producer.send(0, &record).unwrap();
    }

    pub(crate) fn results(&self) -> Vec<CommandResult> {
        let records = self.records("umec.command-results");
        let values = records.into_iter().filter_map(|record| record.value);
        values
            .map(|value| serde_json::from_str(&value).unwrap())
            .collect()
    }
}

pub(crate) struct Edge {
    bus: Bus,
    node: Node,
    gateway: SocketAddr,
    secrets: TempDir,
    /// What the uplink's newest run lives on.
    runtime: Option<Runtime>,
    /// What those live on that were told to end.
    ended: Vec<Runtime>,
}

impl Drop for Edge {
    fn drop(&mut self) {
        // A runtime must not be waited for where others run.
        for runtime in self.ended.drain(..).chain(self.runtime.take()) {
            runtime.shutdown_background();
        }
    }
}

impl Edge {
    pub(crate) fn start(gateway: SocketAddr) -> Self {
        Self::on(Bus::memory(), gateway)
    }

    pub(crate) fn on(bus: Bus, gateway: SocketAddr) -> Self {
        let name = NodeName::new("pole-7").unwrap();
        let secrets = tempfile::tempdir().unwrap();
        std::fs::write(secrets.path().join("key"), "07".repeat(32)).unwrap();
        let mut edge = Self {
            node: fresh(&name, &bus),
            bus,
            gateway,
            secrets,
            runtime: None,
            ended: Vec::new(),
        };
        edge.launch();
        edge
    }

    fn launch(&mut self) {
        let text = format!(
            "{{modem: pole-7, gateway: \"{}\", key: key, send: [{{kind: readings}}], command: [meter-3], backlog: {{after: 1s}}}}",
            self.gateway
        );
        let settings: UplinkSettings = yaml::from_str(&text).unwrap();
        let process = Process {
            node: self.node.name.clone(),
            bus: None,
            admin: AdminSettings::default(),
            secrets: Some(self.secrets.path().to_owned()),
            grace: Span::from_secs(10),
            settings,
        };
        let run = Box::pin(umec_uplink::run(process, self.node.clone()));
        let span = info_span!("uplink");
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        drop(self.node.tasks.spawn(span, async { run.await.unwrap() }));
        drop(entered);
        self.ended.extend(self.runtime.replace(runtime));
    }

    /// The uplink is cut off wherever it is, and begins anew.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.node = fresh(&self.node.name, &self.bus);
        self.launch();
    }

    /// The uplink is broken off and begins anew.
    pub(crate) fn restart(&mut self) {
        self.node.tasks.stop();
        self.node = fresh(&self.node.name, &self.bus);
        self.launch();
    }

    pub(crate) async fn stop(&self, grace: Duration) -> bool {
        self.node.tasks.drain(grace).await.is_ok()
    }

    pub(crate) fn trouble(&self, part: &str) -> Option<String> {
        trouble(&self.node, part)
    }

    pub(crate) async fn publish(&self, sequences: RangeInclusive<u64>) {
        for sequence in sequences {
            self.publish_pack(sequence, 1).await;
        }
    }

    pub(crate) async fn publish_large(&self, sequence: u64, readings: u32) {
        self.publish_pack(sequence, readings).await;
    }

    async fn publish_pack(&self, sequence: u64, readings: u32) {
        let id = message_id("meter-3", sequence);
        let pack = self.pack(&id, readings);
        let topic = Topic::<Readings>::new(self.node.name.clone(), id.device.clone());
        self.bus.publish(&topic, &id, &pack, None).await.unwrap();
    }

    /// Publishes for several devices by turns, without waiting for each message.
    pub(crate) async fn publish_many(
        &self,
        devices: &[&str],
        sequences: RangeInclusive<u64>,
        readings: u32,
    ) {
        let Node { tasks, metrics, .. } = &self.node;
        let outbox = self.bus.outbox(tasks, metrics, 100_000);
        for sequence in sequences {
            for device in devices {
                let id = message_id(device, sequence);
                let topic = Topic::<Readings>::new(self.node.name.clone(), id.device.clone());
                outbox.push(&topic, &id, &self.pack(&id, readings), None);
            }
        }
        outbox.settled().await;
    }

    fn pack(&self, id: &MessageId, readings: u32) -> Pack {
        let sequence = id.sequence.get();
        let time = 1_763_716_200_000 + i64::try_from(sequence).unwrap();
        let value = f64::from(u32::try_from(sequence).unwrap());
        let reading = |_| Reading {
            series: Series::raw(MetricName::new("power").unwrap()),
            time: Timestamp::from_millis(time),
            unit: Some("W".parse().unwrap()),
            value: Value::number(value).unwrap(),
        };
        Pack {
            node: self.node.name.clone(),
            device: id.device.clone(),
            readings: (0..readings).map(reading).collect(),
        }
    }

    pub(crate) fn figure(&self, name: &str) -> f64 {
        figure(&self.node, name)
    }

    /// Waits until the stream is acknowledged up to this position.
    pub(crate) async fn acknowledged(&self, position: u64) {
        let line = format!("umec_uplink_acknowledged_sequence {position}");
        let began = tokio::time::Instant::now();
        loop {
            let text = self.node.metrics.encode();
            if text.lines().any(|l| l == line) {
                return;
            }
            assert!(
                began.elapsed() < DEADLINE,
                "not acknowledged up to {position}:\n{text}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stands in for the plugin of the device.
    pub(crate) async fn answer_commands(&self) {
        let device = DeviceName::new("meter-3").unwrap();
        let mut commands = self.bus.commands(&self.node.name, &device).await.unwrap();
        let clock = self.node.clock.clone();
        let answering = async move {
            while let Some(incoming) = commands.next().await {
                let result = CommandResult {
                    id: incoming.request.id.clone(),
                    outcome: Outcome::Done,
                    reason: None,
                    value: None,
                    time: clock.now(),
                };
                incoming.answer(result).await;
            }
        };
        drop(self.node.tasks.spawn(info_span!("plugin"), answering));
    }
}

/// A run of the uplink with the time of day, which the cloud has as well.
fn fresh(name: &NodeName, bus: &Bus) -> Node {
    let node = Node::for_test(name.clone(), Some(bus.clone()));
    let wall = umec_sdk::Clock::system().now();
    node.clock.set(wall);
    node
}

fn read_address(file: &Path) -> Option<SocketAddr> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
