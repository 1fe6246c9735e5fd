use umec_spec::yaml;
use umec_wire::{NodeName, Series, Timestamp};

use super::*;

const INSTANT: Timestamp = Timestamp::from_micros(1_702_527_912_634_567);

fn machine(further: &str) -> Machine {
    let text = format!(
        "{{ series: [{{ id: 3, device: thermometer-1, metric: temperature, scale: 0.1 }}, \
           {{ id: 1, device: thermometer-1, metric: heater }}]{further} }}"
    );
    Machine::new(&yaml::from_str(&text).unwrap())
}

fn reading(metric: &str, value: Value) -> Reading {
    Reading {
        series: Series::raw(MetricName::new(metric).unwrap()),
        time: INSTANT,
        unit: None,
        value,
    }
}

fn pack(readings: Vec<Reading>) -> Pack {
    Pack {
        node: NodeName::new("pole-7").unwrap(),
        device: DeviceName::new("thermometer-1").unwrap(),
        readings,
    }
}

fn temperature(value: f64) -> Pack {
    let value = Value::number(value).unwrap();
    pack(vec![reading("temperature", value)])
}

fn actions(machine: &mut Machine, now: Duration) -> Vec<Action> {
    std::iter::from_fn(|| machine.next_action(now)).collect()
}

#[test]
fn a_reading_becomes_the_golden_vector() {
    let mut machine = machine("");
    machine.offer(5, &temperature(77.7));
    let golden = b"\x00\x00\x00\x00\x03\x57\xe7\xb6\x91\x93\x26\xbb\x1c\x04\x00\x00\x03\x09";
    let now = Duration::from_secs(1);
    assert_eq!(
        actions(&mut machine, now),
        [Action::Send(golden.to_vec()), Action::Acknowledge(5)]
    );
}

#[test]
fn what_has_no_integer_is_counted_and_holds_nothing_up() {
    let mut machine = machine("");
    let number = |value| Value::number(value).unwrap();
    let readings = vec![
        reading("temperature", number(214_748_365.0)),
        reading("temperature", Value::from("warm")),
        reading("humidity", number(1.0)),
        reading("heater", Value::from(true)),
    ];
    machine.offer(9, &pack(readings));
    let sent = actions(&mut machine, Duration::from_secs(1));
    let [Action::Send(bytes), Action::Acknowledge(9)] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert_eq!(bytes[14..], [0, 0, 0, 1]);
    let skipped = &machine.counters().skipped;
    assert_eq!(skipped["out-of-range"], 1);
    assert_eq!(skipped["not-a-number"], 1);
    assert_eq!(skipped["no-series"], 1);
}

#[test]
fn a_backlog_goes_out_at_the_rate_that_the_server_takes() {
    let mut machine = machine(", rate: 100");
    for position in 1..=300 {
        machine.offer(position, &temperature(1.0));
    }
    assert!(!machine.has_room());
    let mut sent = 0;
    for millis in 1_000..2_000 {
        let now = Duration::from_millis(millis);
        for action in actions(&mut machine, now) {
            sent += u32::from(matches!(action, Action::Send(_)));
        }
        assert!(machine.wake() > now);
    }
    assert!((100..=103).contains(&sent), "{sent} in a second");
}

#[test]
fn what_the_socket_does_not_take_goes_first_a_little_later() {
    let mut machine = machine("");
    machine.offer(1, &temperature(1.0));
    let now = Duration::from_secs(1);
    let Some(Action::Send(bytes)) = machine.next_action(now) else {
        panic!("nothing to send");
    };
    machine.not_sent(now, bytes.clone());
    assert_eq!(machine.next_action(now), None, "not acknowledged either");
    let later = actions(&mut machine, now + FULL);
    assert_eq!(later, [Action::Send(bytes), Action::Acknowledge(1)]);
}

#[test]
fn without_a_card_the_answer_is_a_nack_that_names_the_carrier_in_force() {
    let now = Duration::from_secs(1);
    let mut machine = machine("");
    machine.datagram(&[0x10, 0x20]);
    assert_eq!(
        actions(&mut machine, now),
        [Action::Answer(vec![0x11, 0x1f])]
    );
    let mut machine = self::machine(", carrier: T-Mobile");
    machine.datagram(&[0x10, 0x20]);
    assert_eq!(
        actions(&mut machine, now),
        [Action::Answer(vec![0x11, 0x11])]
    );
}

#[test]
fn a_simulated_switch_is_kept() {
    let now = Duration::from_secs(1);
    let mut machine = machine(", switch: simulate");
    machine.datagram(&[0x10, 0x20]);
    machine.datagram(&[0x10, 0x20]);
    let ack = Action::Answer(vec![0x11, 0x02]);
    assert_eq!(actions(&mut machine, now), [ack.clone(), ack]);
    assert_eq!(machine.carrier(), Carrier::Verizon);
}

#[test]
fn what_is_no_wish_of_the_server_is_dropped_and_counted() {
    let mut machine = machine("");
    machine.datagram(b"");
    machine.datagram(&[0x10]);
    machine.datagram(&[0x10, 0x30]);
    machine.datagram(&[0x11, 0x00]);
    machine.datagram(&[0; 20]);
    machine.datagram(&[0xff; 1_500]);
    assert_eq!(actions(&mut machine, Duration::from_secs(1)), []);
    let refused = &machine.counters().refused;
    assert_eq!(refused.values().sum::<u64>(), 6, "{refused:?}");
}
