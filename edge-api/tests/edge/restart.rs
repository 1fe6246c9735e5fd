//! On a real NATS server that is killed and comes back.

use std::path::Path;

use nkeys::KeyPair;
use umec_e2e::nats::Server;
use umec_sdk::bus::BusState;
use umec_sdk::{Bus, Node};
use umec_spec::settings::stream::StreamSettings;
use umec_spec::settings::{BusSettings, Trust};
use umec_wire::DeviceName;
use umec_wire::signature::PublicKey;

use super::events::Events;
use super::fixture::{Edge, node_name, within};

/// How to reach a server as one who may do everything; the credentials lie in `folder`.
pub(crate) fn settings(server: &Server, folder: &Path) -> BusSettings {
    let pair = KeyPair::new_user();
    let credentials = folder.join("edge.creds");
    std::fs::write(&credentials, pair.seed().unwrap()).unwrap();
    let devices = vec![DeviceName::new("meter-3").unwrap()];
    BusSettings {
        url: server.url(),
        credentials,
        inbox: "_INBOX.edge".to_owned(),
        outbox: 1_000,
        jetstream: "$JS.API".to_owned(),
        trust: vec![Trust {
            key: PublicKey::of(&pair),
            publish: devices.clone(),
            aggregate: devices.clone(),
            command: devices,
        }],
    }
}

/// An edge API on a server; the folder holds its credentials.
async fn on(server: &Server) -> (Edge, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(server, folder.path());
    let node = Node::for_test(node_name(), None);
    let bus = Bus::connect(&settings, &node).await.unwrap();
    connected(&bus).await;
    let age = umec_wire::Span::from_secs(3_600);
    let stream = StreamSettings::bounded(10_000_000, age);
    within(bus.ensure_stream(&stream)).await.unwrap();
    let node = Node::for_test(node_name(), Some(bus));
    (Edge::on(node, |_| ()).await, folder)
}

async fn connected(bus: &Bus) {
    let mut state = bus.state();
    within(state.wait_for(|state| *state == BusState::Connected))
        .await
        .unwrap();
}

#[tokio::test]
async fn streams_lose_and_repeat_nothing_over_a_restart_of_the_server() {
    let mut server = Server::start();
    let (edge, _folder) = on(&server).await;
    let mut publisher = edge.publisher("meter-3");
    let mut open = Events::open(&edge, "?kind=readings", None).await;
    let mut resumed: Vec<String> = Vec::new();
    let mut sequence = 0;
    for _ in 0..3 {
        for _ in 0..50 {
            let now = edge.node.clock.now();
            sequence = publisher.temperature(now, 1.0).await;
        }
        // One reader stays connected; the other comes and goes.
        let query = "?kind=readings";
        let mut events = match resumed.last() {
            Some(last) => Events::open(&edge, query, Some(last)).await,
            None => Events::open(&edge, query, Some("0")).await,
        };
        resumed.extend(events.ids(30).await);
        drop(events);
        server.kill();
        let mut state = edge.bus.state();
        within(state.wait_for(|state| *state != BusState::Connected))
            .await
            .unwrap();
        server.restart();
        connected(&edge.bus).await;
    }
    assert_eq!(sequence, 150);
    let last = resumed.last().cloned();
    let mut events = Events::open(&edge, "?kind=readings", last.as_deref()).await;
    resumed.extend(events.ids(150 - resumed.len()).await);
    let expected: Vec<String> = (1..=150).map(|id| id.to_string()).collect();
    assert_eq!(resumed, expected);
    assert_eq!(open.ids(150).await, expected);
    let page = edge.get("/api/v1/devices/meter-3/readings?limit=200").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 150);
}
