//! Chores of the workspace, and the rules of its shape.
//!
//! Nothing here is linked into a program that is deployed.

pub mod bench;
pub mod fuzz;
pub mod licences;
pub mod shape;
