//! Project chores that are not part of the product: `cargo run -p xtask -- <chore>`.

mod bench;
mod docs;
mod drill;
mod ebpf;
mod fuzz;
mod r#gen;
mod kernels;
mod licences;
mod manuals;
mod metadata;
mod release;
mod schemas;
mod stages;

use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;

/// As the command has it: what is measured here would be another program without.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "xtask",
    about = "Project chores",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Time the lint rules on a network made in memory
    BenchLint(bench::Args),
    /// Write the documentation that comes from the code, or check it
    Docs(docs::Args),
    /// Run what is too long for every change, and say what came out
    Drill(drill::Args),
    /// Build the eBPF programs into the object that is checked in, or check that it is what they make
    Ebpf(ebpf::Args),
    /// Read mutations of real input with every reader; none may panic
    Fuzz(fuzz::Args),
    /// Write a synthetic ISP of any size as one or more Weir projects
    Gen(r#gen::Args),
    /// Run the tests that need a kernel in several of them, and print a table
    Kernels(kernels::Args),
    /// Write the licences of everything that the two programs link
    Licences(licences::Args),
    /// Write man pages and completions of `weir-runtime`
    Manuals(manuals::Args),
    /// Build the programs as they are released, with sums and bill of materials
    Release(release::Args),
    /// Write the JSON Schemas of the published formats from their types
    Schemas(schemas::Args),
    /// Time the stages of a build on a project
    Stages(stages::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().chore {
        Chore::BenchLint(args) => bench::run(&args, &mut std::io::stdout().lock()),
        Chore::Docs(args) => docs::run(&args, &mut std::io::stdout().lock()),
        Chore::Drill(args) => drill::run(&args, &mut std::io::stdout().lock()),
        Chore::Ebpf(args) => ebpf::run(&args, &mut std::io::stdout().lock()),
        Chore::Fuzz(args) => fuzz::run(&args, &mut std::io::stdout().lock()),
        Chore::Gen(args) => r#gen::run(&args, &mut std::io::stdout().lock()),
        Chore::Kernels(args) => kernels::run(&args, &mut std::io::stdout().lock()),
        Chore::Licences(args) => {
            licences::run(&args, &mut std::io::stdout().lock()).map_err(std::io::Error::other)
        }
        Chore::Manuals(args) => {
            manuals::run(&args, &mut std::io::stdout().lock()).map_err(std::io::Error::other)
        }
        Chore::Release(args) => release::run(&args, &mut std::io::stdout().lock()),
        Chore::Schemas(args) => schemas::run(&args, &mut std::io::stdout().lock()),
        Chore::Stages(args) => stages::run(&args, &mut std::io::stdout().lock()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell when standard error itself is gone.
            let _ = writeln!(std::io::stderr(), "xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
