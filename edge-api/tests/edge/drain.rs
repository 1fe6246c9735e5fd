//! Stopping: streams end with a goodbye, requests are finished, new ones are not taken.

use reqwest::Method;
use serde_json::json;
use tokio::net::TcpStream;
use umec_wire::DeviceName;
use umec_wire::command::{CommandResult, Outcome};

use super::events::Events;
use super::fixture::{Edge, answer, node_name, within};
use super::streams::{message, websocket};

#[tokio::test]
async fn streams_end_with_a_goodbye() {
    let mut edge = Edge::start().await;
    let mut events = Events::open(&edge, "", None).await;
    let mut socket = websocket(&edge, "").await;
    let address = edge.base.replace("http://", "");
    let listening = async {
        assert_eq!(events.data("bye").await, json!({"reason": "stopping"}));
        assert_eq!(events.next().await, None);
        assert_eq!(
            message(&mut socket).await,
            json!({"kind": "bye", "reason": "stopping"})
        );
        let close = within(futures_util::StreamExt::next(&mut socket))
            .await
            .unwrap()
            .unwrap();
        let tokio_tungstenite::tungstenite::Message::Close(Some(frame)) = close else {
            panic!("{close:?}");
        };
        assert_eq!(
            (u16::from(frame.code), frame.reason.as_str()),
            (1001, "stopping")
        );
        drop(socket);
    };
    tokio::join!(listening, edge.stop());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_that_has_begun_is_finished() {
    let mut edge = Edge::start().await;
    let device = DeviceName::new("thermometer-1").unwrap();
    let mut commands = edge.bus.commands(&node_name(), &device).await.unwrap();
    let path = "/api/v1/devices/thermometer-1/commands/setpoint";
    let asked = answer(edge.request(Method::POST, path).json(&json!({"value": 20})));
    let tasks = edge.node.tasks.clone();
    let serving = async {
        let incoming = within(commands.next()).await.unwrap();
        tasks.stop();
        let result = CommandResult {
            id: incoming.request.id.clone(),
            outcome: Outcome::Done,
            reason: None,
            value: None,
            time: incoming.request.expires,
        };
        incoming.answer(result).await;
    };
    let ((status, json), ()) = tokio::join!(asked, serving);
    assert_eq!(status, 200);
    assert_eq!(json["outcome"], "done");
    edge.stop().await;
}
