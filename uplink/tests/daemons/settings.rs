//! What the cloud sets of a node: one result each, kept over the end of the uplink.

use std::time::Duration;

use umec_e2e::nats::Server;
use umec_wire::command::Outcome;

use crate::site::{Cloud, Edge, eventually, keys};
use crate::store::Store;

const UPLINK: &str = "pole-7/_uplink";

/// What is left of the day's bytes, once there is a budget.
async fn left(edge: &Edge) -> f64 {
    let left = || Some(edge.figure("umec_uplink_budget_left_bytes")).filter(|left| *left > 0.0);
    eventually(left).await
}

fn ended(cloud: &Cloud) -> Vec<(String, Outcome, Option<String>)> {
    let results = cloud.results().into_iter();
    let mut ended: Vec<_> = results
        .map(|result| {
            let reason = result.reason.map(|reason| reason.code.to_string());
            (result.id.to_string(), result.outcome, reason)
        })
        .collect();
    ended.sort_by(|a, b| a.0.cmp(&b.0));
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_from_the_cloud_outlives_the_uplink_and_every_setting_ends_in_one_result() {
    let store = Store::of(1 << 20, Server::start()).await;
    let keys = keys();
    let mut cloud = Cloud::start("embedded", keys.path()).await;
    let mut edge = Edge::on(store.bus.clone(), cloud.address());
    for _ in 0..2 {
        cloud.order(UPLINK, "s1", "budget", "200000", 60);
    }
    cloud.order(UPLINK, "s2", "budget", "5", 60);
    cloud.order(UPLINK, "s3", "carrier", "\"lte\"", 60);
    cloud.order(UPLINK, "s4", "weather", "1", 60);
    let results = eventually(|| Some(ended(&cloud)).filter(|results| results.len() >= 4)).await;
    let refused = |id: &str, reason: &str| {
        let reason = Some(reason.to_owned());
        (id.to_owned(), Outcome::Refused, reason)
    };
    let expected = [
        ("s1".to_owned(), Outcome::Done, None),
        refused("s2", "out-of-range"),
        refused("s3", "no-card"),
        refused("s4", "nobody-takes-it"),
    ];
    assert_eq!(results, expected);
    assert!(left(&edge).await <= 200_000.0);
    // It was kept before it was reported, so that no way to end loses it.
    edge.kill();
    assert!(left(&edge).await <= 200_000.0);
    // A setting without a value gives way to the configuration, which has no budget.
    let now = umec_sdk::Clock::system().now();
    let expires = now.saturating_add(Duration::from_mins(1));
    let order = format!(r#"{{"id":"s5","name":"budget","expires":"{expires}"}}"#);
    cloud.produce(UPLINK, &order);
    eventually(|| (ended(&cloud).len() == 5).then_some(())).await;
    edge.kill();
    edge.publish(1..=1).await;
    edge.acknowledged(1).await;
    assert!(edge.figure("umec_uplink_budget_left_bytes").abs() < 1.0);
    assert_eq!(ended(&cloud)[..4], expected);
    cloud.stop().await;
}
