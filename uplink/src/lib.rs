//! Carries readings from the node to the gateway, and commands back: sealed, numbered, acknowledged.

pub mod machine;
