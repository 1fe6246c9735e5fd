//! What one caller, and all together, may take.

use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use umec_wire::Span;

use super::events::Events;
use super::fixture::{CONTROL, DEADLINE, Edge, answer, number, within};

#[tokio::test]
async fn there_is_an_end_to_streams() {
    let edge = Edge::with(|settings| settings.limits.streams = 2).await;
    let first = Events::open(&edge, "", None).await;
    let _second = Events::open(&edge, "", None).await;
    let (status, problem) = answer(edge.request(Method::GET, "/api/v1/stream")).await;
    assert_eq!(status.as_u16(), 429);
    assert_eq!(problem["type"], "/problems/too-many-requests");
    drop(first);
    umec_e2e::eventually_async(DEADLINE, || async {
        let response = edge
            .request(Method::GET, "/api/v1/stream")
            .send()
            .await
            .unwrap();
        if response.status() == 200 {
            Ok(())
        } else {
            Err(response.status())
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_another_to_end() {
    let edge = Edge::with(|settings| settings.limits.connections = 1).await;
    let address = edge.base.replace("http://", "");
    let idle = TcpStream::connect(&address).await.unwrap();
    let request = edge.bare(Method::GET, "/healthz").send();
    let mut request = std::pin::pin!(request);
    let waiting = tokio::time::timeout(Duration::from_millis(300), request.as_mut()).await;
    assert!(waiting.is_err());
    drop(idle);
    assert_eq!(within(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_head_and_a_body_that_do_not_come_are_not_waited_for() {
    let edge = Edge::with(|settings| settings.limits.time = Span::from_millis(200)).await;
    let address = edge.base.replace("http://", "");
    let mut silent = TcpStream::connect(&address).await.unwrap();
    silent
        .write_all(b"GET /healthz HTTP/1.1\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    within(silent.read_to_string(&mut text)).await.unwrap();
    assert!(!text.contains("200"), "{text}");
    let mut slow = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/v1/devices/thermometer-1/commands/setpoint HTTP/1.1\r\nhost: x\r\n\
         authorization: Bearer {CONTROL}\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    within(slow.read_to_string(&mut text)).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains("/problems/request-timeout"), "{text}");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_ended_and_the_others_are_not_held_up() {
    let edge = Edge::with(|settings| {
        settings.limits.behind = 64;
        settings.windows = Vec::new();
        settings.limits.stall = Span::from_millis(300);
    })
    .await;
    let mut stuck = TcpStream::connect(edge.base.replace("http://", ""))
        .await
        .unwrap();
    let head = format!(
        "GET /api/v1/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {CONTROL}\r\n\r\n"
    );
    stuck.write_all(head.as_bytes()).await.unwrap();
    stuck.readable().await.unwrap();
    let mut events = Events::open(&edge, "?kind=readings", None).await;
    let mut publisher = edge.publisher("meter-3");
    let long = "x".repeat(200_000);
    let now = edge.node.clock.now();
    for id in 1..=200_u64 {
        let text = umec_wire::Value::from(long.as_str());
        publisher
            .publish(now, &[("power", number(1.0)), ("log", text)])
            .await;
        assert_eq!(events.ids(1).await, [id.to_string()]);
    }
    umec_e2e::eventually_async(DEADLINE, || async {
        let figures = edge.node.metrics.encode();
        if figures.contains("umec_streams 1") {
            Ok(())
        } else {
            Err(figures)
        }
    })
    .await;
}

#[tokio::test]
async fn nonsense_on_the_line_disturbs_nobody() {
    let edge = Edge::start().await;
    let address = edge.base.replace("http://", "");
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        &vec![0xff; 100_000],
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        // The other side may close at the first byte.
        drop(stream.write_all(nonsense).await);
        drop(stream.shutdown().await);
        drop(within(stream.read_to_end(&mut Vec::new())).await);
    }
    edge.get("/api/v1/devices").await;
}
