//! The box of the demonstration: homes on one side, the internet on the other, and between them a bridge that
//! `weir-runtime` shapes, each in a network namespace of its own. No interface of this machine takes part.
//!
//! It does not know what is sent.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::nest::{BOX, BPF, HOMES, INTERNET, Nest, command};

/// The interface in the namespace of the homes, and of the internet.
pub const HOME_SIDE: &str = "home0";
pub const INTERNET_SIDE: &str = "net0";
/// Addresses of these interfaces on the wire.
pub const HOME_MAC: &str = "02:00:00:00:00:05";
pub const INTERNET_MAC: &str = "02:00:00:00:00:01";
/// Interfaces of the box, as the quickstart's target names them: towards the homes and towards the internet.
pub const TO_NETWORK: &str = "eth0";
pub const TO_INTERNET: &str = "eth1";

/// The runtime's program.
const RUNTIME: &str = "weir-runtime";
/// Every so many packets is one that the Flow Globe knows of.
const SAMPLED: u32 = 8;
/// How long it may take to end by itself.
const LAST: Duration = Duration::from_secs(5);

/// What is missing, in one sentence, and the one command that gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    pub what: String,
    pub command: String,
}

/// Everything that shaping takes is there.
#[derive(Debug)]
pub struct Tools {
    runtime: PathBuf,
}

impl Tools {
    /// Looks for what this process needs to shape: root, iproute2, and the runtime. `exe`: this program.
    pub fn find(exe: &Path) -> Result<Tools, Missing> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Tools::among(exe, geteuid().is_root(), &path)
    }

    fn among(exe: &Path, root: bool, path: &std::ffi::OsStr) -> Result<Tools, Missing> {
        let on_path = |name: &str| {
            std::env::split_paths(path)
                .map(|dir| dir.join(name))
                .find(|p| p.is_file())
        };
        let exe_dir = exe.parent().unwrap_or(Path::new("."));
        // A build of the sources has both in the directory of its profile, or in that of the other one.
        let profile = exe_dir.file_name().and_then(|name| name.to_str());
        let other = match profile {
            Some("debug") => Some("release"),
            Some("release") => Some("debug"),
            _ => None,
        };
        let beside = Some(exe_dir.join(RUNTIME)).filter(|p| p.is_file());
        let sibling = other
            .and_then(|other| Some(exe_dir.parent()?.join(other).join(RUNTIME)))
            .filter(|p| p.is_file());
        let found = beside.or_else(|| on_path(RUNTIME)).or(sibling);
        let Some(runtime) = found else {
            let command = match profile {
                Some("release") => format!("cargo build --release -p {RUNTIME}"),
                Some("debug") => format!("cargo build -p {RUNTIME}"),
                _ => format!("install {RUNTIME} {}", exe_dir.display()),
            };
            return Err(Missing {
                what: format!("{RUNTIME} is neither beside this program nor on the PATH"),
                command,
            });
        };
        for tool in ["ip", "tc", "bridge"] {
            if on_path(tool).is_none() {
                return Err(Missing {
                    what: format!("`{tool}` is not on the PATH"),
                    command: "apt-get install iproute2".to_owned(),
                });
            }
        }
        if !root {
            return Err(Missing {
                what: "network namespaces and queues take root".to_owned(),
                command: format!("sudo {} demo", exe.display()),
            });
        }
        Ok(Tools { runtime })
    }
}

/// The namespaces, and the runtime in one of them.
#[derive(Debug)]
pub struct Lab {
    runtime: PathBuf,
    box_ns: String,
    pub homes: String,
    pub internet: String,
    dir: PathBuf,
    child: Option<Child>,
}

impl Lab {
    /// Builds the network. Half of one is removed with the nest.
    pub fn build(tools: &Tools, nest: &Nest, queues: u16) -> Result<Lab, String> {
        let lab = Lab {
            runtime: tools.runtime.clone(),
            box_ns: nest.namespace(BOX),
            homes: nest.namespace(HOMES),
            internet: nest.namespace(INTERNET),
            dir: nest.dir().to_owned(),
            child: None,
        };
        for name in [&lab.box_ns, &lab.homes, &lab.internet] {
            command("ip", &["netns", "add", name])?;
            // Nobody asks for neighbours by IPv6 here: all traffic is of somebody.
            ip(name, "link set lo up")?;
        }
        let queues = queues.to_string();
        for (ours, side, theirs, mac) in [
            (TO_NETWORK, &lab.homes, HOME_SIDE, HOME_MAC),
            (TO_INTERNET, &lab.internet, INTERNET_SIDE, INTERNET_MAC),
        ] {
            ip(
                &lab.box_ns,
                &format!(
                    "link add {ours} numtxqueues {queues} numrxqueues {queues} type veth peer name {theirs} netns {side}"
                ),
            )?;
            ip(&lab.box_ns, &format!("link set {ours} addrgenmode none"))?;
            ip(side, &format!("link set {theirs} addrgenmode none"))?;
            ip(side, &format!("link set {theirs} address {mac} up"))?;
        }
        ip(
            &lab.box_ns,
            "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        )?;
        ip(&lab.box_ns, "link set br0 addrgenmode none")?;
        for port in [TO_NETWORK, TO_INTERNET] {
            ip(&lab.box_ns, &format!("link set {port} master br0 up"))?;
        }
        ip(&lab.box_ns, "link set br0 up")?;
        let bpf = lab.dir.join(BPF);
        fs::create_dir(&bpf).map_err(|e| format!("{}: {e}", bpf.display()))?;
        command("mount", &["-t", "bpf", "bpf", &bpf.to_string_lossy()])?;
        Ok(lab)
    }

    /// The best discipline of a leaf that this kernel has, in the words of weir.toml.
    pub fn leaf(&self) -> &'static str {
        let has = |kind: &str| {
            let add = [
                "-n",
                &self.box_ns,
                "qdisc",
                "replace",
                "dev",
                "lo",
                "root",
                kind,
            ];
            let there = command("tc", &add).is_ok();
            let _ = command(
                "tc",
                &["-n", &self.box_ns, "qdisc", "del", "dev", "lo", "root"],
            );
            there
        };
        match () {
            () if has("cake") => "cake diffserv4",
            () if has("fq_codel") => "fq_codel",
            () => "none",
        }
    }

    /// Where the runtime answers.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("runtime.sock")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("runtime.log")
    }

    /// Starts the runtime on the bridge: it follows what the channel runs.
    pub fn start(&mut self, store: &Path, channel: &str) -> Result<(), String> {
        let path = self.dir.join("runtime.toml");
        let text = |path: &Path| toml::Value::from(path.to_string_lossy().into_owned());
        let settings = format!(
            "[store]\npath = {}\nchannel = {}\npoll = \"500ms\"\n[state]\ndir = {}\n\
             [kernel]\npins = {}\ndrain = \"1s\"\nsample_every = {SAMPLED}\n\
             [socket]\npath = {}\nread = \"2s\"\n[health]\nsettle = \"3s\"\n",
            text(store),
            toml::Value::from(channel),
            text(&self.dir.join("runtime-state")),
            text(&self.dir.join(BPF).join("weir/shaper")),
            text(&self.socket()),
        );
        fs::write(&path, settings).map_err(|e| format!("{}: {e}", path.display()))?;
        let log = File::create(self.log()).map_err(|e| format!("{}: {e}", self.log().display()))?;
        // Not `ip netns exec`: that mounts another /sys.
        let child = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.box_ns))
            .arg("--")
            .arg(&self.runtime)
            .arg("--config")
            .arg(&path)
            .arg("run")
            // A Ctrl-C of the terminal is for this process, which then ends that one.
            .process_group(0)
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.map_err(|e| format!("nsenter cannot be run: {e}"))?);
        Ok(())
    }
}

impl Drop for Lab {
    /// The runtime ends before its kernel is taken away.
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let since = Instant::now();
        while since.elapsed() < LAST {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// `ip` in a namespace, with arguments as on a command line.
pub fn ip(namespace: &str, line: &str) -> Result<(), String> {
    let args: Vec<&str> = ["-n", namespace]
        .into_iter()
        .chain(line.split_ascii_whitespace())
        .collect();
    command("ip", &args).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_is_found_and_what_is_missing_is_one_command() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for path in ["target/debug", "target/release", "bin", "path"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for tool in ["ip", "tc", "bridge"] {
            fs::write(at("path").join(tool), "").unwrap();
        }
        let path = at("path").into_os_string();
        let missing = |exe: &str, root: bool| {
            let found = Tools::among(&at(exe), root, &path);
            found.expect_err("something is missing").command
        };
        assert_eq!(
            missing("target/release/weir", true),
            "cargo build --release -p weir-runtime"
        );
        assert_eq!(
            missing("target/debug/weir", true),
            "cargo build -p weir-runtime"
        );
        assert_eq!(
            missing("bin/weir", true),
            format!("install weir-runtime {}", at("bin").display())
        );
        let found = |exe: &str| Tools::among(&at(exe), true, &path).map(|t| t.runtime);
        fs::write(at("target/debug/weir-runtime"), "").unwrap();
        assert_eq!(
            found("target/release/weir"),
            Ok(at("target/debug/weir-runtime"))
        );
        fs::write(at("path/weir-runtime"), "").unwrap();
        assert_eq!(found("bin/weir"), Ok(at("path/weir-runtime")));
        fs::write(at("bin/weir-runtime"), "").unwrap();
        assert_eq!(found("bin/weir"), Ok(at("bin/weir-runtime")));
        assert_eq!(
            missing("bin/weir", false),
            format!("sudo {} demo", at("bin/weir").display())
        );
        fs::remove_file(at("path/tc")).unwrap();
        assert_eq!(missing("bin/weir", true), "apt-get install iproute2");
    }
}
