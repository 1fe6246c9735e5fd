//! Version 1 of the uplink protocol: ours with stand-ins for the original modem and server, and what was
//! wrong with the originals.

#![cfg(test)]

mod defects;
mod exchange;
mod site;
