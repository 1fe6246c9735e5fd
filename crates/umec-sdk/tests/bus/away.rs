//! The server is not there yet, is killed, or comes back with what it has stored.

use std::time::Duration;

use umec_e2e::nats::Server;
use umec_sdk::bus::{BusState, Filter, Start};
use umec_sdk::{Bus, Node};
use umec_wire::{Label, NodeName};

use super::server::{Connection, connected};

/// A loaded machine gets this long for what takes a fraction of a second.
const DEADLINE: Duration = Duration::from_secs(30);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it does not take that long")
}

async fn until_away(bus: &Bus) {
    let mut state = bus.state();
    within(state.wait_for(|state| *state != BusState::Connected))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_connection_is_made_when_the_server_comes() {
    let mut connection = Connection::to(Server::start());
    connection.server.kill();
    let node = Node::for_test(NodeName::new("pole-7").unwrap(), None);
    let bus = Bus::connect(&connection.settings, &node).await.unwrap();
    assert!(matches!(&*bus.state().borrow(), BusState::Away(_)));
    assert!(!node.health.report().ready);
    let follow = bus.follow(Start::First, Filter::default()).await;
    let name = Label::new("uplink-cloud").unwrap();
    let cursor = bus.cursor(&name, Filter::default()).await;
    connection.server.restart();
    connected(&bus).await;
    let setup = connection.setup_on(bus, node).await;
    setup.publish("a", 1).await;
    assert_eq!(within(follow.unwrap().next()).await.unwrap().sequence, 1);
    assert_eq!(within(cursor.unwrap().next()).await.unwrap().sequence, 1);
}

#[tokio::test]
async fn an_outbox_loses_and_repeats_nothing_when_the_server_is_killed() {
    let mut connection = Connection::to(Server::start());
    let setup = connection.setup().await;
    let outbox = setup.outbox(10_000);
    let mut follow = setup.follow(Start::First).await;
    let mut sequence = 0;
    for _ in 0..3 {
        for _ in 0..300 {
            sequence += 1;
            setup.push(&outbox, "a", sequence);
            setup.push(&outbox, "b", sequence);
        }
        connection.server.kill();
        for _ in 0..100 {
            sequence += 1;
            setup.push(&outbox, "a", sequence);
            setup.push(&outbox, "b", sequence);
        }
        connection.server.restart();
    }
    within(outbox.settled()).await;
    let mut seen = std::collections::BTreeMap::<String, Vec<u64>>::new();
    while seen.values().map(Vec::len).sum::<usize>() < 2_400 {
        let stored = within(follow.next()).await.unwrap();
        let id = stored.message.id;
        let of_device = seen.entry(id.device.to_string()).or_default();
        of_device.push(id.sequence.get());
    }
    let expected: Vec<u64> = (1..=sequence).collect();
    assert_eq!(seen["a"], expected);
    assert_eq!(seen["b"], expected);
    let bounds = setup.bus.bounds().await.unwrap();
    assert_eq!(bounds.last_sequence, 2_400);
}

#[tokio::test]
async fn a_full_outbox_drops_the_oldest_and_counts_them() {
    let mut connection = Connection::to(Server::start());
    let setup = connection.setup().await;
    connection.server.kill();
    until_away(&setup.bus).await;
    let outbox = setup.outbox(10);
    for sequence in 1..=100 {
        setup.push(&outbox, "a", sequence);
    }
    assert!(outbox.waiting() <= 11);
    connection.server.restart();
    within(outbox.settled()).await;
    let seen = setup.history(Start::First, Filter::default()).await;
    let newest: Vec<u64> = seen.iter().rev().take(10).map(|seen| seen.2).collect();
    assert_eq!(newest, (91..=100).rev().collect::<Vec<u64>>());
    let lost = 100 - seen.len();
    let figures = setup.node.metrics.encode();
    let counted = format!("umec_outbox_dropped_messages_total{{reason=\"full\"}} {lost}");
    assert!(figures.contains(&counted), "{counted}\n{figures}");
}

#[tokio::test]
async fn a_position_outlives_a_killed_server() {
    let mut connection = Connection::to(Server::start());
    let setup = connection.setup().await;
    let name = Label::new("uplink-cloud").unwrap();
    for sequence in 1..=6 {
        setup.publish("a", sequence).await;
    }
    let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
    for sequence in 1..=4 {
        assert_eq!(within(cursor.next()).await.unwrap().sequence, sequence);
    }
    cursor.acknowledge(1);
    cursor.acknowledge(2);
    cursor.flush().await;
    connection.server.kill();
    until_away(&setup.bus).await;
    cursor.acknowledge(3);
    connection.server.restart();
    // What was handed out is not handed out again while the process lives.
    assert_eq!(within(cursor.next()).await.unwrap().sequence, 5);
    cursor.acknowledge(4);
    cursor.flush().await;
    drop(cursor);
    let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
    assert_eq!(within(cursor.next()).await.unwrap().sequence, 5);
    assert_eq!(within(cursor.next()).await.unwrap().sequence, 6);
}
