//! No text whatever stops the reader of resources: it gives resources or errors, each with a place.
//!
//! `PROPTEST_CASES` sets how many texts are tried.

#![cfg(test)]

use proptest::prelude::*;
use umec_spec::resource::Resources;

/// One resource of each kind, short, so that a slip soon strikes something that matters.
const BASE: &str = r#"apiVersion: umec.dev/v1alpha1
kind: EdgeNode
metadata: { name: n }
spec: { site: s, bus: { store: { bytes: 1Gi, age: 7d } } }
---
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: p }
spec:
  modbus: { byteOrder: CDAB, maxGap: 8 }
  metrics:
    - name: a
      unit: Cel
      modbus: { table: input, address: 0, type: i16, scale: 0.1 }
      every: 1s
      range: { min: -40, max: 85 }
      report: { deadband: 0.1 }
      simulate: { kind: follow, setpoint: b, switch: c, rest: 17, time: 60s }
    - { name: b, modbus: { table: holding, address: 7 }, write: { max: 30 } }
    - { name: c, modbus: { table: coil, address: 0 }, write: { } }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata:
  name: d
  annotations: { umec.dev/simulate: "true" }
spec:
  node: n
  profile: p
  modbus:
    serial: { path: /dev/ttyUSB0, baud: 19200 }
    unit: 3
---
apiVersion: umec.dev/v1alpha1
kind: EdgeApi
metadata: { name: e }
spec:
  windows: [10s, 1m]
  tokens: [{ name: t, allow: [read], devices: ["*"], secret: x }]
---
apiVersion: umec.dev/v1alpha1
kind: Uplink
metadata: { name: u }
spec:
  gateway: "127.0.0.1:6001"
  identity: { key: { secret: k } }
  send: [{ kind: aggregates, window: 1m, devices: ["d*"], metrics: [a] }]
"#;

/// What people and machines put into YAML.
const PIECES: &[&str] = &[
    "\n",
    "  ",
    "\t",
    "- ",
    ": ",
    ", ",
    "{ ",
    " }",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "|",
    ">",
    "&a ",
    "*a",
    "!t ",
    "---\n",
    "...\n",
    "<<: *a",
    "? ",
    "%YAML 1.2\n",
    "~",
    "null",
    "true",
    "no",
    "-1",
    "0",
    "1.5",
    ".inf",
    ".nan",
    "1e400",
    "99999999999999999999999",
    "0x10",
    "name",
    "kind",
    "spec",
    "modbus",
    "metrics",
    "\u{0}",
    "\u{feff}",
    "ä",
    "\u{2028}",
    "\\",
    "\r\n",
    "*",
    "@",
];

/// One change to a text.
#[derive(Debug, Clone)]
enum Change {
    Insert(usize, usize),
    Delete(usize, usize),
    CopyLine(usize, usize),
    MoveLine(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || 0..BASE.len();
    prop_oneof![
        (at(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (at(), 1..24_usize).prop_map(|(at, length)| Change::Delete(at, length)),
        (at(), at()).prop_map(|(from, to)| Change::CopyLine(from, to)),
        (at(), at()).prop_map(|(from, to)| Change::MoveLine(from, to)),
    ]
}

fn apply(text: &mut Vec<char>, change: &Change) {
    let line = |text: &[char], at: usize| {
        let at = at.min(text.len());
        let start = text[..at]
            .iter()
            .rposition(|c| *c == '\n')
            .map_or(0, |place| place + 1);
        let end = text[at..]
            .iter()
            .position(|c| *c == '\n')
            .map_or(text.len(), |place| at + place + 1);
        start..end
    };
    match *change {
        Change::Insert(at, piece) => {
            let at = at.min(text.len());
            text.splice(at..at, PIECES[piece].chars());
        }
        Change::Delete(at, length) => {
            let at = at.min(text.len());
            text.drain(at..(at + length).min(text.len()));
        }
        Change::CopyLine(from, to) => {
            let copied = text[line(text, from)].to_vec();
            let to = line(text, to).start;
            text.splice(to..to, copied);
        }
        Change::MoveLine(from, to) => {
            let moved: Vec<_> = text.drain(line(text, from)).collect();
            let to = line(text, to).start;
            text.splice(to..to, moved);
        }
    }
}

fn read(text: &str) {
    let files = [("r.yaml".to_owned(), text.to_owned())];
    let Err(errors) = Resources::read(files) else {
        return;
    };
    assert!(!errors.is_empty());
    for error in errors {
        let told = error.to_string();
        assert!(error.line >= 1 && error.column >= 1, "{told}\n{text}");
        assert!(!told.contains('\n'), "{told}\n{text}");
    }
}

#[test]
fn the_base_is_right() {
    let files = [("r.yaml".to_owned(), BASE.to_owned())];
    assert_eq!(Resources::read(files).map(|r| r.devices().count()), Ok(1));
}

proptest! {
    #[test]
    fn changed_resources_are_read_or_refused_with_a_place(
        changes in proptest::collection::vec(change(), 1..6)
    ) {
        let mut text: Vec<char> = BASE.chars().collect();
        for change in &changes {
            apply(&mut text, change);
        }
        read(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in "\\PC{0,200}|[ \\n:{}\\[\\],a-c'\"|>&*!%@#-]{0,200}") {
        read(&text);
    }
}
