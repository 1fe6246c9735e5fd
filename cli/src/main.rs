//! The command `umec`.

fn main() -> std::process::ExitCode {
    umec_cli::main()
}
