//! What somebody else's plugin is told: its own settings, passed on as they were written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plugin::Protocol;

/// The protocol of somebody else's plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custom {}

impl Protocol for Custom {
    type Link = Free;
    type Device = Free;
    type Metric = Free;
}

/// Settings of any shape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Free(pub BTreeMap<String, serde_json::Value>);
