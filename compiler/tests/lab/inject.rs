//! Faults in system calls, put there by strace, and figures for those who run these tests in full. Knows no command of
//! `weir`, and not what must hold afterwards.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};

use super::{Lab, WEIR, has, skip};

/// Calls that change something, each swept on its own: strace counts them one by one.
const QUICK: &[&str] = &["rename", "fsync", "unlink"];
pub const FULL: &[&str] = &[
    "rename",
    "fsync",
    "unlink",
    "write",
    "openat",
    "mkdir",
    "flock",
    "close",
    "ftruncate",
    "rmdir",
    "statx",
    "read",
    "lseek",
    "unlinkat",
    "getdents64",
    "fcntl",
];

/// Every call is taken, not a part of them.
pub fn full() -> bool {
    std::env::var_os("WEIR_FULL_SWEEP").is_some()
}

pub fn calls() -> &'static [&'static str] {
    if full() { FULL } else { QUICK }
}

/// strace is there, and may trace.
pub fn can_inject() -> bool {
    if !has("strace", "install the package strace") {
        return false;
    }
    let traced = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let works = traced.is_ok_and(|status| status.success());
    if !works {
        skip("strace may not trace here: it needs ptrace");
    }
    works
}

/// `weir` with a fault in the nth call of a kind, to be run.
pub fn faulty(lab: &Lab, args: &str, call: &str, fault: &str, n: usize) -> Command {
    let mut command = Command::new("strace");
    lab.dress(&mut command);
    command
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(["-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:{fault}:when={n}")])
        .arg(&*WEIR)
        .args(args.split_whitespace());
    command
}

/// Runs `weir` with a fault in the nth call of a kind.
pub fn with_fault(lab: &Lab, args: &str, call: &str, fault: &str, n: usize) -> Output {
    faulty(lab, args, call, fault, n)
        .output()
        .expect("strace runs")
}

/// strace dies the way its child did.
pub fn was_killed(output: &Output) -> bool {
    output.status.signal() == Some(9) || output.status.code() == Some(137)
}

/// How much a test tried, for a drill that adds it up: a line `WHAT N` in the file that `WEIR_FIGURES` names.
pub fn figure(what: &str, n: usize) {
    let Some(path) = std::env::var_os("WEIR_FIGURES") else {
        return;
    };
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    // One write, so that lines of tests beside each other do not mix.
    file.and_then(|mut f| f.write_all(format!("{what} {n}\n").as_bytes()))
        .expect("the file of figures is written");
}
