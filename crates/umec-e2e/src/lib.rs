//! Whole-system tests, and the real servers that any test may start.
//!
//! Everything here blocks, panics with a reason and cleans up in `Drop`: it is made to be called from
//! tests and from nothing else. A tool that is not installed is a failure that names the remedy, never
//! a skip.

pub mod figure;
pub mod kafka;
pub mod ledger;
pub mod markdown;
pub mod nats;
pub mod node;
pub mod original;
pub mod program;
pub mod relay;
pub mod tools;

pub mod disk;
mod eventually;

pub use eventually::{eventually, eventually_async, fail};
