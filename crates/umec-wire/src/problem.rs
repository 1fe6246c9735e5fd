//! Errors as problem details (RFC 9457).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One problem, as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is: `/problems/<name>`, told in `docs/wire.md`.
    pub r#type: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What is wrong this time, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where it is wrong: the path that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Further members, such as `field`.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}
