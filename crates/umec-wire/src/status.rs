//! How a device is: up or down, since when and why, and who it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::label::{Label, MetricName, PluginName};
use crate::span::Span;
use crate::time::Timestamp;
use crate::unit::Unit;

/// Why something is as it is: a code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// A stable name, such as `no-answer`: what an alert rule matches.
    pub code: Label,
    /// What happened and where, in words.
    pub text: String,
}

/// Whether a device can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It answers. Single metrics may still have problems.
    Up,
    /// It does not answer, or its publisher has ended.
    Down,
}

/// What is published on a device's subject `status`, at birth, at death and at each change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Up or down.
    pub state: State,
    /// Why it is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When the state was entered.
    pub since: Timestamp,
    /// The plugin that owns the device.
    pub plugin: PluginName,
    /// Who the device says it is, or its profile says.
    #[serde(default, skip_serializing_if = "Identity::is_empty")]
    pub identity: Identity,
    /// What it measures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricBirth>,
    /// The metrics that give no good value, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub problems: BTreeMap<MetricName, Reason>,
}

/// Who a device is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The version of its firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Which piece it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// One metric as announced when its device comes up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricBirth {
    /// Its name.
    pub name: MetricName,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// How often it is sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// What may be written to it, where anything may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Limits>,
}

/// The numbers that are allowed, both ends included; an absent end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

// === impl Reason ===

impl Reason {
    /// Makes a reason from a code that is a label, and a sentence.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        // Codes are literals of this code base; one that were no label would still be told, not lost.
        let code = Label::new(code).or_else(|_| Label::new("unknown"));
        Self {
            code: code.expect("\"unknown\" is a label"),
            text: text.into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

// === impl Identity ===

impl Identity {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Limits ===

impl Limits {
    /// Whether `number` lies within both ends.
    pub fn contains(&self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(f, "{min} to {max}"),
            (Some(min), None) => write!(f, "{min} or above"),
            (None, Some(max)) => write!(f, "{max} or below"),
            (None, None) => f.write_str("any number"),
        }
    }
}
