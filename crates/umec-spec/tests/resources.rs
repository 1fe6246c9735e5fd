//! Resources as people write them: the example is right, and each slip in it is told with its place
//! and its remedy.

#![cfg(test)]

use std::fmt::Write;
use std::path::Path;

use umec_spec::resource::Resources;

const EXAMPLE: &str = include_str!("../../../examples/first/first.yaml");

/// What a person writes into the example instead of what.
const SLIPS: &[(&str, &str)] = &[
    ("profile: thermostat-x1", "profile: thermostat-x"),
    ("profile: pump-p4", "Profile: pump-p4"),
    ("kind: Uplink", "kind: UpLink"),
    ("kind: EdgeNode", "kind: Node"),
    (
        "apiVersion: umec.dev/v1alpha1\nkind: EdgeApi",
        "apiVersion: umec.dev/v1\nkind: EdgeApi",
    ),
    (
        "apiVersion: umec.dev/v1alpha1\nkind: EdgeApi",
        "kind: EdgeApi",
    ),
    ("name: meter-3", "name: Meter_3"),
    ("name: pump-1", "name: meter-3"),
    (
        "table: input, address: 0, type: i16",
        "tabel: input, address: 0, type: i16",
    ),
    ("unit: Cel", "unit: celsius"),
    ("every: 1s", "every: 1"),
    ("every: 1s", "every: 1 s"),
    ("address: 10,", "address: 70000,"),
    ("address: 10,", "address: ten,"),
    ("address: 200, type: u32", "address: 65535, type: u32"),
    ("umec.dev/simulate: \"true\"", "umec.dev/simulate: true"),
    ("umec.dev/simulate: \"true\"", "umec.dev/simulate: \"yes\""),
    ("tcp: \"10.0.7.20:502\"", "tcp: \"10.0.7.20\""),
    (
        "tcp: \"10.0.7.20:502\"",
        "tcp: \"10.0.7.20:502\", serial: { path: /dev/ttyUSB0 }",
    ),
    ("modbus: { tcp: \"10.0.7.20:502\" }", "modbus: { unit: 1 }"),
    ("  modbus: { tcp: \"10.0.7.20:502\" }", ""),
    ("unit: 3  ", "unit: 0  "),
    ("unit: 3  ", "unit: 300  "),
    (
        "tcp: \"10.0.7.21:502\", unit: 1",
        "tcp: \"10.0.7.21:502\", unit: 250",
    ),
    (
        "node: pole-7\n  profile: pump-p4",
        "node: pole-8\n  profile: pump-p4",
    ),
    (
        "table: coil, address: 0",
        "table: coil, address: 0, type: i16",
    ),
    (
        "table: holding, address: 10, type: i16, scale: 0.1",
        "table: input, address: 10, type: i16, scale: 0.1",
    ),
    (
        "table: input, address: 0, type: i16, scale: 0.1",
        "table: input, address: 0, type: string",
    ),
    (
        "table: input, address: 0, type: i16, scale: 0.1",
        "table: input, address: 0, type: bit",
    ),
    (
        "table: input, address: 0, type: i16, scale: 0.1",
        "table: input, address: 0, type: i16, scale: 0",
    ),
    (
        "table: input, address: 4, type: u32",
        "table: input, address: 3, type: u32",
    ),
    ("maxRegisters: 60", "maxRegisters: 126"),
    ("maxRegisters: 60", "maxRegisters: 1"),
    (
        "range: { min: -40, max: 85 }",
        "range: { min: 85, max: -40 }",
    ),
    ("heartbeat: 60s", "heartbeat: 500ms"),
    ("setpoint: setpoint", "setpoint: set-point"),
    ("switch: heater", "switch: humidity"),
    ("kind: follow", "kind: folow"),
    ("perSecond: 0.4", "perSecond: fast"),
    ("windows: [10s, 1m, 15m]", "windows: [10s, 7m, 10s]"),
    ("windows: [10s, 1m, 15m]", "windows: [10s]"),
    ("secret: control-token", "secret: dashboard-token"),
    ("allow: [read, command]", "allow: [read, commands]"),
    ("name: building-control", "name: dashboard"),
    (
        "command: [\"thermometer-*\", \"pump-*\"]",
        "command: [thermometer-2]",
    ),
    (
        "  gateway: \"127.0.0.1:6001\"",
        "  path: sim\n  gateway: \"127.0.0.1:6001\"",
    ),
    (
        "identity: { key: { secret: uplink-key } }",
        "identity: { sim: {} }",
    ),
    (
        "{ kind: readings }",
        "{ kind: readings, window: 1m, metrics: [temprature] }",
    ),
    ("bytes: 256Mi", "bytes: 256MB"),
    ("site: harbour-street", "site: harbour-street\n  site: x"),
    (
        "kind: Uplink\nmetadata: { name: cloud }",
        "kind: Uplink\nmetadata: { name: cloud ]",
    ),
    ("spec:\n  windows", "spec:\n\twindows"),
    (
        "  modbus: { byteOrder: CDAB, maxRegisters: 60 }",
        "  modbus: { byteOrder: abcd, maxRegisters: 60 }\n  modbus: 3",
    ),
];

/// What a person adds at the end of the example.
const ADDITIONS: &[&str] = &[
    "kind: Device\nmetadata: { name: meter-4, annotations: { umec.dev/simulate: \"true\" } }\nspec:\n  node: pole-7\n  profile: energy-meter-e2\n  modbus: { serial: { path: /dev/serial/by-id/usb-FTDI-if00, baud: 9600 }, unit: 4 }",
    "kind: Device\nmetadata: { name: meter-4 }\nspec:\n  node: pole-7\n  profile: energy-meter-e2\n  modbus: { serial: { path: /dev/serial/by-id/usb-FTDI-if00 }, unit: 4 }",
    "kind: Device\nmetadata: { name: pump-2, annotations: { umec.dev/simulate: \"true\" } }\nspec: { node: pole-7, profile: pump-p4, modbus: { tcp: \"10.0.7.21:502\" } }",
    "kind: Device\nmetadata: { name: sky-1 }\nspec: { node: pole-7, profile: pump-p4, custom: { plugin: edge-api } }",
    "kind: Device\nmetadata: { name: sky-1 }\nspec: { node: pole-7, profile: pump-p4, modbus: { tcp: \"a:1\" }, custom: { plugin: weather } }",
    "kind: DeviceProfile\nmetadata: { name: p }\nspec: { metrics: [{ name: a }, { name: a, custom: { } }, { name: b, modbus: { table: coil, address: 1 } }] }",
    "kind: DeviceProfile\nmetadata: { name: p }\nspec: { metrics: [{ name: a, modbus: { table: holding, address: 1, type: bit, bit: 16 }, write: { min: 1 } }, { name: b, modbus: { table: holding, address: 2, length: 3, bit: 1 } }] }",
    "kind: DeviceProfile\nmetadata: { name: p }\nspec: { metrics: [] }",
    "kind: DeviceProfile\nmetadata: { name: p }\nspec: { metrics: [{ name: poll-interval, custom: { } }] }",
    "kind: EdgeApi\nmetadata: { name: second }\nspec: { nodes: { names: [pole-8] } }",
    "kind: EdgeApi\nmetadata: { name: second }\nspec: { nodes: { site: harbor-street } }",
    "kind: EdgeApi\nmetadata: { name: second }\nspec: { }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"127.0.0.1:6001\", identity: { key: { secret: k } }, datagram: 20, send: [] }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"10.0.0.1:6001\" }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"10.0.0.1:6001\", protocol: v1 }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"10.0.0.1:6001\", protocol: v3, original: { series: [] } }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"10.0.0.1:6001\", identity: { key: { secret: k } }, original: { series: [] } }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"10.0.0.1:6001\", protocol: v1, identity: { key: { secret: k } }, send: [{ kind: events }], command: [meter-3], original: { rate: 0, series: [] } }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"10.0.0.1:6001\", protocol: v1, original: { carrier: Vodafone, series: [] } }",
    "kind: Uplink\nmetadata: { name: second }\nspec: { gateway: \"10.0.0.1:6001\", protocol: v1, original: { series: [{ id: 3, device: thermometer-2, metric: temperature }, { id: 3, device: thermometer-1, metric: temprature, scale: 0 }] } }",
    "kind: EdgeNode\nmetadata: { name: pole-9 }\nspec: { bus: { store: { bytes: 1k, sync: sometimes } } }",
    "kind: EdgeNode\nmetadata: { name: pole-9 }\nspec: { bus: !big { store: { } } }",
    "- a list",
];

fn read(text: &str) -> Result<Resources, Vec<String>> {
    let files = [("first.yaml".to_owned(), text.to_owned())];
    Resources::read(files).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn the_example_is_right() {
    let resources = read(EXAMPLE).unwrap();
    assert_eq!(resources.devices().count(), 3);
    assert_eq!(resources.profiles().count(), 3);
}

#[test]
fn every_slip_is_told_with_its_place_and_its_remedy() {
    let mut told = String::new();
    let mut tell = |slip: &str, text: &str| {
        let errors = read(text).err().unwrap_or_default();
        assert!(!errors.is_empty(), "{slip} is no slip");
        writeln!(told, "{slip}").unwrap();
        for error in errors {
            writeln!(told, "    {error}").unwrap();
        }
    };
    for (from, to) in SLIPS {
        assert!(EXAMPLE.contains(from), "{from:?} is not in the example");
        let slip = format!("{} => {}", from.trim(), to.trim()).replace('\n', "\\n");
        tell(&slip, &EXAMPLE.replacen(from, to, 1));
    }
    for addition in ADDITIONS {
        let head = if addition.starts_with("kind") {
            "apiVersion: umec.dev/v1alpha1\n"
        } else {
            ""
        };
        let slip = format!("+ {addition}").replace('\n', "\\n");
        tell(&slip, &format!("{EXAMPLE}---\n{head}{addition}\n"));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/resources/slips.txt");
    if std::env::var_os("UMEC_BLESS").is_some() {
        std::fs::write(&golden, &told).unwrap();
    }
    let golden = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        told == golden,
        "the errors are not those of tests/resources/slips.txt; look at them, and where they are better: \
         UMEC_BLESS=1 cargo test -p umec-spec --test resources\n{told}"
    );
}

#[test]
fn two_places_are_both_told_across_files() {
    let file = |name: &str| {
        let text =
            "apiVersion: umec.dev/v1alpha1\nkind: EdgeNode\nmetadata: { name: a }\nspec: { }\n";
        (name.to_owned(), text.to_owned())
    };
    let errors = Resources::read([file("one.yaml"), file("two.yaml")]).unwrap_err();
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "two.yaml:3:19: EdgeNode a: metadata.name: EdgeNode a stands at one.yaml:3 already; rename or remove one"
        ]
    );
}

#[test]
fn what_kubernetes_adds_is_read_over() {
    let text = "apiVersion: umec.dev/v1alpha1\nkind: EdgeNode\nmetadata:\n  name: a\n  namespace: edge\n  uid: 1-2\n  \
                generation: 3\n  managedFields: [{ manager: kubectl }]\nspec: { }\nstatus: { conditions: [] }\n";
    let resources = Resources::read([("a.yaml".to_owned(), text.to_owned())]).unwrap();
    assert_eq!(resources.nodes().count(), 1);
}
