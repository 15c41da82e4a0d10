//! `weir-runtime`: the privileged side of Weir. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_runtime::cli::main(std::env::args_os()).into()
}
