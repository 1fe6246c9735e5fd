//! The gateway under load: real protocol, real process, real Kafka, many modems in this one program.
//!
//! Beside it, in the same run: librdkafka's producer alone with the same records, and two stand-ins for
//! other ways of bringing a datagram into Kafka. `--seconds=N` is how long each measurement takes.

mod alone;
mod fleet;
mod process;
mod stand_in;

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use umec_e2e::figure::{Goal, quantile, tell};
use umec_e2e::kafka::Broker;
use umec_e2e::program::{Running, address, binary};

use fleet::{Fleet, Load, Pace};
use stand_in::Way;

/// How long the gateway may take to listen, and a fleet to have its sessions.
const LONG: Duration = Duration::from_mins(1);

/// The most modems of any load.
const MODEMS: usize = 10_000;

/// The modems of a load that goes as fast as it can.
const FLAT_OUT: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, way, bootstrap, file] = arguments.as_slice()
        && word == "stand-in"
    {
        stand_in::run(
            way.parse().expect("a known way"),
            bootstrap,
            Path::new(file),
        );
        return;
    }
    let runtime = Runtime::new().expect("a runtime");
    let time = Duration::from_secs(seconds());
    let broker = Broker::start();
    let site = Site::start(&broker);
    for readings in [1, 10] {
        flat_out(&runtime, &broker, &site, readings, time);
    }
    for (way, goal) in [(Way::Json, Goal::Open), (Way::Flush, Goal::Open)] {
        let rate = stand_in::measure(way, &broker.bootstrap(), time);
        tell(&format!("{way}, readings"), rate.readings, "/s", goal);
        tell(&format!("{way}, CPU"), rate.cpu, "µs/reading", Goal::Open);
    }
    for (rate, goal) in [(1, 3.0), (100, 3.0), (10_000, 3.0)] {
        delays(
            &runtime,
            &site,
            rate,
            goal,
            time.max(Duration::from_secs(3)),
        );
    }
    crowd(&runtime, &site, time.max(Duration::from_secs(10)));
}

fn seconds() -> u64 {
    let set = std::env::args().find_map(|a| a.strip_prefix("--seconds=")?.parse().ok());
    set.unwrap_or(3)
}

/// A gateway as a process of its own, with the keys of all modems there will be.
struct Site {
    gateway: Running,
    address: std::net::SocketAddr,
    _folder: TempDir,
}

// === impl Site ===

impl Site {
    fn start(broker: &Broker) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = folder.path().join("keys");
        fs::create_dir(&keys).expect("a folder of keys");
        for number in 0..MODEMS {
            let file = keys.join(fleet::name(number).as_str());
            fs::write(file, fleet::KEY_TEXT.repeat(32)).expect("a key is written");
        }
        let file = folder.path().join("address");
        let config = format!(
            "node: cloud
admin: {{ listen: \"127.0.0.1:0\" }}
settings:
  listen: \"127.0.0.1:0\"
  addressFile: {}
  keys: {}
  kafka: {{ bootstrap: \"{}\" }}
",
            file.display(),
            keys.display(),
            broker.bootstrap()
        );
        let gateway = Running::with_config(&binary("umec-gateway"), &config);
        let address = address(&file, LONG);
        Self {
            gateway,
            address,
            _folder: folder,
        }
    }
}

/// As much as goes, against librdkafka alone.
fn flat_out(runtime: &Runtime, broker: &Broker, site: &Site, readings: usize, time: Duration) {
    let load = Load {
        first: 0,
        messages: None,
        modems: FLAT_OUT,
        pace: Pace::FlatOut,
        readings,
        linger: Duration::from_millis(5),
    };
    let fleet = runtime.block_on(Fleet::start(site.address, load));
    let before = process::cpu(site.gateway.pid());
    let ran = runtime.block_on(fleet.measure(time));
    let cpu = process::cpu(site.gateway.pid()) - before;
    drop(fleet);
    let per_message = if readings == 1 {
        "1 reading a message".to_owned()
    } else {
        format!("{readings} readings a message")
    };
    let name = |what: &str| format!("gateway, {per_message}: {what}");
    let as_readings = fleet::float(readings);
    tell(
        &name("readings"),
        ran.messages * as_readings / ran.seconds,
        "/s",
        Goal::Open,
    );
    tell(
        &name("datagrams"),
        ran.datagrams / ran.seconds,
        "/s",
        Goal::Open,
    );
    tell(
        &name("readings per core"),
        ran.messages * as_readings / cpu,
        "/s",
        Goal::Open,
    );
    tell(
        &name("datagrams per core"),
        ran.datagrams / cpu,
        "/s",
        Goal::Open,
    );
    let alone = alone::measure(&broker.bootstrap(), time);
    tell(
        &name("the same records by librdkafka alone"),
        alone.records / alone.seconds,
        "/s",
        Goal::Open,
    );
    let share = (ran.messages / ran.seconds) / (alone.records / alone.seconds);
    tell(
        &name("rate against librdkafka alone"),
        share,
        "",
        Goal::AtLeast(0.6),
    );
    let share = (alone.cpu / alone.records) / (cpu / ran.messages);
    tell(
        &name("records per core against librdkafka alone"),
        share,
        "",
        Goal::AtLeast(0.6),
    );
}

/// How long it takes from the datagram to the acknowledgement, which is sent when Kafka has the record.
fn delays(runtime: &Runtime, site: &Site, rate: usize, goal: f64, time: Duration) {
    let modems = rate.min(100);
    let load = Load {
        first: 0,
        messages: None,
        modems,
        pace: Pace::Every(
            Duration::from_secs(1) * u32::try_from(modems).unwrap_or(1)
                / u32::try_from(rate).unwrap_or(1),
        ),
        readings: 1,
        linger: Duration::ZERO,
    };
    let fleet = runtime.block_on(Fleet::start(site.address, load));
    let mut delays = runtime.block_on(fleet.measure(time)).delays;
    let name = |part: &str| format!("datagram to Kafka and back, {rate} readings/s, {part}");
    tell(
        &name("p50"),
        quantile(&mut delays, 0.5) * 1e3,
        "ms",
        Goal::AtMost(goal),
    );
    tell(
        &name("p99"),
        quantile(&mut delays, 0.99) * 1e3,
        "ms",
        Goal::Open,
    );
}

/// Many modems, each sending every ten seconds.
fn crowd(runtime: &Runtime, site: &Site, time: Duration) {
    let load = Load {
        first: 0,
        messages: None,
        modems: MODEMS,
        pace: Pace::Every(Duration::from_secs(10)),
        readings: 10,
        linger: Duration::from_millis(5),
    };
    let fleet = runtime.block_on(Fleet::start(site.address, load));
    let before = process::cpu(site.gateway.pid());
    let mut ran = runtime.block_on(fleet.measure(time));
    let cpu = process::cpu(site.gateway.pid()) - before;
    let name = |what: &str| format!("{MODEMS} modems, each every 10 s: {what}");
    tell(&name("share of a core"), cpu / ran.seconds, "", Goal::Open);
    tell(
        &name("memory of the gateway"),
        process::memory(site.gateway.pid()),
        "MiB",
        Goal::Open,
    );
    tell(
        &name("acknowledged messages"),
        ran.messages / ran.seconds,
        "/s",
        Goal::AtLeast(900.0),
    );
    tell(
        &name("datagram to Kafka and back, p99"),
        quantile(&mut ran.delays, 0.99) * 1e3,
        "ms",
        Goal::Open,
    );
}
