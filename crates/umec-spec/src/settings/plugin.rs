//! What every plugin is told, whatever its protocol: links, the devices on them, their metrics.

use std::fmt::Debug;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use umec_wire::status::{Identity, Limits};
use umec_wire::{DeviceName, MetricName, PluginName, Span, Unit};

/// The parts of a plugin's settings that are its protocol's own.
pub trait Protocol: Debug + Clone + PartialEq + Send + Sync + 'static {
    /// What is opened once and shared: a serial line, a TCP connection, a camera, a card reader.
    type Link: Section;
    /// Where a device is on its link.
    type Device: Section;
    /// Where a metric is on its device.
    type Metric: Section;
}

/// A part of a file.
pub trait Section:
    Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<T> Section for T where
    T: Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// The settings of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "")]
pub struct PluginSettings<P: Protocol> {
    /// The plugin's name: the owner of its devices.
    pub plugin: PluginName,
    /// The links, each owned by one task.
    pub links: Vec<LinkSettings<P>>,
    /// The folder in which it keeps what must outlive it: the commands that it was given, with their results, and poll
    /// intervals. It is made where it is absent; one process has it. Where none is named all that is in memory, and a
    /// plugin that was restarted carries a command out again that it is given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
}

/// One link and what hangs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "")]
pub struct LinkSettings<P: Protocol> {
    /// How it is opened.
    pub link: P::Link,
    /// The devices on it.
    pub devices: Vec<DeviceSettings<P>>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "")]
pub struct DeviceSettings<P: Protocol> {
    /// Its name.
    pub name: DeviceName,
    /// Who it is, as far as its profile knows.
    #[serde(default, skip_serializing_if = "Identity::is_empty")]
    pub identity: Identity,
    /// How long it may take to answer: one request where its protocol has requests, one reading otherwise.
    pub timeout: Span,
    /// Where it is on its link.
    pub device: P::Device,
    /// What it measures.
    pub metrics: Vec<MetricSettings<P>>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "")]
pub struct MetricSettings<P: Protocol> {
    /// Its name.
    pub name: MetricName,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// How often it is sampled. Metrics of one device with one interval are read together.
    pub every: Span,
    /// What values are believed. One outside is not published; it becomes a visible problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Limits>,
    /// What may be written; nothing where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Limits>,
    /// Publish on change; each sample where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Where it is on the device.
    pub source: P::Metric,
}

/// Publishing on change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// A number is published when it differs from the last published one by more than this; other
    /// values when they differ at all.
    #[serde(default)]
    pub deadband: f64,
    /// It is published after this time all the same.
    #[serde(default = "default_heartbeat")]
    pub heartbeat: Span,
}

const fn default_heartbeat() -> Span {
    Span::from_secs(60)
}
