//! A node under load with a real Kafka behind it, and the sums that must hold.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;
use umec_e2e::kafka::Broker;
use umec_e2e::ledger;
use umec_e2e::node::Node;
use umec_e2e::program::{Running, address, binary};
use umec_e2e::relay::{Count, Relay, Weather};
use umec_e2e::{eventually, fail};
use umec_wire::MessageId;

/// Devices, each sampled as often as the plant's load says.
const DEVICES: usize = 8;

/// 160 messages in a second.
const LOAD: &str = "50ms";

/// 16 in a second: what gets through where a third of all datagrams is lost, with room to catch up.
const LOAD_IN_A_STORM: &str = "500ms";

/// As many readings that went the whole way show that it goes on.
const SOME: i64 = 40;

const SOON: Duration = Duration::from_mins(1);

const READINGS: &str = "umec.readings";

/// A node under load.
pub(crate) struct Plant {
    node: Node,
    broker: Broker,
    cloud: Option<Cloud>,
}

/// A gateway of the test's own, so that a relay can stand before it.
struct Cloud {
    gateway: Running,
    relay: Relay,
    folder: TempDir,
}

impl Plant {
    /// Starts everything; with the relay that `weather` makes between the uplink and a gateway of its own.
    pub(crate) fn start(weather: Option<&dyn Fn(SocketAddr) -> Relay>) -> Self {
        let broker = Broker::start();
        let kafka = ["--kafka", &broker.bootstrap()].map(str::to_owned);
        let arguments: Vec<&str> = kafka.iter().map(String::as_str).collect();
        let Some(weather) = weather else {
            let node = Node::up(Some(&site("127.0.0.1:6001", LOAD)), &arguments);
            return Self {
                node,
                broker,
                cloud: None,
            };
        };
        let folder = tempfile::tempdir().unwrap();
        let (keys, file) = (folder.path().join("keys"), folder.path().join("address"));
        fs::create_dir(&keys).unwrap();
        let config = format!(
            "node: cloud\nsettings:\n  listen: 127.0.0.1:0\n  addressFile: {}\n  keys: {}\n  kafka: {{ bootstrap: \"{}\", partitions: 1 }}\n",
            file.display(),
            keys.display(),
            broker.bootstrap()
        );
        let gateway = Running::with_config(&binary("umec-gateway"), &config);
        let listens = address(&file, SOON);
        let relay = weather(listens);
        // Spelled so that `umec up` leaves the gateway to the test; to a resolver it is 127.0.0.1 all the same.
        let address = format!("127.1:{}", relay.address().port());
        let site = site(&address, LOAD_IN_A_STORM);
        let mut node = Node::start(Some(&site), &[]);
        let secret = node.state().join("secrets/uplink-key");
        let key = eventually(SOON, || fs::read(&secret).map_err(|e| e.to_string()));
        fs::write(keys.join("pole-1"), key).unwrap();
        node.wait_until_up();
        let cloud = Cloud {
            gateway,
            relay,
            folder,
        };
        Self {
            node,
            broker,
            cloud: Some(cloud),
        }
    }

    /// Kills one process, and sees to it that it comes back.
    pub(crate) fn kill(&mut self, victim: &str) {
        match (victim, &mut self.cloud) {
            ("kafka", _) => {
                self.broker.kill();
                self.broker.restart();
            }
            ("gateway", Some(cloud)) => cloud.restart(),
            _ => {
                let killed = self.node.kill(victim);
                eventually(SOON, || {
                    let process = self.node.process(victim);
                    if process.pid.is_some() && process.pid != killed {
                        Ok(())
                    } else {
                        Err(process)
                    }
                });
            }
        }
    }

    /// Cuts the way to the cloud until the bus has kept a good deal.
    pub(crate) fn cut(&self) {
        let cloud = self.cloud();
        cloud.relay.set(Weather::CUT);
        let before = self.kept().len();
        eventually(SOON, || {
            let more = self.kept().len() - before;
            if more > 100 { Ok(()) } else { Err(more) }
        });
        cloud.relay.set(Weather::STORM);
    }

    /// Makes the uplink come from another port.
    pub(crate) fn rebind(&self) {
        self.cloud().relay.rebind();
    }

    /// What the weather has done.
    pub(crate) fn weather(&self) -> Count {
        self.cloud().relay.count()
    }

    /// Waits until all processes are ready and readings get through.
    pub(crate) fn goes_on(&self, deadline: Duration) {
        let before = self.broker.count(READINGS, 1);
        eventually(deadline, || {
            let status = self
                .node
                .status()
                .ok_or_else(|| "nothing runs".to_owned())?;
            let arrived = self.broker.count(READINGS, 1) - before;
            let ready = status
                .processes
                .iter()
                .all(|process| process.state == "ready");
            if ready && arrived >= SOME {
                Ok(())
            } else {
                Err(format!(
                    "{arrived} readings arrived, {:#?}",
                    status.processes
                ))
            }
        });
    }

    /// Holds the bus against Kafka.
    pub(crate) fn balances(&self, deadline: Duration) {
        let kept = ledger::kept(&self.node);
        let all: Vec<MessageId> = kept.iter().map(|message| message.id.clone()).collect();
        assert_eq!(ledger::gaps(&all), Vec::<String>::new());
        let readings: Vec<MessageId> = kept
            .into_iter()
            .filter(|message| message.subject.ends_with(".readings"))
            .map(|message| message.id)
            .collect();
        assert!(
            readings.len() > 100,
            "{} readings are no load",
            readings.len()
        );
        let arrived = eventually(deadline, || {
            let arrived = ledger::ids(&self.broker.records(READINGS));
            let missing = ledger::missing(&readings, &arrived);
            if missing.is_empty() {
                Ok(arrived)
            } else {
                Err(missing)
            }
        });
        assert_eq!(ledger::doubled(&arrived), []);
    }

    fn kept(&self) -> Vec<ledger::Kept> {
        ledger::kept(&self.node)
    }

    fn cloud(&self) -> &Cloud {
        self.cloud
            .as_ref()
            .unwrap_or_else(|| fail("this plant has no relay"))
    }
}

impl Cloud {
    /// Kills the gateway and starts it again; it comes back on another port.
    fn restart(&mut self) {
        let file = self.folder.path().join("address");
        self.gateway.kill();
        fs::remove_file(&file).unwrap();
        self.gateway.restart();
        self.relay.aim(address(&file, SOON));
    }
}

/// The resources of the plant: devices whose every value is another one, and an uplink that sends all.
fn site(gateway: &str, every: &str) -> String {
    let device = |number: usize| {
        DEVICE
            .replace("NUMBER", &number.to_string())
            .replace("HOST", &(number + 1).to_string())
    };
    let devices: Vec<String> = (0..DEVICES).map(device).collect();
    SITE.replace("EVERY", every).replace("GATEWAY", gateway) + &devices.concat()
}

const SITE: &str = r#"
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: counter }
spec:
  metrics:
    - name: count
      modbus: { table: input, address: 0, type: u32 }
      every: EVERY
      simulate: { kind: counter, start: 0, perSecond: 1000 }
---
apiVersion: umec.dev/v1alpha1
kind: EdgeApi
metadata: { name: default }
spec:
  windows: [10s]
---
apiVersion: umec.dev/v1alpha1
kind: Uplink
metadata: { name: cloud }
spec:
  gateway: "GATEWAY"
  identity: { key: { secret: uplink-key } }
  send:
    - { kind: readings }
"#;

const DEVICE: &str = r#"
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: counter-NUMBER, annotations: { umec.dev/simulate: "true" } }
spec:
  node: pole-1
  profile: counter
  modbus: { tcp: "10.0.0.HOST:502" }
"#;
