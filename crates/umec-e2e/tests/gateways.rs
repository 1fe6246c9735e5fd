//! Two gateways behind one address, in real Kafka: modems land on either of them, and both are killed.

#![cfg(test)]

#[expect(dead_code, reason = "the load program uses the rest")]
#[path = "../benches/gateway/fleet.rs"]
mod fleet;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use umec_e2e::kafka::Broker;
use umec_e2e::program::{Running, address, binary};
use umec_e2e::relay::{Relay, Weather};
use umec_e2e::{eventually, eventually_async};

use fleet::{Fleet, Load, Pace};

/// How long anything may take; two cores that compile get more.
const LONG: Duration = Duration::from_mins(3);

/// Fleets, each behind a relay of its own, so that modems are on both gateways at a time.
const FLEETS: usize = 3;

const MODEMS: usize = 4;

/// Messages of each modem, in the course of ten seconds.
const MESSAGES: u64 = 500;

/// How often modems are sent elsewhere or a gateway is killed.
const TURNS: usize = 12;

/// A gateway that is killed and comes back on the same address.
struct Gateway {
    running: Running,
    address: PathBuf,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "shown when it fails")]
async fn modems_that_land_on_either_of_two_gateways_lose_and_double_nothing_when_both_are_killed() {
    let seed = rand::random();
    let mut dice = StdRng::seed_from_u64(seed);
    println!("seed {seed}");
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    for number in 0..FLEETS * MODEMS {
        let file = keys.join(fleet::name(number).as_str());
        fs::write(file, fleet::KEY_TEXT.repeat(32)).unwrap();
    }
    let mut gateways = ["one", "other"].map(|name| start(name, &broker, folder.path(), &keys));
    let addresses = [0, 1].map(|at| address(&gateways[at].address, LONG));
    let relays: Vec<Relay> = (0..FLEETS)
        .map(|number| Relay::start(addresses[number % 2], Weather::FAIR, dice.random()))
        .collect();
    let mut fleets = Vec::new();
    for (number, relay) in relays.iter().enumerate() {
        let load = Load {
            first: number * MODEMS,
            modems: MODEMS,
            pace: Pace::Every(Duration::from_millis(20)),
            messages: Some(MESSAGES),
            readings: 2,
            linger: Duration::from_millis(5),
        };
        fleets.push(Fleet::start(relay.address(), load).await);
    }
    for turn in 0..TURNS {
        tokio::time::sleep(Duration::from_millis(dice.random_range(300..1_500))).await;
        let relay = &relays[dice.random_range(0..FLEETS)];
        relay.aim(addresses[dice.random_range(0..2)]);
        if turn % 3 == 2 {
            let gateway = &mut gateways[turn % 2].running;
            gateway.kill();
            gateway.restart();
        }
    }
    let all = MESSAGES * u64::try_from(MODEMS * FLEETS).unwrap();
    eventually_async(LONG, || async {
        let acknowledged: u64 = fleets.iter().map(Fleet::acknowledged).sum();
        if acknowledged == all {
            Ok(())
        } else {
            Err(format!(
                "seed {seed}: {acknowledged} of {all} messages are acknowledged"
            ))
        }
    })
    .await;
    check(&broker, seed, all);
}

fn start(name: &str, broker: &Broker, folder: &Path, keys: &Path) -> Gateway {
    let address = folder.join(name);
    let config = format!(
        "node: cloud
admin: {{ listen: \"127.0.0.1:0\" }}
settings:
  name: {name}
  listen: \"{}\"
  addressFile: {}
  keys: {}
  kafka: {{ bootstrap: \"{}\" }}
",
        free(),
        address.display(),
        keys.display(),
        broker.bootstrap()
    );
    Gateway {
        running: Running::with_config(&binary("umec-gateway"), &config),
        address,
    }
}

/// A port that is free, and stays so for those who come back to it.
fn free() -> std::net::SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

/// Each message is in Kafka, and once.
fn check(broker: &Broker, seed: u64, all: u64) {
    let records = eventually(LONG, || {
        let records = broker.records("umec.readings");
        if u64::try_from(records.len()).unwrap() >= all {
            Ok(records)
        } else {
            Err(records.len())
        }
    });
    let mut times: HashMap<&str, u32> = HashMap::new();
    for record in &records {
        *times
            .entry(record.header("umec_message_id").unwrap())
            .or_default() += 1;
    }
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "seed {seed}: doubled: {doubled:?}");
    assert_eq!(u64::try_from(times.len()).unwrap(), all, "seed {seed}");
}
