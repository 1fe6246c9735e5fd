//! The devices of the node: what the resources say of them, how they are, and the latest of each
//! metric. Fed with documents; knows no bus.

use std::collections::BTreeMap;

use serde::Serialize;
use umec_spec::settings::edge_api::{DeviceEntry, MetricEntry};
use umec_wire::status::{Identity, State};
use umec_wire::{
    Boot, DeviceName, Label, MetricName, NodeName, PluginName, Reason, Sequence, Span, Status,
    Timestamp,
};

use crate::document::{Body, Document, Measured};
use crate::token::Grant;
use crate::window::{MAX_DEVICES, MAX_METRICS};

/// All devices of a node.
#[derive(Debug)]
pub struct Inventory {
    node: NodeName,
    devices: BTreeMap<DeviceName, Known>,
}

/// What is known of one device.
#[derive(Debug, Default)]
struct Known {
    entry: Option<DeviceEntry>,
    status: Option<Status>,
    latest: BTreeMap<MetricName, Latest>,
    aggregates: BTreeMap<Span, Document>,
}

/// The latest value of one metric, and which message brought it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latest {
    /// Value and unit.
    #[serde(flatten)]
    pub measured: Measured,
    /// When it was sampled.
    pub time: Timestamp,
    /// The run of its publisher.
    pub boot: Boot,
    /// The number of its message in that run.
    pub sequence: Sequence,
}

/// A device as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Device {
    /// Its name.
    pub name: DeviceName,
    /// The machine it hangs on.
    pub node: NodeName,
    /// The plugin that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginName>,
    /// The profile it is made from; none where the resources do not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Label>,
    /// Who it is.
    pub identity: Identity,
    /// Whether it can be read.
    pub state: ShownState,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What it measures.
    pub metrics: Vec<MetricEntry>,
    /// The metrics that give no good value, and why.
    pub problems: BTreeMap<MetricName, Reason>,
    /// The latest good value of each metric.
    pub latest: BTreeMap<MetricName, Latest>,
}

/// Whether a device can be read, as far as anything has been heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownState {
    /// It answers.
    Up,
    /// It does not.
    Down,
    /// Its plugin has not said anything about it.
    Unknown,
}

// === impl Inventory ===

impl Inventory {
    /// The devices that the resources name.
    pub fn new(node: NodeName, devices: Vec<DeviceEntry>) -> Self {
        let known = devices.into_iter().map(|entry| {
            let name = entry.name.clone();
            let entry = Some(entry);
            (
                name,
                Known {
                    entry,
                    ..Known::default()
                },
            )
        });
        Self {
            node,
            devices: known.collect(),
        }
    }

    /// Takes note of a document. A device that nobody named appears with it, up to a bound.
    pub fn note(&mut self, document: &Document) {
        let name = &document.device;
        if !self.devices.contains_key(name) {
            if self.devices.len() >= MAX_DEVICES {
                return;
            }
            self.devices.insert(name.clone(), Known::default());
        }
        let Some(known) = self.devices.get_mut(name) else {
            return;
        };
        match &document.body {
            Body::Readings { values } => known.note_readings(document, values),
            Body::Aggregates { window, .. } => {
                let shown = known.aggregates.get(window);
                if shown.is_none_or(|shown| shown.time <= document.time) {
                    known.aggregates.insert(*window, document.clone());
                }
            }
            Body::Status(status) => known.status = Some(status.as_ref().clone()),
            Body::Event { .. } => {}
        }
    }

    /// Whether the device is known and covered.
    pub fn has(&self, name: &DeviceName, grant: &Grant) -> bool {
        grant.covers(name) && self.devices.contains_key(name)
    }

    /// The device, where it is known and covered.
    pub fn device(&self, name: &DeviceName, grant: &Grant) -> Option<Device> {
        let known = self.devices.get(name).filter(|_| grant.covers(name))?;
        Some(known.show(name, &self.node))
    }

    /// All devices that are covered, by name.
    pub fn devices(&self, grant: &Grant) -> Vec<Device> {
        let covered = self.devices.iter().filter(|(name, _)| grant.covers(name));
        covered
            .map(|(name, known)| known.show(name, &self.node))
            .collect()
    }

    /// The latest value of each metric of a device, or of those named.
    pub fn latest(
        &self,
        name: &DeviceName,
        metrics: &[MetricName],
    ) -> BTreeMap<MetricName, Latest> {
        let latest = self
            .devices
            .get(name)
            .into_iter()
            .flat_map(|known| &known.latest);
        let wanted = latest.filter(|(m, _)| metrics.is_empty() || metrics.contains(m));
        wanted
            .map(|(m, latest)| (m.clone(), latest.clone()))
            .collect()
    }

    /// The latest aggregates of a device, one document for each length, or for the one named.
    pub fn aggregates(&self, name: &DeviceName, window: Option<Span>) -> Vec<Document> {
        let all = self.devices.get(name).into_iter();
        let all = all.flat_map(|known| &known.aggregates);
        let wanted = all.filter(|(length, _)| window.is_none_or(|window| window == **length));
        wanted.map(|(_, document)| document.clone()).collect()
    }
}

// === impl Known ===

impl Known {
    fn note_readings(&mut self, document: &Document, values: &BTreeMap<MetricName, Measured>) {
        for (metric, measured) in values {
            let known = self.latest.get(metric);
            let is_newer = known.is_none_or(|known| known.time <= document.time);
            let has_room = known.is_some() || self.latest.len() < MAX_METRICS;
            if is_newer && has_room {
                let latest = Latest {
                    measured: measured.clone(),
                    time: document.time,
                    boot: document.boot,
                    sequence: document.sequence,
                };
                self.latest.insert(metric.clone(), latest);
            }
        }
    }

    fn show(&self, name: &DeviceName, node: &NodeName) -> Device {
        let (entry, status) = (self.entry.as_ref(), self.status.as_ref());
        let plugin = status.map(|status| &status.plugin);
        Device {
            name: name.clone(),
            node: node.clone(),
            plugin: plugin.or_else(|| entry.map(|entry| &entry.plugin)).cloned(),
            profile: entry.map(|entry| entry.profile.clone()),
            identity: identity(entry, status),
            state: match status.map(|status| status.state) {
                Some(State::Up) => ShownState::Up,
                Some(State::Down) => ShownState::Down,
                None => ShownState::Unknown,
            },
            since: status.map(|status| status.since),
            reason: status.and_then(|status| status.reason.clone()),
            metrics: self.metrics(),
            problems: status
                .map(|status| status.problems.clone())
                .unwrap_or_default(),
            latest: self.latest.clone(),
        }
    }

    /// What the resources say it measures, and how often and what beyond that its plugin says.
    fn metrics(&self) -> Vec<MetricEntry> {
        let mut metrics = self
            .entry
            .as_ref()
            .map_or_else(Vec::new, |e| e.metrics.clone());
        let told = self.status.iter().flat_map(|status| &status.metrics);
        for told in told {
            let known = metrics.iter_mut().find(|metric| metric.name == told.name);
            if let Some(known) = known {
                // A device can be told another interval than its resources say.
                known.every = told.every.or(known.every);
            } else {
                metrics.push(MetricEntry {
                    name: told.name.clone(),
                    unit: told.unit,
                    every: told.every,
                    range: None,
                    write: told.write,
                });
            }
        }
        metrics
    }
}

/// What the device itself says, and what the resources say where it is silent.
fn identity(entry: Option<&DeviceEntry>, status: Option<&Status>) -> Identity {
    let mut identity = status
        .map(|status| status.identity.clone())
        .unwrap_or_default();
    if let Some(Identity {
        manufacturer,
        model,
        revision,
        serial,
    }) = entry.map(|entry| entry.identity.clone())
    {
        identity.manufacturer = identity.manufacturer.or(manufacturer);
        identity.model = identity.model.or(model);
        identity.revision = identity.revision.or(revision);
        identity.serial = identity.serial.or(serial);
    }
    identity
}
