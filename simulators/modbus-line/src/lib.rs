//! Stands in for Modbus devices: units on TCP ports and pseudo-terminals, which show values over time,
//! take writes, and go wrong in the ways that real ones do.
//!
//! The frame code is its own, so that a mistake in the plugin's is not answered by the same mistake.

mod config;
mod converse;
mod fault;
mod frame;
mod line;
mod pdu;
mod pty;
mod raw;
mod run;
mod running;
mod unit;
mod wave;

pub use config::ConfigError;
pub use line::LineUse;
pub use run::{PROGRAM, run};
pub use running::{Place, Running, RunningLine, StartError, start};
