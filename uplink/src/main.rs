//! The program `umec-uplink`.

fn main() -> std::process::ExitCode {
    umec_sdk::main(umec_uplink::PROGRAM, umec_uplink::run)
}
