//! The whole gateway and a Kafka that wants TLS and a password: what lets it in, and what it says where
//! it is not let in.

#![cfg(test)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tracing::info_span;
use umec_e2e::eventually_async;
use umec_e2e::kafka::Secured;
use umec_sdk::Node;
use umec_spec::settings::gateway::{GatewaySettings, default_name};
use umec_spec::settings::kafka::{Identity, Kafka, Mechanism, Sasl, Tls};
use umec_spec::settings::sinks::Sinks;
use umec_spec::settings::{AdminSettings, Process};
use umec_wire::{NodeName, Reason, Span};

const DEADLINE: Duration = Duration::from_mins(1);

const USERS: [(&str, &str); 1] = [("umec", "right")];

/// A running gateway.
struct Gateway {
    node: Node,
    _folder: TempDir,
}

impl Gateway {
    fn start(kafka: &Secured, ca: PathBuf, mechanism: Mechanism, password: &str) -> Self {
        let tls = Tls {
            ca: Some(ca),
            identity: None,
        };
        Self::with(kafka, tls, mechanism, password)
    }

    fn with(kafka: &Secured, tls: Tls, mechanism: Mechanism, password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password_file = folder.path().join("password");
        std::fs::write(&password_file, format!("{password}\n")).unwrap();
        let settings = GatewaySettings {
            name: default_name(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: None,
            keys: folder.path().to_owned(),
            kafka: Kafka {
                partitions: 1,
                tls: Some(tls),
                sasl: Some(Sasl {
                    mechanism,
                    username: "umec".to_owned(),
                    password_file,
                }),
                ..Kafka::at(kafka.bootstrap())
            },
            original: None,
            sinks: Sinks::default(),
        };
        let node = Node::start(NodeName::new("cloud").unwrap());
        let process = Process {
            node: node.name.clone(),
            bus: None,
            admin: AdminSettings::default(),
            secrets: None,
            grace: Span::from_secs(10),
            settings,
        };
        let run = umec_gateway::run(process, node.clone());
        let span = info_span!("gateway");
        drop(node.tasks.spawn(span, async { run.await.unwrap() }));
        Self {
            node,
            _folder: folder,
        }
    }

    /// Waits until Kafka is used, or until the reason why not is of this kind.
    async fn state(&self, wanted: Option<&str>) -> Option<Reason> {
        let mut look = || {
            let report = self.node.health.report();
            let part = report.parts.get("kafka");
            let reason = part.map(|part| part.reason.clone());
            let is_it = reason
                .as_ref()
                .is_some_and(|reason| reason.as_ref().map(|r| r.code.as_str()) == wanted);
            std::future::ready(match reason {
                Some(reason) if is_it => Ok(reason),
                other => Err(other),
            })
        };
        eventually_async(DEADLINE, &mut look).await
    }

    async fn stop(self) {
        self.node
            .tasks
            .drain(Duration::from_secs(10))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_lets_readers_writers_and_makers_of_topics_in() {
    let kafka = Secured::start(&USERS);
    for mechanism in [Mechanism::ScramSha512, Mechanism::Plain] {
        let gateway = Gateway::start(&kafka, kafka.ca(), mechanism, "right");
        // It is ready when topics are made, a record is written, and that record was read.
        gateway.state(None).await;
        gateway.stop().await;
    }
    assert!(!kafka.broker.records("umec.marks").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_stranger_s_certificate_are_states_with_reasons() {
    let kafka = Secured::start(&USERS);
    for mechanism in [Mechanism::ScramSha512, Mechanism::Plain] {
        let gateway = Gateway::start(&kafka, kafka.ca(), mechanism, "wrong");
        let reason = gateway.state(Some("kafka-login")).await.unwrap();
        assert!(reason.text.contains("Authentication failed"), "{reason}");
        assert!(!gateway.node.tasks.is_stopping());
        gateway.stop().await;
    }
    let gateway = Gateway::start(&kafka, kafka.another_ca(), Mechanism::Plain, "right");
    let reason = gateway.state(Some("kafka-tls")).await.unwrap();
    assert!(reason.text.contains("certificate"), "{reason}");
    gateway.stop().await;
    assert!(kafka.broker.records("umec.marks").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_lets_the_gateway_in_where_brokers_want_one() {
    let kafka = Secured::with_certificates(&USERS);
    let folder = tempfile::tempdir().unwrap();
    let key_password_file = folder.path().join("password");
    std::fs::write(&key_password_file, "of the key\n").unwrap();
    let identity = Identity {
        certificate: kafka.ca(),
        key: kafka.identity("of the key"),
        key_password_file: Some(key_password_file),
    };
    let tls = |identity| Tls {
        ca: Some(kafka.ca()),
        identity,
    };
    let gateway = Gateway::with(&kafka, tls(None), Mechanism::ScramSha512, "right");
    let reason = gateway.state(Some("kafka-tls")).await.unwrap();
    assert!(reason.text.contains("certificate"), "{reason}");
    gateway.stop().await;
    let gateway = Gateway::with(&kafka, tls(Some(identity)), Mechanism::ScramSha512, "right");
    gateway.state(None).await;
    gateway.stop().await;
}
