//! A box for tests of the binary: a namespace with two cables, a store, a configuration, and runtimes that come and
//! go.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use weir_runtime::netlink::{Socket, link, tc};
use weir_schemas::head::Head;
use weir_schemas::runtime::RuntimeStatus;
use weir_store::Store;
use weir_store::channel::{Back, Channels, Promote, SystemClock};

use super::artifact::{Recipe, circuit};
use crate::namespace::{Namespace, run, sh, skipped};

/// Generous: machines under load are slow, and nothing is measured.
const LONG: Duration = Duration::from_secs(300);
const BINARY: &str = env!("CARGO_BIN_EXE_weir-runtime");
/// A user who is nobody, to be the runtime's.
const NOBODY: &str = "65534";

/// An artifact in the store: its payload digest, and the SHA-256 of its manifest.
pub type Stored = (String, String);

pub struct Machine {
    pub ns: Namespace,
    pub dir: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Machine {
    /// `None`, and a line that says why, where namespaces cannot be made.
    pub fn new(test: &str) -> Option<Machine> {
        let ns = Namespace::new(test)?;
        ns.cable("lan0", "lan1", 4);
        ns.cable("wan0", "wan1", 4);
        // What is sent to a circuit leaves by lan0; nobody has to answer.
        sh("ip", ["addr", "add", "10.9.0.1/16", "dev", "lan0"]);
        sh("ip", ["link", "set", "lo", "up"]);
        for n in 10..20 {
            let address = format!("10.9.0.{n}");
            let neighbour = [
                "neigh",
                "add",
                &address,
                "lladdr",
                "02:00:00:00:00:99",
                "dev",
                "lan0",
            ];
            sh("ip", neighbour);
        }
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("opened");
        let machine = Machine { ns, dir };
        let path = |name: &str| machine.dir.path().join(name);
        let text = format!(
            "[metrics]\ntextfile = {:?}\n[store]\npath = {:?}\npoll = \"100ms\"\n[state]\ndir = {:?}\n[kernel]\npins = {:?}\ndrain = \"1s\"\n\
             [socket]\npath = {:?}\nread = \"1s\"\n[health]\nsettle = \"1s\"\nretry = \"1s\"\n",
            path("weir.prom"),
            path("store"),
            path("state"),
            machine.ns.pins(),
            path("runtime.sock"),
        );
        fs::write(path("runtime.toml"), text).expect("written");
        Some(machine)
    }

    /// More settings in a section, which the next process reads.
    pub fn set(&self, section: &str, lines: &str) {
        let path = self.dir.path().join("runtime.toml");
        let text = fs::read_to_string(&path).expect("readable");
        let head = format!("[{section}]\n");
        assert!(text.contains(&head));
        let text = text.replace(&head, &format!("{head}# set\n{lines}\n# end\n"));
        fs::write(path, text).expect("written");
    }

    /// Without what was set in sections.
    pub fn unset(&self) {
        let path = self.dir.path().join("runtime.toml");
        let mut text = fs::read_to_string(&path).expect("readable");
        while let Some((before, rest)) = text.split_once("# set\n") {
            let (_, after) = rest.split_once("# end\n").expect("an end");
            text = format!("{before}{after}");
        }
        fs::write(path, text).expect("written");
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Two circuits on one CPU queue; the n-th has other hosts and rates than the rest.
    pub fn recipe(&self, n: u8) -> Recipe {
        let rate = 10_000 * u64::from(n);
        Recipe {
            to_network: "lan0",
            to_internet: "wan0",
            queues: 2,
            circuits: vec![
                circuit("a", 9 + n, 0, [rate, rate / 2]),
                circuit("b", 40, 1, [rate, rate]),
            ],
        }
    }

    pub fn artifact(&self, n: u8) -> Stored {
        self.recipe(n).put(&self.store())
    }

    fn channels<T>(&self, change: impl FnOnce(&Channels<'_>) -> T) -> T {
        let store = Store::open(self.store()).expect("a store");
        change(&Channels {
            backend: &store,
            clock: &SystemClock,
            author: "test".into(),
            sign: None,
        })
    }

    pub fn promote(&self, artifact: &Stored, confirm_within: Option<u64>) {
        self.channels(|channels| {
            let base = channels.head("production").expect("readable");
            let promote = Promote {
                channel: "production",
                digest: &artifact.0,
                manifest_sha256: &artifact.1,
                confirm_within,
                ..Promote::default()
            };
            channels.promote(base.as_ref(), &promote).expect("promoted");
        });
    }

    pub fn rollback(&self) {
        self.channels(|channels| {
            let (known, to) = channels
                .way_back("production", &Back::Parent)
                .expect("a way");
            channels.rollback(&known, &to, "").expect("rolled back");
        });
    }

    pub fn confirm(&self) {
        self.channels(|channels| {
            channels
                .confirm("production")
                .map(|_| ())
                .expect("confirmed")
        });
    }

    pub fn head(&self) -> Head {
        self.channels(|channels| {
            channels
                .head("production")
                .expect("readable")
                .expect("one")
                .head
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .arg("--config")
            .arg(self.dir.path().join("runtime.toml"));
        command.args(arguments);
        command
    }

    /// A command to its end.
    pub fn weir(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments))
    }

    /// A command whose system calls fail as `inject` says; `None`, and a line that says why, where nothing can be
    /// traced. With it, whether there was such a call at all.
    pub fn traced(
        &self,
        test: &str,
        call: &str,
        inject: &str,
        arguments: &[&str],
    ) -> Option<(Said, bool)> {
        let log = self.dir.path().join("strace");
        let command = self.command(arguments);
        let mut wrapped = Command::new("strace");
        wrapped
            .args(["-f", "-e", &format!("trace={call}"), "-e", inject, "-o"])
            .arg(&log)
            .arg(BINARY)
            .args(command.get_args());
        if let Err(why) = run("strace", ["-V"]) {
            skipped(test, &why);
            return None;
        }
        let said = said(wrapped);
        let told = fs::read_to_string(&log).unwrap_or_default();
        Some((
            said,
            told.contains("INJECTED") || told.contains("killed by SIGKILL"),
        ))
    }

    /// A command as a user who has the capabilities of the unit and nothing else; `None`, and a line that says why, where that
    /// cannot be had.
    pub fn unprivileged(&self, test: &str, arguments: &[&str]) -> Option<Said> {
        let state = self.dir.path().join("state");
        fs::create_dir_all(&state).expect("made");
        let bpffs = self.ns.bpffs().to_string_lossy().into_owned();
        let owner = format!("{NOBODY}:{NOBODY}");
        let state = state.to_string_lossy().into_owned();
        let store = self.store().to_string_lossy().into_owned();
        sh("chown", ["-R", &owner, &state, &bpffs]);
        sh("chmod", ["-R", "a+rX", &store]);
        // The binary may lie where nobody may look.
        let binary = self.dir.path().join("weir-runtime");
        if !binary.exists() {
            fs::copy(BINARY, &binary).expect("copied");
        }
        let caps = "+bpf,+net_admin,+perfmon";
        let mut wrapped = Command::new("setpriv");
        wrapped
            .args([
                "--reuid",
                NOBODY,
                "--regid",
                NOBODY,
                "--clear-groups",
                "--no-new-privs",
            ])
            .args([
                "--bounding-set",
                &format!("-all,{caps}"),
                "--inh-caps",
                &format!("-all,{caps}"),
            ])
            .args(["--ambient-caps", &format!("-all,{caps}")]);
        let mut probe = Command::new("setpriv");
        probe.args(wrapped.get_args()).arg("true");
        match probe.output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                skipped(test, &String::from_utf8_lossy(&output.stderr));
                return None;
            }
            Err(error) => {
                skipped(test, &format!("setpriv: {error}"));
                return None;
            }
        }
        let command = self.command(arguments);
        wrapped.arg(&binary).args(command.get_args());
        Some(said(wrapped))
    }

    /// A runtime that follows the channel.
    pub fn run(&self) -> Runtime {
        let log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.dir.path().join("log"))
            .expect("a log");
        let child = self
            .command(&["run"])
            .env("NOTIFY_SOCKET", self.dir.path().join("notify"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("started");
        Runtime {
            child,
            socket: self.dir.path().join("runtime.sock"),
            log: self.dir.path().join("log"),
        }
    }

    /// HTB classes of an interface.
    pub fn classes(&self, device: &str) -> usize {
        let mut socket = Socket::open().expect("netlink");
        let links = link::all(&mut socket).expect("links");
        let Some(link) = links.iter().find(|l| l.name == device) else {
            return 0;
        };
        tc::classes(&mut socket, link.index, None).map_or(0, |classes| classes.len())
    }

    /// What is pinned.
    pub fn pins(&self) -> usize {
        fs::read_dir(self.ns.pins()).map_or(0, Iterator::count)
    }

    /// Packets of circuits, so far.
    pub fn shaped(&self) -> u64 {
        let live = self.ns.live();
        let Some(maps) = live.maps().expect("readable") else {
            return 0;
        };
        let totals = maps.totals().expect("readable");
        totals[0].packets + totals[1].packets
    }
}

fn said(mut command: Command) -> Said {
    let output = command.output().expect("it runs");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A process that follows; it is killed when dropped.
pub struct Runtime {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Runtime {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn ask(&self) -> Option<RuntimeStatus> {
        ask(&self.socket)
    }

    /// Until its status is so.
    pub fn wait(&mut self, what: &str, is: impl Fn(&RuntimeStatus) -> bool) -> RuntimeStatus {
        let end = Instant::now() + LONG;
        let mut last = None;
        while Instant::now() < end {
            if let Some(status) = self.ask() {
                if is(&status) {
                    return status;
                }
                last = Some(status);
            }
            if let Ok(Some(ended)) = self.child.try_wait() {
                panic!("it ended, {ended}, before {what}:\n{}", self.lines());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never {what}; {last:#?}\n{}", self.lines());
    }

    /// What it wrote into its log.
    pub fn lines(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Until it answers at all.
    pub fn wait_answer(&mut self) -> RuntimeStatus {
        self.wait("an answer", |_| true)
    }

    pub fn wait_active(&mut self, artifact: &Stored) -> RuntimeStatus {
        self.wait(&format!("{} active", artifact.0), |status| {
            status
                .active
                .as_ref()
                .is_some_and(|a| a.digest == artifact.0)
        })
    }

    pub fn wait_refused(&mut self, why: &str) -> RuntimeStatus {
        self.wait(&format!("refused: {why}"), |status| {
            status
                .refused
                .as_ref()
                .is_some_and(|r| r.reason.contains(why))
        })
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// As a service manager does; gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("signalled");
        let end = Instant::now() + LONG;
        while Instant::now() < end {
            if let Ok(Some(ended)) = self.child.try_wait() {
                return ended.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not stop:\n{}", self.lines());
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(socket: &Path) -> Option<RuntimeStatus> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    stream.write_all(b"status\n").ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    weir_schemas::read(&bytes).ok()
}

/// Whether something becomes so.
pub fn wait_for(is: impl Fn() -> bool) -> bool {
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        if is() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    // A failing test says what it ran on.
    let _ = run("ip", ["link"]);
    false
}
