//! Every decoder of the platform takes mutated valid input and arbitrary bytes without a panic.
//!
//! A plain `cargo test` takes a few thousand cases of each. For as many as one likes, with figures:
//!
//! ```text
//! PROPTEST_CASES=10000000 cargo test --release -p umec-e2e --test decoders -- --nocapture
//! ```
//!
//! A further decoder is a further test of a few lines in the file of its package.

#![cfg(test)]

mod edge_api;
mod gateway;
mod modbus;
mod original;
mod spec;
mod storm;
mod uplink;
mod wire;
