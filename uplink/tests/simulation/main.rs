//! Both ends of the uplink protocol in virtual time, under any weather: nothing is lost, nothing is
//! doubled, every command ends once.
//!
//! A run follows from its seed. `UMEC_SIMULATION_SEED=17` repeats one, `UMEC_SIMULATION_RUNS=100000`
//! makes more of them.

#![cfg(test)]

mod cloud;
mod gateways;
mod node;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use world::World;

/// What a normal test run does; more by the environment.
const RUNS: u64 = 300;

#[test]
fn nothing_is_lost_or_doubled_and_commands_end_once_in_any_weather() {
    simulate(1, RUNS);
}

#[test]
fn nor_where_two_gateways_share_a_modem_that_lands_on_either_of_them() {
    simulate(2, RUNS / 4);
}

fn simulate(gateways: usize, runs: u64) {
    if let Some(seed) = number("UMEC_SIMULATION_SEED") {
        World::new(seed, gateways).run();
        return;
    }
    let runs = number("UMEC_SIMULATION_RUNS").unwrap_or(runs);
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= runs {
                return;
            }
            let run = catch_unwind(AssertUnwindSafe(|| World::new(seed, gateways).run()));
            assert!(
                run.is_ok(),
                "seed {seed} failed: repeat it with UMEC_SIMULATION_SEED={seed}"
            );
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

#[test]
fn after_an_outage_what_is_new_overtakes_what_has_piled_up_which_drains_in_order() {
    let seed = number("UMEC_SIMULATION_SEED").unwrap_or(0);
    World::new(seed, 1).outage();
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own dial, not configuration"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
