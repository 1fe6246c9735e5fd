//! `umec up`: applies the plan of one node on this machine, keeps it running, and shows it.

mod figures;
mod inquiry;
mod look;
mod mend;
mod prepare;
mod probe;
mod roster;
mod run;
mod service;
mod show;
mod signals;
mod told;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use umec_sdk::Clock;
use umec_spec::keys::Keys;
use umec_spec::plan::{NodePlan, plan};
use umec_spec::resource::Resources;
use umec_wire::{Label, NodeName};

use crate::arguments::{DEFAULT_STATE, Up};
use crate::children::sweep;
use crate::config::Environment;
use crate::failure::Failure;
use crate::identity::ProcessIdentity;
use crate::screen::Screen;
use crate::state::{Layout, StateFolder};
use crate::{output, root, sources, tools};
use roster::services;
use run::{Mission, Running};
use service::{Role, Service};
use show::Show;

/// The name of this command's own token, and of the secret that holds it.
const TOKEN: &str = "umec-cli";

/// How long processes that were left behind may take to end.
const SWEEP: Duration = Duration::from_secs(5);

/// Brings a node up, and stays until it is told to stop.
pub async fn run(environment: &Environment, state: &Path, arguments: &Up) -> Result<(), Failure> {
    let resources = sources::read_or_example(&arguments.sources)?;
    let chosen = choose(&resources, arguments.node.as_ref())?;
    let folder = StateFolder::open(state).map_err(|error| match error {
        crate::state::OpenError::Taken { .. } => Failure::unavailable(error.to_string()),
        crate::state::OpenError::Make { .. } => Failure::other(umec_sdk::chain(&error)),
    })?;
    let layout = folder.layout.clone();
    let (root, issued_at) = root::take(&layout, Clock::system().now())?;
    let plan = applied(
        resources,
        arguments.simulate,
        &Keys::from_root(root, issued_at),
        &chosen,
    )?;
    let programs = programs(environment, services(&plan, &arguments.kafka))?;
    prepare::write(&layout, &plan)?;
    clean(&layout).await;
    let mission = Mission {
        folder,
        node: chosen,
        plan,
        services: programs,
        http: arguments.http,
        kafka: (arguments.kafka != "embedded").then(|| arguments.kafka.clone()),
        command: command(environment, state),
        sources: absolute(&arguments.sources),
    };
    let show = if arguments.plain || !environment.terminal {
        Show::Plain(Box::default())
    } else {
        let screen = Screen::open(environment.colour);
        Show::Table(screen.map_err(|error| Failure::other(format!("the terminal: {error}")))?)
    };
    Running::new(mission).run(show).await?;
    output::print(&format!(
        "stopped; {} keeps what was stored, `umec up` continues\n",
        layout.root().display()
    ))
}

/// This command as it has to be typed to speak of the node of this state.
fn command(environment: &Environment, state: &Path) -> String {
    if state == Path::new(DEFAULT_STATE) {
        return environment.invoked.clone();
    }
    format!("{} --state {}", environment.invoked, state.display())
}

/// The same files wherever another command is typed.
fn absolute(sources: &[PathBuf]) -> Vec<PathBuf> {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    sources.iter().map(absolute).collect()
}

/// The plan of one node as this machine applies it.
pub fn applied(
    resources: Resources,
    simulate: bool,
    keys: &Keys,
    node: &NodeName,
) -> Result<NodePlan, Failure> {
    let token = Label::new(TOKEN).map_err(|error| Failure::other(error.to_string()))?;
    let resources = if simulate {
        resources.simulated()
    } else {
        resources
    };
    let mut plan = plan(&resources.with_token_for_all(&token), keys);
    plan.nodes
        .remove(node)
        .ok_or_else(|| Failure::bad_input(format!("there is no node {node} in the resources")))
}

/// The node that this machine plays: the only one, or the one that was named.
pub fn choose(resources: &Resources, named: Option<&NodeName>) -> Result<NodeName, Failure> {
    let keys = Keys::from_root([0; 32], umec_wire::Timestamp::default());
    let plan = plan(resources, &keys);
    let nodes: Vec<String> = plan.nodes.keys().map(ToString::to_string).collect();
    let known = nodes.join(", ");
    match (named, plan.nodes.keys().next(), nodes.len()) {
        (_, None, _) => Err(Failure::bad_input(
            "the resources name no node: write a Device with spec.node, or an EdgeNode",
        )),
        (Some(named), _, _) if plan.nodes.contains_key(named) => Ok(named.clone()),
        (Some(named), _, _) => Err(Failure::bad_input(format!(
            "there is no node {named} in the resources; there are: {known}"
        ))),
        (None, Some(only), 1) => Ok(only.clone()),
        (None, Some(_), _) => Err(Failure::bad_input(format!(
            "the resources name several nodes; choose the one that this machine plays with --node: {known}"
        ))),
    }
}

/// Finds the program of each process.
fn programs(
    environment: &Environment,
    services: Vec<Service>,
) -> Result<Vec<(Service, PathBuf)>, Failure> {
    let find = |service: Service| {
        let path = match service.role {
            Role::Nats => {
                let found = tools::nats(environment);
                found
                    .map_err(|error| Failure::unavailable(error.to_string()))?
                    .0
            }
            _ => tools::daemon(environment, service.program).ok_or_else(|| {
                Failure::unavailable(format!(
                    "{} is neither beside umec nor on PATH; `umec doctor` tells how to get it",
                    service.program
                ))
            })?,
        };
        Ok((service, path))
    };
    services.into_iter().map(find).collect()
}

/// Ends what a killed `umec up` has left behind, and removes what holds only while one runs.
async fn clean(layout: &Layout) {
    let text = fs::read(layout.processes()).unwrap_or_default();
    let left: Vec<ProcessIdentity> = serde_json::from_slice(&text).unwrap_or_default();
    sweep(&left, SWEEP).await;
    let Ok(entries) = fs::read_dir(layout.run()) else {
        return;
    };
    let old = entries.flatten().map(|entry| entry.path());
    for path in old.filter(|path| !path.ends_with("lock")) {
        // A file that cannot be removed is written over by its process.
        fs::remove_file(path).unwrap_or_default();
    }
}
