//! A real server with the bus of a small plan: two plugins, an edge API, two uplinks.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions, Event, HeaderMap, Request};
use bytes::Bytes;
use tokio::sync::mpsc;
use umec_e2e::nats::Server;
use umec_spec::keys::Keys;
use umec_spec::plan::{BusPlan, Plan, ServerPlace, plan};
use umec_spec::resource::Resources;
use umec_wire::{NodeName, Timestamp};

/// What a test may wait for an answer of a server on the same machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// What a test waits for something that must not come. The tests do not depend on it being long:
/// each first sees on the same connection something that does come.
pub(crate) const NEVER: Duration = Duration::from_millis(300);

const RESOURCES: &str = r#"
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: heater }
spec:
  metrics:
    - { name: setpoint, modbus: { table: holding, address: 0 }, write: {} }
---
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: sky }
spec:
  metrics:
    - { name: wind, unit: m/s, custom: { } }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: heater-1 }
spec: { node: n, profile: heater, modbus: { tcp: "10.0.0.1:502" } }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: heater-2 }
spec: { node: n, profile: heater, modbus: { tcp: "10.0.0.2:502" } }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: station-1 }
spec: { node: n, profile: sky, custom: { plugin: weather } }
---
apiVersion: umec.dev/v1alpha1
kind: EdgeApi
metadata: { name: default }
spec: { }
---
apiVersion: umec.dev/v1alpha1
kind: Uplink
metadata: { name: cloud }
spec: { gateway: "127.0.0.1:6001", identity: { key: { secret: k } }, command: [heater-1] }
---
apiVersion: umec.dev/v1alpha1
kind: Uplink
metadata: { name: spare }
spec: { gateway: "127.0.0.1:6002", identity: { key: { secret: k } } }
"#;

/// A server with the bus of [`RESOURCES`].
pub(crate) struct Bus {
    pub(crate) plan: BusPlan,
    pub(crate) server: Server,
}

/// A connected user, and what the server complains about.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) complaints: mpsc::Receiver<String>,
    pub(crate) api: &'static str,
}

pub(crate) fn a_plan(root: u8) -> Plan {
    plan_with_heaters(root, 0)
}

/// The plan of [`RESOURCES`] and further heaters.
fn plan_with_heaters(root: u8, more: usize) -> Plan {
    let mut text = RESOURCES.to_owned();
    for number in 0..more {
        let address = format!("10.1.{}.{}:502", number / 250, number % 250 + 1);
        writeln!(
            text,
            "---\napiVersion: umec.dev/v1alpha1\nkind: Device\nmetadata: {{ name: more-{number} }}\n\
             spec: {{ node: n, profile: heater, modbus: {{ tcp: \"{address}\" }} }}"
        )
        .unwrap();
    }
    let resources = Resources::read([("r.yaml".to_owned(), text)]);
    let keys = Keys::from_root([root; 32], Timestamp::from_millis(1_763_716_200_000));
    plan(&resources.unwrap(), &keys)
}

impl Bus {
    pub(crate) async fn start() -> Self {
        Self::with_heaters(0).await
    }

    /// A node with this many further devices.
    pub(crate) async fn with_heaters(more: usize) -> Self {
        let plan = plan_with_heaters(7, more)
            .nodes
            .remove(&NodeName::new("n").unwrap())
            .unwrap()
            .bus;
        let server = Server::with_config(&plan.server_configuration(&ServerPlace {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            store: None,
            ports: None,
            monitor: None,
        }));
        let bus = Self { plan, server };
        bus.create_stream().await;
        bus
    }

    async fn create_stream(&self) {
        let stream = &self.plan.stream;
        let operator = self.connect("cli").await;
        jetstream::new(operator.client)
            .create_stream(stream::Config {
                name: stream.name.clone(),
                subjects: stream.subjects.clone(),
                max_bytes: i64::try_from(stream.bytes).unwrap(),
                max_age: stream.age.duration(),
                duplicate_window: stream.duplicates.duration(),
                allow_direct: true,
                ..stream::Config::default()
            })
            .await
            .unwrap();
    }

    pub(crate) async fn connect(&self, user: &str) -> Connected {
        let user = self.plan.user(user).unwrap();
        let (complain, complaints) = mpsc::channel(64);
        let options = ConnectOptions::with_credentials(user.credentials.reveal())
            .unwrap()
            .custom_inbox_prefix(user.inbox.clone())
            .request_timeout(Some(SOON))
            .event_callback(move |event| {
                let complain = complain.clone();
                async move {
                    if let Event::ServerError(error) = event {
                        complain.send(error.to_string()).await.unwrap_or_default();
                    }
                }
            });
        let client = options.connect(self.server.url()).await.unwrap();
        let inside = user.name.as_str() == "cli";
        Connected {
            client,
            complaints,
            api: if inside { "$JS.API" } else { "JS.bus.API" },
        }
    }
}

impl Connected {
    /// Publishes with an acknowledgement, as a publisher of the platform does.
    pub(crate) async fn publish(
        &self,
        subject: &str,
        id: &str,
    ) -> Result<serde_json::Value, String> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id);
        let request = Request::new()
            .headers(headers)
            .payload(Bytes::from_static(b"[]"));
        self.ask(subject, request).await
    }

    /// Asks a part of the JetStream API.
    pub(crate) async fn api(&self, end: &str, body: &str) -> Result<serde_json::Value, String> {
        let subject = format!("{}.{end}", self.api);
        let request = Request::new().payload(Bytes::from(body.to_owned()));
        self.ask(&subject, request).await
    }

    async fn ask(&self, subject: &str, request: Request) -> Result<serde_json::Value, String> {
        let answer = self.client.send_request(subject.to_owned(), request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap_or_default();
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer),
        }
    }

    /// The next complaint of the server.
    pub(crate) async fn complaint(&mut self) -> String {
        let complaint = tokio::time::timeout(SOON, self.complaints.recv()).await;
        complaint.unwrap_or_default().unwrap_or_default()
    }
}
