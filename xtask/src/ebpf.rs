//! Builds the eBPF programs. The object is checked in, so this is for whoever changes them; `--check` is for the
//! machine that proves that the object is what the sources say.
//!
//! Same toolchain, same bytes: paths of the machine are kept out of the object. With another toolchain the bytes
//! differ, and then the object it made is put through the tests of the one that is checked in.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

const OBJECT: &str = "weir.bpf.o";
const DIGEST: &str = "weir.bpf.o.sha256";
const TARGET: &str = "bpfel-unknown-none";

#[derive(clap::Args)]
pub struct Args {
    /// Build, compare with the object that is checked in, and write nothing
    #[arg(long)]
    check: bool,
    /// Build the programs that `benches/lookup.sh` times, into `ebpf/target`
    #[arg(long, conflicts_with = "check")]
    bench: bool,
    /// Directory of the `rustc` and `cargo` to build with
    #[arg(long, default_value = "/usr/bin")]
    rust: PathBuf,
    /// Directory of LLVM's tools
    #[arg(long, default_value = "/usr/lib/llvm-22/bin")]
    llvm: PathBuf,
    /// The linker
    #[arg(long, default_value = "bpf-linker")]
    linker: PathBuf,
}

/// `ebpf/TOOLCHAIN`, or what is on this machine.
#[derive(Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
struct Toolchain {
    rustc: String,
    llvm: String,
    bpf_linker: String,
}

pub fn run(args: &Args, out: &mut impl Write) -> io::Result<()> {
    go(args, out).map_err(io::Error::other)
}

fn go(args: &Args, out: &mut impl Write) -> Result<(), String> {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../ebpf"))
        .canonicalize()
        .map_err(|error| format!("ebpf/: {error}"))?;
    let pinned: Toolchain = read(&directory.join("TOOLCHAIN"))
        .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()))
        .and_then(|text| {
            toml::from_str(&text).map_err(|error| format!("ebpf/TOOLCHAIN: {error}"))
        })?;
    let here = args.toolchain()?;
    if args.bench {
        let object = args.build(&directory, "bench", &["--features", "bench"])?;
        return write(&directory.join("target/bench.bpf.o"), &object);
    }
    let object = args.build(&directory, "weir", &[])?;
    let digest = format!("{}  {OBJECT}\n", hex(&Sha256::digest(&object)));
    let say = |out: &mut dyn Write, text: &str| {
        writeln!(out, "{text}").map_err(|error| error.to_string())
    };

    if !args.check {
        if here != pinned {
            return Err(format!(
                "this is {here:?}, and the object is built with {pinned:?}: install that (ebpf/TOOLCHAIN says how), \
                 or change TOOLCHAIN in the same commit"
            ));
        }
        write(&directory.join(OBJECT), &object)?;
        write(&directory.join(DIGEST), digest.as_bytes())?;
        return say(out, &format!("wrote ebpf/{OBJECT}: {}", digest.trim_end()));
    }

    let checked_in = read(&directory.join(OBJECT))?;
    let written = read(&directory.join(DIGEST))?;
    if written != format!("{}  {OBJECT}\n", hex(&Sha256::digest(&checked_in))).as_bytes() {
        return Err(format!("ebpf/{DIGEST} is not the digest of ebpf/{OBJECT}"));
    }
    if here == pinned {
        if object != checked_in {
            return Err(format!(
                "ebpf/{OBJECT} is not what its sources make with the toolchain of ebpf/TOOLCHAIN: run `cargo run -p \
                 xtask -- ebpf` and check the object in"
            ));
        }
        return say(
            out,
            &format!("checked the bytes: ebpf/{OBJECT} is what its sources make with {here:?}"),
        );
    }
    let other = directory.join("target").join("other.bpf.o");
    write(&other, &object)?;
    let status = Command::new("cargo")
        .args(["test", "-p", "weir-runtime", "--test", "packets"])
        // The workspace of the programs knows no runtime.
        .current_dir(directory.join(".."))
        .env("WEIR_BPF_OBJECT", &other)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!(
            "the object that {here:?} makes does not pass the tests of packets"
        ));
    }
    say(
        out,
        &format!(
            "checked the behaviour, not the bytes: this is {here:?} and not {pinned:?}; what it makes of the sources \
             passes the tests of packets"
        ),
    )
}

impl Args {
    fn tool(&self, directory: &Path, name: &str) -> Command {
        let mut command = Command::new(directory.join(name));
        // What a rustup around this process wants is not meant for these.
        for name in [
            "RUSTUP_TOOLCHAIN",
            "RUSTFLAGS",
            "CARGO",
            "RUSTC",
            "RUSTC_WRAPPER",
        ] {
            command.env_remove(name);
        }
        command
    }

    fn toolchain(&self) -> Result<Toolchain, String> {
        let version = |mut command: Command, after: &str| {
            let name = format!("{:?}", command.get_program());
            let output = command
                .arg("--version")
                .output()
                .map_err(|error| format!("{name}: {error}; ebpf/TOOLCHAIN says what is needed"))?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let word = text
                .split_once(after)
                .and_then(|(_, rest)| rest.split_whitespace().next())
                .ok_or_else(|| format!("{name} --version says nothing of a version: {text}"))?;
            Ok::<_, String>(word.to_owned())
        };
        Ok(Toolchain {
            rustc: version(self.tool(&self.rust, "rustc"), "rustc ")?,
            llvm: version(self.tool(&self.llvm, "llvm-objcopy"), "LLVM version ")?,
            bpf_linker: version(Command::new(&self.linker), "bpf-linker ")?,
        })
    }

    /// The bytes of the object.
    fn build(&self, directory: &Path, name: &str, options: &[&str]) -> Result<Vec<u8>, String> {
        // Before paths are listed: where crates are is known once they are there.
        ran(self
            .tool(&self.rust, "cargo")
            .args(["fetch", "--locked"])
            .current_dir(directory))?;
        let mut flags = vec![
            format!("-Clinker={}", self.linker.display()),
            // Types of maps and functions, which the kernel and the loader read.
            "-Clink-arg=--btf".to_owned(),
            "-Cdebuginfo=2".to_owned(),
            // Since Linux 5.12.
            "-Ctarget-cpu=v3".to_owned(),
            format!("--remap-path-prefix={}=ebpf", directory.display()),
        ];
        for path in crates()? {
            flags.push(format!("--remap-path-prefix={}=crates", path.display()));
        }
        let sysroot = self
            .tool(&self.rust, "rustc")
            .args(["--print", "sysroot"])
            .output()
            .map_err(|error| error.to_string())?;
        let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
        flags.push(format!(
            "--remap-path-prefix={sysroot}/lib/rustlib/src/rust=rust"
        ));

        ran(self
            .tool(&self.rust, "cargo")
            .args(["build", "--locked", "--release", "--target", TARGET])
            // There is no `core` for this target but the one built here, and that takes an unstable flag.
            .args(["-Z", "build-std=core"])
            .args(["--target-dir", "target", "--bin", name])
            .args(options)
            .current_dir(directory)
            .env("RUSTC", self.rust.join("rustc"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")))?;

        let built = directory.join("target").join(TARGET).join("release");
        let stripped = built.join(format!("{name}.bpf.o"));
        // DWARF is not needed where there is BTF, and is four fifths of the file.
        ran(self
            .tool(&self.llvm, "llvm-objcopy")
            .arg("--strip-debug")
            .args([&built.join(name), &stripped]))?;
        let object = read(&stripped)?;
        let home = directory.display().to_string();
        if object
            .windows(home.len())
            .any(|bytes| bytes == home.as_bytes())
        {
            return Err(format!(
                "{OBJECT} names {home}: a path of this machine must not be in it"
            ));
        }
        Ok(object)
    }
}

/// Where cargo keeps the sources of crates: one directory for each registry.
fn crates() -> Result<Vec<PathBuf>, String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .ok_or("neither CARGO_HOME nor a home directory")?;
    let sources = home.join("registry").join("src");
    let mut all = Vec::new();
    for entry in
        std::fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?
    {
        all.push(entry.map_err(|error| error.to_string())?.path());
    }
    all.sort();
    Ok(all)
}

fn ran(command: &mut Command) -> Result<(), String> {
    let name = format!("{:?}", command.get_program());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!(
            "{name}: {error}; ebpf/TOOLCHAIN says what is needed"
        )),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
