use umec_spec::settings::plugin::{DeviceSettings, MetricSettings, Protocol};
use umec_wire::status::{Identity, Limits};
use umec_wire::{Label, MetricName, NodeName};

use super::*;

#[derive(Debug, Clone, PartialEq)]
enum Nothing {}

impl Protocol for Nothing {
    type Link = ();
    type Device = ();
    type Metric = ();
}

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATE: Timestamp = Timestamp::from_millis(2_000);

fn device() -> Device {
    let limits = Limits {
        min: Some(5.0),
        max: Some(30.0),
    };
    let settings = DeviceSettings::<Nothing> {
        name: DeviceName::new("heater-1").unwrap(),
        identity: Identity::default(),
        timeout: Span::from_secs(1),
        device: (),
        metrics: vec![MetricSettings {
            name: MetricName::new("setpoint").unwrap(),
            unit: None,
            every: Span::from_secs(1),
            range: None,
            write: Some(limits),
            report: None,
            source: (),
        }],
    };
    Device::new(&settings, NOW)
}

fn told(
    device: &str,
    name: &str,
    id: &str,
    value: Option<Value>,
) -> (CommandTopic, CommandRequest) {
    let topic = CommandTopic {
        node: NodeName::new("pole-7").unwrap(),
        device: DeviceName::new(device).unwrap(),
        name: name.parse().unwrap(),
    };
    let request = CommandRequest {
        id: CommandId(Label::new(id).unwrap()),
        value,
        issuer: "test".to_owned(),
        expires: LATE,
    };
    (topic, request)
}

fn command(id: &str, value: Option<Value>) -> (CommandTopic, CommandRequest) {
    told("heater-1", "setpoint", id, value)
}

fn number(number: f64) -> Option<Value> {
    Value::number(number).ok()
}

fn admit(ledger: &mut Ledger, given: &(CommandTopic, CommandRequest), now: Timestamp) -> Verdict {
    ledger.admit(&given.0, &given.1, &device(), now)
}

fn code(verdict: Verdict) -> Option<(Outcome, String)> {
    match verdict {
        Verdict::End(result) | Verdict::Answer(result) => {
            Some((result.outcome, result.reason?.code.to_string()))
        }
        Verdict::Write(..) | Verdict::Sample(_) => None,
    }
}

fn begun(given: &(CommandTopic, CommandRequest)) -> Record {
    Record::Begun(Order::new(&given.0, &given.1))
}

fn ended(given: &(CommandTopic, CommandRequest), result: &CommandResult) -> Record {
    Record::Ended {
        order: Order::new(&given.0, &given.1),
        result: result.clone(),
    }
}

/// What a later run knows.
fn restore(records: Vec<Record>, now: Timestamp) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.add(records, now);
    ledger
}

#[test]
fn a_command_is_checked_before_it_begins() {
    let check = |value, now| {
        let given = command("c-1", value);
        code(admit(&mut Ledger::default(), &given, now))
    };
    let refused = |code: &str| Some((Outcome::Refused, code.to_owned()));
    assert_eq!(check(number(21.5), NOW), None);
    assert_eq!(check(number(31.0), NOW), refused("out-of-range"));
    assert_eq!(check(Some(Value::from("warm")), NOW), refused("wrong-type"));
    assert_eq!(check(None, NOW), refused("no-value"));
    let expired = Some((Outcome::Expired, "expired".to_owned()));
    assert_eq!(check(number(21.5), LATE), expired);
}

#[test]
fn a_poll_interval_is_a_number_of_seconds_within_its_bounds_or_none() {
    let check = |value| {
        admit(
            &mut Ledger::default(),
            &told("heater-1", POLL_INTERVAL, "c", value),
            NOW,
        )
    };
    let sample = |micros| Verdict::Sample(Some(Span::from_micros(micros)));
    assert_eq!(check(number(0.01)), sample(10_000));
    assert_eq!(check(number(2.5)), sample(2_500_000));
    assert_eq!(check(number(86_400.0)), sample(86_400_000_000));
    assert_eq!(check(None), Verdict::Sample(None));
    let refused = |code: &str| Some((Outcome::Refused, code.to_owned()));
    for wrong in [0.0, -1.0, 0.009_999, 86_400.001, f64::MAX] {
        assert_eq!(
            code(check(number(wrong))),
            refused("out-of-range"),
            "{wrong}"
        );
    }
    assert_eq!(
        code(check(Some(Value::from("fast")))),
        refused("wrong-type")
    );
    assert_eq!(
        code(check(Some(Value::Boolean(true)))),
        refused("wrong-type")
    );
}

#[test]
fn a_write_whose_end_is_not_known_has_failed_and_is_not_repeated() {
    let mut ledger = Ledger::default();
    let given = command("c-1", number(21.5));
    assert_eq!(
        admit(&mut ledger, &given, NOW),
        Verdict::Write(0, Value::number(21.5).unwrap())
    );
    let fault = Fault::Link(Reason::new("line-cut", "the line is cut"));
    let result = written(&given.1, Err(fault), NOW);
    assert_eq!(result.outcome, Outcome::Failed);
    ledger.apply(begun(&given), NOW);
    ledger.apply(ended(&given, &result), NOW);
    assert_eq!(admit(&mut ledger, &given, LATE), Verdict::Answer(result));
}

#[test]
fn the_first_result_stays_and_a_refusal_is_one_too() {
    let mut ledger = Ledger::default();
    let given = command("c-1", number(21.5));
    let reason = Reason::new("line-cut", "the line is cut");
    let first = refused(&given.1, reason, NOW);
    ledger.apply(ended(&given, &first), NOW);
    ledger.apply(ended(&given, &done(&given.1, None, NOW)), NOW);
    assert_eq!(admit(&mut ledger, &given, NOW), Verdict::Answer(first));
}

#[test]
fn an_id_belongs_to_one_command_of_one_device() {
    let mut ledger = Ledger::default();
    let given = command("c-1", number(21.5));
    ledger.apply(ended(&given, &done(&given.1, None, NOW)), NOW);
    for (device, name) in [("heater-2", "setpoint"), ("heater-1", POLL_INTERVAL)] {
        let other = told(device, name, "c-1", number(21.5));
        let refused = Some((Outcome::Refused, "another-command".to_owned()));
        assert_eq!(code(admit(&mut ledger, &other, NOW)), refused);
    }
}

#[test]
fn an_earlier_run_is_known_whatever_its_last_record_was() {
    let given = command("c-1", number(21.5));
    let interval = told("heater-1", POLL_INTERVAL, "c-2", number(5.0));
    let back = told("heater-1", POLL_INTERVAL, "c-3", None);
    let result = done(&given.1, number(21.5), NOW);
    let records = [
        begun(&given),
        ended(&given, &result),
        ended(&interval, &done(&interval.1, number(5.0), NOW)),
        ended(&back, &done(&back.1, None, NOW)),
    ];
    let name = DeviceName::new("heater-1").unwrap();
    for length in 0..=records.len() {
        let mut ledger = restore(records[..length].to_vec(), LATE);
        // What is written anew says the same.
        let again = restore(ledger.records(), LATE);
        assert_eq!(again.records(), ledger.records());
        let verdict = admit(&mut ledger, &given, NOW);
        match length {
            0 => assert!(matches!(verdict, Verdict::Write(..))),
            1 => assert_eq!(
                code(verdict),
                Some((Outcome::Failed, "interrupted".to_owned()))
            ),
            _ => assert_eq!(verdict, Verdict::Answer(result.clone())),
        }
        let every = (length == 3).then(|| Span::from_secs(5));
        assert_eq!(again.interval(&name), every, "after {length} records");
    }
}

#[test]
fn a_command_that_was_looked_at_and_not_begun_is_carried_out_by_a_later_run() {
    let mut ledger = Ledger::default();
    let given = command("c-1", number(21.5));
    assert!(matches!(
        admit(&mut ledger, &given, NOW),
        Verdict::Write(..)
    ));
    let mut later = restore(ledger.records(), NOW);
    assert!(matches!(admit(&mut later, &given, NOW), Verdict::Write(..)));
}

#[test]
fn the_oldest_results_are_forgotten_when_they_have_expired_and_no_others() {
    let mut ledger = Ledger::default();
    let end = |ledger: &mut Ledger, number: usize, now| {
        let given = command(&format!("c-{number}"), None);
        ledger.apply(ended(&given, &done(&given.1, None, NOW)), now);
    };
    for number in 0..2 * REMEMBERED {
        end(&mut ledger, number, NOW);
    }
    assert_eq!(ledger.entries.len(), 2 * REMEMBERED, "none has expired");
    let over = LATE.saturating_add(MARGIN);
    end(&mut ledger, 2 * REMEMBERED, over);
    assert_eq!(ledger.entries.len(), REMEMBERED);
    assert_eq!(ledger.ended.len(), REMEMBERED);
    assert!(!ledger.entries.contains_key(&command("c-0", None).1.id));
}

#[test]
fn more_commands_than_can_be_known_are_refused() {
    let mut ledger = Ledger::default();
    for number in 0..MOST {
        let given = command(&format!("c-{number}"), None);
        ledger.apply(begun(&given), NOW);
        ledger.apply(ended(&given, &done(&given.1, None, NOW)), NOW);
    }
    let given = command("more", number(21.5));
    let refused = Some((Outcome::Refused, "too-many-commands".to_owned()));
    assert_eq!(code(admit(&mut ledger, &given, NOW)), refused);
    let mut later = given.clone();
    later.1.expires = LATE.saturating_add(2 * MARGIN);
    let verdict = admit(&mut ledger, &later, LATE.saturating_add(MARGIN));
    assert!(matches!(verdict, Verdict::Write(..)));
    assert_eq!(ledger.entries.len(), 1);
}

#[test]
fn an_interval_outlives_the_command_that_said_so() {
    let mut ledger = Ledger::default();
    let set = |ledger: &mut Ledger, id: &str, value: Option<Value>, expires, now| {
        let mut given = told("heater-1", POLL_INTERVAL, id, value.clone());
        given.1.expires = expires;
        ledger.apply(ended(&given, &done(&given.1, value, NOW)), now);
    };
    let long = LATE.saturating_add(100 * MARGIN);
    let over = LATE.saturating_add(MARGIN);
    set(&mut ledger, "long", number(5.0), long, NOW);
    set(&mut ledger, "short", None, LATE, NOW);
    for number in 0..MOST {
        let given = command(&format!("c-{number}"), None);
        ledger.apply(ended(&given, &done(&given.1, None, NOW)), NOW);
    }
    assert!(ledger.makes_room(over));
    assert_eq!(ledger.entries.len(), 1, "the one that has not expired");
    let later = restore(ledger.records(), over);
    let name = DeviceName::new("heater-1").unwrap();
    assert_eq!(later.interval(&name), None, "the last word holds");
}
