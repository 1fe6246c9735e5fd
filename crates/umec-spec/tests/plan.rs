//! The plan of the example, and what holds for every plan.

#![cfg(test)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use umec_spec::keys::Keys;
use umec_spec::plan::{Offered, Place, Plan, PlannedProcess, ServerPlace, Settings, plan};
use umec_spec::resource::Resources;
use umec_spec::settings::Process;
use umec_spec::settings::edge_api::EdgeApiSettings;
use umec_spec::settings::modbus::{Modbus, Transport};
use umec_spec::settings::modbus_line::ModbusLineSettings;
use umec_spec::settings::plugin::PluginSettings;
use umec_spec::settings::uplink::UplinkSettings;
use umec_spec::yaml;
use umec_wire::{Label, NodeName, Span, Timestamp};

const EXAMPLE: &str = include_str!("../../../examples/first/first.yaml");

fn keys() -> Keys {
    Keys::from_root([7; 32], Timestamp::from_millis(1_763_716_200_000))
}

fn read(texts: &[String]) -> Resources {
    let files = texts.iter().enumerate();
    let files = files.map(|(index, text)| (format!("{index}.yaml"), text.clone()));
    Resources::read(files).unwrap()
}

fn example() -> Plan {
    plan(&read(&[EXAMPLE.to_owned()]), &keys())
}

fn place() -> Place {
    Place {
        bus: "nats://127.0.0.1:4222".to_owned(),
        credentials: PathBuf::from("/run/umec/creds"),
        secrets: PathBuf::from("/run/umec/secrets"),
        admin: SocketAddr::from(([127, 0, 0, 1], 0)),
        addresses: Some(PathBuf::from("/run/umec/addresses")),
        state: Some(PathBuf::from("/var/lib/umec")),
        grace: Span::from_secs(20),
    }
}

fn process<'p>(plan: &'p Plan, name: &str) -> &'p PlannedProcess {
    let node = &plan.nodes[&NodeName::new("pole-7").unwrap()];
    let named = |process: &&PlannedProcess| process.name.as_str() == name;
    node.processes.iter().find(named).unwrap()
}

#[test]
fn the_plan_of_the_example_is_known_line_by_line() {
    let planned = yaml::to_string(&example()).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan/first.yaml");
    if std::env::var_os("UMEC_BLESS").is_some() {
        std::fs::write(&golden, &planned).unwrap();
    }
    let known = std::fs::read_to_string(&golden).unwrap_or_default();
    let first = known.lines().zip(planned.lines()).position(|(a, b)| a != b);
    assert!(
        known == planned,
        "the plan differs from tests/plan/first.yaml, first in line {first:?}; read it, and where it \
         is right: UMEC_BLESS=1 cargo test -p umec-spec --test plan"
    );
}

#[test]
fn nothing_secret_stands_in_a_plan_or_in_a_configuration() {
    let plan = example();
    let node = plan.nodes.values().next().unwrap();
    let server = node.bus.server_configuration(&ServerPlace {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        store: Some(PathBuf::from("/var/lib/umec/store")),
        ports: None,
        monitor: None,
    });
    let written = [
        format!("{plan:?}"),
        yaml::to_string(&plan).unwrap(),
        server,
        process(&plan, "edge-api").configuration(&place()).unwrap(),
    ];
    let mut secrets = Vec::new();
    for user in &node.bus.users {
        let (_, seed) = user.credentials.reveal().split_once("SEED-----\n").unwrap();
        secrets.push(seed.lines().next().unwrap());
    }
    let planned = node.processes.iter().flat_map(|process| &process.secrets);
    secrets.extend(planned.map(|secret| secret.value.reveal()));
    assert_eq!(secrets.len(), 4 + 3, "four users, two tokens and a key");
    for secret in secrets {
        assert!(secret.len() > 40, "{secret:?}");
        assert!(written.iter().all(|text| !text.contains(secret)));
    }
}

#[test]
fn each_process_reads_the_configuration_that_the_plan_writes() {
    let plan = example();
    let text = |name| process(&plan, name).configuration(&place()).unwrap();
    let modbus: Process<PluginSettings<Modbus>> = yaml::from_str(&text("modbus")).unwrap();
    let edge_api: Process<EdgeApiSettings> = yaml::from_str(&text("edge-api")).unwrap();
    let uplink: Process<UplinkSettings> = yaml::from_str(&text("uplink-cloud")).unwrap();

    assert_eq!(
        modbus.settings.state,
        Some(PathBuf::from("/var/lib/umec/modbus"))
    );
    let settings = PluginSettings {
        state: None,
        ..modbus.settings
    };
    assert_eq!(
        Settings::Modbus(settings),
        process(&plan, "modbus").settings
    );
    assert_eq!(
        Settings::Uplink(uplink.settings),
        process(&plan, "uplink-cloud").settings
    );
    let addresses = |name: &str| Some(PathBuf::from("/run/umec/addresses").join(name));
    assert_eq!(edge_api.settings.address_file, addresses("edge-api.http"));
    assert_eq!(edge_api.admin.address_file, addresses("edge-api.admin"));
}

#[test]
fn a_simulator_plays_each_line_and_the_plugin_is_led_to_it() {
    let mut plan = example();
    let node = plan.nodes.values_mut().next().unwrap();
    let simulators = node.simulators.clone();
    let [simulator] = simulators.as_slice() else {
        panic!("one simulator");
    };
    let folder = Path::new("/run/umec/lines");
    let settings = simulator.settings(folder);
    let text = yaml::to_string(&settings).unwrap();
    assert_eq!(
        yaml::from_str::<ModbusLineSettings>(&text).unwrap(),
        settings
    );

    for (line, offered) in simulator.lines.iter().zip(simulator.offered(folder)) {
        let place = match offered {
            Offered::AddressFile(file) => {
                assert!(file.starts_with(folder));
                "127.0.0.1:15502".to_owned()
            }
            Offered::Link(link) => link.to_string_lossy().into_owned(),
        };
        node.redirect(&line.stands_in_for, &line.transport_at(&place));
    }
    let Settings::Modbus(settings) = &process(&plan, "modbus").settings else {
        panic!("the settings of umec-modbus");
    };
    for link in &settings.links {
        match &link.link.transport {
            Transport::Tcp { address } => assert_eq!(address, "127.0.0.1:15502"),
            Transport::Serial(serial) => {
                assert!(serial.path.starts_with(folder));
                assert_eq!(serial.baud, 19_200);
            }
            Transport::RtuOverTcp { .. } => panic!("there is none in the example"),
        }
    }
}

#[test]
fn the_devices_of_one_line_share_one_link() {
    let more = "---\napiVersion: umec.dev/v1alpha1\nkind: Device\nmetadata: { name: meter-4, annotations: { umec.dev/simulate: \"true\" } }\n\
                spec:\n  node: pole-7\n  profile: energy-meter-e2\n  modbus:\n    unit: 4\n    serial: { path: /dev/serial/by-id/usb-FTDI-if00 }\n";
    let plan = plan(&read(&[format!("{EXAMPLE}{more}")]), &keys());
    let Settings::Modbus(settings) = &process(&plan, "modbus").settings else {
        panic!("the settings of umec-modbus");
    };
    let shared: Vec<_> = settings
        .links
        .iter()
        .map(|link| link.devices.len())
        .collect();
    assert_eq!(
        shared,
        [1, 1, 2],
        "two TCP lines, and a serial one with both meters"
    );
}

#[test]
fn a_node_that_no_resource_describes_is_planned_for_its_devices() {
    let documents: Vec<_> = EXAMPLE.split("\n---\n").collect();
    let text = documents
        .into_iter()
        .skip(1)
        .filter(|d| !d.contains("kind: EdgeApi") && !d.contains("kind: Uplink"));
    let resources = read(&text.map(ToOwned::to_owned).collect::<Vec<_>>());
    let plan = plan(&resources, &keys());
    let node = &plan.nodes[&NodeName::new("pole-7").unwrap()];
    assert_eq!(node.processes.len(), 1);
    assert_eq!(node.bus.stream.bytes, 1 << 30);

    let token = Label::new("umec").unwrap();
    let plan = umec_spec::plan::plan(&resources.with_token_for_all(&token), &keys());
    let Settings::EdgeApi(settings) = &process(&plan, "edge-api").settings else {
        panic!("the settings of umec-edge-api");
    };
    assert_eq!(settings.tokens.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_documents_and_files(
        (order, cuts) in (
            Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle(),
            proptest::collection::vec(any::<bool>(), 9),
        )
    ) {
        let documents: Vec<_> = EXAMPLE.split("\n---\n").collect();
        prop_assert_eq!(documents.len(), order.len());
        let mut files = vec![String::new()];
        for (index, cut) in order.into_iter().zip(cuts) {
            if cut {
                files.push(String::new());
            }
            if let Some(file) = files.last_mut() {
                file.push_str("---\n");
                file.push_str(documents[index]);
                file.push('\n');
            }
        }
        prop_assert_eq!(plan(&read(&files), &keys()), example());
    }
}
