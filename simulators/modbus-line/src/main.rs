//! The program `umec-modbus-line`.

fn main() -> std::process::ExitCode {
    umec_sdk::main(umec_modbus_line::PROGRAM, umec_modbus_line::run)
}
