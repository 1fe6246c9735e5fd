//! The accounts of a plan on a real nats-server: what is allowed works, and everything else is refused.

#![cfg(test)]

mod allowed;
mod fixture;
mod refused;
