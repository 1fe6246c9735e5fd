//! A node's store: a real nats-server with the stream, and connections to it.

use std::time::Duration;

use nkeys::KeyPair;
use tempfile::TempDir;
use umec_e2e::nats::Server;
use umec_sdk::bus::BusState;
use umec_sdk::{Bus, Node};
use umec_spec::settings::stream::StreamSettings;
use umec_spec::settings::{BusSettings, Trust};
use umec_wire::signature::PublicKey;
use umec_wire::{DeviceName, NodeName, Span};

const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Store {
    pub(crate) bus: Bus,
    /// Kept while the store is: the connection's tasks, the server, the seed.
    _kept: (Node, Server, TempDir),
}

impl Store {
    /// A store that holds this many bytes.
    pub(crate) async fn of(bytes: u64, server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = KeyPair::new_user();
        let credentials = folder.path().join("seed");
        std::fs::write(&credentials, pair.seed().unwrap()).unwrap();
        let devices = ["meter-1", "meter-2", "meter-3"].map(|d| DeviceName::new(d).unwrap());
        let settings = BusSettings {
            url: server.url(),
            credentials,
            inbox: "_INBOX.test".to_owned(),
            outbox: 1_000,
            jetstream: "$JS.API".to_owned(),
            trust: vec![Trust {
                key: PublicKey::of(&pair),
                publish: devices.to_vec(),
                aggregate: devices.to_vec(),
                command: devices.to_vec(),
            }],
        };
        let node = Node::for_test(NodeName::new("pole-7").unwrap(), None);
        let bus = Bus::connect(&settings, &node).await.unwrap();
        let mut state = bus.state();
        let connected = state.wait_for(|state| *state == BusState::Connected);
        drop(tokio::time::timeout(DEADLINE, connected).await.unwrap());
        let stream = StreamSettings::bounded(bytes, Span::from_secs(86_400));
        bus.ensure_stream(&stream).await.unwrap();
        Self {
            bus,
            _kept: (node, server, folder),
        }
    }
}
