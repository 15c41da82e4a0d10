//! A small project for drills that drive the command: a few circuits on two sectors, from an inventory. Knows no store
//! and no channel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::Error;

/// A directory that goes when it is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn scratch(name: &str) -> Result<Scratch, Error> {
    scratch_below(&std::env::temp_dir(), name)
}

/// The same in memory, where there is such a file system: for drills that do a thing thousands of times and do not ask
/// what the disk does with it.
pub fn scratch_in_memory(name: &str) -> Result<Scratch, Error> {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => scratch_below(memory, name).or_else(|_| scratch(name)),
        false => scratch(name),
    }
}

fn scratch_below(dir: &Path, name: &str) -> Result<Scratch, Error> {
    let path = dir.join(format!("weir-drill-{name}-{}", std::process::id()));
    // A process of the same number, long ago.
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path)?;
    Ok(Scratch(path))
}

/// A project in `dir`, without an export yet; `settings` are lines of `weir.toml`.
pub fn project(dir: &Path, settings: &str) -> Result<(), Error> {
    fs::create_dir_all(dir.join("export"))?;
    let toml = format!(
        "[project]\nname = \"drill\"\n[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\"\n\
         [topology]\nwan_mbps = 1000\n{settings}"
    );
    fs::write(dir.join("weir.toml"), toml)?;
    fs::write(dir.join("export/inventory.json"), inventory(3, "50000"))?;
    Ok(())
}

/// So many circuits with this plan.
pub fn inventory(circuits: u32, kbps: &str) -> String {
    let circuits: Vec<String> = (1..=circuits)
        .map(|n| {
            format!(
                r#"{{"id": "c{n}", "name": "Circuit {n}", "attach": "a{}", "plan_kbps": [{kbps}, 10000], "devices": [{{"id": "d{n}", "ips": ["100.64.{}.{}"]}}]}}"#,
                n % 2 + 1,
                n / 250,
                n % 250 + 1
            )
        })
        .collect();
    format!(
        r#"{{"schema": "weir.inventory/1",
 "nodes": [{{"id": "core", "kind": "root"}},
  {{"id": "a1", "kind": "ap", "parent": "core", "kbps": [900000, 900000]}},
  {{"id": "a2", "kind": "ap", "parent": "core", "kbps": [900000, 900000]}}],
 "links": [], "circuits": [{}]}}
"#,
        circuits.join(",\n")
    )
}

/// `weir` in a project, without the environment of whoever drills.
pub fn weir(program: &Path, dir: &Path, args: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(args.split_whitespace())
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("USER", "drill")
        .stdin(Stdio::null());
    command
}

/// Runs it; it must end with one of these codes.
pub fn ends(command: &mut Command, codes: &[i32]) -> Result<Output, Error> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.code().is_some_and(|c| codes.contains(&c)) {
        return Ok(output);
    }
    Err(format!(
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

/// Builds, and gives the digest of the artifact.
pub fn build(command: &mut Command) -> Result<String, Error> {
    let output = ends(command.args(["--format", "json"]), &[0, 3])?;
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let digest = said["artifact"]["digest"].as_str();
    Ok(digest.ok_or("a build that names no artifact")?.to_owned())
}
