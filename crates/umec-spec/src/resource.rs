//! The resources as users write them: `apiVersion`, `kind`, `metadata`, `spec`.
//!
//! The types follow the text field by field, so that a Kubernetes definition can be made of them.
//! What must hold between fields and between resources is checked once, by [`Resources::read`];
//! whoever has [`Resources`] has checked ones.

mod bytes;
mod check;
mod decode;
mod device;
mod edge_api;
mod edge_node;
mod one_machine;
mod problem;
mod profile;
mod read;
mod uplink;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use umec_wire::{Label, NodeName};

use crate::settings::Pattern;

pub use crate::wave::Simulation;
pub use bytes::{Bytes, BytesError};
pub use device::{CustomDevice, Device, ModbusDevice};
pub use edge_api::EdgeApi;
pub use edge_node::{Bus, EdgeNode, Store, Sync, SyncError};
pub use problem::{Problem, ResourceError, What};
pub use profile::{CustomMetric, DeviceProfile, Metric, ModbusMetric, ModbusProfile};
pub use uplink::{Identity, KeyIdentity, Path, Uplink};

/// The version that every resource names.
pub const API_VERSION: &str = "umec.dev/v1alpha1";

/// The annotation by which a device asks to be played by a simulator.
pub const SIMULATE: &str = "umec.dev/simulate";

/// The specification of one kind of resource.
pub trait Kind: DeserializeOwned + Serialize {
    /// The kind's name.
    const KIND: &'static str;
}

/// One resource; `S` is the specification of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource<S> {
    /// Its name, and what others have written on it.
    pub metadata: Metadata,
    /// What is wished.
    pub spec: S,
}

/// The name of a resource and what is written on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name, unique among the resources of its kind.
    pub name: Label,
    /// The Kubernetes namespace; without a meaning on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Label>,
    /// What selectors look at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What programs look at, such as [`SIMULATE`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Which nodes are meant; all where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nodes {
    /// Those of this site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Label>,
    /// Those of these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Pattern>,
}

/// All resources of an installation, free of contradictions.
///
/// The order in which they were written is forgotten: equal resources are equal [`Resources`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    pub(crate) nodes: BTreeMap<Label, Resource<EdgeNode>>,
    pub(crate) profiles: BTreeMap<Label, Resource<DeviceProfile>>,
    pub(crate) devices: BTreeMap<Label, Resource<Device>>,
    pub(crate) uplinks: BTreeMap<Label, Resource<Uplink>>,
    pub(crate) edge_apis: BTreeMap<Label, Resource<EdgeApi>>,
}

// === impl Nodes ===

impl Nodes {
    /// Whether the node of this name, on this site, is meant.
    pub fn select(&self, node: &NodeName, site: Option<&Label>) -> bool {
        let named = |pattern: &Pattern| pattern.matches(node.as_str());
        (self.site.is_none() || self.site.as_ref() == site)
            && (self.names.is_empty() || self.names.iter().any(named))
    }

    fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Resources ===

impl Resources {
    /// The nodes that have a resource of their own, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Resource<EdgeNode>> {
        self.nodes.values()
    }

    /// The profiles, by name.
    pub fn profiles(&self) -> impl Iterator<Item = &Resource<DeviceProfile>> {
        self.profiles.values()
    }

    /// The devices, by name.
    pub fn devices(&self) -> impl Iterator<Item = &Resource<Device>> {
        self.devices.values()
    }

    /// The uplinks, by name.
    pub fn uplinks(&self) -> impl Iterator<Item = &Resource<Uplink>> {
        self.uplinks.values()
    }

    /// The edge APIs, by name.
    pub fn edge_apis(&self) -> impl Iterator<Item = &Resource<EdgeApi>> {
        self.edge_apis.values()
    }

    /// The profile of this name.
    pub fn profile(&self, name: &Label) -> Option<&Resource<DeviceProfile>> {
        self.profiles.get(name)
    }
}
