//! `weir-runtime doctor`: is this box as it has to be? What is the case is gathered first ([`facts`]) and judged
//! afterwards, here, by a pure function, so that every verdict has a test.
//!
//! It changes nothing. It does not know whether a generation does well: that is [`health`](crate::health).

pub mod facts;

use serde::Serialize;

use crate::netlink::link::Xdp;
use facts::{Availability, Facts, InterfaceFacts, Need};

/// Oldest kernel that Weir supports.
const OLDEST: (u32, u32) = (6, 1);
/// The first with tcx.
const TCX: (u32, u32) = (6, 6);
/// Kernel memory of an idle CAKE, an idle fq_codel, and a class with the kernel's own pfifo, in bytes: as measured
/// on Linux 6.1.
pub const CAKE_BYTES: u64 = 1_083_441;
pub const FQ_CODEL_BYTES: u64 = 72_500;
pub const CLASS_BYTES: u64 = 3_600;

/// How a check ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// It would not work.
    Fail,
}

/// What one check found about one thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    pub check: &'static str,
    pub state: Verdict,
    /// What it is about: an interface, a directory.
    pub subject: String,
    /// What is the case.
    pub what: String,
    /// What to do; empty when there is nothing.
    pub fix: String,
}

fn line(
    check: &'static str,
    state: Verdict,
    subject: impl Into<String>,
    what: impl Into<String>,
    fix: impl Into<String>,
) -> Line {
    Line {
        check,
        state,
        subject: subject.into(),
        what: what.into(),
        fix: fix.into(),
    }
}

fn ok(check: &'static str, subject: impl Into<String>, what: impl Into<String>) -> Line {
    line(check, Verdict::Ok, subject, what, "")
}

/// Everything there is to say, in the order in which it matters.
pub fn judge(facts: &Facts) -> Vec<Line> {
    let mut lines = vec![kernel(facts), hook(facts), privileges(facts), bpffs(facts)];
    lines.extend(qdiscs(facts));
    lines.extend(directories(facts));
    lines.push(other_runtime(facts));
    lines.push(libreqos(facts));
    match &facts.need {
        None => lines.push(line(
            "artifact",
            Verdict::Warn,
            "",
            "no artifact is known, so interfaces and memory are not looked at",
            "name one: `weir-runtime doctor --artifact DIR|DIGEST`",
        )),
        Some(need) => {
            for interface in &facts.interfaces {
                lines.extend(self::interface(interface, need));
            }
            lines.push(forwarding(facts));
            lines.push(memory(facts, need));
        }
    }
    lines
}

fn kernel(facts: &Facts) -> Line {
    let release = &facts.release;
    match version(release) {
        Some(version) if version < OLDEST => line(
            "kernel",
            Verdict::Fail,
            release,
            "it is older than 6.1, on which nothing of this was ever tried",
            "install a kernel from 6.1 on; Debian 12 has one",
        ),
        Some(_) => ok("kernel", release, "supported"),
        None => line(
            "kernel",
            Verdict::Warn,
            release,
            "its version cannot be told",
            "",
        ),
    }
}

fn hook(facts: &Facts) -> Line {
    match (facts.tcx, version(&facts.release)) {
        (true, _) => ok(
            "hook",
            "tcx",
            "programs are attached by links that outlive the runtime",
        ),
        (false, Some(version)) if version >= TCX => line(
            "hook",
            Verdict::Warn,
            "clsact",
            "this kernel is new enough for tcx and was built without it",
            "build it with CONFIG_NET_XGRESS; clsact works as well",
        ),
        (false, _) => ok("hook", "clsact", "programs are attached as filters"),
    }
}

/// Capabilities by number, as the kernel counts them.
const NEEDED: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON"), (39, "CAP_BPF")];
const CAP_SYS_ADMIN: u32 = 21;

fn privileges(facts: &Facts) -> Line {
    let has = |number: u32| facts.capabilities >> number & 1 == 1;
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(number, _)| !(has(*number) || (*number > 37 && has(CAP_SYS_ADMIN))))
        .map(|(_, name)| *name)
        .collect();
    match missing.is_empty() {
        true => ok(
            "privileges",
            format!("uid {}", facts.uid),
            "CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON are there",
        ),
        false => line(
            "privileges",
            Verdict::Fail,
            format!("uid {}", facts.uid),
            format!("{} is missing", missing.join(" and ")),
            "start it by its systemd unit, which gives these and no others, or ask as root",
        ),
    }
}

fn bpffs(facts: &Facts) -> Line {
    let path = facts.pins.display().to_string();
    match (facts.on_bpffs, facts.pins_writable) {
        (true, true) => ok("bpffs", path, "pins can be kept there"),
        (true, false) => line(
            "bpffs",
            Verdict::Fail,
            path.clone(),
            "this user may not write there",
            format!("as root: mkdir -p {path} && chown weir-runtime {path}; the unit does it"),
        ),
        (false, _) => line(
            "bpffs",
            Verdict::Fail,
            path,
            "it is on no BPF file system",
            "as root: mount -t bpf bpf /sys/fs/bpf",
        ),
    }
}

fn qdiscs(facts: &Facts) -> Vec<Line> {
    let mut lines = Vec::new();
    for (kind, availability) in &facts.qdiscs {
        let wanted = match &facts.need {
            Some(need) => need.kinds.iter().any(|k| k == kind),
            None => kind == "htb",
        };
        lines.push(match (availability, wanted) {
            (Availability::Yes, _) => ok("qdisc", kind, "the kernel has it"),
            (Availability::Unknown, _) => line(
                "qdisc",
                Verdict::Warn,
                kind,
                "whether the kernel has it cannot be told without making one",
                format!("modprobe sch_{kind} says whether it has"),
            ),
            (Availability::No, false) => {
                ok("qdisc", kind, "the kernel has none, and nothing asks for it")
            }
            (Availability::No, true) => {
                let fallback = facts.need.as_ref().map(|n| n.fallback.join(", "));
                let fallback = fallback.filter(|f| !f.is_empty() && kind != "htb");
                let state = match fallback {
                    Some(_) => Verdict::Warn,
                    None => Verdict::Fail,
                };
                let instead = fallback.map_or_else(
                    || "the artifact allows nothing instead".to_owned(),
                    |f| format!("the artifact allows instead: {f}"),
                );
                line(
                    "qdisc",
                    state,
                    kind,
                    format!("the kernel has none, and {instead}"),
                    format!(
                        "install the kernel's module sch_{kind}, or name what may be used instead with \
                         `leaf_fallback` of the target in weir.toml"
                    ),
                )
            }
        });
    }
    lines
}

fn directories(facts: &Facts) -> Vec<Line> {
    facts
        .directories
        .iter()
        .map(|d| {
            let path = d.path.display().to_string();
            match &d.problem {
                None => ok(d.check, path, d.good),
                Some(problem) => line(d.check, Verdict::Fail, path, problem, d.fix.clone()),
            }
        })
        .collect()
}

fn other_runtime(facts: &Facts) -> Line {
    match &facts.other_runtime {
        None => ok("runtime", "", "no other one is at work"),
        Some(who) => ok(
            "runtime",
            who,
            "it is at work: `weir-runtime status` asks it, `apply` and `detach` wait for its end",
        ),
    }
}

fn libreqos(facts: &Facts) -> Line {
    match facts.libreqos.first() {
        None => ok("libreqos", "", "no pins of LibreQoS are there"),
        Some(_) => line(
            "libreqos",
            Verdict::Warn,
            facts.libreqos.join(", "),
            "LibreQoS has been at work since this box was started; on the same interfaces both would shape",
            "systemctl stop lqosd lqos_scheduler, then remove its pins",
        ),
    }
}

fn interface(interface: &InterfaceFacts, need: &Need) -> Vec<Line> {
    let name = &interface.name;
    let Some(index) = interface.index else {
        return vec![line(
            "interface",
            Verdict::Fail,
            name,
            "there is none of this name",
            "correct `to_internet` and `to_network` of the target in weir.toml, or give the interface this name",
        )];
    };
    let mut lines = vec![match interface.up {
        true => ok("interface", name, format!("up, number {index}")),
        false => line(
            "interface",
            Verdict::Warn,
            name,
            "it is down",
            format!("ip link set {name} up"),
        ),
    }];
    let (has, needs) = (interface.tx_queues, need.tx_queues);
    lines.push(match has >= needs {
        true => ok("tx-queues", name, format!("{has}, and {needs} are needed")),
        false => line(
            "tx-queues",
            Verdict::Fail,
            name,
            format!("{has}, and the artifact needs {needs}"),
            format!(
                "ethtool -L {name} combined {needs}, or lower the target's `queues` in weir.toml"
            ),
        ),
    });
    lines.extend(xdp(interface));
    if interface.xps {
        lines.push(line(
            "xps",
            Verdict::Fail,
            name,
            "XPS is on and chooses the transmit queue before the program can: packets meet the HTB of another CPU queue",
            format!("for q in /sys/class/net/{name}/queues/tx-*; do echo 0 > $q/xps_cpus; done"),
        ));
    }
    if let Some(kind) = &interface.foreign_qdisc {
        lines.push(line(
            "root-qdisc",
            Verdict::Fail,
            name,
            format!("somebody made a `{kind}` there, which is not removed unasked"),
            format!("tc qdisc del dev {name} root, when nobody needs it"),
        ));
    }
    lines.push(match interface.aggregates.is_empty() {
        true => ok("offloads", name, "no aggregation that is known to make shaping coarse"),
        false => line(
            "offloads",
            Verdict::Warn,
            name,
            format!(
                "{} is on: bursts of many packets are shaped as one, which is coarse below 50 Mbit/s",
                interface.aggregates.join(", ")
            ),
            format!("ethtool -K {name} {} off", interface.aggregates.join(" off ")),
        ),
    });
    lines
}

/// Whether packets are steered, and where; silent where nobody asks for it and nothing is there.
fn xdp(interface: &InterfaceFacts) -> Option<Line> {
    let name = &interface.name;
    let warn = |what: String, fix: String| Some(line("xdp", Verdict::Warn, name, what, fix));
    match (interface.xdp, interface.steered, interface.steer) {
        (Some(Xdp::Generic), true, true) => warn(
            "packets are steered behind the driver (generic XDP), which costs most of what it saves".into(),
            "a driver with native XDP, as many receive queues and an MTU that it can; or `kernel.steer = \"off\"`".into(),
        ),
        (Some(mode), true, true) => Some(ok(
            "xdp",
            name,
            format!("packets are steered to the CPU of their queue ({})", mode.word()),
        )),
        (Some(_), true, false) => warn(
            "packets are steered, and the settings say that they are not".into(),
            "systemctl restart weir-runtime, which takes the settings in and touches no traffic".into(),
        ),
        (Some(mode), false, _) => warn(
            format!("an XDP program is attached ({}), which is not ours to judge", mode.word()),
            format!("if LibreQoS left it there: ip link set {name} xdp off"),
        ),
        (None, _, true) => warn(
            "packets are not steered, although the settings ask for it".into(),
            "`weir-runtime status` says why since the last apply; without it everything is shaped alike".into(),
        ),
        (None, _, false) => None,
    }
}

fn forwarding(facts: &Facts) -> Line {
    let bridged = !facts.interfaces.is_empty()
        && facts.interfaces.iter().all(|i| i.bridge.is_some())
        && facts
            .interfaces
            .iter()
            .all(|i| i.bridge == facts.interfaces[0].bridge);
    match (bridged, facts.forwards) {
        (true, _) => ok(
            "forwarding",
            facts.interfaces[0].bridge.clone().unwrap_or_default(),
            "both interfaces are in one bridge",
        ),
        (false, true) => ok("forwarding", "", "this box routes"),
        (false, false) => line(
            "forwarding",
            Verdict::Warn,
            "",
            "the interfaces are in no common bridge and IPv4 is not forwarded: nothing passes, so nothing is shaped",
            "make a bridge of them, or sysctl -w net.ipv4.ip_forward=1",
        ),
    }
}

fn memory(facts: &Facts, need: &Need) -> Line {
    let wants = need.bytes();
    // During a swap that moves everything both generations have classes.
    let worst = wants.saturating_mul(2);
    let mib = |bytes: u64| bytes >> 20;
    let text = format!(
        "{} MiB for classes and leaves, {} MiB while everything moves at once, {} MiB are free",
        mib(wants),
        mib(worst),
        mib(facts.memory_available)
    );
    match facts.memory_available {
        free if free < wants => line(
            "memory",
            Verdict::Fail,
            "",
            text,
            "give the box more memory, or circuits a lighter leaf: `leaf_fallback`, `qdisc` in weir.toml",
        ),
        free if free < worst => line(
            "memory",
            Verdict::Warn,
            "",
            text,
            "a change of the whole tree may be refused for want of memory",
        ),
        _ => ok("memory", "", text),
    }
}

/// `6.1.0-56-amd64` is (6, 1).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::facts::DirectoryFacts;
    use super::*;

    /// A box on which everything is well.
    fn good() -> Facts {
        let interface = |name: &str, index| InterfaceFacts {
            name: name.into(),
            index: Some(index),
            up: true,
            tx_queues: 8,
            xdp: None,
            steered: false,
            steer: false,
            xps: false,
            foreign_qdisc: None,
            aggregates: Vec::new(),
            bridge: Some("br0".into()),
        };
        Facts {
            release: "6.18.44-generic".into(),
            tcx: true,
            uid: 990,
            capabilities: 1 << 12 | 1 << 38 | 1 << 39,
            pins: "/sys/fs/bpf/weir/shaper".into(),
            on_bpffs: true,
            pins_writable: true,
            qdiscs: vec![
                ("htb".into(), Availability::Yes),
                ("cake".into(), Availability::Yes),
                ("fq_codel".into(), Availability::Yes),
            ],
            directories: vec![DirectoryFacts {
                check: "state",
                path: "/var/lib/weir-runtime".into(),
                good: "can be written",
                problem: None,
                fix: String::new(),
            }],
            other_runtime: None,
            libreqos: Vec::new(),
            interfaces: vec![interface("lan0", 2), interface("wan0", 3)],
            forwards: false,
            memory_available: 8 << 30,
            need: Some(Need {
                tx_queues: 8,
                kinds: vec!["htb".into(), "cake".into()],
                fallback: Vec::new(),
                classes: 2_000,
                cake: 1_000,
                fq_codel: 0,
            }),
        }
    }

    fn bad(facts: &Facts) -> Vec<(&'static str, Verdict)> {
        let lines = judge(facts);
        for line in &lines {
            let has_fix = !line.fix.is_empty();
            assert_eq!(has_fix, line.state != Verdict::Ok, "{line:?}");
        }
        let bad = lines.into_iter().filter(|l| l.state != Verdict::Ok);
        bad.map(|l| (l.check, l.state)).collect()
    }

    #[test]
    fn a_good_box_has_nothing_to_mend() {
        assert_eq!(bad(&good()), []);
    }

    /// One fault each, what it is called, and that there is something to do about it.
    #[test]
    fn every_fault_is_named_with_its_fix() {
        type Spoil = fn(&mut Facts);
        let spoils: [(&str, Verdict, Spoil); 24] = [
            ("kernel", Verdict::Fail, |f| f.release = "5.10.0".into()),
            ("hook", Verdict::Warn, |f| f.tcx = false),
            ("privileges", Verdict::Fail, |f| {
                f.capabilities = 1 << 38 | 1 << 39
            }),
            ("privileges", Verdict::Fail, |f| {
                f.capabilities = 1 << 12 | 1 << 39
            }),
            ("bpffs", Verdict::Fail, |f| f.on_bpffs = false),
            ("bpffs", Verdict::Fail, |f| f.pins_writable = false),
            ("qdisc", Verdict::Fail, |f| f.qdiscs[1].1 = Availability::No),
            ("qdisc", Verdict::Warn, |f| {
                f.qdiscs[1].1 = Availability::No;
                f.need.as_mut().expect("one").fallback = vec!["fq_codel".into()];
            }),
            ("qdisc", Verdict::Fail, |f| {
                f.qdiscs[0].1 = Availability::No;
                f.need.as_mut().expect("one").fallback = vec!["fq_codel".into()];
            }),
            ("qdisc", Verdict::Warn, |f| {
                f.qdiscs[1].1 = Availability::Unknown
            }),
            ("state", Verdict::Fail, |f| {
                f.directories[0].problem = Some("it cannot be written".into());
                f.directories[0].fix = "chown".into();
            }),
            ("libreqos", Verdict::Warn, |f| {
                f.libreqos = vec!["map_traffic".into()]
            }),
            ("interface", Verdict::Fail, |f| f.interfaces[1].index = None),
            ("interface", Verdict::Warn, |f| f.interfaces[1].up = false),
            ("tx-queues", Verdict::Fail, |f| {
                f.interfaces[0].tx_queues = 4
            }),
            ("xdp", Verdict::Warn, |f| {
                f.interfaces[0].xdp = Some(Xdp::Native)
            }),
            ("xdp", Verdict::Warn, |f| f.interfaces[0].steer = true),
            ("xdp", Verdict::Warn, |f| {
                let i = &mut f.interfaces[0];
                (i.xdp, i.steered, i.steer) = (Some(Xdp::Generic), true, true);
            }),
            ("xdp", Verdict::Warn, |f| {
                let i = &mut f.interfaces[0];
                (i.xdp, i.steered) = (Some(Xdp::Native), true);
            }),
            ("xps", Verdict::Fail, |f| f.interfaces[0].xps = true),
            ("root-qdisc", Verdict::Fail, |f| {
                f.interfaces[0].foreign_qdisc = Some("cake".into())
            }),
            ("offloads", Verdict::Warn, |f| {
                f.interfaces[0].aggregates = vec!["tso".into()]
            }),
            ("forwarding", Verdict::Warn, |f| {
                f.interfaces[0].bridge = None
            }),
            ("artifact", Verdict::Warn, |f| f.need = None),
        ];
        for (check, state, spoil) in spoils {
            let mut facts = good();
            spoil(&mut facts);
            assert_eq!(bad(&facts), [(check, state)]);
        }
    }

    #[test]
    fn memory_is_judged_for_one_generation_and_for_two() {
        let mut facts = good();
        let wants = facts.need.as_ref().expect("one").bytes();
        assert!(wants > 1_000 * CAKE_BYTES);
        for (free, want) in [
            (wants - 1, vec![("memory", Verdict::Fail)]),
            (wants, vec![("memory", Verdict::Warn)]),
            (2 * wants, vec![]),
        ] {
            facts.memory_available = free;
            assert_eq!(bad(&facts), want);
        }
    }

    #[test]
    fn a_box_that_routes_needs_no_bridge() {
        let mut facts = good();
        facts.interfaces[0].bridge = None;
        facts.interfaces[1].bridge = None;
        facts.forwards = true;
        assert_eq!(bad(&facts), []);
    }

    #[test]
    fn versions_of_kernels() {
        for (release, want) in [
            ("6.1.0-56-amd64", Some((6, 1))),
            ("6.18.44-fc-v657", Some((6, 18))),
            ("10.0", Some((10, 0))),
            ("weird", None),
            ("", None),
        ] {
            assert_eq!(version(release), want, "{release}");
        }
    }
}
