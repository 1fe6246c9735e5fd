//! Starts the edge API.

use std::process::ExitCode;

fn main() -> ExitCode {
    umec_sdk::main(umec_edge_api::PROGRAM, umec_edge_api::run)
}
