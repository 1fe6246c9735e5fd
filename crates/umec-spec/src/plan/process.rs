//! A process of the plan and its configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;
use umec_wire::{Label, NodeName, Span};

use crate::keys::Secret;
use crate::settings::custom::Custom;
use crate::settings::edge_api::EdgeApiSettings;
use crate::settings::modbus::Modbus;
use crate::settings::plugin::{PluginSettings, Protocol};
use crate::settings::uplink::UplinkSettings;
use crate::settings::{AdminSettings, BusSettings, Process, SecretName, Trust};
use crate::yaml::{self, YamlError};

/// One process of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedProcess {
    /// Its name, unique on its node: also its account, its user and the end of its inbox's prefix.
    pub name: Label,
    /// The node.
    pub node: NodeName,
    /// What is run.
    pub program: Program,
    /// What it needs of the bus.
    pub bus: BusAccess,
    /// The secrets that it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<PlannedSecret>,
    /// What it is told.
    pub settings: Settings,
}

/// What is run as a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Program {
    /// A binary and image of this project, by its name.
    Ours(&'static str),
    /// Somebody else's plugin: it gets an account, credentials and a configuration; its owner starts it.
    Foreign,
}

/// The settings of a process, by its program.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Settings {
    /// Of `umec-modbus`.
    Modbus(PluginSettings<Modbus>),
    /// Of somebody else's plugin.
    Custom(PluginSettings<Custom>),
    /// Of `umec-edge-api`.
    EdgeApi(EdgeApiSettings),
    /// Of `umec-uplink`.
    Uplink(UplinkSettings),
}

/// What a process needs of the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BusAccess {
    /// The prefix of its inboxes.
    pub inbox: String,
    /// The prefix of the JetStream API.
    pub jetstream: String,
    /// Whom it believes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trust: Vec<Trust>,
}

/// A secret that a process reads, and a value for whoever has none of his own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PlannedSecret {
    /// Its name.
    pub name: SecretName,
    /// A value that comes from the installation's keys.
    #[serde(skip)]
    pub value: Secret,
}

/// Where a process runs: what the plan does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bus, such as `nats://127.0.0.1:4222`.
    pub bus: String,
    /// The file with the credentials of the process's user.
    pub credentials: PathBuf,
    /// The folder in which its secrets lie.
    pub secrets: PathBuf,
    /// Where it serves health and metrics; port 0 takes a free one.
    pub admin: SocketAddr,
    /// The folder into which it writes the addresses that it has taken, where somebody wants to know:
    /// `<process>.admin`, and for the edge API `<process>.http`.
    pub addresses: Option<PathBuf>,
    /// The folder in which a process that keeps what must outlive it has a folder of its name: on a disk that stays,
    /// such as a volume in a cluster.
    pub state: Option<PathBuf>,
    /// How long a drain may take.
    pub grace: Span,
}

// === impl PlannedProcess ===

impl PlannedProcess {
    /// The configuration file of the process at a place.
    pub fn configuration(&self, place: &Place) -> Result<String, YamlError> {
        match &self.settings {
            Settings::Modbus(settings) => self.plugin(place, settings),
            Settings::Custom(settings) => self.plugin(place, settings),
            Settings::Uplink(settings) => self.written(place, settings),
            Settings::EdgeApi(settings) => {
                let mut settings = settings.clone();
                settings.address_file = self.address_file(place, "http");
                self.written(place, &settings)
            }
        }
    }

    /// The file into which the process writes the address of one of its faces: `admin` or `http`.
    pub fn address_file(&self, place: &Place, face: &str) -> Option<PathBuf> {
        let folder = place.addresses.as_ref()?;
        Some(folder.join(format!("{}.{face}", self.name)))
    }

    fn plugin<P: Protocol>(
        &self,
        place: &Place,
        settings: &PluginSettings<P>,
    ) -> Result<String, YamlError> {
        let mut settings = settings.clone();
        let folder = place.state.as_ref();
        settings.state = folder.map(|folder| folder.join(self.name.as_str()));
        self.written(place, &settings)
    }

    fn written<S: Serialize + Clone>(
        &self,
        place: &Place,
        settings: &S,
    ) -> Result<String, YamlError> {
        yaml::to_string(&Process {
            node: self.node.clone(),
            bus: Some(BusSettings {
                url: place.bus.clone(),
                credentials: place.credentials.clone(),
                inbox: self.bus.inbox.clone(),
                jetstream: self.bus.jetstream.clone(),
                outbox: crate::settings::default_outbox(),
                trust: self.bus.trust.clone(),
            }),
            admin: AdminSettings {
                listen: place.admin,
                address_file: self.address_file(place, "admin"),
            },
            secrets: Some(place.secrets.clone()),
            grace: place.grace,
            settings: settings.clone(),
        })
    }
}

impl PlannedSecret {
    pub(super) const fn new(name: SecretName, value: Secret) -> Self {
        Self { name, value }
    }
}
