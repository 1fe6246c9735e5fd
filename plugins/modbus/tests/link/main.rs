//! The link against the simulator, over TCP, RTU over TCP and a pseudo-terminal.

#![cfg(test)]

mod contract;
mod faults;
mod garbage;
mod reading;
mod stand;
mod writing;
