//! The node's face to applications: what its devices are and measure, over HTTP, as it happens and as
//! it was, and the way to give them commands.

pub mod command;
pub mod document;
pub mod inventory;
pub mod openapi;
pub mod position;
pub mod problem;
pub mod query;
pub mod route;
pub mod token;
pub mod window;
