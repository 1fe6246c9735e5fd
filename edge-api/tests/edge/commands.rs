//! Commands: each ends in one result, whoever waits for it.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tracing::info_span;
use umec_sdk::bus::Incoming;
use umec_wire::command::{CommandResult, Outcome};
use umec_wire::{DeviceName, Reason};

use super::fixture::{Edge, METERS, answer, node_name, send, within};

const PATH: &str = "/api/v1/devices/thermometer-1/commands/setpoint";

/// Takes the commands for the thermometer, as its plugin would.
async fn plugin(edge: &Edge) -> mpsc::Receiver<Incoming> {
    let device = DeviceName::new("thermometer-1").unwrap();
    let mut commands = edge.bus.commands(&node_name(), &device).await.unwrap();
    let (sender, receiver) = mpsc::channel(10);
    let task = async move {
        while let Some(incoming) = commands.next().await {
            if sender.send(incoming).await.is_err() {
                return;
            }
        }
    };
    let stopping = edge.node.tasks.stopping();
    drop(edge.node.tasks.spawn(info_span!("plugin"), async move {
        tokio::select! { () = task => {}, () = stopping.cancelled() => {} }
    }));
    receiver
}

fn result(incoming: &Incoming, outcome: Outcome) -> CommandResult {
    CommandResult {
        id: incoming.request.id.clone(),
        outcome,
        reason: (outcome == Outcome::Refused).then(|| Reason::new("out-of-range", "5 to 30")),
        value: incoming.request.value.clone(),
        time: incoming.request.expires,
    }
}

async fn post(edge: &Edge, body: Json) -> (StatusCode, Json) {
    answer(edge.request(Method::POST, PATH).json(&body)).await
}

#[tokio::test]
async fn a_command_is_answered_with_its_result() {
    let edge = Edge::start().await;
    let mut plugin = plugin(&edge).await;
    let serving = async {
        let incoming = plugin.recv().await.unwrap();
        assert_eq!(incoming.request.issuer, "control");
        assert_eq!(incoming.topic.name.as_str(), "setpoint");
        let result = result(&incoming, Outcome::Done);
        incoming.answer(result).await;
    };
    let ((status, json), ()) =
        tokio::join!(post(&edge, json!({"value": 21.5, "id": "a-1"})), serving);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(json["outcome"], "done");
    assert_eq!(json["id"], "a-1");
    assert_eq!(
        (&json["requested"], &json["value"]),
        (&json!(21.5), &json!(21.5))
    );
    let again = edge.get("/api/v1/commands/a-1").await;
    assert_eq!(again, json);
    let hidden = edge.request_as(METERS, Method::GET, "/api/v1/commands/a-1");
    assert_eq!(answer(hidden).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_devices_no_is_a_result_too() {
    let edge = Edge::start().await;
    let mut plugin = plugin(&edge).await;
    let serving = async {
        let incoming = plugin.recv().await.unwrap();
        let result = result(&incoming, Outcome::Refused);
        incoming.answer(result).await;
    };
    let ((status, json), ()) = tokio::join!(post(&edge, json!({"value": 99})), serving);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(json["outcome"], "refused");
    assert_eq!(json["reason"]["code"], "out-of-range");
}

#[tokio::test]
async fn a_command_that_takes_long_has_a_place_to_look() {
    let edge = Edge::start().await;
    let mut plugin = plugin(&edge).await;
    let request = edge
        .request(Method::POST, PATH)
        .header("prefer", "respond-async");
    let response = send(request.json(&json!({"value": 20, "id": "slow"}))).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let place = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(place, "/api/v1/commands/slow");
    assert_eq!(edge.get(&place).await["outcome"], "pending");
    let incoming = within(plugin.recv()).await.unwrap();
    let result = result(&incoming, Outcome::Done);
    incoming.answer(result).await;
    edge.get_until(&place, |json| json["outcome"] == "done")
        .await;
}

#[tokio::test]
async fn a_command_given_twice_is_done_once_and_answered_twice() {
    let edge = Edge::start().await;
    let mut plugin = plugin(&edge).await;
    let serving = async {
        let incoming = plugin.recv().await.unwrap();
        let result = result(&incoming, Outcome::Done);
        incoming.answer(result).await;
    };
    let body = json!({"value": 20, "id": "once"});
    let (first, second, ()) = tokio::join!(
        post(&edge, body.clone()),
        post(&edge, body.clone()),
        serving
    );
    assert_eq!(first.1["outcome"], "done");
    assert_eq!(first, second);
    assert_eq!(post(&edge, body).await, first);
    assert!(plugin.try_recv().is_err());
    let (status, problem) = post(&edge, json!({"value": 21, "id": "once"})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["type"], "/problems/conflict");
}

#[tokio::test]
async fn a_command_that_nobody_answers_ends_all_the_same() {
    let settle = |settings: &mut umec_spec::settings::edge_api::EdgeApiSettings| {
        settings.command_deadline = umec_wire::Span::from_millis(100);
    };
    let edge = Edge::with(settle).await;
    let (status, json) = post(&edge, json!({"value": 20})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&json["outcome"], &json["reason"]["code"]),
        (&json!("refused"), &json!("no-plugin"))
    );
    let plugin = plugin(&edge).await;
    let (_, json) = post(&edge, json!({"value": 20})).await;
    assert_eq!(
        (&json["outcome"], &json["reason"]["code"]),
        (&json!("failed"), &json!("no-answer"))
    );
    drop(plugin);
}
