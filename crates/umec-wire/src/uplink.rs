//! The uplink protocol, version 2: what the uplink of a node and the gateway in the cloud say to each other.
//!
//! Three layers, each a module with its own decoder:
//!
//! 1. [`datagram`]: what lies in the clear. The first byte has two nibbles as in version 1, flow and
//!    topic; flows 0 and 1 are version 1's, version 2 uses flow 2 (session), 3 (data) and 4 (command).
//!    A [`cookie`] shows that a caller hears at the address from which it calls.
//! 2. [`session`]: the Noise handshake `NNpsk0` and the sealing of numbered datagrams, with the
//!    [`replay`] window of the receiver. Randomness is passed in.
//! 3. [`message`]: what is sealed: [batches](batch) of [`entry`]s by columns; in CBOR their
//!    acknowledgements, commands and their results, keepalives.
//!
//! [`ranges`] and [`rtt`] are the two pieces of arithmetic that both ends need. The state machines
//! that give these formats their meaning are `umec-uplink`'s and `umec-gateway`'s.

pub mod batch;
mod cbor;
pub mod cookie;
pub mod datagram;
pub mod entry;
pub mod message;
pub mod ranges;
pub mod replay;
pub mod rtt;
pub mod session;

use std::time::Duration;

use crate::time::Timestamp;

pub use batch::{Batch, Layout, LayoutNumber};
pub use cookie::{Cookie, Cookies};
pub use datagram::{Connection, Datagram, Lane, Sealed, Way};
pub use entry::{Content, Entry, EntryKind, Freshness};
pub use message::{Command, Down, Fragment, Setting, Up};
pub use ranges::Ranges;
pub use session::{Initiation, Key, Session};

/// The present, as a state machine is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time since some fixed moment of this process; never goes back.
    pub steady: Duration,
    /// The time of day.
    pub wall: Timestamp,
}
