//! What was wrong with the original system, and is not with ours: a test for each defect of the uplink, the
//! gateway and their Kafka, named by its number in the list of the original's defects.
//!
//! | defect | where it is dealt with |
//! |---|---|
//! | 1, 5 to 10, 12, 13, 15, 16, 18 to 20, 23, 23a, 24, 25 | here |
//! | 2, 3, 4, 21, 22: the loop towards the card and its lengths | later, with the plugin that owns the card |
//! | 17: packets taken from the kernel by their bytes | nowhere: a socket is given what is its own |
//! | 11: a page that does not show what happens | later, with the console |
//! | 14: an empty dashboard | later, with the chart that provisions it |

mod running;

use std::net::SocketAddr;
use std::time::Duration;

use umec_e2e::original::{MOMENT, Server, data};
use umec_gateway::kafka::Incoming;
use umec_gateway::original::{Action, Machine};
use umec_spec::settings::original::OriginalSettings;
use umec_spec::yaml;
use umec_wire::Timestamp;
use umec_wire::original::{Packet, kafka};
use umec_wire::uplink::Now;

use crate::site::ONE;

const TWO: &str = "[{ node: a, networks: [10.1.0.0/16] }, { node: b, networks: [10.2.0.0/16] }]";

fn machine(modems: &str) -> Machine {
    let text = format!("{{ listen: '[::]:6001', modems: {modems} }}");
    Machine::new(&yaml::from_str::<OriginalSettings>(&text).unwrap())
}

fn uplink(further: &str) -> umec_uplink::original::Machine {
    let series = "series: [{ id: 3, device: thermometer-1, metric: temperature }]";
    let settings = yaml::from_str(&format!("{{ {series}{further} }}"));
    umec_uplink::original::Machine::new(&settings.unwrap())
}

/// What an uplink answers.
fn answers(uplink: &mut umec_uplink::original::Machine) -> Vec<Vec<u8>> {
    let action = std::iter::from_fn(|| uplink.next_action(Duration::from_secs(1)));
    let bytes = action.map(|action| match action {
        umec_uplink::original::Action::Answer(bytes) => bytes,
        other => panic!("{other:?}"),
    });
    bytes.collect()
}

fn at(seconds: u64) -> Now {
    let steady = Duration::from_secs(seconds);
    let wall = Timestamp::from_millis(1_702_527_912_000).saturating_add(steady);
    Now { steady, wall }
}

fn from(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn request(text: &str) -> String {
    format!(r#"{{"type": "carrier-switch-perform", "metadata": "{text}"}}"#)
}

fn record(offset: i64, value: &str) -> Incoming {
    Incoming {
        partition: 0,
        offset,
        key: None,
        time: None,
        headers: Vec::new(),
        value: Some(value.to_owned().into()),
    }
}

/// What the machine wants, by kind: packets to modems, and records as topic and value.
fn wanted(machine: &mut Machine, now: Now) -> (Vec<SocketAddr>, Vec<(String, String)>) {
    machine.poll(now);
    let (mut sent, mut records) = (Vec::new(), Vec::new());
    while let Some(action) = machine.next_action() {
        match action {
            Action::Send { to, .. } => sent.push(to),
            Action::Write(record) | Action::WriteSurely { record, .. } => {
                let value = String::from_utf8(record.value.to_vec()).unwrap();
                records.push((record.topic.to_string(), value));
            }
            Action::Commit { .. } => {}
        }
    }
    (sent, records)
}

fn of<'r>(records: &'r [(String, String)], topic: &str) -> Vec<&'r str> {
    let own = records.iter().filter(|(own, _)| own == topic);
    own.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn defect_07_more_than_one_modem() {
    let mut machine = machine(TWO);
    machine.datagram(at(0), from("10.1.0.1:6002"), &data(3, MOMENT, 1));
    // Who sends last is not who is told.
    machine.datagram(at(0), from("10.2.0.1:6002"), &data(3, MOMENT, 2));
    let own = r#"{"type": "carrier-switch-perform", "metadata": "AT&T", "modem": "b"}"#;
    machine.request(at(0), &record(0, &request("Verizon")));
    machine.request(at(0), &record(1, own));
    let (sent, _) = wanted(&mut machine, at(0));
    assert_eq!(sent, [from("10.1.0.1:6002"), from("10.2.0.1:6002")]);
}

#[test]
fn defect_09_nothing_is_in_progress_for_ever() {
    let mut machine = machine(ONE);
    let modem = from("127.0.0.1:6002");
    machine.datagram(at(0), modem, &data(3, MOMENT, 1));
    machine.request(at(0), &record(0, &request("Verizon")));
    machine.request(at(0), &record(1, &request("AT&T")));
    let mut records = Vec::new();
    for second in 0..=30 {
        if second == 21 {
            // The answer to the first request, too late.
            machine.datagram(at(second), modem, &[0x11, 0x12]);
        }
        if second == 25 {
            machine.datagram(at(second), modem, &[0x11, 0x00]);
        }
        records.extend(wanted(&mut machine, at(second)).1);
    }
    let results = of(&records, "umec.command-results");
    assert!(results[0].contains("modem-silent"), "{results:?}");
    assert!(results[1].contains(r#""outcome":"done""#), "{results:?}");
    let told = r#"{"status": "ACK", "carrier": "AT&T"}"#;
    assert_eq!(of(&records, "carrier-switch-ack"), [told]);
}

#[test]
fn defect_10_a_stranger_does_not_become_the_modem() {
    let mut machine = machine(ONE);
    machine.datagram(at(0), from("127.0.0.1:6002"), &data(3, MOMENT, 1));
    machine.datagram(at(1), from("127.0.0.1:666"), &data(3, MOMENT, 2));
    machine.datagram(at(1), from("192.0.2.1:666"), &data(3, MOMENT, 3));
    machine.request(at(1), &record(0, &request("Verizon")));
    let (sent, records) = wanted(&mut machine, at(1));
    assert_eq!(sent, [from("127.0.0.1:6002")]);
    assert_eq!(of(&records, "temp-grafana"), [r#"{"temp": 1}"#]);
}

#[test]
fn defect_12_times_say_their_zone() {
    let mut machine = machine(ONE);
    machine.datagram(at(0), from("127.0.0.1:6002"), &data(3, MOMENT, 1));
    machine.poll(at(0));
    let mut reading = None;
    while let Some(action) = machine.next_action() {
        match action {
            Action::Write(record) if &*record.topic == "umec.readings" => reading = Some(record),
            Action::Write(record) if &*record.topic == "temp" => {
                let theirs: kafka::Sampled = serde_json::from_slice(&record.value).unwrap();
                assert_eq!(theirs.timestamp.as_micros(), 1_702_527_912_634_567);
            }
            _ => {}
        }
    }
    let reading = reading.unwrap();
    let time = reading.headers.iter().find(|(name, _)| *name == "ce_time");
    assert_eq!(time.unwrap().1, "2023-12-14T04:25:12.634567Z");
}

#[test]
fn defect_13_the_first_nack_names_the_carrier_in_force() {
    let mut uplink = uplink("");
    uplink.datagram(&[0x10, 0x20]);
    assert_eq!(answers(&mut uplink), [[0x11, 0x1f]]);
}

#[test]
fn defect_16_a_packet_of_any_length_from_the_cloud() {
    let mut uplink = uplink("");
    for length in 0..=1_500 {
        let mut bytes = vec![0x10; length];
        bytes.iter_mut().skip(1).for_each(|byte| *byte = 0x20);
        uplink.datagram(&bytes);
    }
    assert_eq!(answers(&mut uplink).len(), 1, "the one that is a packet");
}

#[test]
fn defect_18_a_length_byte_is_held_against_what_is_there() {
    let packet = data(3, MOMENT, 777);
    for told in 0..=255 {
        let mut bytes = packet.clone();
        bytes[13] = told;
        assert_eq!(Packet::decode(&bytes).is_ok(), told == 4, "{told}");
    }
}

#[test]
fn defect_19_every_field_is_where_it_belongs() {
    let packet = data(0x0102_0304, MOMENT, -777);
    let Ok(Packet::Data(sample)) = Packet::decode(&packet) else {
        panic!("the stand-in's packet is refused");
    };
    assert_eq!(sample.device.0, 0x0102_0304);
    assert_eq!(sample.time.to_string(), "2023-12-14T04:25:12.634567Z");
    assert_eq!(sample.value.as_i64(), Some(-777));
    let mut uplink = uplink(", switch: simulate");
    uplink.datagram(&[0x10, 0x20]);
    assert_eq!(answers(&mut uplink), [[0x11, 0x02]], "the carrier is told");
}

#[test]
fn defect_20_no_ack_without_a_switch() {
    let mut uplink = uplink(", carrier: AT&T");
    for (number, answer) in [(0x20, 0x10), (0xf0, 0x10), (0x10, 0x10)] {
        uplink.datagram(&[0x10, number]);
        assert_eq!(answers(&mut uplink), [[0x11, answer]]);
    }
}

#[test]
fn defect_23_a_status_is_shown() {
    let mut machine = machine(ONE);
    let modem = from("127.0.0.1:6002");
    machine.datagram(at(0), modem, &data(3, MOMENT, 1));
    machine.datagram(at(0), modem, &[0x01, 0x10]);
    let (_, records) = wanted(&mut machine, at(0));
    assert!(of(&records, "umec.modems")[0].contains(r#""status":"idle""#));
}

#[test]
fn defect_23a_legal_extremes_are_kept() {
    let mut machine = machine(ONE);
    let modem = from("127.0.0.1:6002");
    machine.datagram(at(0), modem, &data(3, (1, 1, 1, 0, 0, 0, 0), 5));
    let mut wide = data(1, MOMENT, 0);
    wide.truncate(13);
    wide.push(129);
    wide.extend([0x40; 129]);
    machine.datagram(at(0), modem, &wide);
    let (_, records) = wanted(&mut machine, at(0));
    let year_one = r#"{"timestamp": "0001-01-01T00:00:00", "data": 5}"#;
    assert_eq!(of(&records, "temp"), [year_one]);
    let digits = of(&records, "imu-grafana")[0].len() - r#"{"imu": }"#.len();
    assert_eq!(
        digits, 311,
        "2 to the power of 1030 and a quarter has as many"
    );
}

#[test]
fn defect_25_addresses_and_names_are_configuration() {
    let text = "{ listen: '192.0.2.1:7001', modems: [{ node: ue, networks: ['2001:db8::/32'], \
                 address: '[2001:db8::2]:7002', devices: [{ id: 7, nickname: fuel }] }] }";
    let settings: OriginalSettings = yaml::from_str(text).unwrap();
    assert_eq!(settings.listen, from("192.0.2.1:7001"));
    // They are created wherever they are not there.
    assert_eq!(
        Machine::topics(&settings),
        [
            "carrier-switch-ack",
            "downstream-request",
            "fuel",
            "fuel-grafana",
            "unknown",
            "unknown-grafana"
        ]
    );
    let server = Server::start(Box::new(|_, _| {}));
    assert!(
        server.is_alive(),
        "the other end is wherever it is told to be"
    );
}
