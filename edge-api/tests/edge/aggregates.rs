//! Aggregates: published on the bus, served, and shown on the stream; once, also over a restart.

use std::time::Duration;

use serde_json::{Value as Json, json};
use umec_sdk::Bus;
use umec_sdk::Node;
use umec_sdk::bus::{Filter, Start};
use umec_wire::subject::Target;
use umec_wire::{Aggregates, Timestamp, Value};

use super::events::Events;
use super::fixture::{Edge, Publisher, node_name, number};

/// Windows as the stream holds them: `series@start=value` of the counts.
async fn counts(bus: &Bus) -> Vec<String> {
    let filter = Filter::targets([Target::Aggregates]);
    let mut follow = bus.follow(Start::First, filter).await.unwrap();
    let mut counts = Vec::new();
    while let Some(stored) = follow.recorded().await {
        let pack = stored.message.decode::<Aggregates>().unwrap();
        let count = &pack.readings[0];
        counts.push(format!("{}@{}={}", count.series, count.time, count.value));
    }
    counts
}

async fn until_counts(bus: &Bus, expected: &[&str]) {
    umec_e2e::eventually_async(super::fixture::DEADLINE, || async {
        let counts = counts(bus).await;
        if counts == expected {
            Ok(())
        } else {
            Err(counts)
        }
    })
    .await;
}

/// 2026-01-01T00:00:00Z, when the clocks of tests begin, and `seconds` after.
fn at(seconds: u64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    start.saturating_add(Duration::from_secs(seconds))
}

/// A node whose clock shows a time well inside its windows.
fn node() -> Node {
    let node = Node::for_test(node_name(), Some(Bus::memory()));
    node.clock.set(at(3));
    node
}

async fn sample(edge: &Edge, publisher: &mut Publisher, seconds: std::ops::Range<u64>) {
    for second in seconds {
        edge.node.clock.set(at(second));
        publisher.temperature(at(second), 20.0).await;
    }
}

#[tokio::test]
async fn a_window_is_published_served_and_streamed() {
    let edge = Edge::on(node(), |_| ()).await;
    let mut publisher = edge.publisher("thermometer-1");
    let mut events = Events::open(&edge, "?kind=aggregates", None).await;
    for (second, value) in [(4, 20.0), (5, 23.0)] {
        edge.node.clock.set(at(second));
        let mode = ("mode", Value::from("heat"));
        publisher
            .publish(at(second), &[("temperature", number(value)), mode])
            .await;
    }
    // The next reading shows that the device has come past the window.
    edge.node.clock.set(at(11));
    publisher.temperature(at(11), 30.0).await;
    let shown = events.data("aggregates").await;
    assert_eq!(
        (&shown["window"], &shown["sequence"]),
        (&json!("10s"), &json!(1))
    );
    assert_eq!(
        (&shown["time"], &shown["end"]),
        (&json!(at(0).to_string()), &json!(at(10).to_string()))
    );
    assert_eq!(
        shown["values"],
        json!({
            "temperature": {"unit": "Cel", "count": 2, "mean": 21.5, "min": 20, "max": 23, "last": 23},
            "mode": {"count": 2, "last": "heat"},
        })
    );
    let path = "/api/v1/devices/thermometer-1/aggregates";
    let is_there = |json: &Json| {
        json["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty())
    };
    let latest = edge
        .get_until(&format!("{path}?window=10s"), is_there)
        .await;
    assert_eq!(latest["items"][0], shown);
    assert_eq!(
        edge.get(&format!("{path}?window=1m")).await["items"],
        json!([])
    );
    let past = edge.get(&format!("{path}?limit=10&metric=mode")).await;
    assert_eq!(
        past["items"][0]["values"],
        json!({"mode": {"count": 2, "last": "heat"}})
    );
}

#[tokio::test]
async fn the_clock_closes_the_window_of_a_device_that_falls_silent() {
    let edge = Edge::on(node(), |_| ()).await;
    let mut publisher = edge.publisher("thermometer-1");
    publisher.temperature(at(3), 20.0).await;
    edge.node.clock.set(at(20));
    // Any message wakes it; without one it sleeps until the window ends by the clock as it was.
    edge.publisher("meter-3")
        .publish(at(20), &[("power", number(1.0))])
        .await;
    until_counts(&edge.bus, &["temperature/10s/count@2026-01-01T00:00:00Z=1"]).await;
}

#[tokio::test]
async fn a_restart_neither_loses_nor_doubles_a_window() {
    let mut first = Edge::on(node(), |_| ()).await;
    let mut publisher = first.publisher("thermometer-1");
    sample(&first, &mut publisher, 10..35).await;
    let expected = [
        "temperature/10s/count@2026-01-01T00:00:10Z=10",
        "temperature/10s/count@2026-01-01T00:00:20Z=10",
    ];
    until_counts(&first.bus, &expected).await;
    first.stop().await;
    // Nobody runs for a while, and the device goes on.
    sample(&first, &mut publisher, 35..52).await;
    let mut second = Edge::on(first.node.restarted(), |_| ()).await;
    sample(&second, &mut publisher, 52..72).await;
    let expected = [
        "temperature/10s/count@2026-01-01T00:00:10Z=10",
        "temperature/10s/count@2026-01-01T00:00:20Z=10",
        "temperature/10s/count@2026-01-01T00:00:30Z=10",
        "temperature/10s/count@2026-01-01T00:00:40Z=10",
        "temperature/10s/count@2026-01-01T00:00:50Z=10",
        "temperature/1m/count@2026-01-01T00:00:00Z=50",
        "temperature/10s/count@2026-01-01T00:01:00Z=10",
    ];
    until_counts(&second.bus, &expected).await;
    second.stop().await;
    let third = Edge::on(second.node.restarted(), |_| ()).await;
    sample(&third, &mut publisher, 72..82).await;
    let mut expected = expected.to_vec();
    expected.push("temperature/10s/count@2026-01-01T00:01:10Z=10");
    until_counts(&third.bus, &expected).await;
}

#[tokio::test]
async fn a_late_reading_is_counted_and_told() {
    let edge = Edge::on(node(), |_| ()).await;
    let mut publisher = edge.publisher("thermometer-1");
    sample(&edge, &mut publisher, 3..12).await;
    until_counts(&edge.bus, &["temperature/10s/count@2026-01-01T00:00:00Z=7"]).await;
    publisher.temperature(at(9), 99.0).await;
    sample(&edge, &mut publisher, 12..22).await;
    let path = "/api/v1/devices/thermometer-1/aggregates?window=10s";
    let is_next = |json: &Json| json["items"][0]["time"] == at(10).to_string();
    let shown = edge.get_until(path, is_next).await;
    let temperature = &shown["items"][0]["values"]["temperature"];
    assert_eq!(
        (&temperature["late"], &temperature["max"]),
        (&json!(1), &json!(20))
    );
    assert!(
        edge.node
            .metrics
            .encode()
            .contains("umec_late_readings_total 1")
    );
}
