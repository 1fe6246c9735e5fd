//! Which processes a plan needs on this machine, and in which order they stop.

use umec_spec::plan::{NodePlan, PlannedProcess, Program, Settings};

use super::service::{GATEWAY, NATS, Role, Service};
use crate::supervisor::Rank;

/// The processes of a node, in the order in which they are shown.
pub(super) fn services(plan: &NodePlan, kafka: &str) -> Vec<Service> {
    let mut services = vec![Service {
        name: NATS.to_owned(),
        program: "nats-server",
        rank: Rank(0),
        role: Role::Nats,
    }];
    services.extend(plan.simulators.iter().map(|simulator| Service {
        name: simulator.name.to_string(),
        program: simulator.program,
        rank: Rank(0),
        role: Role::Simulator(Box::new(simulator.clone())),
    }));
    let uplinks = plan.processes.iter().filter_map(|p| match &p.settings {
        // An original server is not our gateway.
        Settings::Uplink(settings) if settings.original.is_none() => Some(settings),
        _ => None,
    });
    if uplinks
        .into_iter()
        .any(|uplink| is_loopback(&uplink.gateway))
    {
        services.push(Service {
            name: GATEWAY.to_owned(),
            program: "umec-gateway",
            rank: Rank(0),
            role: Role::Gateway {
                kafka: (kafka != "embedded").then(|| kafka.to_owned()),
            },
        });
    }
    services.extend(
        plan.processes
            .iter()
            .filter_map(|process| match process.program {
                Program::Ours(program) => Some(planned(process, program)),
                Program::Foreign => None,
            }),
    );
    services
}

/// The plugins that their owners start: they are given credentials and a configuration, and no more.
pub(super) fn foreign(plan: &NodePlan) -> Vec<Service> {
    let foreign = plan.processes.iter();
    let foreign = foreign.filter(|process| process.program == Program::Foreign);
    foreign.map(|process| planned(process, "")).collect()
}

fn planned(process: &PlannedProcess, program: &'static str) -> Service {
    Service {
        name: process.name.to_string(),
        program,
        rank: match process.settings {
            // Plugins stop first, so that what they have sampled still goes its way.
            Settings::Modbus(_) | Settings::Custom(_) => Rank(2),
            Settings::EdgeApi(_) | Settings::Uplink(_) => Rank(1),
        },
        role: Role::Planned(Box::new(process.clone())),
    }
}

/// Whether the gateway that an uplink names is this machine.
pub(super) fn is_loopback(gateway: &str) -> bool {
    let host = gateway.rsplit_once(':').map_or(gateway, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}
