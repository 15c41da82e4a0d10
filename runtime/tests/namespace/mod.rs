//! A place for tests of the live kernel: a network namespace and a BPF file system of its own, which are gone when it
//! is dropped. A test that cannot have one says so by name and passes.

#![allow(dead_code, reason = "every test binary takes what it needs")]

pub mod acts;

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use weir_runtime::bpf::Hooks;
use weir_runtime::live::Live;

/// Namespaces, and the thread in them.
pub struct Namespace {
    name: String,
    pins: tempfile::TempDir,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Namespace {
    /// `None`, and a line that says why, where namespaces cannot be made.
    pub fn new(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skipped(test, "it needs root");
            return None;
        }
        let name = name();
        if let Err(why) = run("ip", ["netns", "add", &name]) {
            skipped(test, &why);
            return None;
        }
        let pins = tempfile::tempdir().expect("a temporary directory");
        let made = Self { name, pins };
        if let Err(why) = run(
            "mount",
            ["-t", "bpf", "bpf", &made.bpffs().to_string_lossy()],
        ) {
            skipped(test, &why);
            return None;
        }
        made.enter();
        Some(made)
    }

    /// Puts this thread, and what it starts, into the network namespace of this value.
    fn enter(&self) {
        enter(&self.name);
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A BPF file system.
    pub fn bpffs(&self) -> &Path {
        self.pins.path()
    }

    /// Where the runtime pins.
    pub fn pins(&self) -> PathBuf {
        self.bpffs().join("weir/shaper")
    }

    pub fn live(&self) -> Live {
        Live::open(&self.pins()).unwrap_or_else(|e| panic!("{e}"))
    }

    pub fn live_at(&self, hooks: Hooks) -> Live {
        Live::with_hooks(&self.pins(), hooks).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A cable between two interfaces of this namespace, both up, with so many queues.
    pub fn cable(&self, a: &str, b: &str, queues: u32) {
        let queues = queues.to_string();
        let ends = ["numtxqueues", &queues, "numrxqueues", &queues];
        let mut args = vec!["link", "add", a];
        args.extend(ends);
        args.extend(["type", "veth", "peer", "name", b]);
        args.extend(ends);
        sh("ip", args);
        for end in [a, b] {
            sh("ip", ["link", "set", end, "up"]);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A lazy unmount: links may still hold the programs for a moment.
        let _unmounted = run("umount", ["-l", &self.bpffs().to_string_lossy()]);
        let _deleted = run("ip", ["netns", "del", &self.name]);
    }
}

/// A name that no other process and no other test has.
pub fn name() -> String {
    format!(
        "weir-{}-{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}

/// Puts this thread, and what it starts, into a named network namespace.
#[expect(
    unsafe_code,
    reason = "a thread is put into a namespace by a system call that the standard library lacks"
)]
pub fn enter(name: &str) {
    let namespace = File::open(format!("/run/netns/{name}")).expect("the namespace");
    // SAFETY: the descriptor is open; nothing in this process relies on the namespace of this thread.
    let result = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Not captured by the test harness: a skipped test must be seen.
pub fn skipped(test: &str, why: &str) {
    use std::io::Write as _;
    let _written = writeln!(std::io::stderr(), "skipped {test}: {why}");
}

/// Runs a program; `Err` says what went wrong.
pub fn run<I, S>(program: &str, args: I) -> Result<String, String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(args);
    match command.output() {
        Ok(Output { status, stdout, .. }) if status.success() => {
            Ok(String::from_utf8_lossy(&stdout).into_owned())
        }
        Ok(output) => Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// Runs a program that must succeed, and gives what it printed.
pub fn sh<I, S>(program: &str, args: I) -> String
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    run(program, args).unwrap_or_else(|why| panic!("{why}"))
}

/// `tc` with arguments as on a command line.
pub fn tc(line: &str) -> String {
    sh("tc", line.split_ascii_whitespace())
}
