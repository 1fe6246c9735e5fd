//! Carries readings from the node to the gateway, and commands back: sealed, numbered, acknowledged.

mod config;
mod figures;
mod gateway;
mod holes;
pub mod machine;
mod order;
pub mod original;
mod run;
mod select;
mod stream;

pub use run::{PROGRAM, run};
