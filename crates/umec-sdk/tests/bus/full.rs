//! A store without room is a state that is told, and passes.

use umec_e2e::nats::Server;
use umec_sdk::bus::{AskError, PublishError};
use umec_spec::settings::stream::StreamSettings;
use umec_wire::Span;

use super::contract::Setup;
use super::server::Connection;

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
