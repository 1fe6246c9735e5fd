//! Two gateways behind one address, in real Kafka: modems land on either of them, and both are killed.

#![cfg(test)]

#[expect(dead_code, reason = "the load program uses the rest")]
#[path = "../benches/gateway/fleet.rs"]
mod fleet;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use umec_e2e::kafka::{Broker, Record};
use umec_e2e::program::{Running, address, binary};
use umec_e2e::relay::{Relay, Weather};
use umec_e2e::{eventually, eventually_async};
use umec_wire::Timestamp;

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

/// How long a command may take: longer than a gateway that was killed is missed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Commands after each of these, each to any of the modems or to a node that is not there.
const COMMANDS: usize = 3;

/// A gateway that is killed and comes back on the same address.
struct Gateway {
    running: Running,
    address: PathBuf,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "shown when it fails")]
async fn modems_on_either_of_two_gateways_lose_and_double_nothing_when_both_are_killed_and_commands_end_once()
 {
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
        for number in 0..COMMANDS {
            let modem = dice.random_range(0..=FLEETS * MODEMS);
            order(&broker, turn * COMMANDS + number, modem);
        }
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
    check_results(&broker, seed);
}

/// Gives a command to a node, which bears the name of its modem.
#[expect(clippy::disallowed_methods, reason = "there is no node here")]
fn order(broker: &Broker, number: usize, modem: usize) {
    let expires = SystemTime::now() + PATIENCE;
    let since = expires.duration_since(UNIX_EPOCH).unwrap();
    let expires = Timestamp::from_millis(0).saturating_add(since);
    let value = format!(r#"{{"id":"order-{number}","name":"set","expires":"{expires}"}}"#);
    let key = format!("{}/meter-3", fleet::name(modem));
    broker.produce("umec.commands", &key, &value, &[]);
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

/// Each command has ended, and once.
#[expect(clippy::print_stdout, reason = "shown when it fails")]
fn check_results(broker: &Broker, seed: u64) {
    let all = TURNS * COMMANDS;
    let records = eventually(LONG, || {
        let records = broker.records("umec.command-results");
        let ids = records.iter().filter_map(|r| Some(ended(r)?.0));
        let ids: HashSet<String> = ids.collect();
        if ids.len() == all {
            Ok(records)
        } else {
            Err(format!("seed {seed}: {} of {all} have ended", ids.len()))
        }
    });
    let results: Vec<_> = records.iter().filter_map(ended).collect();
    println!("{results:?}");
    assert_eq!(results.len(), all, "seed {seed}: {results:?}");
    let is_done = |(_, outcome): &&(String, String)| outcome == "done";
    assert!(
        results.iter().filter(is_done).count() > all / 2,
        "{results:?}"
    );
}

/// The id of a result's command, and how it ended.
fn ended(record: &Record) -> Option<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(record.value.as_deref()?).ok()?;
    let text = |name: &str| Some(value[name].as_str()?.to_owned());
    Some((text("id")?, text("outcome")?))
}
