//! The resources that users write, the plan that is made from them, and the settings of every
//! process in that plan.
//!
//! Pure: no socket, no file, no clock, no randomness. Texts come in, texts go out.

pub mod keys;
pub mod modbus_plan;
pub mod plan;
pub mod resource;
pub mod settings;
pub mod wave;
pub mod yaml;
