//! The kind `EdgeNode`: one machine at the edge.

use serde::{Deserialize, Serialize};
use umec_wire::{Label, Span};

use super::{Bytes, Kind};

/// One machine at the edge. A node that has no such resource gets the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EdgeNode {
    /// The site it stands on, for selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Label>,
    /// Its bus.
    #[serde(default)]
    pub bus: Bus,
}

/// The bus of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bus {
    /// What its stream keeps.
    #[serde(default)]
    pub store: Store,
}

/// What a node's stream keeps: the oldest goes first when either bound is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Store {
    /// The most bytes on disk.
    pub bytes: Bytes,
    /// The greatest age.
    pub age: Span,
}

impl Kind for EdgeNode {
    const KIND: &'static str = "EdgeNode";
}

impl Default for Store {
    fn default() -> Self {
        Self {
            bytes: Bytes::new(1 << 30),
            age: Span::from_secs(7 * 24 * 3_600),
        }
    }
}
