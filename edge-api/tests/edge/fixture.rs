//! A running edge API with a bus of its own, publishers to feed it and clients to ask it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value as Json;
use tokio::task::JoinHandle;
use tracing::info_span;
use umec_sdk::{Bus, Node};
use umec_spec::settings::Process;
use umec_spec::settings::edge_api::EdgeApiSettings;
use umec_wire::status::{Identity, State};
use umec_wire::{
    Boot, DeviceName, MessageId, NodeName, Pack, PluginName, Reading, Readings, Sequence, Status,
    Statuses, Timestamp, Topic, Value,
};

/// A loaded machine gets this long for what takes a fraction of a second.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Reads everything and commands thermometers.
pub(crate) const CONTROL: &str = "control-token-0001";

/// Reads meters, commands nothing.
pub(crate) const METERS: &str = "meters-token-00001";

/// Commands thermometers, reads nothing.
pub(crate) const BLIND: &str = "blind-token-000001";

const SETTINGS: &str = "
listen: 127.0.0.1:0
lateness: 1s
commandDeadline: 20s
tokens:
  - {name: control, allow: [read, command], devices: ['*'], secret: control}
  - {name: meters, allow: [read], devices: ['meter-*'], secret: meters}
  - {name: blind, allow: [command], devices: ['thermometer-*'], secret: blind}
devices:
  - name: thermometer-1
    plugin: modbus
    profile: thermostat-x1
    identity: {manufacturer: Example, model: X1}
    metrics:
      - {name: temperature, unit: Cel, every: 1s, range: {min: -40, max: 85}}
      - {name: setpoint, unit: Cel, write: {min: 5, max: 30}}
  - {name: meter-3, plugin: modbus, profile: energy-meter-e2}
";

/// One run of the edge API.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) bus: Bus,
    pub(crate) node: Node,
    pub(crate) base: String,
    client: Client,
    running: Option<JoinHandle<anyhow::Result<()>>>,
    _folder: tempfile::TempDir,
}

/// A device's publisher, with its boot and its counter.
#[derive(Debug)]
pub(crate) struct Publisher {
    bus: Bus,
    device: DeviceName,
    pub(crate) boot: Boot,
    next: Sequence,
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    let limited = tokio::time::timeout(DEADLINE, future);
    limited.await.expect("it does not take that long")
}

pub(crate) fn node_name() -> NodeName {
    NodeName::new("pole-7").unwrap()
}

pub(crate) fn number(number: f64) -> Value {
    Value::number(number).unwrap()
}

// === impl Edge ===

impl Edge {
    /// Starts one on a bus in memory.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// Starts one on a bus in memory with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut EdgeApiSettings)) -> Self {
        let node = Node::for_test(node_name(), Some(Bus::memory()));
        Self::on(node, change).await
    }

    /// Starts one on a node and waits until it has read what the stream holds.
    pub(crate) async fn on(node: Node, change: impl FnOnce(&mut EdgeApiSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, token) in [("control", CONTROL), ("meters", METERS), ("blind", BLIND)] {
            std::fs::write(folder.path().join(name), token).unwrap();
        }
        let mut settings: EdgeApiSettings = umec_spec::yaml::from_str(SETTINGS).unwrap();
        let address_file = folder.path().join("address");
        settings.address_file = Some(address_file.clone());
        change(&mut settings);
        let mut process: Process<u8> =
            umec_spec::yaml::from_str("{node: pole-7, settings: 0}").unwrap();
        process.secrets = Some(folder.path().to_owned());
        let process = Process {
            node: process.node,
            bus: None,
            admin: process.admin,
            secrets: process.secrets,
            grace: process.grace,
            settings,
        };
        let run = umec_edge_api::run(process, node.clone());
        let running = node.tasks.spawn(info_span!("run"), run);
        let address = umec_e2e::eventually_async(DEADLINE, || async {
            let report = node.health.report();
            let address = std::fs::read_to_string(&address_file);
            match address {
                Ok(address) if report.ready && report.parts.contains_key("stream") => Ok(address),
                other => Err(format!("{report:?} {other:?}")),
            }
        });
        Self {
            base: format!("http://{}", address.await.trim()),
            bus: node.bus().unwrap().clone(),
            node,
            client: Client::new(),
            running: Some(running),
            _folder: folder,
        }
    }

    pub(crate) fn publisher(&self, device: &str) -> Publisher {
        Publisher {
            bus: self.bus.clone(),
            device: DeviceName::new(device).unwrap(),
            boot: Boot::from_bits(0x019a_a5ad_7640_beef),
            next: Sequence::FIRST,
        }
    }

    /// A request with the token that may do everything.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(CONTROL, method, path)
    }

    pub(crate) fn request_as(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(token)
    }

    /// A request without a token.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// A document that is there.
    pub(crate) async fn get(&self, path: &str) -> Json {
        let (status, json) = answer(self.request(Method::GET, path)).await;
        assert_eq!(status, StatusCode::OK, "{path}: {json}");
        json
    }

    /// A document, once it is as it should be.
    pub(crate) async fn get_until(&self, path: &str, is_right: impl Fn(&Json) -> bool) -> Json {
        umec_e2e::eventually_async(DEADLINE, || async {
            let json = self.get(path).await;
            if is_right(&json) { Ok(json) } else { Err(json) }
        })
        .await
    }

    /// Tells it to stop, as SIGTERM does, and waits for its end.
    pub(crate) async fn stop(&mut self) {
        self.node.tasks.drain(DEADLINE).await.unwrap();
        let running = self.running.take().unwrap();
        running.await.unwrap().unwrap();
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.node.tasks.stop();
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    within(request.send()).await.unwrap()
}

/// Status and JSON of an answer.
pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Json) {
    let response = send(request).await;
    let status = response.status();
    let text = within(response.text()).await.unwrap();
    let json = serde_json::from_str(&text);
    (status, json.unwrap_or(Json::String(text)))
}

// === impl Publisher ===

impl Publisher {
    /// Publishes values of one time; tells where they lie in the stream.
    pub(crate) async fn publish(&mut self, time: Timestamp, values: &[(&str, Value)]) -> u64 {
        let readings = values.iter().map(|(metric, value)| Reading {
            series: metric.parse().unwrap(),
            time,
            unit: (*metric == "temperature").then(|| "Cel".parse().unwrap()),
            value: value.clone(),
        });
        let pack = Pack {
            node: node_name(),
            device: self.device.clone(),
            readings: readings.collect(),
        };
        let topic = Topic::<Readings>::new(node_name(), self.device.clone());
        let id = self.id();
        let sent = within(self.bus.publish(&topic, &id, &pack, None)).await;
        sent.unwrap().sequence
    }

    /// Publishes a temperature.
    pub(crate) async fn temperature(&mut self, time: Timestamp, value: f64) -> u64 {
        self.publish(time, &[("temperature", number(value))]).await
    }

    /// Publishes a status.
    pub(crate) async fn status(&mut self, change: impl FnOnce(&mut Status)) {
        let mut status = Status {
            state: State::Up,
            reason: None,
            since: Timestamp::from_millis(1_767_225_600_000),
            plugin: PluginName::new("modbus").unwrap(),
            identity: Identity::default(),
            metrics: Vec::new(),
            problems: std::collections::BTreeMap::new(),
        };
        change(&mut status);
        let topic = Topic::<Statuses>::new(node_name(), self.device.clone());
        let id = self.id();
        within(self.bus.publish(&topic, &id, &status, None))
            .await
            .unwrap();
    }

    fn id(&mut self) -> MessageId {
        let sequence = self.next;
        self.next = sequence.next();
        MessageId {
            device: self.device.clone(),
            boot: self.boot,
            sequence,
        }
    }
}
