//! How an uplink shares its way among what is new, what has piled up, and what matters less.

use serde::{Deserialize, Serialize};
use umec_wire::Span;

use crate::resource::Bytes;

/// How what has piled up goes up beside what is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backlog {
    /// How old a message is when it counts as backlog.
    pub after: Span,
    /// The most of what may be on its way that backlog takes while new messages go up, in percent, 1 to
    /// 100.
    pub share: u32,
    /// The most bytes of backlog a second; as many as there is room for where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<Bytes>,
}

/// What may be spent on a metered link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Budget {
    /// The most bytes a day (UTC), both ways, headers of IP and UDP included.
    pub per_day: Bytes,
}

/// What is left out first where there is a budget.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Left out when half of the day's bytes are spent.
    Low,
    /// Left out when four fifths are spent.
    #[default]
    Normal,
    /// Left out when nineteen twentieths are spent; the rest is for commands and for staying in touch.
    High,
}

// === impl Backlog ===

impl Default for Backlog {
    fn default() -> Self {
        Self {
            after: Span::from_secs(10),
            share: 50,
            per_second: None,
        }
    }
}

impl Backlog {
    /// Whether nothing was said about it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Priority ===

impl Priority {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// Whether it is the one that counts where nothing is said.
    pub fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}
