//! Every process is killed in turn, under load, and nothing is lost or doubled.
//!
//! `UMEC_CHAOS_KILLS=100 cargo test --package umec-e2e --test chaos` kills as often as that.

#![cfg(test)]

mod plant;

use std::time::Duration;

use plant::Plant;
use umec_e2e::fail;
use umec_e2e::relay::{Relay, Weather};

/// As often as each test kills where nothing else is said: every process twice.
const KILLS: usize = 12;

/// What is killed, in turn.
const VICTIMS: [&str; 6] = [
    "modbus",
    "nats",
    "uplink-cloud",
    "gateway",
    "edge-api",
    "kafka",
];

/// A killed process is back within its back-off; Kafka takes some seconds on two busy cores.
const BACK: Duration = Duration::from_mins(2);

fn kills() -> usize {
    let asked = std::env::var_os("UMEC_CHAOS_KILLS").map(std::ffi::OsString::into_string);
    match asked {
        None => KILLS,
        Some(Ok(text)) => text
            .parse()
            .unwrap_or_else(|e| fail(&format!("UMEC_CHAOS_KILLS={text}: {e}"))),
        Some(Err(text)) => fail(&format!("UMEC_CHAOS_KILLS={}", text.display())),
    }
}

#[test]
fn no_acknowledged_reading_is_lost_or_doubled_when_each_process_is_killed_in_turn() {
    let mut plant = Plant::start(None);
    for round in 0..kills() {
        let victim = VICTIMS[round % VICTIMS.len()];
        plant.kill(victim);
        plant.goes_on(BACK);
    }
    plant.balances(BACK);
}

#[test]
fn nor_when_the_way_to_the_cloud_loses_doubles_swaps_and_breaks_datagrams() {
    let relay = |gateway| Relay::start(gateway, Weather::STORM, 20_261_121);
    let mut plant = Plant::start(Some(&relay));
    for round in 0..kills().div_ceil(3) {
        match round % 4 {
            0 => plant.kill("gateway"),
            1 => plant.kill("uplink-cloud"),
            2 => plant.cut(),
            _ => plant.rebind(),
        }
        plant.goes_on(BACK);
    }
    plant.balances(BACK);
    let count = plant.weather();
    assert!(
        count.lost > 0 && count.doubled > 0 && count.held > 0 && count.corrupted > 0,
        "{count:?}"
    );
}
