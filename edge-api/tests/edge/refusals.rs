//! Every way to be refused, each with its status, its problem type and the field that is wrong.

use reqwest::{Method, StatusCode};
use umec_sdk::bus::BusState;
use umec_wire::Reason;

use super::fixture::{BLIND, CONTROL, Edge, METERS, answer, send};

const COMMAND: &str = "/api/v1/devices/thermometer-1/commands/setpoint";

/// A request and how it is refused.
struct Attempt {
    method: &'static str,
    path: &'static str,
    token: &'static str,
    body: &'static str,
    status: u16,
    kind: &'static str,
    field: &'static str,
}

const fn of(
    method: &'static str,
    path: &'static str,
    token: &'static str,
    status: u16,
    kind: &'static str,
) -> Attempt {
    Attempt {
        method,
        path,
        token,
        body: "{}",
        status,
        kind,
        field: "",
    }
}

const fn get(path: &'static str, token: &'static str, status: u16, kind: &'static str) -> Attempt {
    of("GET", path, token, status, kind)
}

const fn post(path: &'static str, token: &'static str, status: u16, kind: &'static str) -> Attempt {
    of("POST", path, token, status, kind)
}

/// A parameter that is wrong.
const fn wrong(path: &'static str, field: &'static str) -> Attempt {
    Attempt {
        field,
        ..get(path, CONTROL, 400, "bad-request")
    }
}

/// A body that is wrong.
const fn body(body: &'static str, field: &'static str) -> Attempt {
    Attempt {
        body,
        field,
        ..post(COMMAND, CONTROL, 400, "bad-request")
    }
}

const ATTEMPTS: [Attempt; 40] = [
    get("/api/v1/devices", "", 401, "unauthorized"),
    get("/api/v1/devices", "not-a-known-token", 401, "unauthorized"),
    get("/api/v1/openapi.json", "", 401, "unauthorized"),
    get("/api/v1/stream", "", 401, "unauthorized"),
    get("/api/v1/nowhere", "", 401, "unauthorized"),
    get("/", "", 401, "unauthorized"),
    post("/healthz", "", 401, "unauthorized"),
    of("OPTIONS", "/api/v1/devices", "", 401, "unauthorized"),
    get("/api/v1/devices", BLIND, 403, "forbidden"),
    get("/api/v1/stream", BLIND, 403, "forbidden"),
    get(
        "/api/v1/devices/thermometer-1/readings",
        BLIND,
        403,
        "forbidden",
    ),
    post(COMMAND, METERS, 403, "forbidden"),
    get("/api/v1/nowhere", CONTROL, 404, "not-found"),
    get("/api/v1/devices/none", CONTROL, 404, "not-found"),
    get("/api/v1/devices/none/readings", CONTROL, 404, "not-found"),
    get("/api/v1/devices/none/aggregates", CONTROL, 404, "not-found"),
    get("/api/v1/devices/No%20Label", CONTROL, 404, "not-found"),
    get("/api/v1/stream?device=none", CONTROL, 404, "not-found"),
    get(
        "/api/v1/stream?device=thermometer-1",
        METERS,
        404,
        "not-found",
    ),
    get("/api/v1/commands/none", CONTROL, 404, "not-found"),
    post("/api/v1/devices/none/commands/a", CONTROL, 404, "not-found"),
    post(
        "/api/v1/devices/meter-3/commands/a",
        BLIND,
        404,
        "not-found",
    ),
    of(
        "DELETE",
        "/api/v1/devices",
        CONTROL,
        405,
        "method-not-allowed",
    ),
    post("/api/v1/stream", CONTROL, 405, "method-not-allowed"),
    get(COMMAND, CONTROL, 405, "method-not-allowed"),
    wrong("/api/v1/devices?limit=1", "limit"),
    wrong("/api/v1/devices/meter-3/readings?from=x", "from"),
    wrong("/api/v1/devices/meter-3/readings?limit=1001", "limit"),
    wrong("/api/v1/devices/meter-3/readings?cursor=%FF", "cursor"),
    wrong("/api/v1/devices/meter-3/aggregates?window=7s", "window"),
    wrong("/api/v1/stream?kind=reading", "kind"),
    wrong("/api/v1/stream?after=x", "after"),
    body("", "body"),
    body("[]", "body"),
    body("{\"value\": }", "body"),
    body("{\"value\": [1]}", "value"),
    body("{\"value\": 1e999}", "body"),
    body("{\"id\": \"A B\"}", "id"),
    body("{\"expires\": \"2020-01-01T00:00:00Z\"}", "expires"),
    body("{\"values\": 1}", "values"),
];

#[tokio::test]
async fn every_refusal_is_a_problem_with_its_reason() {
    let edge = Edge::start().await;
    for attempt in ATTEMPTS {
        let Attempt {
            method,
            path,
            token,
            body,
            status,
            kind,
            field,
        } = attempt;
        let mut request = edge.bare(method.parse().unwrap(), path);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if method == "POST" {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let response = send(request).await;
        let what = format!("{method} {path} {body:?}");
        assert_eq!(response.status().as_u16(), status, "{what}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json",
            "{what}"
        );
        assert_eq!(
            response.headers().contains_key("www-authenticate"),
            [401, 403].contains(&status)
        );
        assert_eq!(response.headers().contains_key("allow"), status == 405);
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{what}");
        assert_eq!(problem["status"], status, "{what}");
        assert_eq!(
            problem["field"].as_str().unwrap_or_default(),
            field,
            "{what}"
        );
        let asked_for = path.split('?').next().unwrap();
        assert_eq!(problem["instance"], asked_for, "{what}");
    }
}

#[tokio::test]
async fn a_long_body_and_one_that_is_no_json_are_refused() {
    let edge = Edge::with(|settings| settings.limits.body = 100).await;
    let post = || edge.request(Method::POST, COMMAND);
    let long = format!("{{\"value\": \"{}\"}}", "x".repeat(200));
    let (status, problem) =
        answer(post().header("content-type", "application/json").body(long)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["limit"], 100);
    let form = post()
        .header("content-type", "application/x-www-form-urlencoded")
        .body("value=1");
    let (status, problem) = answer(form).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(problem["type"], "/problems/unsupported-media-type");
}

#[tokio::test]
async fn what_needs_the_bus_says_that_it_is_away_and_the_rest_is_served() {
    let edge = Edge::start().await;
    let reason = Reason::new("no-server", "nobody answers");
    edge.bus.set_reachable(BusState::Away(reason));
    for path in [
        "/api/v1/devices/meter-3/readings?limit=1",
        "/api/v1/stream",
        "/api/v1/stream?after=0",
    ] {
        let response = send(edge.request(Method::GET, path)).await;
        assert_eq!(response.status().as_u16(), 503, "{path}");
        assert_eq!(response.headers()["retry-after"], "1");
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["type"], "/problems/bus-away");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("nobody answers")
        );
    }
    let command = edge
        .request(Method::POST, COMMAND)
        .json(&serde_json::json!({"value": 1}));
    assert_eq!(answer(command).await.0.as_u16(), 503);
    edge.get("/api/v1/devices").await;
    edge.get("/api/v1/devices/meter-3/readings").await;
    edge.bus.set_reachable(BusState::Connected);
    edge.get("/api/v1/devices/meter-3/readings?limit=1").await;
}
