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

use umec_sdk::plugin::run_plugin;
use umec_sdk::{Node, Program};
use umec_spec::settings::Process;
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::plugin::PluginSettings;

pub use config::ConfigError;
pub use link::{ModbusLink, ModbusPlugin};

/// The program.
pub const PROGRAM: Program = Program {
    name: "umec-modbus",
    about: "Reads and writes Modbus devices, over TCP and on serial lines",
};

/// Serves the devices until the node's tasks are told to stop.
pub async fn run(config: Process<PluginSettings<Modbus>>, node: Node) -> anyhow::Result<()> {
    config::check(&config.settings)?;
    run_plugin::<ModbusPlugin>(config, node).await
}
