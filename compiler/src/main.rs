//! The `weir` command: `cli` is its verbs, `serve` what goes on by itself.

mod cli;
#[cfg(feature = "serve")]
mod serve;

/// A build makes millions of small texts on all threads; the system's allocator took a fifth of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
