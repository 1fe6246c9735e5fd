//! The processes of a node on this machine: what each needs before it starts, and how it is configured
//! once that is known. Reads and writes no file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use umec_spec::plan::Settings;
use umec_spec::plan::{NodePlan, Offered, Place, PlannedProcess, PlannedSimulator, ServerPlace};
use umec_spec::settings::gateway::{GatewaySettings, Kafka, default_name};
use umec_spec::settings::kafka::EMBEDDED;
use umec_spec::settings::modbus::Transport;
use umec_spec::settings::modbus_line::Offer;
use umec_spec::settings::sinks::Sinks;
use umec_spec::settings::{AdminSettings, Process};
use umec_spec::yaml::{self, YamlError};
use umec_wire::{NodeName, Span};

use super::roster::is_loopback;
use crate::addresses::{Addresses, Carrier, Face};
use crate::state::Layout;
use crate::supervisor::Rank;

/// The process that is the bus.
pub(super) const NATS: &str = "nats";
/// The process that is the cloud's end of uplinks.
pub(super) const GATEWAY: &str = "gateway";
/// The process that serves applications.
pub(super) const EDGE_API: &str = "edge-api";

/// The face at which a daemon tells how it is.
pub(super) const ADMIN: &str = "admin";
/// The face at which NATS clients connect.
pub(super) const CLIENT: &str = "client";
/// The face at which the bus tells how it is.
pub(super) const MONITOR: &str = "monitor";
/// The face at which the edge API is served.
pub(super) const HTTP: &str = "http";
/// The face at which modems reach the gateway.
pub(super) const UDP: &str = "udp";
/// The face of the broker in the gateway's memory.
pub(super) const KAFKA: &str = "kafka";

/// How long a process may take to drain.
pub(super) const GRACE: Span = Span::from_secs(10);

/// One process to run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Service {
    /// Its name, also that of its log and configuration.
    pub(super) name: String,
    /// The name of its program.
    pub(super) program: &'static str,
    /// When it is stopped.
    pub(super) rank: Rank,
    /// What it is.
    pub(super) role: Role,
}

/// What a process is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    /// The bus.
    Nats,
    /// What plays devices.
    Simulator(Box<PlannedSimulator>),
    /// The cloud's end of uplinks.
    Gateway {
        /// The broker's address; `None` for one in its memory.
        kafka: Option<String>,
    },
    /// A plugin, the edge API, or an uplink.
    Planned(Box<PlannedProcess>),
}

/// What the configurations of all processes are made from.
#[derive(Debug)]
pub(super) struct Site<'a> {
    /// Where things lie.
    pub(super) layout: &'a Layout,
    /// The node.
    pub(super) node: &'a NodeName,
    /// Its plan.
    pub(super) plan: &'a NodePlan,
    /// Where faces are.
    pub(super) addresses: &'a Addresses,
    /// The pseudo-terminals that simulators have made.
    pub(super) links: &'a BTreeSet<PathBuf>,
    /// Where the edge API is to be served, where that was said.
    pub(super) http: Option<SocketAddr>,
}

/// Why a process has no configuration yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigureError {
    /// Another process does not serve this yet.
    #[error("{0} is not served yet")]
    Missing(String),
    /// It cannot be written as YAML.
    #[error("the configuration of {name}")]
    Yaml {
        /// The process.
        name: String,
        /// Why.
        source: YamlError,
    },
}

// === impl Service ===

impl Service {
    /// The extension of its configuration.
    pub(super) fn extension(&self) -> &'static str {
        match self.role {
            Role::Nats => "conf",
            _ => "yaml",
        }
    }

    /// What its program is told.
    pub(super) fn arguments(config: &Path) -> Vec<OsString> {
        // Ours and nats-server agree on the name of this option.
        vec!["--config".into(), config.as_os_str().to_owned()]
    }

    /// Its faces, and the files to which it writes their addresses.
    pub(super) fn faces(&self, layout: &Layout) -> Vec<(Face, PathBuf)> {
        let own = |face| {
            (
                Face::new(&self.name, face),
                layout.address(&self.name, face),
            )
        };
        match &self.role {
            Role::Nats => Vec::new(),
            Role::Gateway { kafka: Some(_) } => vec![own(ADMIN), own(UDP)],
            Role::Gateway { kafka: None } => vec![own(ADMIN), own(UDP), own(KAFKA)],
            Role::Planned(process) => match process.settings {
                Settings::EdgeApi(_) => vec![own(ADMIN), own(HTTP)],
                _ => vec![own(ADMIN)],
            },
            Role::Simulator(simulator) => {
                let offered = simulator.offered(&layout.run());
                let lines = offered.into_iter().enumerate();
                let lines = lines.filter_map(|(index, offered)| match offered {
                    Offered::AddressFile(file) => Some((line(&self.name, index), file)),
                    Offered::Link(_) => None,
                });
                lines.chain([own(ADMIN)]).collect()
            }
        }
    }

    /// The pseudo-terminals that it makes.
    pub(super) fn links(&self, layout: &Layout) -> Vec<PathBuf> {
        let Role::Simulator(simulator) = &self.role else {
            return Vec::new();
        };
        let offered = simulator.offered(&layout.run()).into_iter();
        let links = offered.filter_map(|offered| match offered {
            Offered::Link(link) => Some(link),
            Offered::AddressFile(_) => None,
        });
        links.collect()
    }

    /// The text of its configuration.
    pub(super) fn configure(&self, site: &Site<'_>) -> Result<String, ConfigureError> {
        let yaml = |source| ConfigureError::Yaml {
            name: self.name.clone(),
            source,
        };
        match &self.role {
            Role::Nats => Ok(site.plan.bus.server_configuration(&ServerPlace {
                listen: site.addresses.wish(&Face::new(NATS, CLIENT), Carrier::Tcp),
                store: Some(site.layout.nats()),
                ports: Some(site.layout.run()),
                monitor: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            })),
            Role::Simulator(simulator) => self.simulator(simulator, site).map_err(yaml),
            Role::Gateway { kafka } => self.gateway(kafka.as_deref(), site).map_err(yaml),
            Role::Planned(process) => {
                let place = self.place(site)?;
                let mut process = process.as_ref().clone();
                settle(&mut process, site)?;
                process.configuration(&place).map_err(yaml)
            }
        }
    }

    fn admin(&self, site: &Site<'_>) -> AdminSettings {
        AdminSettings {
            listen: site
                .addresses
                .wish(&Face::new(&self.name, ADMIN), Carrier::Tcp),
            address_file: Some(site.layout.address(&self.name, ADMIN)),
        }
    }

    fn place(&self, site: &Site<'_>) -> Result<Place, ConfigureError> {
        let bus = site.need(&Face::new(NATS, CLIENT))?;
        Ok(Place {
            bus: format!("nats://{bus}"),
            credentials: credentials(site.layout, &self.name),
            secrets: site.layout.secrets(),
            admin: self.admin(site).listen,
            addresses: Some(site.layout.run()),
            state: Some(site.layout.state()),
            grace: GRACE,
        })
    }

    fn simulator(
        &self,
        simulator: &PlannedSimulator,
        site: &Site<'_>,
    ) -> Result<String, YamlError> {
        let mut settings = simulator.settings(&site.layout.run());
        for (index, played) in settings.lines.iter_mut().enumerate() {
            if let Offer::Tcp { listen, .. } | Offer::RtuOverTcp { listen, .. } = &mut played.offer
            {
                let face = line(&self.name, index);
                *listen = site.addresses.wish(&face, Carrier::Tcp).to_string();
            }
        }
        yaml::to_string(&Process {
            node: site.node.clone(),
            bus: None,
            admin: self.admin(site),
            secrets: None,
            grace: GRACE,
            settings,
        })
    }

    fn gateway(&self, kafka: Option<&str>, site: &Site<'_>) -> Result<String, YamlError> {
        let udp = Face::new(&self.name, UDP);
        yaml::to_string(&Process {
            node: site.node.clone(),
            bus: None,
            admin: self.admin(site),
            secrets: None,
            grace: GRACE,
            settings: GatewaySettings {
                name: default_name(),
                listen: site.addresses.wish(&udp, Carrier::Udp),
                address_file: Some(site.layout.address(&self.name, UDP)),
                keys: site.layout.modem_keys(),
                kafka: Kafka {
                    address_file: kafka
                        .is_none()
                        .then(|| site.layout.address(&self.name, KAFKA)),
                    partitions: 1,
                    ..Kafka::at(kafka.unwrap_or(EMBEDDED))
                },
                original: None,
                sinks: Sinks::default(),
            },
        })
    }
}

// === impl Site ===

impl Site<'_> {
    fn need(&self, face: &Face) -> Result<SocketAddr, ConfigureError> {
        let address = self.addresses.of(face);
        address.ok_or_else(|| ConfigureError::Missing(format!("{} {}", face.process, face.face)))
    }
}

/// The face of a simulated line, by its place in the plan.
fn line(simulator: &str, index: usize) -> Face {
    Face::new(simulator, &format!("line-{index}"))
}

/// The credentials of a user of the bus.
pub(super) fn credentials(layout: &Layout, user: &str) -> PathBuf {
    layout.creds().join(format!("{user}.creds"))
}

/// Puts the addresses of this machine into a process's settings.
fn settle(process: &mut PlannedProcess, site: &Site<'_>) -> Result<(), ConfigureError> {
    match &mut process.settings {
        Settings::EdgeApi(settings) => {
            let face = Face::new(process.name.as_str(), HTTP);
            settings.listen = match (site.http, settings.listen.port()) {
                (Some(said), _) => said,
                (None, 0) => site.addresses.wish(&face, Carrier::Tcp),
                (None, _) => settings.listen,
            };
        }
        Settings::Uplink(settings) if is_loopback(&settings.gateway) => {
            settings.gateway = site.need(&Face::new(GATEWAY, UDP))?.to_string();
        }
        Settings::Modbus(settings) => {
            for link in &mut settings.links {
                if let Some(played) = played(&link.link.transport, site)? {
                    link.link.transport = played;
                }
            }
        }
        Settings::Uplink(_) | Settings::Custom(_) => {}
    }
    Ok(())
}

/// Where a simulator offers a line, where one plays it.
fn played(wanted: &Transport, site: &Site<'_>) -> Result<Option<Transport>, ConfigureError> {
    for simulator in &site.plan.simulators {
        let offered = simulator.offered(&site.layout.run());
        let lines = simulator.lines.iter().zip(offered).enumerate();
        for (index, (planned, offered)) in lines {
            if planned.stands_in_for != *wanted {
                continue;
            }
            let place = match offered {
                Offered::AddressFile(_) => site
                    .need(&line(simulator.name.as_str(), index))?
                    .to_string(),
                Offered::Link(link) if site.links.contains(&link) => link.display().to_string(),
                Offered::Link(link) => {
                    return Err(ConfigureError::Missing(link.display().to_string()));
                }
            };
            return Ok(Some(planned.transport_at(&place)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
