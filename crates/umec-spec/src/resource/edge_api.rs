//! The kind `EdgeApi`: the face of nodes to applications.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use umec_wire::Span;

use super::{Kind, Nodes};
use crate::settings::edge_api::{
    HttpLimits, Token, default_command_deadline, default_lateness, default_windows,
};

/// The face of nodes to applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EdgeApi {
    /// On which nodes.
    #[serde(skip_serializing_if = "Nodes::is_all")]
    pub nodes: Nodes,
    /// Where HTTP is served, `address:port`; a free port of this machine alone where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// The lengths of the windows that are aggregated; each divides a day.
    pub windows: Vec<Span>,
    /// How long after its end a window waits for late readings.
    pub lateness: Span,
    /// How long a command may take where its caller does not say.
    pub command_deadline: Span,
    /// Who may do what. Without a token nothing but health is served.
    pub tokens: Vec<Token>,
    /// What callers may take.
    pub limits: HttpLimits,
}

impl Kind for EdgeApi {
    const KIND: &'static str = "EdgeApi";
}

impl Default for EdgeApi {
    fn default() -> Self {
        Self {
            nodes: Nodes::default(),
            listen: None,
            windows: default_windows(),
            lateness: default_lateness(),
            command_deadline: default_command_deadline(),
            tokens: Vec::new(),
            limits: HttpLimits::default(),
        }
    }
}
