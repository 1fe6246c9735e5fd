//! `umec check`: whether resources are right, and what would run.

use std::path::PathBuf;

use serde::Serialize;
use umec_spec::keys::Keys;
use umec_spec::plan::{NodePlan, Program, Settings, plan};
use umec_wire::Timestamp;

use crate::arguments::Format;
use crate::failure::Failure;
use crate::{output, sources};

/// What would run on one node.
#[derive(Debug, Serialize)]
struct Planned {
    node: String,
    processes: Vec<Process>,
}

/// One process that would run.
#[derive(Debug, Serialize)]
struct Process {
    name: String,
    program: String,
    does: String,
}

/// Reads the resources and prints the plan; fails with 64 and every error where they are wrong.
pub fn run(files: &[PathBuf], format: Format) -> Result<(), Failure> {
    let resources = sources::read(files)?;
    // What is printed holds no key, so that any root does.
    let keys = Keys::from_root([0; 32], Timestamp::default());
    let plan = plan(&resources, &keys);
    let nodes = plan.nodes.iter().map(|(name, plan)| Planned {
        node: name.to_string(),
        processes: processes(plan),
    });
    let nodes: Vec<Planned> = nodes.collect();
    output::show(format, &nodes, |nodes| table(nodes))
}

fn table(nodes: &[Planned]) -> String {
    let rows = nodes.iter().flat_map(|node| {
        node.processes.iter().map(|process| {
            vec![
                node.node.clone(),
                process.name.clone(),
                process.program.clone(),
                process.does.clone(),
            ]
        })
    });
    output::table(&["NODE", "PROCESS", "PROGRAM", "DOES"], rows)
}

fn processes(plan: &NodePlan) -> Vec<Process> {
    let nats = Process {
        name: "nats".to_owned(),
        program: "nats-server".to_owned(),
        does: format!("the bus, with {} accounts", plan.bus.users.len()),
    };
    let simulators = plan.simulators.iter().map(|simulator| Process {
        name: simulator.name.to_string(),
        program: simulator.program.to_owned(),
        does: counted(simulator.lines.len(), "simulated line"),
    });
    let planned = plan.processes.iter().map(|process| Process {
        name: process.name.to_string(),
        program: match process.program {
            Program::Ours(name) => name.to_owned(),
            Program::Foreign => "(its owner starts it)".to_owned(),
        },
        does: does(&process.settings),
    });
    [nats]
        .into_iter()
        .chain(simulators)
        .chain(planned)
        .collect()
}

fn does(settings: &Settings) -> String {
    match settings {
        Settings::Modbus(settings) => {
            let devices = settings.links.iter().map(|link| link.devices.len()).sum();
            let lines = counted(settings.links.len(), "line");
            format!("{} on {lines}", counted(devices, "device"))
        }
        Settings::Custom(settings) => {
            let devices = settings.links.iter().map(|link| link.devices.len()).sum();
            counted(devices, "device")
        }
        Settings::EdgeApi(settings) => counted(settings.tokens.len(), "token"),
        Settings::Uplink(settings) => format!("to {}", settings.gateway),
    }
}

fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
