//! The kind `EdgeNode`: one machine at the edge.

use std::fmt;

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
    /// When the server writes through to the disk.
    pub sync: Sync,
}

/// When the server writes through to the disk: `always`, before it acknowledges, or each so often,
/// such as `10s`. What was acknowledged in between is lost when the machine loses its power, though
/// not when a process dies; on a memory card it wears and costs less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sync {
    /// Before each acknowledgement.
    #[default]
    Always,
    /// Each so often.
    Every(Span),
}

/// Says that a text is not a [`Sync`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither \"always\" nor a duration such as 10s")]
pub struct SyncError(String);

impl Kind for EdgeNode {
    const KIND: &'static str = "EdgeNode";
}

impl Default for Store {
    fn default() -> Self {
        Self {
            bytes: Bytes::new(1 << 30),
            age: Span::from_secs(7 * 24 * 3_600),
            sync: Sync::Always,
        }
    }
}

// === impl Sync ===

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Every(span) => fmt::Display::fmt(span, f),
        }
    }
}

impl TryFrom<String> for Sync {
    type Error = SyncError;

    fn try_from(text: String) -> Result<Self, SyncError> {
        match text.as_str() {
            "always" => Ok(Self::Always),
            span => span.parse().map(Self::Every).map_err(|_| SyncError(text)),
        }
    }
}

impl From<Sync> for String {
    fn from(sync: Sync) -> Self {
        sync.to_string()
    }
}
