use umec_spec::keys::Keys;
use umec_spec::settings::edge_api::EdgeApiSettings;
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::plugin::PluginSettings;
use umec_spec::settings::uplink::UplinkSettings;
use umec_wire::Timestamp;

use super::*;
use crate::sources::read_or_example;
use crate::up::applied;
use crate::up::roster::{foreign, services};

struct Example {
    layout: Layout,
    node: NodeName,
    plan: NodePlan,
    addresses: Addresses,
    links: BTreeSet<PathBuf>,
}

impl Example {
    fn new() -> Self {
        let node = NodeName::new("pole-7").unwrap();
        let keys = Keys::from_root([1; 32], Timestamp::default());
        let plan = applied(read_or_example(&[]).unwrap(), false, &keys, &node).unwrap();
        // Nothing lies there, so that nothing is read from it.
        let layout = Layout::new(Path::new("/nonexistent/umec")).unwrap();
        Self {
            addresses: Addresses::load(&layout),
            layout,
            node,
            plan,
            links: BTreeSet::new(),
        }
    }

    fn learn(&mut self, process: &str, face: &str, port: u16) {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        self.addresses.learn(Face::new(process, face), address);
    }

    fn configure(&self, name: &str) -> Result<String, ConfigureError> {
        let services = services(&self.plan, "embedded");
        let service = services.iter().find(|service| service.name == name);
        service.unwrap().configure(&Site {
            layout: &self.layout,
            node: &self.node,
            plan: &self.plan,
            addresses: &self.addresses,
            links: &self.links,
            http: None,
        })
    }
}

fn is_missing(configured: &Result<String, ConfigureError>) -> bool {
    matches!(configured, Err(ConfigureError::Missing(_)))
}

#[test]
fn the_example_needs_six_processes_and_plugins_stop_first() {
    let example = Example::new();
    let services = services(&example.plan, "embedded");
    let named: Vec<_> = services
        .iter()
        .map(|service| (service.name.as_str(), service.program, service.rank))
        .collect();
    assert_eq!(
        named,
        [
            ("nats", "nats-server", Rank(0)),
            ("modbus-line", "umec-modbus-line", Rank(0)),
            ("gateway", "umec-gateway", Rank(0)),
            ("edge-api", "umec-edge-api", Rank(1)),
            ("modbus", "umec-modbus", Rank(2)),
            ("uplink-cloud", "umec-uplink", Rank(1)),
        ]
    );
}

#[test]
fn a_plugin_waits_for_the_bus_and_for_every_line_that_is_played() {
    let mut example = Example::new();
    assert!(is_missing(&example.configure("modbus")));
    example.learn(NATS, CLIENT, 4222);
    let simulator = example.plan.simulators[0].clone();
    let offered = simulator.offered(&example.layout.run());
    let mut port = 5_000;
    for (index, offered) in offered.into_iter().enumerate() {
        assert!(is_missing(&example.configure("modbus")));
        match offered {
            Offered::AddressFile(_) => {
                port += 1;
                example.learn("modbus-line", &format!("line-{index}"), port);
            }
            Offered::Link(link) => drop(example.links.insert(link)),
        }
    }
    let text = example.configure("modbus").unwrap();
    let process: Process<PluginSettings<Modbus>> = yaml::from_str(&text).unwrap();
    assert_eq!(process.bus.unwrap().url, "nats://127.0.0.1:4222");
    let mut reached: Vec<String> = process
        .settings
        .links
        .iter()
        .map(|link| match &link.link.transport {
            Transport::Tcp { address } | Transport::RtuOverTcp { address } => address.clone(),
            Transport::Serial(serial) => serial.path.display().to_string(),
        })
        .collect();
    reached.sort();
    assert_eq!(
        reached,
        [
            "/nonexistent/umec/run/line-2.tty",
            "127.0.0.1:5001",
            "127.0.0.1:5002"
        ]
    );
}

#[test]
fn an_uplink_to_this_machine_goes_to_the_gateway_that_runs_on_it() {
    let mut example = Example::new();
    example.learn(NATS, CLIENT, 4222);
    assert!(is_missing(&example.configure("uplink-cloud")));
    example.learn(GATEWAY, UDP, 6_002);
    let text = example.configure("uplink-cloud").unwrap();
    let process: Process<UplinkSettings> = yaml::from_str(&text).unwrap();
    assert_eq!(process.settings.gateway, "127.0.0.1:6002");
}

#[test]
fn the_edge_api_has_a_token_of_this_command() {
    let mut example = Example::new();
    example.learn(NATS, CLIENT, 4222);
    let text = example.configure("edge-api").unwrap();
    let process: Process<EdgeApiSettings> = yaml::from_str(&text).unwrap();
    let tokens = process.settings.tokens.iter();
    let names: Vec<&str> = tokens.map(|token| token.name.as_str()).collect();
    assert_eq!(names, ["dashboard", "building-control", "umec-cli"]);
    assert_eq!(process.settings.listen.ip().to_string(), "127.0.0.1");
}

#[test]
fn a_real_broker_takes_the_place_of_the_one_in_memory() {
    let example = Example::new();
    let services = services(&example.plan, "broker-1:9092");
    let gateway = services.iter().find(|service| service.name == GATEWAY);
    let faces = gateway.unwrap().faces(&example.layout);
    let faces: Vec<&str> = faces.iter().map(|(face, _)| face.face.as_str()).collect();
    assert_eq!(faces, [ADMIN, UDP]);
}

#[test]
fn somebody_elses_plugin_is_configured_and_not_started() {
    let mut example = Example::new();
    assert!(foreign(&example.plan).is_empty());
    let process = example.plan.processes.iter_mut();
    let mut modbus = process.into_iter().filter(|p| p.name.as_str() == "modbus");
    modbus.next().unwrap().program = umec_spec::plan::Program::Foreign;
    let named = |services: Vec<Service>| -> Vec<String> {
        services.into_iter().map(|service| service.name).collect()
    };
    assert_eq!(named(foreign(&example.plan)), ["modbus"]);
    assert!(!named(services(&example.plan, "embedded")).contains(&"modbus".to_owned()));
}

#[test]
fn a_gateway_is_here_where_its_address_is_this_machine() {
    for here in [
        "127.0.0.1:6001",
        "localhost:6001",
        "[::1]:6001",
        "127.1.2.3:1",
    ] {
        assert!(is_loopback(here), "{here}");
    }
    for there in [
        "gateway.example.net:6001",
        "10.0.0.1:6001",
        "[2001:db8::1]:6001",
    ] {
        assert!(!is_loopback(there), "{there}");
    }
}
