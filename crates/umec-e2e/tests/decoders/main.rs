//! Every decoder of the platform takes mutated valid input and arbitrary bytes without a panic.
//!
//! A plain `cargo test` takes a few thousand cases of each. For as many as one likes, with figures:
//!
//! ```text
//! PROPTEST_CASES=10000000 cargo test --release -p umec-e2e --test decoders -- --nocapture
//! ```
//!
//! `make fuzz` lets coverage guide it, on the same table of decoders, and `make fuzz ARGS=--keep` takes
//! what it found into `corpus`, which runs here. A further decoder is a further function of a few lines
//! in the file of its package.

#![cfg(test)]

mod corpus;
mod edge_api;
mod ends;
mod gateway;
mod modbus;
mod original;
mod spec;
mod storm;
mod table;
mod uplink;
mod wire;

use crate::storm::{replay, storm};

#[test]
fn no_bytes_stop_what_reads_from_applications() {
    storm(edge_api::decoders());
}

#[test]
fn no_bytes_stop_either_end_of_either_version() {
    storm(ends::decoders());
}

#[test]
fn no_bytes_stop_what_reads_commands_in_kafka() {
    storm(gateway::decoders());
}

#[test]
fn no_bytes_stop_what_reads_registers() {
    storm(modbus::decoders());
}

#[test]
fn no_bytes_stop_what_reads_from_the_original_system() {
    storm(original::decoders());
}

#[test]
fn no_bytes_stop_what_reads_resources() {
    storm(spec::decoders());
}

#[test]
fn no_bytes_stop_what_an_uplink_and_a_gateway_read_from_each_other() {
    storm(uplink::decoders());
}

#[test]
fn no_bytes_stop_what_reads_messages_on_the_bus() {
    storm(wire::decoders());
}

#[test]
fn no_decoder_stops_at_what_fuzzing_found_or_at_anything_near_it() {
    for mut decoder in table::all() {
        let inputs = corpus::inputs(decoder.name);
        replay(&mut decoder, &inputs);
    }
}

#[test]
fn the_corpus_is_small_and_each_decoder_has_its_part() {
    let decoders = table::all();
    let mut bytes = 0;
    for decoder in &decoders {
        let inputs = corpus::inputs(decoder.name);
        assert!(!inputs.is_empty(), "nothing is kept for {}", decoder.name);
        bytes += inputs.iter().map(Vec::len).sum::<usize>();
    }
    assert!(bytes <= corpus::ALL_BYTES, "the corpus has {bytes} bytes");
    for name in corpus::names() {
        let is_known = decoders.iter().any(|decoder| decoder.name == name);
        assert!(is_known, "corpus/{name}.hex is no decoder's");
    }
}
