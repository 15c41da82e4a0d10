//! A small project for tests of channels: two artifacts that differ a little, and the `weir` command.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod inject;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

/// The command: the one that was built with the tests, or the one that `WEIR_DRILL_PROGRAM` names, for drills of what is
/// released.
pub static WEIR: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::var_os("WEIR_DRILL_PROGRAM")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into())
        .into()
});

/// A project in a directory of its own.
pub struct Lab {
    pub dir: TempDir,
}

impl Lab {
    /// `settings`: lines of weir.toml after the source.
    pub fn new(settings: &str) -> Lab {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("export")).expect("made");
        let toml = format!(
            "[project]\nname = \"lab\"\n[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\"\n\
             [topology]\nwan_mbps = 1000\n{settings}"
        );
        fs::write(dir.path().join("weir.toml"), toml).expect("written");
        let lab = Lab { dir };
        lab.network(4, 50_000);
        lab
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The source: so many circuits with this plan, on two sectors in turn.
    pub fn network(&self, circuits: u32, kbps: u32) {
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
        self.inventory(&circuits.join(",\n"));
    }

    fn inventory(&self, circuits: &str) {
        let text = format!(
            r#"{{"schema": "weir.inventory/1",
 "nodes": [{{"id": "core", "kind": "root"}},
  {{"id": "a1", "kind": "ap", "parent": "core", "kbps": [900000, 900000]}},
  {{"id": "a2", "kind": "ap", "parent": "core", "kbps": [900000, 900000]}}],
 "links": [], "circuits": [{circuits}]}}"#
        );
        fs::write(self.path().join("export/inventory.json"), text).expect("written");
    }

    pub fn command(&self, args: &str) -> Command {
        let mut command = Command::new(&*WEIR);
        self.dress(&mut command);
        command.args(args.split_whitespace());
        command
    }

    /// Where and how every command of this lab runs.
    pub fn dress(&self, command: &mut Command) {
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("USER", "ops")
            .stdin(Stdio::null());
    }

    pub fn weir(&self, args: &str) -> Output {
        self.command(args).output().expect("weir runs")
    }

    /// Runs a command that must end with this code, and gives what it wrote to stdout.
    #[track_caller]
    pub fn run(&self, args: &str, code: i32) -> String {
        let output = self.weir(args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "weir {args}\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// The same, and what it wrote to stderr.
    #[track_caller]
    pub fn told(&self, args: &str, code: i32) -> String {
        let output = self.weir(args);
        assert_eq!(output.status.code(), Some(code), "weir {args}\n{output:?}");
        text(&output.stderr)
    }

    #[track_caller]
    pub fn json(&self, args: &str, code: i32) -> Value {
        let stdout = self.run(&format!("{args} --format json"), code);
        serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("weir {args}: {e}\n{stdout}"))
    }

    /// Builds what the source says now, and gives the digest.
    #[track_caller]
    pub fn build(&self) -> String {
        let built = self.json("build", 0);
        built["artifact"]["digest"]
            .as_str()
            .expect("a digest")
            .to_owned()
    }

    /// Builds another artifact: another plan for everybody.
    #[track_caller]
    pub fn build_with(&self, circuits: u32, kbps: u32) -> String {
        self.network(circuits, kbps);
        self.build()
    }

    /// The same, where so many are gone that the build says so.
    #[track_caller]
    pub fn build_losing(&self, circuits: u32, kbps: u32) -> String {
        self.network(circuits, kbps);
        let built = self.json("build", 3);
        let digest = built["artifact"]["digest"].as_str().expect("a digest");
        digest.to_owned()
    }

    /// The head of a channel.
    #[track_caller]
    pub fn head(&self, channel: &str) -> Value {
        let status = self.json("status", 0);
        let channels = status["channels"].as_array().expect("channels");
        let found = channels.iter().find(|c| c["channel"] == channel);
        found.map_or(Value::Null, |c| c["head"].clone())
    }

    pub fn store(&self) -> PathBuf {
        self.path().join(".weir/store")
    }

    /// What writers left behind.
    pub fn litter(&self) -> Vec<String> {
        let tmp = self.store().join("tmp");
        fs::read_dir(tmp)
            .expect("listed")
            .map(|e| {
                e.expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }

    /// A copy of it all, to break.
    pub fn copy(&self) -> Lab {
        let dir = tempfile::tempdir().expect("a directory");
        copy_dir(self.path(), dir.path());
        Lab { dir }
    }
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("made");
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("copied");
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The program can be started here; otherwise the test says why it does nothing.
pub fn has(program: &str, why: &str) -> bool {
    let found = Command::new(program)
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status()
        .is_ok();
    if !found {
        skip(&format!("there is no `{program}` on this machine: {why}"));
    }
    found
}

/// Says that a test did not run, where people see it.
#[allow(clippy::print_stderr, reason = "a test says why it did nothing")]
pub fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("skipped {name}: {why}");
}
