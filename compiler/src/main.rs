//! The `weir` command. Everything it does is in `cli`.

mod cli;

/// A build makes millions of small texts on all threads; the system's allocator took a fifth of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
