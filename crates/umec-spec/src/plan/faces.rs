//! The faces of a node: the edge API to applications, the uplink to the cloud.

use std::net::SocketAddr;

use umec_wire::{DeviceName, Label, ModemName};

use super::plugins::{device_name, identity, plugin_of};
use super::process::{BusAccess, PlannedProcess, PlannedSecret, Program, Settings};
use super::{Node, account};
use crate::resource::{Device, Metric, Resource, Uplink};
use crate::settings::edge_api::{DeviceEntry, EdgeApiSettings, MetricEntry};
use crate::settings::uplink::{OriginalSeries, OriginalUplink, UplinkSettings};
use crate::settings::{Pattern, SecretName, Trust};

/// The name of the process, account and user of a node's edge API.
pub(super) const EDGE_API: &str = "edge-api";

/// The name of the process, account and user of an uplink.
pub(super) fn uplink_process(uplink: &Resource<Uplink>) -> Label {
    // A name that is too long for the prefix is refused on reading.
    let own = &uplink.metadata.name;
    Label::new(&format!("uplink-{own}")).unwrap_or_else(|_| own.clone())
}

impl Node<'_> {
    fn site(&self) -> Option<&Label> {
        self.spec.site.as_ref()
    }

    pub(super) fn edge_api_name() -> Label {
        Label::new(EDGE_API).expect("a label")
    }

    /// Whether an edge API is on the node.
    pub(super) fn has_edge_api(&self) -> bool {
        let on_node = |api: &Resource<crate::resource::EdgeApi>| {
            api.spec.nodes.select(&self.name, self.site())
        };
        self.resources.edge_apis().any(on_node)
    }

    /// The uplinks of the node.
    pub(super) fn own_uplinks(&self) -> impl Iterator<Item = &Resource<Uplink>> {
        let on_node = |up: &&Resource<Uplink>| up.spec.nodes.select(&self.name, self.site());
        self.resources.uplinks().filter(on_node)
    }

    /// At most one: two that select one node are refused on reading.
    pub(super) fn edge_apis(&self) -> Vec<PlannedProcess> {
        let on_node = self
            .resources
            .edge_apis()
            .find(|api| api.spec.nodes.select(&self.name, self.site()));
        let plan = |api: &Resource<crate::resource::EdgeApi>| {
            let spec = &api.spec;
            let name = Self::edge_api_name();
            let mut secrets: Vec<_> = spec
                .tokens
                .iter()
                .map(|t| PlannedSecret::new(t.secret.clone(), self.keys.token(&t.secret)))
                .collect();
            secrets.sort_by(|a, b| a.name.cmp(&b.name));
            secrets.dedup_by(|a, b| a.name == b.name);
            PlannedProcess {
                node: self.name.clone(),
                program: Program::Ours("umec-edge-api"),
                bus: BusAccess {
                    inbox: account::inbox(&name),
                    jetstream: account::BUS_API.to_owned(),
                    trust: self.trust_of_reader(),
                },
                name,
                secrets,
                settings: Settings::EdgeApi(EdgeApiSettings {
                    listen: spec.listen.unwrap_or_else(free_port),
                    address_file: None,
                    tokens: spec.tokens.clone(),
                    windows: spec.windows.clone(),
                    lateness: spec.lateness,
                    command_deadline: spec.command_deadline,
                    limits: spec.limits.clone(),
                    devices: self.devices.iter().map(|d| self.entry(d)).collect(),
                }),
            }
        };
        on_node.map(plan).into_iter().collect()
    }

    fn entry(&self, device: &Resource<Device>) -> DeviceEntry {
        let profile = self.profile(&device.spec);
        let metric = |metric: &Metric| MetricEntry {
            name: metric.name.clone(),
            unit: metric.unit,
            every: Some(metric.every),
            range: metric.range,
            write: metric.write,
        };
        DeviceEntry {
            name: device_name(device),
            plugin: plugin_of(&device.spec),
            profile: device.spec.profile.clone(),
            identity: identity(profile),
            metrics: profile
                .map(|p| p.metrics.iter().map(metric).collect())
                .unwrap_or_default(),
        }
    }

    pub(super) fn uplinks(&self) -> Vec<PlannedProcess> {
        let plan = |uplink: &Resource<Uplink>| {
            let spec = &uplink.spec;
            let name = uplink_process(uplink);
            let modem = ModemName::from(self.name.as_label().clone());
            // The only consumer that its account may have.
            let position = name.clone();
            let key = spec.identity.as_ref().map(|own| own.key.secret.clone());
            let secret = |key: &SecretName| {
                PlannedSecret::new(key.clone(), self.keys.pre_shared_key(&modem))
            };
            PlannedProcess {
                node: self.name.clone(),
                program: Program::Ours("umec-uplink"),
                bus: BusAccess {
                    inbox: account::inbox(&name),
                    jetstream: account::BUS_API.to_owned(),
                    trust: self.trust_of_reader(),
                },
                name,
                secrets: key.iter().map(secret).collect(),
                settings: Settings::Uplink(UplinkSettings {
                    original: spec.original.as_ref().map(|own| self.original(own)),
                    modem,
                    gateway: spec.gateway.clone(),
                    position,
                    key,
                    send: spec.send.clone(),
                    command: spec.command.clone(),
                    datagram: spec.datagram,
                    linger: spec.linger,
                    backlog: spec.backlog.clone(),
                    budget: spec.budget.clone(),
                }),
            }
        };
        self.own_uplinks().map(plan).collect()
    }

    /// What of this node goes to an original server, with what the profiles say of it.
    fn original(&self, written: &OriginalUplink) -> OriginalUplink {
        let own = |series: &OriginalSeries| {
            let mut devices = self.devices.iter();
            let device = devices.find(|device| device_name(device) == series.device)?;
            let profile = self.profile(&device.spec);
            let metric = profile.and_then(|p| p.metrics.iter().find(|m| m.name == series.metric));
            let modbus = metric.and_then(|metric| metric.modbus.as_ref());
            Some(OriginalSeries {
                scale: series.scale.or_else(|| modbus.map(|m| m.scale)),
                offset: series.offset.or_else(|| modbus.map(|m| m.offset)),
                ..series.clone()
            })
        };
        OriginalUplink {
            series: written.series.iter().filter_map(own).collect(),
            ..written.clone()
        }
    }

    /// Whom a reader of the stream believes: each plugin about its devices, the edge API about aggregates.
    fn trust_of_reader(&self) -> Vec<Trust> {
        let mut trust: Vec<_> = self
            .devices_by_plugin()
            .into_iter()
            .map(|(plugin, devices)| Trust {
                key: self.keys.signer(&self.name, plugin.as_label()),
                publish: devices.iter().map(|d| device_name(d)).collect(),
                aggregate: Vec::new(),
                command: Vec::new(),
            })
            .collect();
        if self.has_edge_api() {
            trust.push(Trust {
                key: self.keys.signer(&self.name, &Self::edge_api_name()),
                publish: Vec::new(),
                aggregate: self.devices.iter().map(|d| device_name(d)).collect(),
                command: Vec::new(),
            });
        }
        trust
    }

    /// Whose commands a plugin obeys: the edge API's, and the uplinks' where their resources allow it.
    pub(super) fn trust_of_plugin(&self, devices: &[&Resource<Device>]) -> Vec<Trust> {
        let command = |process: &Label, command: Vec<DeviceName>| Trust {
            key: self.keys.signer(&self.name, process),
            publish: Vec::new(),
            aggregate: Vec::new(),
            command,
        };
        let mut trust = Vec::new();
        if self.has_edge_api() {
            let all = devices.iter().map(|d| device_name(d)).collect();
            trust.push(command(&Self::edge_api_name(), all));
        }
        for uplink in self.own_uplinks() {
            let allowed = commanded(&uplink.spec.command, devices);
            if !allowed.is_empty() {
                trust.push(command(&uplink_process(uplink), allowed));
            }
        }
        trust
    }
}

/// The devices among `devices` that the patterns mean.
pub(super) fn commanded(patterns: &[Pattern], devices: &[&Resource<Device>]) -> Vec<DeviceName> {
    let meant =
        |d: &&&Resource<Device>| patterns.iter().any(|p| p.matches(d.metadata.name.as_str()));
    devices
        .iter()
        .filter(meant)
        .map(|d| device_name(d))
        .collect()
}

/// A free port of this machine alone.
fn free_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
