//! The program `umec-gateway`.

fn main() -> std::process::ExitCode {
    umec_sdk::main(umec_gateway::PROGRAM, umec_gateway::run)
}
