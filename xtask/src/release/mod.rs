//! `xtask release`: the two programs as they are released, each with its bill of materials, and `SHA256SUMS` of all of
//! it. The same commit makes the same bytes, wherever it is built with the same toolchain.
//!
//! For a platform whose programs link no library of the system (`--target x86_64-unknown-linux-musl`), the same as one
//! archive. It signs nothing: the key of releases is not on the machine that builds.

mod archive;
mod policy;
pub mod sbom;
mod statically;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::licences;
use crate::metadata::{Kind, Metadata};

/// Packages with a program, and the program.
pub const PROGRAMS: [(&str, &str); 2] =
    [("weir-runtime", "weir-runtime"), ("weir-compiler", "weir")];

/// Of the release; every crate of this tree has it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is signed.
pub const SUMS: &str = "SHA256SUMS";

#[derive(clap::Args)]
pub struct Args {
    /// Where programs, bills of materials and sums are put
    #[arg(long, default_value = "target/dist")]
    out: PathBuf,
    /// Packages to build instead of all that are released
    #[arg(long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// Build for this platform instead of this machine, and put the programs into one archive, with their bills of
    /// materials and licences. Its standard library must be there: `rustup target add TRIPLE`. For one named `*-musl`
    /// the programs are refused if they need a library of the system
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

pub fn run(args: &Args, out: &mut dyn Write) -> io::Result<()> {
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    let known = |name: &String| PROGRAMS.iter().find(|(package, _)| package == name);
    let chosen: Vec<(&str, &str)> = match args.packages[..] {
        [] => PROGRAMS.to_vec(),
        _ => (args.packages.iter())
            .map(|name| {
                known(name)
                    .copied()
                    .ok_or_else(|| io::Error::other(format!("{name} is not released")))
            })
            .collect::<io::Result<_>>()?,
    };
    let packages: Vec<&str> = chosen.iter().map(|(package, _)| *package).collect();
    let platform = args.target.as_deref();
    let metadata = Metadata::read(&root, platform)?;
    let deny = fs::read_to_string(root.join("deny.toml"))?;
    let all = PROGRAMS.map(|(package, _)| package);
    let faults = policy::faults(&metadata, &deny, &all).map_err(io::Error::other)?;
    if !faults.is_empty() {
        return Err(io::Error::other(faults.join("\n")));
    }
    let built = build(&root, &target(&root), &packages, platform)?;
    fs::create_dir_all(&args.out)?;
    // Of several platforms, files of one directory must not have one name.
    let of_platform = platform.map_or_else(String::new, |p| format!("-{VERSION}-{p}"));
    let mut names = Vec::new();
    let mut archived = Vec::new();
    for (package, program) in &chosen {
        let bytes = fs::read(built.join(program))?;
        let bill = sbom::bill(&root, package, platform)?;
        if platform.is_some_and(|p| p.ends_with("-musl")) {
            statically::check(&bytes).map_err(|e| io::Error::other(format!("{program}: {e}")))?;
        }
        let name = format!("{program}{of_platform}.cdx.json");
        fs::write(args.out.join(&name), &bill)?;
        names.push(name);
        if platform.is_some() {
            archived.push(archive::Entry::program(program, bytes));
            archived.push(archive::Entry::text(&format!("{program}.cdx.json"), bill));
        } else {
            fs::copy(built.join(program), args.out.join(program))?;
            names.push((*program).to_owned());
        }
    }
    if let Some(platform) = platform {
        archived.extend(archive::beside(&root)?);
        let linked = (metadata.reached(&packages, &[Kind::Linked])).map_err(io::Error::other)?;
        let licences = licences::listing(&linked)?;
        archived.push(archive::Entry::text("licences", licences));
        let top = format!("weir-{VERSION}-{platform}");
        let name = format!("{top}.tar.gz");
        archive::write(&args.out.join(&name), &top, &epoch(&root), archived)?;
        names.push(name);
    }
    names.sort_unstable();
    let sums = sums(&args.out, &names)?;
    fs::write(args.out.join(SUMS), &sums)?;
    write!(out, "{sums}")
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// As `sha256sum --check` reads it.
pub fn sums(dir: &Path, names: &[String]) -> io::Result<String> {
    let mut text = String::new();
    for name in names {
        let digest = Sha256::digest(fs::read(dir.join(name))?);
        writeln!(text, "{digest:x}  {name}").map_err(io::Error::other)?;
    }
    Ok(text)
}

/// Builds packages of the tree at `root` into `target`, for a platform or for this machine; gives the directory of the
/// programs. Nothing of where that is gets into them: paths of the tree, of cargo and of the build are named `/weir` and
/// `/cargo`.
pub fn build(
    root: &Path,
    target: &Path,
    packages: &[&str],
    platform: Option<&str>,
) -> io::Result<PathBuf> {
    let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    // The later one that fits wins.
    let maps = [
        (cargo_home.as_path(), "/cargo"),
        (root, "/weir"),
        (target, "/weir/target"),
    ];
    let flags = |option: &str| -> OsString {
        let mut flags = OsString::new();
        for (path, name) in maps {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push(option);
            flags.push(path);
            flags.push("=");
            flags.push(name);
        }
        flags
    };
    // Flags of C are separated by spaces, whatever is in a path.
    let of_c: Vec<String> = maps
        .iter()
        .map(|(path, name)| format!("-ffile-prefix-map={}={name}", path.display()))
        .collect();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--locked"]);
    for package in packages {
        command.args(["-p", package]);
    }
    if let Some(platform) = platform {
        command.args(["--target", platform]);
    }
    let status = command
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix="))
        .env("CFLAGS", of_c.join(" "))
        .env("SOURCE_DATE_EPOCH", epoch(root))
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!(
            "cargo build of {} in {}: {status}",
            packages.join(" and "),
            root.display()
        )));
    }
    Ok(platform
        .map_or_else(|| target.to_owned(), |platform| target.join(platform))
        .join("release"))
}

/// When the commit was made, for tools that write a time; 0 outside of a repository.
fn epoch(root: &Path) -> String {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return given;
    }
    let git = Command::new("git")
        .args(["-c", "safe.directory=*", "log", "-1", "--format=%ct"])
        .current_dir(root)
        .stdin(Stdio::null())
        .output();
    match git {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "0".to_owned(),
    }
}
