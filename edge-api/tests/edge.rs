//! The edge API as applications meet it: through `run()`, over loopback.

#![cfg(test)]

#[path = "edge/aggregates.rs"]
mod aggregates;
#[path = "edge/commands.rs"]
mod commands;
#[path = "edge/devices.rs"]
mod devices;
#[path = "edge/drain.rs"]
mod drain;
#[path = "edge/events.rs"]
mod events;
#[path = "edge/fixture.rs"]
mod fixture;
#[path = "edge/limits.rs"]
mod limits;
#[path = "edge/process.rs"]
mod process;
#[path = "edge/refusals.rs"]
mod refusals;
#[path = "edge/restart.rs"]
mod restart;
#[path = "edge/streams.rs"]
mod streams;
