//! Those of the defects that show only in running processes.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use umec_e2e::kafka::Broker;
use umec_e2e::original::{MOMENT, Modem, NACK_NEVER, carrier, data};

use super::{at, request};
use crate::site::{Gateway, ONE, Outside, Uplink, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn defect_01_more_than_one_reading_a_second() {
    let gateway = Gateway::start("embedded", ONE).await;
    let modem = Modem::start(gateway.address, Duration::ZERO, NACK_NEVER);
    let began = Instant::now();
    // The original loses 88 of 100 of as many.
    for value in 0..6_000 {
        modem.send(3, MOMENT, value);
        if value % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let taken = "umec_gateway_original_samples_total";
    eventually(|| (gateway.figure(taken) >= 6_000.0).then_some(())).await;
    let values = Outside::new(&gateway.embedded());
    let values = values.values("temp-grafana", 6_000).await;
    assert_eq!(values[5_999], r#"{"temp": 5999}"#, "in their order");
    assert!(began.elapsed() < Duration::from_mins(1));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_05_the_message_that_comes_first_is_not_skipped() {
    let broker = Broker::start();
    let gateway = Gateway::start(&broker.bootstrap(), ONE).await;
    let modem = Modem::start(gateway.address, Duration::ZERO, NACK_NEVER);
    modem.send(3, MOMENT, 1);
    let mut outside = Outside::new(&broker.bootstrap());
    outside.write("downstream-request", &request("Verizon"));
    assert_eq!(outside.values("carrier-switch-ack", 1).await.len(), 1);
    assert_eq!(modem.told(), [carrier("Verizon")]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_06_any_order_of_start_and_nothing_missed_between_two_runs() {
    let mut broker = Broker::start();
    let bootstrap = broker.bootstrap();
    broker.kill();
    let first = Gateway::launch(&bootstrap, ONE, "").await;
    broker.restart();
    first.ready().await;
    let modem = Modem::start(first.address, Duration::ZERO, NACK_NEVER);
    modem.send(3, MOMENT, 1);
    let mut outside = Outside::new(&bootstrap);
    let answers = outside.reader("carrier-switch-ack").await;
    outside.write("downstream-request", &request("Verizon"));
    answers.next().await;
    first.stop().await;
    // Nobody reads at this moment.
    outside.write("downstream-request", &request("AT&T"));
    let second = Gateway::start(&bootstrap, ONE).await;
    let began = Instant::now();
    let modem = Modem::start(second.address, Duration::ZERO, NACK_NEVER);
    modem.send(3, MOMENT, 2);
    assert!(answers.value().await.contains("AT&T"));
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "not the 45 s of a session"
    );
    assert_eq!(
        modem.told(),
        [carrier("AT&T")],
        "what was answered is not asked again"
    );
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_08_no_datagram_ends_anything() {
    let gateway = Gateway::start("embedded", ONE).await;
    let modem = Modem::start(gateway.address, Duration::ZERO, NACK_NEVER);
    for bytes in [
        &b""[..],
        b"\x00",
        b"\x01",
        b"\x01\x30",
        b"\x10\x20",
        b"\x11\x13",
        b"\x22\x22",
        &[0; 14],
        &[0xff; 1_400],
    ] {
        modem.send_raw(bytes);
    }
    modem.send(3, MOMENT, 777);
    let outside = Outside::new(&gateway.embedded());
    let values = outside.values("temp-grafana", 1).await;
    assert_eq!(values, [r#"{"temp": 777}"#]);
    for (reason, count) in [
        ("empty", 1.0),
        ("wrong-length", 2.0),
        ("unknown-kind", 2.0),
        ("unknown-status", 1.0),
        ("unknown-carrier", 1.0),
        ("wrong-direction", 1.0),
        ("malformed-time", 1.0),
    ] {
        let name = format!("umec_gateway_original_refused_datagrams_total{{reason=\"{reason}\"}}");
        let found = gateway.figure(&name);
        assert!((found - count).abs() < 0.5, "{reason}: {found}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_10_a_stranger_is_not_obeyed_by_a_modem() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    let mut uplink = Uplink::start(server.local_addr().unwrap(), ", switch: simulate");
    uplink.publish(at(0).wall, 1.0).await;
    let mut buffer = [0; 64];
    let (_, ours) = server.recv_from(&mut buffer).unwrap();
    stranger.send_to(&[0x10, 0x20], ours).unwrap();
    let refused = r#"umec_uplink_refused_datagrams_total{reason="not-the-server"}"#;
    eventually(|| (uplink.figure(refused) > 0.0).then_some(())).await;
    server.send_to(&[0x10, 0x10], ours).unwrap();
    let (length, _) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(
        buffer[..length],
        [0x11, 0x01],
        "the first wish that is obeyed"
    );
    uplink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_15_the_way_back_is_the_way_there() {
    let gateway = Gateway::start("embedded", ONE).await;
    let modem = UdpSocket::bind("127.0.0.1:0").unwrap();
    modem
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    modem.send_to(&data(3, MOMENT, 1), gateway.address).unwrap();
    Outside::new(&gateway.embedded()).write("downstream-request", &request("T-Mobile"));
    let mut buffer = [0; 64];
    let (length, gone_from) = modem.recv_from(&mut buffer).unwrap();
    assert_eq!(buffer[..length], [0x10, 0x10]);
    assert_eq!(gone_from, gateway.address);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_24_an_unknown_carrier_is_refused_and_the_next_request_performed() {
    let gateway = Gateway::start("embedded", ONE).await;
    let modem = Modem::start(gateway.address, Duration::ZERO, NACK_NEVER);
    modem.send(3, MOMENT, 1);
    let mut outside = Outside::new(&gateway.embedded());
    for text in [
        request("Vodafone"),
        "on fire".to_owned(),
        request("Verizon"),
    ] {
        outside.write("downstream-request", &text);
    }
    let results = outside.values("umec.command-results", 3).await;
    for (result, told) in results
        .iter()
        .zip(["unknown-carrier", "bad-request", "done"])
    {
        assert!(result.contains(told), "{result}");
    }
    assert_eq!(outside.values("carrier-switch-ack", 1).await.len(), 1);
    gateway.stop().await;
}
