use super::*;
use crate::overview::{DeviceRow, DeviceState, Hint};

fn row(name: &str, values: &[(&str, &str)]) -> DeviceRow {
    DeviceRow {
        name: name.to_owned(),
        state: DeviceState::Up,
        reason: None,
        values: values
            .iter()
            .map(|(metric, value)| ((*metric).to_owned(), (*value).to_owned()))
            .collect(),
        age: Some(Duration::from_millis(400)),
        served: Some(1_234),
        in_cloud: Some(1_233),
    }
}

fn process(name: &str, state: &str, reason: Option<&str>) -> ProcessRow {
    ProcessRow {
        name: name.to_owned(),
        pid: Some(1),
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        restarts: 0,
        log: "log".into(),
    }
}

fn overview() -> Overview {
    Overview {
        node: "pole-7".to_owned(),
        uptime: Duration::from_secs(83),
        phase: Phase::Running,
        devices: vec![
            row(
                "meter-3",
                &[
                    ("power", "1234 W"),
                    ("energy", "17 kWh"),
                    ("voltage", "230.1 V"),
                ],
            ),
            DeviceRow {
                state: DeviceState::Down,
                reason: Some("no-answer: unit 3 did not answer within 500ms".to_owned()),
                age: Some(Duration::from_secs(75)),
                ..row("pump-1", &[])
            },
            row(
                "thermometer-1",
                &[("temperature", "21.4 °C"), ("heater", "on")],
            ),
        ],
        pipeline: Pipeline {
            sampled: Some(3_702),
            bus: Some(3_702),
            api: Some(3_701),
            cloud: None,
        },
        processes: vec![
            process("nats", "ready", None),
            process("modbus-line", "ready", None),
            process("modbus", "unready", Some("the bus is away")),
            process("edge-api", "ready", None),
            process("uplink", "failed", Some("exit code 1")),
        ],
        hints: vec![
            Hint {
                what: "write",
                command: "umec device write thermometer-1 setpoint=21.5".to_owned(),
            },
            Hint {
                what: "cloud",
                command: "kcat -b 127.0.0.1:40001 -t umec.readings".to_owned(),
            },
        ],
    }
}

fn text(lines: &[Line]) -> String {
    let lines = lines.iter().map(|line| line.text().trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_table_fits_a_screen_of_80_by_24() {
    let lines = layout(&overview(), 80, 24);
    let expected = "\
µMEC pole-7  running                                      0:01:23 · Ctrl-C stops

DEVICE         STATE LAST VALUES                           AGE  MESSAGE IN CLOUD
meter-3        up    power 1234 W                         0.4s    1,234    1,233
                     energy 17 kWh     voltage 230.1 V
pump-1         down  no-answer: unit 3 did not answer      75s    1,234    1,233
                     within 500ms
thermometer-1  up    temperature 21.4 °C                  0.4s    1,234    1,233
                     heater on

READINGS  sampled 3,702  →  bus 3,702  →  API 3,701  →  Kafka –

PROCESSES nats  modbus-line  modbus unready  edge-api  uplink failed
          modbus: the bus is away
          uplink: exit code 1

TRY       write  umec device write thermometer-1 setpoint=21.5
          cloud  kcat -b 127.0.0.1:40001 -t umec.readings";
    assert_eq!(text(&lines), expected);
}

#[test]
fn a_device_has_one_line_where_there_is_no_room_for_all_its_values() {
    let text = text(&layout(&overview(), 80, 16));
    assert!(
        text.contains("up    power 1234 W  energy 17 kWh  volt…   0.4s    1,234    1,233\npump-1"),
        "{text}"
    );
}

#[test]
fn no_line_is_wider_and_no_screen_higher_than_there_is_room() {
    let mut overview = overview();
    overview.devices = (0..100)
        .map(|n| {
            row(
                &format!("device-with-a-rather-long-name-{n}"),
                &[("a", "1")],
            )
        })
        .collect();
    for (width, height) in [(80, 24), (40, 10), (20, 5), (200, 60), (1, 1)] {
        let lines = layout(&overview, width, height);
        assert!(lines.len() <= height, "{width}x{height}");
        for line in &lines {
            assert!(line.width() <= width, "{width}x{height}: {:?}", line.text());
        }
    }
}

#[test]
fn devices_in_trouble_are_shown_before_others_when_not_all_have_room() {
    let mut overview = overview();
    overview.devices = (0..50).map(|n| row(&format!("d{n}"), &[])).collect();
    overview.devices[49].reason = Some("no-answer".to_owned());
    let text = text(&layout(&overview, 80, 24));
    assert!(text.contains("\nd49 "), "{text}");
    assert!(text.contains("more: umec device list"), "{text}");
    assert!(text.contains("TRY"), "{text}");
}

#[test]
fn ages_and_counts_are_short() {
    let ages = [0, 9_999, 10_000, 119_000, 120_000, 7_200_000, 172_800_000];
    let told = ages.map(|millis| age(Duration::from_millis(millis)));
    assert_eq!(told, ["0.0s", "9.9s", "10s", "119s", "2m", "2h", "2d"]);
    assert_eq!(
        [0, 999, 1_000, 1_234_567].map(grouped),
        ["0", "999", "1,000", "1,234,567"]
    );
}
