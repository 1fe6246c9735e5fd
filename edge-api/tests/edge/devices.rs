//! What devices are, how they are, and what they measured.

use serde_json::json;
use umec_wire::status::{Identity, MetricBirth, State};
use umec_wire::{MetricName, Reason, Span, Value};

use super::fixture::{Edge, METERS, answer, number, within};

#[tokio::test]
async fn a_device_is_shown_before_and_after_it_is_heard_of() {
    let edge = Edge::start().await;
    let silent = edge.get("/api/v1/devices/thermometer-1").await;
    assert_eq!(silent["state"], "unknown");
    assert_eq!(silent["profile"], "thermostat-x1");
    assert_eq!(
        silent["metrics"][1]["write"],
        json!({"min": 5.0, "max": 30.0})
    );
    let mut publisher = edge.publisher("thermometer-1");
    publisher
        .status(|status| {
            status.identity.revision = Some("1.2".to_owned());
            let metric = MetricName::new("humidity").unwrap();
            status
                .problems
                .insert(metric, Reason::new("illegal-address", "register 7"));
        })
        .await;
    let now = edge.node.clock.now();
    publisher.temperature(now, 21.5).await;
    let path = "/api/v1/devices/thermometer-1";
    let shown = edge
        .get_until(path, |shown| shown["latest"]["temperature"].is_object())
        .await;
    assert_eq!(shown["state"], "up");
    assert_eq!(shown["node"], "pole-7");
    assert_eq!(
        shown["identity"],
        json!({"manufacturer": "Example", "model": "X1", "revision": "1.2"})
    );
    assert_eq!(shown["problems"]["humidity"]["code"], "illegal-address");
    assert_eq!(
        shown["latest"]["temperature"],
        json!({
            "value": 21.5, "unit": "Cel", "time": now.to_string(),
            "boot": publisher.boot.to_string(), "sequence": 2,
        })
    );
}

#[tokio::test]
async fn how_often_a_device_is_sampled_is_what_its_plugin_says() {
    let edge = Edge::start().await;
    let path = "/api/v1/devices/thermometer-1";
    assert_eq!(edge.get(path).await["metrics"][0]["every"], "1s");
    let mut publisher = edge.publisher("thermometer-1");
    publisher
        .status(|status| {
            status.metrics = vec![MetricBirth {
                name: MetricName::new("temperature").unwrap(),
                unit: None,
                every: Some(Span::from_millis(250)),
                write: None,
            }];
        })
        .await;
    let shown = edge.get_until(path, |shown| shown["state"] == "up").await;
    let metrics = &shown["metrics"];
    assert_eq!(metrics[0]["every"], "250ms");
    assert_eq!(metrics[0]["unit"], "Cel", "the rest is the resources'");
    assert_eq!(metrics.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_device_that_no_resource_names_appears_when_it_is_heard_of() {
    let edge = Edge::start().await;
    let mut publisher = edge.publisher("python-thing");
    publisher
        .status(|status| {
            status.identity = Identity {
                model: Some("Script".to_owned()),
                ..Identity::default()
            };
            status.metrics = vec![MetricBirth {
                name: MetricName::new("level").unwrap(),
                unit: None,
                every: None,
                write: None,
            }];
        })
        .await;
    let list = edge
        .get_until("/api/v1/devices", |list| {
            list["items"].as_array().unwrap().len() == 3
        })
        .await;
    assert_eq!(list["items"][1]["name"], "python-thing");
    assert_eq!(list["items"][1]["metrics"], json!([{"name": "level"}]));
    publisher
        .status(|status| {
            status.state = State::Down;
            status.reason = Some(Reason::new("stopped", "its plugin has ended"));
        })
        .await;
    let path = "/api/v1/devices/python-thing";
    let down = edge.get_until(path, |shown| shown["state"] == "down").await;
    assert_eq!(down["reason"]["code"], "stopped");
}

#[tokio::test]
async fn the_latest_of_each_metric_stays_whatever_message_brought_it() {
    let edge = Edge::start().await;
    let mut publisher = edge.publisher("meter-3");
    let now = edge.node.clock.now();
    let earlier = now.saturating_sub(std::time::Duration::from_secs(5));
    publisher
        .publish(
            now,
            &[("power", number(100.0)), ("phase", Value::from("L1"))],
        )
        .await;
    publisher.publish(now, &[("energy", number(7.25))]).await;
    publisher.publish(earlier, &[("power", number(1.0))]).await;
    let path = "/api/v1/devices/meter-3/readings";
    let latest = edge
        .get_until(path, |json| json["values"]["energy"].is_object())
        .await;
    assert_eq!(latest["values"]["power"]["value"], 100);
    assert_eq!(latest["values"]["phase"]["value"], "L1");
    assert_eq!(latest["values"]["energy"]["sequence"], 2);
    let one = edge.get(&format!("{path}?metric=phase")).await;
    assert_eq!(one["values"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_sees_the_devices_it_covers_and_no_trace_of_others() {
    let edge = Edge::start().await;
    let request = edge.request_as(METERS, reqwest::Method::GET, "/api/v1/devices");
    let (_, list) = answer(request).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let ask = |device: &str| {
        let path = format!("/api/v1/devices/{device}");
        answer(edge.request_as(METERS, reqwest::Method::GET, &path))
    };
    let (hidden, there) = ask("thermometer-1").await;
    let (absent, not_there) = ask("thermometer-9").await;
    assert_eq!((hidden.as_u16(), absent.as_u16()), (404, 404));
    assert_eq!(there["type"], not_there["type"]);
    assert_eq!(
        there["detail"]
            .as_str()
            .unwrap()
            .replace("thermometer-1", "thermometer-9"),
        not_there["detail"]
    );
}

#[tokio::test]
async fn history_is_read_page_by_page_without_a_gap_or_a_repeat() {
    let edge = Edge::start().await;
    let mut publisher = edge.publisher("thermometer-1");
    let mut other = edge.publisher("meter-3");
    let now = edge.node.clock.now();
    let begin = now.saturating_sub(std::time::Duration::from_secs(100));
    let at = |second: u64| begin.saturating_add(std::time::Duration::from_secs(second));
    for second in 0_u8..25 {
        publisher
            .temperature(at(second.into()), f64::from(second))
            .await;
        other
            .publish(at(second.into()), &[("power", number(1.0))])
            .await;
    }
    let (from, to) = (at(5), at(20));
    let path = format!("/api/v1/devices/thermometer-1/readings?from={from}&to={to}&limit=4");
    let mut seen = Vec::new();
    let mut next = String::new();
    let mut pages = 0;
    loop {
        let page = edge.get(&format!("{path}{next}")).await;
        pages += 1;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 4);
        seen.extend(
            items
                .iter()
                .map(|i| i["values"]["temperature"]["value"].as_u64().unwrap()),
        );
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, (5..20).collect::<Vec<u64>>());
    assert_eq!(pages, 4);
    let first = edge
        .get("/api/v1/devices/thermometer-1/readings?limit=1")
        .await;
    assert_eq!(
        first["items"][0],
        json!({
            "id": "1", "kind": "readings", "device": "thermometer-1", "time": begin.to_string(),
            "boot": publisher.boot.to_string(), "sequence": 1,
            "values": {"temperature": {"value": 0, "unit": "Cel"}},
        })
    );
}

#[tokio::test]
async fn the_description_and_health_are_served() {
    let edge = Edge::start().await;
    let description = edge.get("/api/v1/openapi.json").await;
    assert_eq!(description["openapi"], "3.1.0");
    let health = within(edge.bare(reqwest::Method::GET, "/healthz").send())
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
    assert_eq!(health.text().await.unwrap(), "ok");
}

#[tokio::test]
async fn head_and_options_tell_about_a_path() {
    let edge = Edge::start().await;
    let head = edge.request(reqwest::Method::HEAD, "/api/v1/devices");
    let head = within(head.send()).await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-type"], "application/json");
    assert_eq!(head.text().await.unwrap(), "");
    let path = "/api/v1/devices/thermometer-1/commands/setpoint";
    let options = edge.request(reqwest::Method::OPTIONS, path);
    let options = within(options.send()).await.unwrap();
    assert_eq!(options.status(), 204);
    assert_eq!(options.headers()["allow"], "POST, OPTIONS");
    let head = edge.request(reqwest::Method::HEAD, "/api/v1/stream");
    let head = within(head.send()).await.unwrap();
    assert_eq!(head.headers()["content-type"], "text/event-stream");
}
