//! Takes datagrams of modems into Kafka, exactly once, and brings commands back down.

mod config;
mod figures;
pub mod kafka;
mod keeper;
pub mod machine;
mod modems;
pub mod original;
pub mod record;
mod recovery;
pub mod request;
mod run;
mod sinks;

pub use run::{PROGRAM, run};
