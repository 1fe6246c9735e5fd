//! A store without room is a state that is told, and passes.

use std::time::Duration;

use umec_e2e::disk::Disk;
use umec_e2e::nats::Server;
use umec_sdk::bus::{AskError, Filter, PublishError, Start};
use umec_spec::settings::stream::StreamSettings;
use umec_wire::Span;

use super::contract::Setup;
use super::server::{Connection, connected};

#[tokio::test]
async fn a_full_store_is_told_with_its_reason_and_takes_messages_again_when_it_has_room() {
    let connection = Connection::to(Server::with_config("jetstream { max_file: 1MB }"));
    let (bus, node) = connection.open().await;
    let setup = Setup {
        stranger: bus.clone(),
        bus,
        node,
    };
    let health = setup.node.health.clone();
    // A stream without a bound of its own meets the server's.
    let day = Span::from_secs(86_400);
    let unbounded = StreamSettings::bounded(0, day);
    setup.bus.ensure_stream(&unbounded).await.unwrap();
    let mut sequence = 0;
    let refused = loop {
        sequence += 1;
        assert!(sequence < 10_000, "1 MB takes everything");
        if let Err(error) = setup.try_publish("a", sequence).await {
            break error;
        }
        assert!(health.report().parts["store"].ready);
    };
    let PublishError::Ask { source, .. } = refused;
    assert!(matches!(source, AskError::Refused { .. }), "{source:?}");
    let part = &health.report().parts["store"];
    let reason = part.reason.clone().unwrap();
    assert_eq!((part.ready, reason.code.as_str()), (false, "store-refuses"));
    // Bounded, the stream drops its oldest messages.
    let bounded = StreamSettings::bounded(500_000, day);
    setup.bus.ensure_stream(&bounded).await.unwrap();
    setup.try_publish("a", sequence).await.unwrap();
    assert!(health.report().parts["store"].ready);
    assert!(setup.bus.bounds().await.unwrap().first_sequence > 1);
}

/// A mebibyte.
const MIB: u64 = 1 << 20;

#[tokio::test]
async fn a_full_disk_is_told_and_after_it_everything_that_was_acknowledged_is_there() {
    let disk = Disk::of(3 * MIB, 2 * MIB);
    // The server is not told how small the disk is.
    let server = Server::on_disk(disk, "jetstream { max_file: 1GB }");
    let mut connection = Connection::to(server);
    let (bus, node) = connection.open().await;
    let setup = Setup {
        stranger: bus.clone(),
        bus,
        node,
    };
    let stream = StreamSettings::bounded(500 * MIB, Span::from_secs(86_400));
    setup.bus.ensure_stream(&stream).await.unwrap();
    let store = || setup.node.health.report().parts["store"].clone();
    let mut acknowledged = 0;
    while setup.try_publish("a", acknowledged + 1).await.is_ok() {
        acknowledged += 1;
        assert!(acknowledged < 20_000, "1 MiB takes everything");
        assert!(store().ready);
    }
    // It has had one time without an answer, which may be weather; what follows is not.
    let refused = setup.try_publish("a", acknowledged + 1).await;
    assert!(refused.is_err());
    let told = store();
    let reason = told.reason.unwrap();
    assert_eq!((told.ready, reason.code.as_str()), (false, "store-silent"));
    // What is held can be read meanwhile, and others hold what they cannot publish.
    let outbox = setup.outbox(100);
    setup.push(&outbox, "b", 1);
    assert_eq!(outbox.waiting(), 1);
    let held = setup.history(Start::First, Filter::default()).await;
    assert_eq!(held.len() as u64, acknowledged);
    connection.server.disk().unwrap().clear();
    connection.server.restart();
    connected(&setup.bus).await;
    tokio::time::timeout(Duration::from_secs(30), outbox.settled())
        .await
        .expect("what was held goes out");
    assert!(store().ready);
    setup.try_publish("a", acknowledged + 1).await.unwrap();
    let all = setup.history(Start::First, Filter::default()).await;
    let of_a = all.iter().filter(|(_, device, _)| device.as_str() == "a");
    let numbers: Vec<u64> = of_a.map(|(_, _, number)| *number).collect();
    assert_eq!(numbers, (1..=acknowledged + 1).collect::<Vec<_>>());
    assert_eq!(all.len() as u64, acknowledged + 2);
}
