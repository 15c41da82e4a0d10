//! `schemas`: the JSON Schemas beside their types in `weir-schemas`, written or compared.

use std::io::{self, Write};
use std::path::Path;

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when a schema differs from its type
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args, out: &mut impl Write) -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = weir_schemas::SCHEMA_DIR;
    let changed = weir_schemas::sync_json_schemas(&root.join(dir), !args.check)?;
    for file in &changed {
        writeln!(out, "{dir}/{file}")?;
    }
    if args.check && !changed.is_empty() {
        return Err(io::Error::other(
            "these differ from their types: run `cargo run -p xtask -- schemas`",
        ));
    }
    Ok(())
}
