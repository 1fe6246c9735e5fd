//! The program `umec-gateway`.

// Records are made in one thread and freed in others, which the C library's allocator is slow at.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    umec_sdk::main(umec_gateway::PROGRAM, umec_gateway::run)
}
