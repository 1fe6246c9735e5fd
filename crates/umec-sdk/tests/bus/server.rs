//! The contract on a real NATS server.

use std::path::Path;

use nkeys::KeyPair;
use umec_e2e::nats::Server;
use umec_sdk::{Bus, Node};
use umec_spec::settings::BusSettings;
use umec_wire::NodeName;

use super::contract::{self, Setup};
use super::{ahead, trust};

/// A connection to a server of the test's own.
pub(crate) struct Connection {
    pub(crate) server: Server,
    pub(crate) settings: BusSettings,
    folder: tempfile::TempDir,
}

impl Connection {
    pub(crate) fn to(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = KeyPair::new_user();
        let credentials = write_seed(folder.path(), &pair);
        let settings = BusSettings {
            url: server.url(),
            credentials,
            inbox: "_INBOX.test".to_owned(),
            outbox: 1_000,
            jetstream: "$JS.API".to_owned(),
            trust: vec![contract::trust(&pair)],
        };
        Self {
            server,
            settings,
            folder,
        }
    }

    pub(crate) async fn open(&self) -> (Bus, Node) {
        let node = Node::for_test(NodeName::new("pole-7").unwrap(), None);
        let bus = Bus::connect(&self.settings, &node).await.unwrap();
        connected(&bus).await;
        (bus, node)
    }

    pub(crate) async fn setup(&self) -> Setup {
        let (bus, node) = self.open().await;
        self.setup_on(bus, node).await
    }

    /// A setup on a connection that was made before.
    pub(crate) async fn setup_on(&self, bus: Bus, node: Node) -> Setup {
        let pair = KeyPair::new_user();
        let settings = BusSettings {
            credentials: write_seed(self.folder.path(), &pair),
            ..self.settings.clone()
        };
        let stranger = Bus::connect(&settings, &node).await.unwrap();
        connected(&stranger).await;
        Setup::new(bus, stranger, node).await
    }
}

pub(crate) fn write_seed(folder: &Path, pair: &KeyPair) -> std::path::PathBuf {
    let path = folder.join(format!("{}.creds", pair.public_key()));
    std::fs::write(&path, pair.seed().unwrap()).unwrap();
    path
}

pub(crate) async fn connected(bus: &Bus) {
    let mut state = bus.state();
    let connected = state.wait_for(|state| *state == umec_sdk::bus::BusState::Connected);
    let deadline = std::time::Duration::from_secs(30);
    tokio::time::timeout(deadline, connected)
        .await
        .unwrap()
        .unwrap();
}

macro_rules! on_nats {
    ($checks:ident: $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            let connection = Connection::to(Server::start());
            $checks::$name(connection.setup().await).await;
        }
    )*};
}

on_nats! {
    contract:
    a_published_message_is_followed_as_it_was_sent
    a_message_id_is_stored_once
    a_follow_begins_where_it_is_told
    history_ends_where_the_stream_ended
    a_filter_chooses_devices_and_targets
    a_cursor_begins_after_what_was_acknowledged
    an_outbox_delivers_everything_in_order
    a_command_ends_in_its_result
    a_command_that_nobody_takes_is_told_at_once
    the_bounds_tell_what_the_stream_holds
}

on_nats! {
    trust:
    a_message_of_a_stranger_is_skipped
    a_command_of_a_stranger_is_refused
}

on_nats! {
    ahead:
    a_cursor_reads_what_is_live_ahead_of_what_has_piled_up
    a_cursor_that_was_held_up_ahead_leaps_and_fills_the_gap_in_order
}
