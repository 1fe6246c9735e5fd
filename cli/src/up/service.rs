//! The processes of a node on this machine: what each needs before it starts, and how it is asked.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::addresses::Face;
use crate::supervisor::Rank;

/// The process that is the bus.
pub(super) const NATS: &str = "nats";
/// The face at which a daemon tells how it is.
pub(super) const ADMIN: &str = "admin";
/// The face at which NATS clients connect.
pub(super) const CLIENT: &str = "client";
/// The face at which the edge API is served.
pub(super) const HTTP: &str = "http";
/// The face at which modems reach the gateway.
pub(super) const UDP: &str = "udp";
/// The face of the broker in the gateway's memory.
pub(super) const KAFKA: &str = "kafka";

/// One process to run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Service {
    /// Its name, also that of its log and configuration.
    pub(super) name: String,
    /// When it is stopped.
    pub(super) rank: Rank,
    /// The program.
    pub(super) program: PathBuf,
    /// What must be there before it starts.
    pub(super) needs: Vec<Need>,
    /// Its faces and the files to which it writes their addresses.
    pub(super) faces: Vec<(Face, PathBuf)>,
    /// What it is.
    pub(super) role: super::role::Role,
}

/// Something that must be there before a process starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// Another process serves this face.
    Face(Face),
    /// The stream exists.
    Stream,
    /// Another process has been ready once.
    Ready(String),
}

/// How a process is asked whether it does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// By `/readyz` at this address.
    Ready(SocketAddr),
    /// By a connection to this address.
    Connect(SocketAddr),
}
