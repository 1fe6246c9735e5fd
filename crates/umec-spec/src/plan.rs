//! The plan: what runs on each node with which settings, who may do what on its bus, and what its
//! stream keeps.
//!
//! A pure function of the resources and the keys: no clock, no randomness, and the order in which the
//! resources were written is of no meaning. Whoever applies a plan, on one machine or in a cluster,
//! adds only the [`Place`]: addresses and folders.

mod account;
mod bus;
mod faces;
mod plugins;
mod process;
mod simulators;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use umec_wire::{Label, NodeName};

use crate::keys::Keys;
use crate::resource::{Device, EdgeNode, Resource, Resources};

pub use bus::{BusPlan, ServerPlace, User};
pub use process::{BusAccess, Place, PlannedProcess, PlannedSecret, Program, Settings};
pub use simulators::{Offered, PlannedLine, PlannedSimulator};

/// The name under which whoever runs the installation is known on a bus.
pub const OPERATOR: &str = "cli";

/// What is to be on every node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Plan {
    /// The nodes, by name.
    pub nodes: BTreeMap<NodeName, NodePlan>,
}

/// What is to be on one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePlan {
    /// Its bus.
    pub bus: BusPlan,
    /// Its processes, by name.
    pub processes: Vec<PlannedProcess>,
    /// What plays the devices that ask for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub simulators: Vec<PlannedSimulator>,
}

/// What a node's part of the plan is made from.
struct Node<'r> {
    name: NodeName,
    spec: EdgeNode,
    devices: Vec<&'r Resource<Device>>,
    resources: &'r Resources,
    keys: &'r Keys,
}

/// Makes the plan.
///
/// A node is planned when an `EdgeNode` or a `Device` names it. An edge API and an uplink are on the
/// nodes that their resources select, and on no others.
pub fn plan(resources: &Resources, keys: &Keys) -> Plan {
    let named = resources.nodes().map(|node| node.metadata.name.clone());
    let used = resources.devices().map(|d| d.spec.node.as_label().clone());
    let all: BTreeSet<Label> = named.chain(used).collect();
    let nodes = all.into_iter().map(|name| {
        let node = Node {
            spec: resources
                .nodes
                .get(&name)
                .map_or_else(EdgeNode::default, |n| n.spec.clone()),
            devices: resources
                .devices()
                .filter(|d| *d.spec.node.as_label() == name)
                .collect(),
            name: NodeName::from(name),
            resources,
            keys,
        };
        (node.name.clone(), node.plan())
    });
    Plan {
        nodes: nodes.collect(),
    }
}

impl Node<'_> {
    fn plan(&self) -> NodePlan {
        let mut processes = self.plugins();
        processes.extend(self.edge_apis());
        processes.extend(self.uplinks());
        processes.sort_by(|a, b| a.name.cmp(&b.name));
        NodePlan {
            bus: self.bus(),
            processes,
            simulators: self.simulators(),
        }
    }
}

impl NodePlan {
    /// Lets the devices of a line reach it somewhere else, such as where a simulator offers it.
    pub fn redirect(
        &mut self,
        from: &crate::settings::modbus::Transport,
        to: &crate::settings::modbus::Transport,
    ) {
        for process in &mut self.processes {
            if let Settings::Modbus(settings) = &mut process.settings {
                for link in &mut settings.links {
                    if link.link.transport == *from {
                        link.link.transport = to.clone();
                    }
                }
            }
        }
    }
}
