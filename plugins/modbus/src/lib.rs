//! Reads and writes Modbus devices, over TCP and on serial lines.
//!
//! One line has one owner: requests to all units on it go one after the other, and an answer is believed only
//! when it can be none but the answer to the request that was just sent. Schedule, births and deaths, commands
//! and the bus are the SDK's business.

mod config;
mod device;
mod fault;
mod line;
mod link;
pub mod register;
mod tap;

pub use config::{ConfigError, check};
pub use link::{ModbusLink, ModbusPlugin};
