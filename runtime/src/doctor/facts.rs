//! What is the case on this box, read from `/proc`, `/sys` and netlink. Nothing is made or changed to find out; what
//! cannot be told that way is said to be unknown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Access, access, statfs};

use super::{CAKE_BYTES, CLASS_BYTES, FQ_CODEL_BYTES};
use crate::artifact::Proved;
use crate::bpf::{Hooks, Pins, steer};
use crate::config::{Config, Steering};
use crate::netlink::link::{self, Link, Xdp};
use crate::netlink::{Socket, tc};
use weir_plan::kernel::Parent;
use weir_schemas::queue_plan::LeafQdisc;

/// `BPF_FS_MAGIC`.
const BPF_FS: u64 = 0xcafe_4a11;

/// Everything that is judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// As `uname -r` says.
    pub release: String,
    pub tcx: bool,
    pub uid: u32,
    /// The effective ones, a bit each.
    pub capabilities: u64,
    pub pins: PathBuf,
    pub on_bpffs: bool,
    pub pins_writable: bool,
    /// By kind.
    pub qdiscs: Vec<(String, Availability)>,
    pub directories: Vec<DirectoryFacts>,
    /// The process that has the lock.
    pub other_runtime: Option<String>,
    /// Pins of LibreQoS that are there.
    pub libreqos: Vec<String>,
    /// Those of the artifact; empty when none is known.
    pub interfaces: Vec<InterfaceFacts>,
    /// IPv4 is routed.
    pub forwards: bool,
    /// In bytes.
    pub memory_available: u64,
    /// What the artifact asks for.
    pub need: Option<Need>,
}

/// Whether the kernel has something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Availability {
    Yes,
    No,
    /// It may load a module when it is asked for; nothing readable says.
    Unknown,
}

/// A file or directory that is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectoryFacts {
    pub check: &'static str,
    pub path: PathBuf,
    /// What is well when it is well.
    pub good: &'static str,
    pub problem: Option<String>,
    pub fix: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceFacts {
    pub name: String,
    pub index: Option<u32>,
    pub up: bool,
    pub tx_queues: u32,
    /// A program at XDP, and where it runs.
    pub xdp: Option<Xdp>,
    /// It is ours.
    pub steered: bool,
    /// The settings ask for steering.
    pub steer: bool,
    /// XPS is on for a transmit queue: it chooses before our program does.
    pub xps: bool,
    /// Kind of a root qdisc that somebody made.
    pub foreign_qdisc: Option<String>,
    /// Aggregating offloads that are on; empty where that cannot be told.
    pub aggregates: Vec<String>,
    /// The bridge it is in.
    pub bridge: Option<String>,
}

/// What an artifact asks of a box.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Need {
    pub tx_queues: u32,
    /// Kinds of qdiscs.
    pub kinds: Vec<String>,
    /// `leaf_fallback` of the target.
    pub fallback: Vec<String>,
    /// In both directions.
    pub classes: u64,
    pub cake: u64,
    pub fq_codel: u64,
}

impl Need {
    pub fn of(artifact: &Proved) -> Need {
        let plan = &artifact.plan;
        let mut need = Need {
            kinds: vec!["htb".to_owned()],
            fallback: plan
                .target
                .leaf_fallback
                .iter()
                .map(ToString::to_string)
                .collect(),
            classes: plan.classes.len() as u64 * 2,
            ..Need::default()
        };
        for queue in &plan.queues {
            if let Some(tx) = weir_plan::tx_queues(plan, queue.queue) {
                need.tx_queues = need
                    .tx_queues
                    .max(tx.into_iter().map(u32::from).max().unwrap_or(0) + 1);
            }
        }
        for leaf in plan
            .classes
            .iter()
            .flat_map(|c| c.leaf.iter().flatten().flatten())
        {
            match leaf.qdisc {
                LeafQdisc::Cake => need.cake += 1,
                LeafQdisc::FqCodel => need.fq_codel += 1,
            }
        }
        if need.cake > 0 {
            need.kinds.push("cake".to_owned());
        }
        if need.fq_codel > 0 {
            need.kinds.push("fq_codel".to_owned());
        }
        need
    }

    /// Kernel memory of its classes and leaves.
    pub fn bytes(&self) -> u64 {
        let of = |count: u64, each: u64| count.saturating_mul(each);
        of(self.classes, CLASS_BYTES)
            .saturating_add(of(self.cake, CAKE_BYTES))
            .saturating_add(of(self.fq_codel, FQ_CODEL_BYTES))
    }
}

/// Looks at this box.
pub fn gather(config: &Config, artifact: Option<&Proved>, other_runtime: Option<String>) -> Facts {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        line.and_then(|l| l.split_whitespace().next())
            .map(str::to_owned)
    };
    let capabilities = field("CapEff:");
    let pins = config.kernel.pins.clone();
    let above = nearest(&pins);
    Facts {
        release: read("/proc/sys/kernel/osrelease"),
        tcx: Hooks::of_this_kernel() == Hooks::Tcx,
        uid: rustix::process::geteuid().as_raw(),
        capabilities: capabilities
            .and_then(|c| u64::from_str_radix(&c, 16).ok())
            .unwrap_or(0),
        on_bpffs: statfs(above.as_path()).is_ok_and(|s| s.f_type as u64 == BPF_FS),
        pins_writable: access(above.as_path(), Access::WRITE_OK).is_ok(),
        pins,
        qdiscs: ["htb", "cake", "fq_codel"]
            .map(|kind| (kind.to_owned(), qdisc(kind)))
            .to_vec(),
        directories: directories(config),
        other_runtime,
        libreqos: libreqos(Path::new("/sys/fs/bpf")),
        interfaces: artifact.map_or_else(Vec::new, |artifact| interfaces(artifact, config)),
        forwards: read("/proc/sys/net/ipv4/ip_forward") == "1",
        memory_available: memory_available(&read("/proc/meminfo")),
        need: artifact.map(Need::of),
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The path, or the nearest directory above it that is there.
fn nearest(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|p| p.exists());
    found.unwrap_or(Path::new("/")).to_owned()
}

/// Whether the kernel has a queueing discipline: as a module that is loaded or can be, or built in.
pub fn qdisc(kind: &str) -> Availability {
    let module = format!("sch_{kind}");
    let release = read("/proc/sys/kernel/osrelease");
    if Path::new("/sys/module").join(&module).exists() {
        return Availability::Yes;
    }
    let modules = Path::new("/lib/modules").join(&release);
    let lists =
        ["modules.builtin", "modules.dep"].map(|list| fs::read_to_string(modules.join(list)));
    for list in lists.iter().flatten() {
        if lists_module(list, &module) {
            return Availability::Yes;
        }
    }
    let option = format!("CONFIG_NET_SCH_{}", kind.to_uppercase());
    match config_of_kernel(&release).map(|config| option_of(&config, &option)) {
        Some(Some('y')) => Availability::Yes,
        // A module that neither is loaded nor lies where modules lie.
        Some(Some(_)) => match lists.iter().any(Result::is_ok) {
            true => Availability::No,
            false => Availability::Unknown,
        },
        Some(None) => Availability::No,
        None if lists.iter().all(Result::is_ok) => Availability::No,
        None => Availability::Unknown,
    }
}

/// `kernel/net/sched/sch_cake.ko.xz: ...` names sch_cake.
fn lists_module(list: &str, module: &str) -> bool {
    list.lines().any(|line| {
        let path = line.split(':').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        name.split(".ko").next() == Some(module)
    })
}

/// The configuration that the kernel was built with, where it is kept as text, or can be unpacked.
fn config_of_kernel(release: &str) -> Option<String> {
    if let Ok(text) = fs::read_to_string(format!("/boot/config-{release}")) {
        return Some(text);
    }
    let packed = Path::new("/proc/config.gz");
    if !packed.exists() {
        return None;
    }
    let unpacked = Command::new("gzip").arg("-dc").arg(packed).output().ok()?;
    String::from_utf8(unpacked.stdout)
        .ok()
        .filter(|t| !t.is_empty())
}

/// `y` or `m`; `None` when it is not set.
fn option_of(config: &str, option: &str) -> Option<char> {
    config
        .lines()
        .find_map(|line| line.strip_prefix(option)?.strip_prefix('='))
        .and_then(|value| value.chars().next())
}

fn directories(config: &Config) -> Vec<DirectoryFacts> {
    let needs = |check, path: &Path, how: Access, good, fix: String| {
        let place = match how {
            // What is written may be made first.
            Access::WRITE_OK => nearest(path),
            _ => path.to_owned(),
        };
        DirectoryFacts {
            check,
            path: path.to_owned(),
            good,
            problem: access(place.as_path(), how).err().map(|error| match how {
                Access::WRITE_OK => format!("it cannot be written: {error}"),
                _ => format!("it cannot be read: {error}"),
            }),
            fix,
        }
    };
    let own = |path: &Path| {
        let path = path.display();
        format!("as root: install -d -o weir-runtime -g weir-runtime {path}; the unit does it")
    };
    let socket = config.socket.path.parent().unwrap_or(Path::new("/"));
    let mut all = vec![
        needs(
            "state",
            &config.state.dir,
            Access::WRITE_OK,
            "can be written",
            own(&config.state.dir),
        ),
        needs(
            "socket",
            socket,
            Access::WRITE_OK,
            "can be written",
            own(socket),
        ),
        needs(
            "store",
            &config.store.path,
            Access::READ_OK,
            "can be read",
            "name the store with `store.path`, or fill one with `weir pull`".to_owned(),
        ),
    ];
    if let Some(trust) = &config.store.trust {
        all.push(needs(
            "trust",
            trust,
            Access::READ_OK,
            "can be read",
            "put the public keys there: `weir key new` writes one".to_owned(),
        ));
    }
    all
}

/// Maps that LibreQoS pins and nobody else does.
fn libreqos(bpffs: &Path) -> Vec<String> {
    const PINS: [&str; 4] = [
        "flowbee",
        "ip_to_cpu_and_tc_hotcache",
        "map_ip_to_cpu_and_tc",
        "map_txq_config",
    ];
    PINS.iter()
        .filter(|pin| bpffs.join(pin).exists())
        .map(|pin| (*pin).to_owned())
        .collect()
}

fn interfaces(artifact: &Proved, config: &Config) -> Vec<InterfaceFacts> {
    let socket = Socket::open().ok();
    let links: Vec<Link> = socket
        .and_then(|mut socket| link::all(&mut socket).ok())
        .unwrap_or_default();
    artifact
        .interfaces()
        .into_iter()
        .map(|name| {
            let link = links.iter().find(|l| l.name == name);
            let master = fs::read_link(Path::new("/sys/class/net").join(name).join("master"));
            InterfaceFacts {
                name: name.to_owned(),
                index: link.map(|l| l.index),
                up: link.is_some_and(|l| l.up),
                tx_queues: link.map_or(0, |l| l.tx_queues),
                xdp: link.and_then(|l| l.xdp),
                steered: link.is_some_and(|l| {
                    let pins = Pins::at(&config.kernel.pins);
                    pins.is_ok_and(|pins| matches!(steer::is_on(&pins, l.index), Ok(true)))
                }),
                steer: config.kernel.steer != Steering::Off,
                xps: xps(&Path::new("/sys/class/net").join(name).join("queues")),
                foreign_qdisc: link.and_then(|l| foreign(l.index)),
                aggregates: aggregates(name),
                bridge: master.ok().and_then(|m| {
                    let name = m.file_name()?.to_string_lossy().into_owned();
                    Some(name)
                }),
            }
        })
        .collect()
}

/// A root qdisc that neither the kernel nor we made.
fn foreign(index: u32) -> Option<String> {
    let mut socket = Socket::open().ok()?;
    let all = tc::qdiscs(&mut socket, index).ok()?;
    all.into_iter()
        .find(|q| q.parent == Parent::Root && q.handle != 0 && q.handle != weir_abi::MQ_HANDLE)
        .filter(|q| !(q.kind == "htb" && weir_abi::is_usable_major(q.handle)))
        .map(|q| q.kind)
}

/// Whether any transmit queue has CPUs or receive queues of its own.
fn xps(queues: &Path) -> bool {
    let Ok(entries) = fs::read_dir(queues) else {
        return false;
    };
    let of = |queue: &Path, file: &str| fs::read_to_string(queue.join(file)).unwrap_or_default();
    entries
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with("tx-"))
        .flat_map(|e| ["xps_cpus", "xps_rxqs"].map(|file| of(&e.path(), file)))
        .any(|mask| mask.chars().any(|c| c.is_ascii_hexdigit() && c != '0'))
}

/// As `ethtool` tells them, where it is installed.
fn aggregates(name: &str) -> Vec<String> {
    let Ok(told) = Command::new("ethtool").args(["-k", name]).output() else {
        return Vec::new();
    };
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let words = [
        ("tcp-segmentation-offload: on", "tso"),
        ("generic-segmentation-offload: on", "gso"),
        ("generic-receive-offload: on", "gro"),
        ("large-receive-offload: on", "lro"),
    ];
    words
        .iter()
        .filter(|(line, _)| told.lines().any(|l| l.trim() == *line))
        .map(|(_, word)| (*word).to_owned())
        .collect()
}

fn memory_available(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_in_the_kernels_lists() {
        let list =
            "kernel/net/sched/sch_cake.ko.xz: kernel/net/x.ko\nkernel/net/sched/sch_htb.ko\n";
        assert!(lists_module(list, "sch_cake") && lists_module(list, "sch_htb"));
        assert!(!lists_module(list, "sch_fq") && !lists_module(list, "x"));
    }

    #[test]
    fn options_of_the_kernel_are_read() {
        let config =
            "CONFIG_NET_SCH_HTB=y\nCONFIG_NET_SCH_CAKE=m\n# CONFIG_NET_SCH_FQ is not set\n";
        assert_eq!(option_of(config, "CONFIG_NET_SCH_HTB"), Some('y'));
        assert_eq!(option_of(config, "CONFIG_NET_SCH_CAKE"), Some('m'));
        assert_eq!(option_of(config, "CONFIG_NET_SCH_FQ"), None);
        assert_eq!(option_of(config, "CONFIG_NET_SCH"), None);
    }

    #[test]
    fn xps_is_on_when_any_queue_has_a_mask() {
        let dir = tempfile::tempdir().expect("a directory");
        for queue in ["rx-0", "tx-0", "tx-1"] {
            fs::create_dir(dir.path().join(queue)).expect("made");
        }
        let write = |at: &str, mask: &str| fs::write(dir.path().join(at), mask).expect("written");
        write("tx-0/xps_cpus", "00000000,00000000\n");
        write("rx-0/rps_cpus", "f\n");
        assert!(!xps(dir.path()));
        write("tx-1/xps_rxqs", "0,00000004\n");
        assert!(xps(dir.path()));
        assert!(!xps(&dir.path().join("gone")));
    }

    #[test]
    fn free_memory_is_what_the_kernel_says() {
        assert_eq!(
            memory_available("MemTotal: 9 kB\nMemAvailable:  2 kB\n"),
            2048
        );
        assert_eq!(memory_available(""), 0);
    }

    #[test]
    fn this_box_can_be_looked_at_without_changing_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = Config::default();
        config.state.dir = dir.path().join("state/deep");
        config.socket.path = dir.path().join("runtime.sock");
        let facts = gather(&config, None, None);
        assert!(!facts.release.is_empty() && facts.memory_available > 0);
        assert_eq!(facts.directories[0].problem, None);
        assert!(!dir.path().join("state").exists());
    }
}
