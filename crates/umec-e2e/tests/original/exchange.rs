//! Data and a switch of the carrier, in both directions, with a real Kafka.

use std::time::{Duration, Instant};

use umec_e2e::figure::{Figure, Goal};
use umec_e2e::kafka::{Broker, Record};
use umec_e2e::original::{MOMENT, Modem, NACK_NEVER, Server};
use umec_wire::Timestamp;

use crate::site::{Gateway, ONE, Outside, Uplink, eventually};

/// The moment of the golden vectors.
const INSTANT: Timestamp = Timestamp::from_micros(1_702_527_912_634_567);

/// From the request in Kafka to the answer in Kafka: measured on the original.
const ORIGINAL_SWITCH: Duration = Duration::from_millis(1_063);

fn request(carrier: &str) -> String {
    format!(r#"{{"type": "carrier-switch-perform", "metadata": "{carrier}"}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_modem_and_our_gateway_exchange_data_and_a_switch() {
    let broker = Broker::start();
    let gateway = Gateway::start(&broker.bootstrap(), ONE).await;
    let modem = Modem::start(gateway.address, Duration::ZERO, 2);
    modem.send(3, MOMENT, 777);
    modem.send(1, MOMENT, -16);
    modem.send(2, (2023, 12, 14, 4, 25, 12, 0), 360);
    modem.send(9, MOMENT, 0);
    let mut outside = Outside::new(&broker.bootstrap());
    for (topic, value) in [
        (
            "temp",
            r#"{"timestamp": "2023-12-14T04:25:12.634567", "data": 777}"#,
        ),
        ("temp-grafana", r#"{"temp": 777}"#),
        (
            "imu",
            r#"{"timestamp": "2023-12-14T04:25:12.634567", "data": -16}"#,
        ),
        (
            "gyro",
            r#"{"timestamp": "2023-12-14T04:25:12", "data": 360}"#,
        ),
        ("unknown-grafana", r#"{"unknown": 0}"#),
    ] {
        let record = first(&broker, topic).await;
        assert_eq!(record.value.as_deref(), Some(value), "{topic}");
        assert_eq!(record.key, None);
        assert_eq!(record.header("content-type"), None);
    }
    let readings = eventually(|| Some(broker.records("umec.readings")).filter(|r| r.len() == 4));
    let readings = readings.await;
    let temp = readings
        .iter()
        .find(|r| r.key.as_deref() == Some("bus-12/temp"));
    let temp = temp.unwrap();
    assert_eq!(temp.time, INSTANT.as_millis());
    assert_eq!(temp.header("umec_modem"), Some("bus-12"));

    let answers = outside.reader("carrier-switch-ack").await;
    outside.write("downstream-request", &request("Verizon"));
    let ack = r#"{"status": "ACK", "carrier": "Verizon"}"#;
    assert_eq!(answers.value().await, ack);
    outside.write("downstream-request", &request("AT&T"));
    let nack = r#"{"status": "NACK", "carrier": "Verizon"}"#;
    assert_eq!(answers.value().await, nack);
    assert_eq!(modem.told(), [2, 0]);
    let told = first(&broker, "carrier-switch-ack").await;
    assert_eq!((told.key, told.value.as_deref()), (None, Some(ack)));
    gateway.stop().await;
}

async fn first(broker: &Broker, topic: &str) -> Record {
    eventually(|| broker.records(topic).into_iter().next()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_takes_a_fraction_of_the_originals_time() {
    let broker = Broker::start();
    let gateway = Gateway::start(&broker.bootstrap(), ONE).await;
    let modem = Modem::start(gateway.address, Duration::ZERO, NACK_NEVER);
    modem.send(3, MOMENT, 1);
    let mut outside = Outside::new(&broker.bootstrap());
    let answers = outside.reader("carrier-switch-ack").await;
    eventually(|| (gateway.figure("umec_gateway_original_modems") > 0.0).then_some(())).await;
    let mut times = Vec::new();
    for carrier in ["Verizon", "AT&T", "T-Mobile", "Disconnect"].repeat(5) {
        let began = Instant::now();
        outside.write("downstream-request", &request(carrier));
        let answer = answers.value().await;
        times.push(began.elapsed());
        assert!(answer.contains(carrier), "{answer}");
    }
    times.sort();
    let median = times[times.len() / 2];
    Figure {
        name: "switch of an original modem that answers at once, request to answer in Kafka"
            .to_owned(),
        value: median.as_secs_f64() * 1_000.0,
        unit: "ms",
        goal: Goal::AtMost(ORIGINAL_SWITCH.as_secs_f64() * 1_000.0),
    }
    .tell();
    assert!(median < ORIGINAL_SWITCH, "{times:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_uplink_and_an_original_server_exchange_data_and_a_switch() {
    let broker = Broker::with_properties("auto.create.topics.enable=true\nnum.partitions=1");
    let server = Server::start(Outside::new(&broker.bootstrap()).sink());
    let mut uplink = Uplink::start(server.address(), ", switch: simulate");
    uplink.publish(INSTANT, 77.7).await;
    uplink
        .publish(Timestamp::from_micros(1_702_527_912_000_000), -1.6)
        .await;
    let records = || Some(broker.records("temp")).filter(|records| records.len() == 2);
    let records = eventually(records).await;
    let values: Vec<_> = records.iter().filter_map(|r| r.value.as_deref()).collect();
    assert_eq!(
        values,
        [
            r#"{"timestamp": "2023-12-14T04:25:12.634567", "data": 777}"#,
            r#"{"timestamp": "2023-12-14T04:25:12", "data": -16}"#
        ]
    );
    server.perform(2);
    let ack = first(&broker, "carrier-switch-ack").await;
    let told = r#"{"status": "ACK", "carrier": "Verizon"}"#;
    assert_eq!(ack.value.as_deref(), Some(told));
    assert!(server.is_alive(), "nothing of ours kills it");
    uplink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_uplink_and_our_gateway_speak_the_original_protocol() {
    let gateway = Gateway::start("embedded", ONE).await;
    let mut uplink = Uplink::start(gateway.address, ", carrier: T-Mobile");
    uplink.publish(INSTANT, 77.7).await;
    let mut outside = Outside::new(&gateway.embedded());
    let value = r#"{"timestamp": "2023-12-14T04:25:12.634567", "data": 777}"#;
    assert_eq!(outside.values("temp", 1).await, [value]);
    outside.write("downstream-request", &request("Verizon"));
    let nack = r#"{"status": "NACK", "carrier": "T-Mobile"}"#;
    assert_eq!(outside.values("carrier-switch-ack", 1).await, [nack]);
    let answers = r#"umec_uplink_carrier_answers_total{answer="NACK"}"#;
    eventually(|| (uplink.figure(answers) > 0.0).then_some(())).await;
    uplink.stop().await;
    gateway.stop().await;
}
