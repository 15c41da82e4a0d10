//! The place of one demonstration: a private directory, and everything in the kernel that is named after it. All of it is
//! removed when it is dropped; what a demonstration that was killed left is removed by the next.
//!
//! It does not know what the demonstration shows.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// What the name of every directory of ours begins with.
const PREFIX: &str = "weir-demo-";
/// Held while the demonstration lives: the kernel lets go when its process ends, however it ends.
const LOCK: &str = "lock";

/// Network namespaces of a demonstration, each with the word its name ends with.
pub const BOX: &str = "box";
pub const HOMES: &str = "homes";
pub const INTERNET: &str = "net";
const NAMESPACES: [&str; 3] = [BOX, HOMES, INTERNET];
/// Where a BPF file system is mounted, below the directory.
pub const BPF: &str = "bpf";

/// A directory of this process.
#[derive(Debug)]
pub struct Nest {
    dir: PathBuf,
    _lock: File,
}

impl Nest {
    /// Makes one, and removes those that nobody lives in any more. `tag` makes its name one that nobody guesses.
    pub fn new(tag: &str) -> io::Result<Nest> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let dir = parent.join(format!("{PREFIX}{}-{tag}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&dir)?;
        let lock = lock(&dir)?;
        lock.lock()?;
        Ok(Nest { dir, _lock: lock })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Name of a network namespace of this demonstration.
    pub fn namespace(&self, which: &str) -> String {
        namespace(&self.dir, which)
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        clear(&self.dir);
    }
}

fn lock(dir: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(LOCK))
}

fn namespace(dir: &Path, which: &str) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}-{which}")
}

/// Removes what demonstrations of this user left that are not there any more.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| {
            name.starts_with(PREFIX) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
        // Not a link, and not what somebody else put there to have things removed by this user.
        let own = entry
            .metadata()
            .is_ok_and(|m| m.is_dir() && m.uid() == geteuid().as_raw());
        if !ours || !own || !entry.path().join(LOCK).is_file() {
            continue;
        }
        let free = lock(&entry.path()).is_ok_and(|lock| lock.try_lock().is_ok());
        if free {
            clear(&entry.path());
        }
    }
}

/// Ends what runs in its namespaces, and removes them, the mount and the directory.
fn clear(dir: &Path) {
    if geteuid().is_root() {
        for which in NAMESPACES {
            let name = namespace(dir, which);
            if !Path::new("/run/netns").join(&name).exists() {
                continue;
            }
            for pid in command("ip", &["netns", "pids", &name])
                .unwrap_or_default()
                .split_ascii_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .filter_map(Pid::from_raw)
                .filter(|pid| *pid != rustix::process::getpid())
            {
                let _ = kill_process(pid, Signal::KILL);
            }
            let _ = command("ip", &["netns", "del", &name]);
        }
        let bpf = dir.join(BPF);
        if bpf.exists() {
            // Lazily: links may still hold the programs for a moment.
            let _ = command("umount", &["-l", &bpf.to_string_lossy()]);
        }
    }
    let _ = fs::remove_dir_all(dir);
}

/// Runs a program to its end and gives what it printed; `Err` says what went wrong.
pub fn command(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => Err(format!(
            "{program} {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("{program} cannot be run: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_removed_and_what_lives_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str, with_lock: bool| {
            let dir = parent.path().join(name);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("weir.toml"), "").unwrap();
            with_lock.then(|| lock(&dir).unwrap())
        };
        drop(make("weir-demo-1-left", true));
        let living = make("weir-demo-2-lives", true).unwrap();
        living.lock().unwrap();
        drop(make("weir-demo-3-no-lock", false));
        drop(make("weir-demo-4 odd;name", true));
        drop(make("other", true));
        std::os::unix::fs::symlink(
            parent.path().join("other"),
            parent.path().join("weir-demo-5-link"),
        )
        .unwrap();
        sweep(parent.path());
        let mut left: Vec<String> = fs::read_dir(parent.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "other",
                "weir-demo-2-lives",
                "weir-demo-3-no-lock",
                "weir-demo-4 odd;name",
                "weir-demo-5-link"
            ]
        );
        assert!(parent.path().join("other/weir.toml").exists());
    }
}
