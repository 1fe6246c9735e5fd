//! How a process lives: configuration, logs, health, metrics, tasks, the bus, and the loop of every
//! plugin.
//!
//! A daemon's `main.rs` is one call of [`main()`]; everything that it may use hangs on its [`Node`].
//! What crosses the wire is `umec-wire`'s business, what a configuration file holds `umec-spec`'s.

mod admin;
pub mod bus;
pub mod clock;
mod config;
pub mod exact;
pub mod health;
mod life;
pub mod metrics;
pub mod node;
mod pages;
pub mod plugin;
pub mod secret;
pub mod tasks;
pub mod telemetry;
pub mod testing;

pub use admin::write_address;
pub use bus::Bus;
pub use clock::Clock;
pub use health::Health;
pub use life::{Misconfigured, Program, main};
pub use metrics::Metrics;
pub use node::Node;
pub use pages::{Page, Pages};
pub use plugin::{Fault, Link, Plugin, run_plugin};
pub use secret::Secret;
pub use tasks::Tasks;
pub use telemetry::chain;
