//! Streams: server-sent events and messages on a WebSocket, from the past into the present.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use umec_spec::settings::stream::StreamSettings;
use umec_wire::Value;

use super::events::Events;
use super::fixture::{CONTROL, Edge, number, within};

#[tokio::test]
async fn a_reading_is_sent_as_it_is_published() {
    let edge = Edge::start().await;
    let mut events = Events::open(&edge, "", None).await;
    let mut publisher = edge.publisher("thermometer-1");
    let now = edge.node.clock.now();
    publisher
        .publish(
            now,
            &[("temperature", number(21.5)), ("heater", Value::from(true))],
        )
        .await;
    let sent = events.next().await.unwrap();
    assert_eq!(sent.id.as_deref(), Some("1"));
    assert_eq!(sent.event.as_deref(), Some("readings"));
    assert_eq!(
        sent.data.unwrap(),
        json!({
            "id": "1", "kind": "readings", "device": "thermometer-1", "time": now.to_string(),
            "boot": "019aa5ad7640beef", "sequence": 1,
            "values": {"temperature": {"value": 21.5, "unit": "Cel"}, "heater": {"value": true}},
        })
    );
}

#[tokio::test]
async fn a_stream_is_filtered_by_device_metric_and_kind() {
    let edge = Edge::start().await;
    let query = "?device=meter-3&metric=power,energy&kind=readings";
    let mut events = Events::open(&edge, query, None).await;
    let (mut meter, mut other) = (edge.publisher("meter-3"), edge.publisher("thermometer-1"));
    let now = edge.node.clock.now();
    other.publish(now, &[("power", number(1.0))]).await;
    meter.status(|_| ()).await;
    meter.publish(now, &[("phase", Value::from("L1"))]).await;
    meter
        .publish(now, &[("power", number(5.0)), ("phase", Value::from("L1"))])
        .await;
    let data = events.data("readings").await;
    assert_eq!(data["values"], json!({"power": {"value": 5}}));
    assert_eq!(data["id"], "4");
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_without_loss_and_without_repeat() {
    let edge = Edge::start().await;
    let mut publisher = edge.publisher("thermometer-1");
    let now = edge.node.clock.now();
    for _ in 0..20 {
        publisher.temperature(now, 1.0).await;
    }
    let mut events = Events::open(&edge, "", Some("5")).await;
    // These come while the past is being read, and after it.
    for _ in 0..20 {
        publisher.temperature(now, 2.0).await;
    }
    let expected: Vec<String> = (6..=40).map(|id| id.to_string()).collect();
    assert_eq!(events.ids(35).await, expected);
    let mut all = Events::open(&edge, "?after=0&kind=readings", None).await;
    assert_eq!(all.ids(40).await.first().unwrap(), "1");
}

#[tokio::test]
async fn a_resumed_stream_keeps_up_with_one_who_publishes_all_the_time() {
    let edge = Edge::with(|settings| settings.limits.behind = 16).await;
    let mut publisher = edge.publisher("thermometer-1");
    let now = edge.node.clock.now();
    for _ in 0..500 {
        publisher.temperature(now, 1.0).await;
    }
    // The feed holds 16, so the past is read again and again until the present is reached.
    let feeding = async {
        for _ in 0..500 {
            publisher.temperature(now, 2.0).await;
        }
    };
    let reading = async {
        let mut events = Events::open(&edge, "?kind=readings", Some("0")).await;
        let mut ids = Vec::new();
        while ids.len() < 1_000 {
            let sent = events.next().await.unwrap();
            if let Some(id) = sent.id {
                ids.push(id);
            } else {
                // It fell behind after the past: it goes on where it was.
                let last = ids.last().map(String::as_str);
                events = Events::open(&edge, "?kind=readings", last).await;
            }
        }
        ids
    };
    let ((), ids) = tokio::join!(feeding, reading);
    let expected: Vec<String> = (1..=1_000).map(|id| id.to_string()).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_gap_is_told_where_the_stream_no_longer_holds_what_was_missed() {
    let edge = Edge::start().await;
    let settings = StreamSettings::bounded(2_000, umec_wire::Span::from_secs(3_600));
    edge.bus.ensure_stream(&settings).await.unwrap();
    let mut publisher = edge.publisher("thermometer-1");
    let now = edge.node.clock.now();
    for _ in 0..100 {
        publisher.temperature(now, 1.0).await;
    }
    let first = edge.bus.bounds().await.unwrap().first_sequence;
    assert!(first > 3);
    let mut events = Events::open(&edge, "", Some("2")).await;
    let gap = events.data("gap").await;
    let next = (first - 1).to_string();
    assert_eq!(
        gap,
        json!({"after": "2", "next": next, "reason": "expired"})
    );
    assert_eq!(events.ids(1).await, [first.to_string()]);
    let mut events = Events::open(&edge, "", Some("999")).await;
    assert_eq!(events.data("gap").await["reason"], "reset");
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives() {
    let beat = |settings: &mut umec_spec::settings::edge_api::EdgeApiSettings| {
        settings.limits.heartbeat = umec_wire::Span::from_millis(10);
    };
    let edge = Edge::with(beat).await;
    let mut events = Events::open(&edge, "", None).await;
    for _ in 0..3 {
        assert_eq!(events.any().await, Some(super::events::Sent::default()));
    }
}

#[tokio::test]
async fn a_stream_outlives_the_bus() {
    use umec_sdk::bus::BusState;
    let edge = Edge::start().await;
    let mut events = Events::open(&edge, "", None).await;
    let reason = umec_wire::Reason::new("no-server", "nobody answers");
    edge.bus.set_reachable(BusState::Away(reason));
    edge.bus.set_reachable(BusState::Connected);
    let mut publisher = edge.publisher("meter-3");
    publisher
        .publish(edge.node.clock.now(), &[("power", number(1.0))])
        .await;
    assert_eq!(events.ids(1).await, ["1"]);
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

pub(crate) async fn websocket(edge: &Edge, query: &str) -> Socket {
    let url = format!("{}/api/v1/stream{query}", edge.base.replace("http", "ws"));
    let mut request = url.into_client_request().unwrap();
    let token = format!("Bearer {CONTROL}").parse().unwrap();
    request.headers_mut().insert("authorization", token);
    let (mut socket, _) = within(tokio_tungstenite::connect_async(request))
        .await
        .unwrap();
    // The first ping says that whatever is published later comes.
    let first = within(socket.next()).await.unwrap().unwrap();
    assert!(first.is_ping());
    socket
}

pub(crate) async fn message(socket: &mut Socket) -> Json {
    loop {
        match within(socket.next()).await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_websocket_carries_the_same_documents_and_resumes() {
    let edge = Edge::start().await;
    let mut publisher = edge.publisher("meter-3");
    let now = edge.node.clock.now();
    for _ in 0..3 {
        publisher.publish(now, &[("power", number(1.0))]).await;
    }
    let mut socket = websocket(&edge, "?after=1&device=meter-3").await;
    publisher.publish(now, &[("power", number(4.0))]).await;
    for id in ["2", "3", "4"] {
        let data = message(&mut socket).await;
        assert_eq!(
            (&data["id"], &data["kind"]),
            (&json!(id), &json!("readings"))
        );
    }
    within(socket.send(Message::Ping(vec![7].into())))
        .await
        .unwrap();
    let pong = within(socket.next()).await.unwrap().unwrap();
    assert!(pong.is_pong());
    within(socket.close(None)).await.unwrap();
    umec_e2e::eventually_async(Duration::from_secs(10), || async {
        let figures = edge.node.metrics.encode();
        let closed = "umec_streams_ended_total{reason=\"closed\"} 1";
        if figures.contains(closed) {
            Ok(())
        } else {
            Err(figures)
        }
    })
    .await;
}

#[tokio::test]
async fn a_websocket_without_a_token_is_no_websocket() {
    let edge = Edge::start().await;
    let url = format!("{}/api/v1/stream", edge.base.replace("http", "ws"));
    let refused = within(tokio_tungstenite::connect_async(url))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("401"), "{refused}");
}
