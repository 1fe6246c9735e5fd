use umec_spec::yaml;
use umec_wire::Timestamp;
use umec_wire::original::{Carrier, DeviceId, Integer};

use super::*;

const WALL: i64 = 1_702_527_912_634_567;

fn settings(modems: &str) -> OriginalSettings {
    yaml::from_str(&format!("{{ listen: '0.0.0.0:6001', modems: {modems} }}")).unwrap()
}

/// One modem in 10.0.0.0/8.
fn one() -> Machine {
    Machine::new(&settings("[{ node: bus-12, networks: [10.0.0.0/8] }]"))
}

fn at(millis: u64) -> Now {
    let wall = Timestamp::from_micros(WALL);
    let steady = Duration::from_millis(millis);
    Now {
        steady,
        wall: wall.saturating_add(steady),
    }
}

fn from(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn sample(device: u32, value: i32) -> Vec<u8> {
    let value = value.to_be_bytes();
    let sample = Sample {
        device: DeviceId(device),
        time: Timestamp::from_micros(WALL),
        value: Integer::new(&value).unwrap(),
    };
    Packet::Data(sample).encode().unwrap()
}

fn request(offset: i64, value: &str) -> Incoming {
    Incoming {
        partition: 0,
        offset,
        key: None,
        time: Some(WALL / 1_000),
        headers: Vec::new(),
        value: Some(value.to_owned().into()),
    }
}

fn perform(carrier: Carrier) -> String {
    kafka::request(carrier)
}

/// What the machine wants, with the records that must be written taken as written.
fn done(machine: &mut Machine, now: Now) -> Vec<Action> {
    machine.poll(now);
    let mut actions = Vec::new();
    while let Some(action) = machine.next_action() {
        if let Action::WriteSurely { token, .. } = &action {
            machine.written(*token);
        }
        actions.push(action);
    }
    actions
}

/// The records among them, as topic and value.
fn records(actions: &[Action]) -> Vec<(String, String)> {
    let record = |action: &Action| match action {
        Action::Write(record) | Action::WriteSurely { record, .. } => Some((
            record.topic.to_string(),
            String::from_utf8(record.value.to_vec()).unwrap(),
        )),
        Action::Send { .. } | Action::Commit { .. } => None,
    };
    actions.iter().filter_map(record).collect()
}

fn values(actions: &[Action], topic: &str) -> Vec<String> {
    let own = records(actions).into_iter().filter(|(t, _)| t == topic);
    own.map(|(_, value)| value).collect()
}

fn refused(machine: &Machine, reason: &str) -> u64 {
    let refused = &machine.counters().refused;
    refused.get(reason).copied().unwrap_or_default()
}

#[test]
fn a_sample_becomes_the_records_of_the_original_and_a_reading() {
    let mut machine = one();
    machine.datagram(at(0), from("10.0.0.1:6002"), &sample(3, 777));
    let actions = done(&mut machine, at(0));
    let records = records(&actions);
    assert_eq!(records[0].0, "temp");
    assert_eq!(
        records[0].1,
        r#"{"timestamp": "2023-12-14T04:25:12.634567", "data": 777}"#
    );
    assert_eq!(records[1].0, "temp-grafana");
    assert_eq!(records[1].1, r#"{"temp": 777}"#);
    assert_eq!(records[2].0, "umec.readings");
    assert_eq!(
        records[2].1,
        r#"[{"bn":"bus-12/temp/","bt":1702527912.634567,"n":"value","v":777}]"#
    );
    let Action::Write(original) = &actions[0] else {
        panic!("{actions:?}");
    };
    assert_eq!(original.key, None);
    assert!(original.headers.is_empty());
    let Action::Write(reading) = &actions[2] else {
        panic!("{actions:?}");
    };
    assert_eq!(reading.key.as_deref(), Some("bus-12/temp"));
    assert_eq!(reading.time, Some(WALL / 1_000));
    assert_eq!(records[3].0, "umec.modems");
    assert!(
        records[3]
            .1
            .contains(r#""state":"up","protocol":"v1","address":"10.0.0.1:6002""#)
    );
}

#[test]
fn a_device_without_a_name_is_unknown() {
    let mut machine = one();
    machine.datagram(at(0), from("10.0.0.1:6002"), &sample(4_000_000_000, -1));
    let actions = done(&mut machine, at(0));
    assert_eq!(values(&actions, "unknown-grafana"), [r#"{"unknown": -1}"#]);
    let reading = &values(&actions, "umec.readings")[0];
    assert!(
        reading.contains(r#""n":"device-4000000000","v":-1"#),
        "{reading}"
    );
}

#[test]
fn only_the_networks_of_a_modem_may_speak_for_it() {
    let mut machine = one();
    machine.datagram(at(0), from("11.0.0.1:6002"), &sample(3, 1));
    machine.datagram(at(0), from("10.0.0.1:6002"), b"\x00");
    machine.datagram(at(0), from("10.0.0.1:6002"), b"");
    machine.datagram(at(0), from("10.0.0.1:6002"), b"\x10\x20");
    machine.datagram(at(0), from("10.0.0.1:6002"), b"\x11\x02");
    assert_eq!(done(&mut machine, at(0)), []);
    for reason in [
        "network",
        "wrong-length",
        "empty",
        "wrong-direction",
        "stranger",
    ] {
        assert_eq!(refused(&machine, reason), 1, "{reason}");
    }
}

#[test]
fn nobody_takes_over_a_modem_that_is_heard() {
    let mut machine = one();
    machine.request(at(0), &request(0, &perform(Carrier::Verizon)));
    for second in 0..600 {
        let now = at(second * 1_000);
        machine.datagram(now, from("10.0.0.1:6002"), &sample(3, 1));
        machine.datagram(now, from("10.0.0.1:7777"), &sample(3, 2));
        machine.datagram(now, from("10.9.9.9:6002"), &sample(3, 3));
        for action in done(&mut machine, now) {
            match action {
                Action::Send { to, .. } => assert_eq!(to, from("10.0.0.1:6002")),
                Action::Write(record) if &*record.topic == "temp-grafana" => {
                    assert_eq!(&*record.value, br#"{"temp": 1}"#);
                }
                _ => {}
            }
        }
    }
    assert_eq!(machine.counters().moves, 0);
    assert_eq!(machine.counters().samples, 600);
    // The last contender is still waiting.
    assert_eq!(refused(&machine, "not-its-address"), 1_199);
}

#[test]
fn a_modem_behind_a_new_port_loses_nothing() {
    let mut machine = one();
    machine.datagram(at(0), from("10.0.0.1:6002"), &sample(3, 0));
    done(&mut machine, at(0));
    let mut seen = Vec::new();
    for second in 1..=6 {
        let now = at(second * 1_000);
        let value = i32::try_from(second).unwrap();
        machine.datagram(now, from("10.0.0.1:40000"), &sample(3, value));
        seen.extend(values(&done(&mut machine, now), "temp-grafana"));
    }
    let all: Vec<_> = (1..=6).map(|n| format!(r#"{{"temp": {n}}}"#)).collect();
    assert_eq!(seen, all, "in their order");
    assert_eq!(machine.counters().moves, 1);
    machine.request(at(7_000), &request(0, &perform(Carrier::Att)));
    let sent = done(&mut machine, at(7_000));
    let to = from("10.0.0.1:40000");
    let bytes = vec![0x10, 0x00];
    assert!(sent.contains(&Action::Send { to, bytes }), "{sent:?}");
}

#[test]
fn what_was_held_is_taken_when_the_time_has_come_without_another_datagram() {
    let mut machine = one();
    machine.datagram(at(0), from("10.0.0.1:6002"), &sample(3, 0));
    done(&mut machine, at(0));
    machine.datagram(at(500), from("10.0.0.1:40000"), &sample(3, 1));
    assert_eq!(done(&mut machine, at(500)), []);
    assert_eq!(machine.wake(), Duration::from_secs(3));
    let actions = done(&mut machine, at(3_000));
    assert_eq!(values(&actions, "temp-grafana"), [r#"{"temp": 1}"#]);
}

#[test]
fn a_switch_ends_in_the_records_of_the_original_and_one_result() {
    let mut machine = one();
    let modem = from("10.0.0.1:6002");
    machine.datagram(at(0), modem, &sample(3, 1));
    done(&mut machine, at(0));
    machine.request(at(0), &request(7, &perform(Carrier::Verizon)));
    let bytes = vec![0x10, 0x20];
    assert_eq!(
        done(&mut machine, at(0)),
        [Action::Send { to: modem, bytes }]
    );
    machine.datagram(at(900), modem, &[0x11, 0x02]);
    let actions = done(&mut machine, at(900));
    assert_eq!(
        values(&actions, "carrier-switch-ack"),
        [r#"{"status": "ACK", "carrier": "Verizon"}"#]
    );
    let result = &values(&actions, "umec.command-results")[0];
    assert!(
        result.contains(r#""id":"downstream-request-0-7","outcome":"done""#),
        "{result}"
    );
    assert!(values(&actions, "umec.modems")[0].contains(r#""carrier":"Verizon""#));
    let commit = Action::Commit {
        partition: 0,
        offset: 8,
    };
    assert_eq!(done(&mut machine, at(901)), []);
    assert!(actions.contains(&commit), "{actions:?}");
}

#[test]
fn a_request_that_nobody_answers_ends_without_a_false_record() {
    let mut machine = one();
    machine.datagram(at(0), from("10.0.0.1:6002"), &sample(3, 1));
    machine.request(at(0), &request(0, &perform(Carrier::Verizon)));
    let mut actions = Vec::new();
    for second in 0..=20 {
        actions.extend(done(&mut machine, at(second * 1_000)));
    }
    assert_eq!(values(&actions, "carrier-switch-ack"), [] as [&str; 0]);
    let results = values(&actions, "umec.command-results");
    assert_eq!(results.len(), 1);
    assert!(results[0].contains(r#""outcome":"failed","reason":{"code":"modem-silent""#));
    assert_eq!(machine.counters().performs, 10);
}

#[test]
fn what_nobody_can_perform_is_refused_and_the_next_one_performed() {
    let mut machine = one();
    let modem = from("10.0.0.1:6002");
    machine.datagram(at(0), modem, &sample(3, 1));
    done(&mut machine, at(0));
    for (offset, value) in (0..).zip([
        r#"{"type": "carrier-switch-perform", "metadata": "Vodafone"}"#,
        r#"{"type": "polling-rate", "metadata": "3"}"#,
        "\u{0}",
        r#"{"type": "carrier-switch-perform", "metadata": "AT&T", "modem": "tram-4"}"#,
        &perform(Carrier::TMobile),
    ]) {
        machine.request(at(0), &request(offset, value));
    }
    let actions = done(&mut machine, at(0));
    let results = values(&actions, "umec.command-results");
    let codes = [
        "unknown-carrier",
        "unknown-type",
        "bad-request",
        "unknown-modem",
    ];
    for (result, code) in results.iter().zip(codes) {
        let told = format!(r#""outcome":"refused","reason":{{"code":"{code}""#);
        assert!(result.contains(&told), "{result}");
    }
    assert_eq!(results.len(), 4);
    let bytes = vec![0x10, 0x10];
    assert!(actions.contains(&Action::Send { to: modem, bytes }));
    let last = actions.iter().rfind(|a| matches!(a, Action::Commit { .. }));
    let (partition, offset) = (0, 4);
    assert_eq!(last, Some(&Action::Commit { partition, offset }));
}

#[test]
fn a_record_that_is_not_written_is_written_again_before_the_place_is_kept() {
    let mut machine = one();
    machine.request(at(0), &request(0, "on fire"));
    let Some(Action::WriteSurely { token, record }) = machine.next_action() else {
        panic!("no result");
    };
    machine.not_written(token);
    assert_eq!(
        machine.next_action(),
        Some(Action::WriteSurely { token, record })
    );
    assert_eq!(machine.next_action(), None);
    machine.written(token);
    let (partition, offset) = (0, 1);
    assert_eq!(
        machine.next_action(),
        Some(Action::Commit { partition, offset })
    );
}

#[test]
fn several_modems_are_told_apart_by_network_and_device() {
    let mut machine = Machine::new(&settings(
        "[{ node: a, networks: [10.1.0.0/16] }, \
          { node: b, networks: [10.2.0.0/16] }, \
          { node: c, networks: [10.2.0.0/16], devices: [{ id: 9, nickname: fuel }] }]",
    ));
    for (address, device) in [("10.1.0.1:1", 3), ("10.2.0.1:1", 3), ("10.2.0.2:1", 9)] {
        machine.datagram(at(0), from(address), &sample(device, 1));
    }
    let names = "[{ \"type\": 1 }]";
    machine.request(at(0), &request(0, names));
    let ask = r#"{"type": "carrier-switch-perform", "metadata": "AT&T", "modem": "c"}"#;
    machine.request(at(0), &request(1, ask));
    let actions = done(&mut machine, at(0));
    let readings = values(&actions, "umec.readings");
    for (reading, name) in readings.iter().zip(["a/temp/", "b/temp/", "c/fuel/"]) {
        assert!(reading.contains(name), "{reading}");
    }
    let (to, bytes) = (from("10.2.0.2:1"), vec![0x10, 0x00]);
    assert!(actions.contains(&Action::Send { to, bytes }));
}

#[test]
fn a_modem_with_a_fixed_address_need_not_be_heard_first() {
    let mut machine = Machine::new(&settings(
        "[{ node: ue, networks: [127.0.0.1], address: '127.0.0.1:6002' }]",
    ));
    machine.request(at(0), &request(0, &perform(Carrier::Verizon)));
    let (to, bytes) = (from("127.0.0.1:6002"), vec![0x10, 0x20]);
    assert_eq!(done(&mut machine, at(0)), [Action::Send { to, bytes }]);
    machine.datagram(at(10), from("127.0.0.1:50000"), &[0x11, 0x02]);
    let actions = done(&mut machine, at(10));
    assert_eq!(values(&actions, "carrier-switch-ack").len(), 1);
}

#[test]
fn values_and_times_that_senml_does_not_hold_are_kept_or_told() {
    let mut machine = one();
    let mut wide = vec![0x7f];
    wide.extend([0xff; 254]);
    let packet = |time: &str, value: &[u8]| {
        let sample = Sample {
            device: DeviceId(1),
            time: time.parse().unwrap(),
            value: Integer::new(value).unwrap(),
        };
        Packet::Data(sample).encode().unwrap()
    };
    let modem = from("10.0.0.1:6002");
    machine.datagram(at(0), modem, &packet("2023-12-14T04:25:12Z", &wide));
    machine.datagram(at(0), modem, &packet("0001-01-01T00:00:00Z", &[1]));
    let actions = done(&mut machine, at(0));
    let samples = values(&actions, "imu");
    assert_eq!(samples.len(), 2);
    assert!(samples[0].len() > 600, "all digits");
    assert_eq!(
        samples[1],
        r#"{"timestamp": "0001-01-01T00:00:00", "data": 1}"#
    );
    let readings = values(&actions, "umec.readings");
    assert_eq!(readings.len(), 1);
    assert!(readings[0].contains(r#""vs":""#), "{}", readings[0]);
    assert_eq!(machine.counters().not_in_readings, 1);
}

#[test]
fn what_modems_say_of_themselves_is_told() {
    let mut machine = one();
    let modem = from("10.0.0.1:6002");
    machine.datagram(at(0), modem, &sample(1, 1));
    done(&mut machine, at(0));
    machine.datagram(at(100), modem, &[0x01, 0x20]);
    let told = values(&done(&mut machine, at(100)), "umec.modems");
    assert!(told[0].contains(r#""status":"off-nominal""#), "{told:?}");
    let told = values(&done(&mut machine, at(61_000)), "umec.modems");
    assert!(told[0].contains(r#""state":"down""#), "{told:?}");
}
