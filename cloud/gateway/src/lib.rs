//! Takes datagrams of modems into Kafka, exactly once, and brings commands back down.

pub mod kafka;
pub mod machine;
pub mod record;
pub mod request;
