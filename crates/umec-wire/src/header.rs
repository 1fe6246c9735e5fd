//! The headers of messages on the bus. Names are compared without regard to case.

use crate::{signature, trace};

/// What makes a message the same message; JetStream stores it once.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";

/// The media type of the payload.
pub const CONTENT_TYPE: &str = "Content-Type";

/// Says that a message is sent again out of a store, long after its time.
pub const REPLAYED: &str = "Umec-Replayed";

/// Every header, whether a message must have it, and what it holds.
pub const TABLE: [(&str, Presence, &str); 5] = [
    (
        MESSAGE_ID,
        Presence::Required,
        "`<device>:<boot>:<sequence>`; a command's id on commands. JetStream stores an id once.",
    ),
    (
        signature::HEADER,
        Presence::Required,
        "`<public key> <signature>`: who says this, and the proof. What is not signed by a trusted key is dropped and counted.",
    ),
    (
        CONTENT_TYPE,
        Presence::Optional,
        "The payload's media type. SenML in JSON where it is absent from a pack.",
    ),
    (
        trace::HEADER,
        Presence::Optional,
        "W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`.",
    ),
    (
        REPLAYED,
        Presence::Optional,
        "`true` on what is sent again out of a store, long after its time.",
    ),
];

/// Whether a message must have a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It may.
    Optional,
}

impl Presence {
    /// The word in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}
