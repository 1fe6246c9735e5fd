//! The door to Kafka, against a real broker and against the embedded one: the same suite on both.

#![cfg(test)]

use std::time::Duration;

use bytes::Bytes;
use umec_e2e::kafka::Broker;
use umec_gateway::kafka::{
    Brokers, Deliveries, Follow, Headers, KafkaState, Offsets, Outgoing, Producer, Watched,
    read_to_end, topic,
};
use umec_spec::settings::gateway::Kafka;
use umec_wire::kafka::KafkaTopic;

const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_real_broker_takes_and_returns_records() {
    let broker = Broker::start();
    suite(&broker.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_broker_takes_and_returns_records() {
    suite("embedded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_wait_for_a_broker_that_is_away() {
    let mut broker = Broker::start();
    let (producer, mut deliveries, watched) = open(&broker.bootstrap()).await;
    let mut state = watched.subscribe();
    broker.kill();
    producer.send(1, &record(KafkaTopic::Readings, 1)).unwrap();
    let away = |state: &KafkaState| matches!(state, KafkaState::Away(_));
    tokio::time::timeout(DEADLINE, state.wait_for(away))
        .await
        .unwrap()
        .unwrap();
    broker.restart();
    assert_eq!(delivered(&mut deliveries).await, 1);
    assert_eq!(*state.borrow_and_update(), KafkaState::Connected);
}

async fn suite(bootstrap: &str) {
    let (producer, mut deliveries, watched) = open(bootstrap).await;
    // Topics that exist are no error.
    topic::ensure(&producer, &settings(bootstrap), &watched)
        .await
        .unwrap();
    for number in 0..100 {
        producer
            .send(number, &record(KafkaTopic::Readings, number))
            .unwrap();
    }
    let mut tokens = Vec::new();
    for _ in 0..100 {
        tokens.push(delivered(&mut deliveries).await);
    }
    tokens.sort_unstable();
    assert_eq!(tokens, (0..100).collect::<Vec<_>>());

    let address = producer.brokers().clone();
    let scan_watched = watched.clone();
    let (read, ends) = tokio::task::spawn_blocking(move || {
        let mut read = Vec::new();
        let mut take = |incoming| read.push(incoming);
        let ends = read_to_end(
            &address,
            &scan_watched,
            KafkaTopic::Readings,
            &Offsets::new(),
            &mut take,
        );
        (read, ends.unwrap())
    })
    .await
    .unwrap();
    assert_eq!(read.len(), 100);
    let first = read
        .iter()
        .find(|r| r.value.as_deref() == Some(b"7".as_slice()))
        .unwrap();
    assert_eq!(first.key.as_deref(), Some(b"pole-7/device-1".as_slice()));
    assert_eq!(first.header("umec-id"), Some("device-1:0000000000000001:7"));
    assert_eq!(first.time, Some(1_700_000_000_007));
    assert_eq!(ends.values().sum::<i64>(), 100);

    let follow = Follow::begin(producer.brokers(), &watched, KafkaTopic::Readings, &ends).unwrap();
    producer
        .send(200, &record(KafkaTopic::Readings, 200))
        .unwrap();
    let next = tokio::time::timeout(DEADLINE, follow.next()).await.unwrap();
    assert_eq!(next.value.as_deref(), Some(b"200".as_slice()));
}

async fn open(bootstrap: &str) -> (Producer, Deliveries, Watched) {
    let watched = Watched::new();
    let (producer, deliveries) = Producer::open(&Brokers::plain(bootstrap), &watched).unwrap();
    topic::ensure(&producer, &settings(bootstrap), &watched)
        .await
        .unwrap();
    (producer, deliveries, watched)
}

async fn delivered(deliveries: &mut Deliveries) -> u64 {
    let delivery = tokio::time::timeout(DEADLINE, deliveries.next())
        .await
        .unwrap()
        .unwrap();
    delivery.result.unwrap();
    delivery.token
}

fn settings(bootstrap: &str) -> Kafka {
    Kafka {
        partitions: 3,
        ..Kafka::at(bootstrap)
    }
}

fn record(topic: KafkaTopic, number: u64) -> Outgoing {
    let (mut headers, device) = (Headers::default(), number % 3);
    headers.push(
        "umec-id",
        format_args!("device-{device}:0000000000000001:{number}"),
    );
    Outgoing {
        topic,
        key: format!("pole-7/device-{}", number % 3),
        time: 1_700_000_000_000 + i64::try_from(number).unwrap(),
        headers,
        value: Some(Bytes::from(number.to_string())),
    }
}
