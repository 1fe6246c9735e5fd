//! Uplink and gateway as they run, each through its `run`, with Kafka behind them.

#![cfg(test)]

mod order;
mod overflow;
mod settings;
mod sinks;
mod site;
mod store;

use std::time::Duration;

use site::{Cloud, Edge, eventually, keys};
use umec_e2e::kafka::Broker;
use umec_wire::command::Outcome;

#[tokio::test(flavor = "multi_thread")]
async fn readings_reach_a_real_kafka_once_and_are_acknowledged() {
    let broker = Broker::start();
    let keys = keys();
    let mut cloud = Cloud::start(&broker.bootstrap(), keys.path()).await;
    let mut edge = Edge::start(cloud.address());
    edge.publish(1..=50).await;
    edge.acknowledged(50).await;
    // Both ends begin anew, one after the other, under traffic.
    cloud.restart().await;
    edge.publish(51..=100).await;
    edge.restart();
    edge.publish(101..=150).await;
    edge.acknowledged(150).await;
    cloud.stop().await;
    let records = broker.records("umec.readings");
    let mut sequences: Vec<u64> = records.iter().map(site::sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=150).collect::<Vec<_>>());
    let first = records.iter().find(|r| site::sequence(r) == 1).unwrap();
    assert_eq!(first.key.as_deref(), Some("pole-7/meter-3"));
    assert_eq!(first.time, 1_763_716_200_001);
    assert_eq!(first.header("umec_modem"), Some("pole-7"));
    assert_eq!(first.header("content-type"), Some("application/senml+json"));
    assert_eq!(first.header("ce_type"), Some("dev.umec.readings"));
    assert_eq!(
        first.value.as_deref(),
        Some(r#"[{"bn":"pole-7/meter-3/","bt":1763716200.001,"n":"power","u":"W","v":1}]"#)
    );
    assert!(!broker.records("umec.marks").is_empty());
    let modem = broker.records("umec.modems").pop().unwrap();
    assert_eq!(modem.key.as_deref(), Some("pole-7"));
    assert!(modem.value.unwrap().contains(r#""state":"up""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_ends_in_one_result() {
    let keys = keys();
    let mut cloud = Cloud::start("embedded", keys.path()).await;
    let edge = Edge::start(cloud.address());
    edge.answer_commands().await;
    cloud.order("pole-7/meter-3", "a1", "limit", "5", 60);
    cloud.order("pole-7/meter-3", "a1", "limit", "5", 60);
    cloud.order("pole-7/other", "a2", "limit", "5", 60);
    cloud.order("pole-9/meter-3", "a3", "limit", "5", 0);
    cloud.produce("pole-7/meter-3", "on fire");
    let results = eventually(|| {
        let results = cloud.results();
        (results.len() >= 4).then_some(results)
    })
    .await;
    let outcome = |id: &str| {
        let of = results.iter().filter(|r| r.id.to_string() == id);
        of.map(|r| (r.outcome, r.reason.as_ref().map(|r| r.code.to_string())))
            .collect::<Vec<_>>()
    };
    let with = |code: &str| Some(code.to_owned());
    assert_eq!(outcome("a1"), [(Outcome::Done, None)]);
    assert_eq!(outcome("a2"), [(Outcome::Refused, with("not-allowed"))]);
    assert_eq!(outcome("a3"), [(Outcome::Expired, with("expired"))]);
    assert_eq!(results.len(), 4);
    let unreadable = results
        .iter()
        .find(|r| r.id.to_string().starts_with("record-"));
    assert_eq!(unreadable.unwrap().outcome, Outcome::Refused);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_kafka_says_so_and_recovers() {
    let mut broker = Broker::start();
    broker.kill();
    let keys = keys();
    let mut cloud = Cloud::start(&broker.bootstrap(), keys.path()).await;
    let edge = Edge::start(cloud.address());
    edge.publish(1..=3).await;
    let told = |reason: Option<String>| reason.filter(|reason| reason.starts_with("kafka-away"));
    eventually(|| told(cloud.trouble("kafka"))).await;
    eventually(|| told(edge.trouble("gateway"))).await;
    broker.restart();
    edge.acknowledged(3).await;
    eventually(|| edge.trouble("gateway").is_none().then_some(())).await;
    // And once more while it runs.
    broker.kill();
    edge.publish(4..=6).await;
    eventually(|| told(cloud.trouble("kafka"))).await;
    broker.restart();
    edge.acknowledged(6).await;
    eventually(|| cloud.trouble("kafka").is_none().then_some(())).await;
    cloud.stop().await;
    assert_eq!(broker.records("umec.readings").len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_with_a_wrong_key_gets_nothing_and_says_so() {
    let keys = keys();
    std::fs::write(keys.path().join("pole-7"), "00".repeat(32)).unwrap();
    let mut cloud = Cloud::start("embedded", keys.path()).await;
    let edge = Edge::start(cloud.address());
    let refused = r#"umec_gateway_refused_datagrams_total{reason="wrong-key"}"#;
    eventually(|| (cloud.figure(refused) >= 2.0).then_some(())).await;
    let silent = |reason: &String| reason.starts_with("gateway-silent");
    eventually(|| edge.trouble("gateway").filter(silent)).await;
    // A key that is put right needs no restart.
    std::fs::write(keys.path().join("pole-7"), "07".repeat(32)).unwrap();
    edge.publish(1..=1).await;
    edge.acknowledged(1).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_larger_than_any_datagram_gets_through() {
    let keys = keys();
    let mut cloud = Cloud::start("embedded", keys.path()).await;
    let edge = Edge::start(cloud.address());
    edge.publish_large(1, 10_000).await;
    edge.acknowledged(1).await;
    let record = cloud.records("umec.readings").pop().unwrap();
    assert!(record.value.unwrap().len() > 200_000);
    cloud.stop().await;
    assert!(edge.stop(Duration::from_secs(5)).await);
}
