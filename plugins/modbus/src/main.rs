//! The program `umec-modbus`.

fn main() -> std::process::ExitCode {
    umec_sdk::main(umec_modbus::PROGRAM, umec_modbus::run)
}
