//! The program `umec-gateway`.

/// A third less work a record than with the C library's: records are made in one thread and freed in others.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    umec_sdk::main(umec_gateway::PROGRAM, umec_gateway::run)
}
