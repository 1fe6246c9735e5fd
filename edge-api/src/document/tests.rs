use bytes::Bytes;
use serde_json::json;
use umec_sdk::Bus;
use umec_sdk::bus::{Filter, Start, Stored};
use umec_wire::event::Event;
use umec_wire::{
    Aggregates, Events, Kind as Sent, Label, MessageId, NodeName, Pack, Reading, Readings, Series,
    Statistic, Topic,
};

use super::*;

/// 2001-09-09T01:46:40Z: SenML takes times before 1978 as relative (RFC 8428 section 4.5.3).
const BASE: i64 = 1_000_000_000_000;

fn pack(readings: Vec<Reading>) -> Pack {
    Pack {
        node: NodeName::new("pole-7").unwrap(),
        device: DeviceName::new("thermometer-1").unwrap(),
        readings,
    }
}

fn reading(series: &str, millis: i64, value: Value) -> Reading {
    let series: Series = series.parse().unwrap();
    Reading {
        unit: (series.metric.as_str() == "temperature").then(|| "Cel".parse().unwrap()),
        time: Timestamp::from_millis(BASE + millis),
        series,
        value,
    }
}

fn number(number: f64) -> Value {
    Value::number(number).unwrap()
}

/// What the stream of a bus holds after one message was published.
async fn stored<K: Sent>(payload: &K::Payload) -> Stored {
    let bus = Bus::memory();
    let device = DeviceName::new("thermometer-1").unwrap();
    let topic = Topic::<K>::new(NodeName::new("pole-7").unwrap(), device.clone());
    let id = MessageId {
        device,
        boot: Boot::from_bits(0x019a_a5ad_7640_beef),
        sequence: Sequence::new(42).unwrap(),
    };
    bus.publish(&topic, &id, payload, None).await.unwrap();
    let mut follow = bus.follow(Start::First, Filter::default()).await.unwrap();
    follow.next().await.unwrap()
}

async fn shown<K: Sent>(payload: &K::Payload) -> Vec<serde_json::Value> {
    let documents = documents(&stored::<K>(payload).await).unwrap();
    let json = documents.iter().map(Document::to_json);
    json.map(|text| serde_json::from_str(&text).unwrap())
        .collect()
}

#[tokio::test]
async fn a_reading_shows_value_unit_time_boot_and_sequence() {
    let pack = pack(vec![
        reading("temperature", 250, number(21.5)),
        reading("heater", 250, Value::from(true)),
        reading("mode", 250, Value::from("auto")),
    ]);
    assert_eq!(
        shown::<Readings>(&pack).await,
        [json!({
            "id": "1", "kind": "readings", "device": "thermometer-1",
            "time": "2001-09-09T01:46:40.25Z", "boot": "019aa5ad7640beef", "sequence": 42,
            "values": {
                "temperature": {"value": 21.5, "unit": "Cel"},
                "heater": {"value": true},
                "mode": {"value": "auto"},
            },
        })]
    );
}

#[tokio::test]
async fn samples_of_several_times_are_shown_in_parts_that_can_be_resumed_between() {
    let pack = pack(vec![
        reading("temperature", 1_000, number(1.0)),
        reading("temperature", 2_000, number(2.0)),
        reading("temperature", 2_000, number(3.0)),
    ]);
    let shown = shown::<Readings>(&pack).await;
    let ids: Vec<_> = shown
        .iter()
        .map(|document| document["id"].clone())
        .collect();
    assert_eq!(ids, ["1.1", "1.2", "1"]);
    assert_eq!(shown[2]["values"]["temperature"]["value"], 3);
}

#[tokio::test]
async fn aggregates_of_a_window_are_shown_by_metric() {
    let one = |statistic: Statistic, value| {
        let series = format!("temperature/10s/{}", statistic.as_str());
        reading(&series, 10_000, number(value))
    };
    let pack = pack(vec![
        one(Statistic::Count, 3.0),
        one(Statistic::Mean, 20.5),
        one(Statistic::Late, 2.0),
    ]);
    let shown = shown::<Aggregates>(&pack).await;
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["window"], "10s");
    assert_eq!(shown[0]["time"], "2001-09-09T01:46:50Z");
    assert_eq!(shown[0]["end"], "2001-09-09T01:47:00Z");
    let expected = json!({"temperature": {"unit": "Cel", "count": 3, "mean": 20.5, "late": 2}});
    assert_eq!(shown[0]["values"], expected);
}

#[tokio::test]
async fn an_event_is_shown_as_cloud_events_write_it() {
    let event = |content_type: &str, data: &'static [u8]| Event {
        id: "e-1".to_owned(),
        source: "/pole-7/thermometer-1".to_owned(),
        r#type: "dev.umec.door.opened".to_owned(),
        subject: None,
        time: Timestamp::from_millis(0),
        content_type: content_type.to_owned(),
        data: Bytes::from_static(data),
    };
    let json = shown::<Events>(&event("application/json", b"{\"by\":\"key\"}")).await;
    assert_eq!(json[0]["event"]["data"], json!({"by": "key"}));
    assert_eq!(json[0]["event"]["specversion"], "1.0");
    let bytes = shown::<Events>(&event("image/png", b"\xff\x00")).await;
    assert_eq!(bytes[0]["event"]["data_base64"], "/wA=");
}

#[tokio::test]
async fn a_document_is_narrowed_to_the_metrics_that_are_asked_for() {
    let pack = pack(vec![
        reading("temperature", 0, number(1.0)),
        reading("humidity", 0, number(2.0)),
    ]);
    let documents = documents(&stored::<Readings>(&pack).await).unwrap();
    let metric = |name: &str| MetricName::from(Label::new(name).unwrap());
    let narrowed = documents[0].narrowed(&[metric("humidity")]).unwrap();
    assert!(!narrowed.to_json().contains("temperature"));
    assert_eq!(documents[0].narrowed(&[metric("pressure")]), None);
    assert_eq!(documents[0].narrowed(&[]).unwrap().as_ref(), &documents[0]);
}

#[test]
fn whole_numbers_have_no_fraction_and_others_keep_all_digits() {
    for (given, written) in [
        (21.0, "21"),
        (-3.0, "-3"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e300, "1e+300"),
        (-0.0, "-0.0"),
        (9_007_199_254_740_991.0, "9007199254740991"),
    ] {
        let text = serde_json::to_string(&Plain(number(given))).unwrap();
        assert_eq!(text, written);
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), given.to_bits());
    }
}
