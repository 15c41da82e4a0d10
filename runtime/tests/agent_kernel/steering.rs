//! Steering as the settings say it: packets are worked on by the CPU of their queue, where the driver cannot the
//! kernel does it behind it, and what a killed runtime leaves is what its page says.

use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::common::machine::{Machine, wait_for};
use crate::namespace::{self, sh, skipped};
use crate::street;
use crate::street::frames::{Wrap, frame};
use crate::street::raw::Raw;

const LAN_MAC: &str = "02:00:00:00:00:01";
const MAC: &str = "02:00:00:00:00:99";

/// A socket of an address that an earlier one had. A program that another test starts at this moment holds what was open until
/// it has begun.
fn bound(address: &str) -> UdpSocket {
    let mut tries = 0;
    loop {
        match UdpSocket::bind(address) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && tries < 500 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            socket => return socket.expect("a socket"),
        }
    }
}

/// The CPU that worked on packets of a subscriber which came in from a CPU, as the socket that took them knows it.
fn worked_on_by(machine: &Machine, house: &str, from: u32) -> u32 {
    let socket = bound("10.9.0.1:4001");
    socket.connect((house, 4000)).expect("a route");
    let timeout = Some(Duration::from_secs(10));
    socket.set_read_timeout(timeout).expect("set");
    let bytes = frame(
        Wrap::Plain,
        LAN_MAC,
        MAC,
        house.parse().expect("an address"),
        "10.9.0.1".parse().expect("an address"),
        100,
    );
    let name = machine.ns.name().to_owned();
    std::thread::spawn(move || {
        namespace::enter(&name);
        let mut own = CpuSet::new();
        own.set(from as usize);
        sched_setaffinity(None, &own).expect("allowed");
        let raw = Raw::at(street::index("lan1"));
        for _ in 0..10 {
            raw.send(&bytes);
            std::thread::sleep(Duration::from_millis(5));
        }
    })
    .join()
    .expect("sent");
    let mut buffer = [0; 256];
    for _ in 0..10 {
        socket.recv(&mut buffer).expect("a packet");
    }
    incoming_cpu(&socket)
}

#[expect(
    unsafe_code,
    reason = "an option of sockets that neither std nor rustix offers"
)]
fn incoming_cpu(socket: &UdpSocket) -> u32 {
    let (mut cpu, mut length) = (0i32, size_of::<i32>() as u32);
    // SAFETY: both outlive the call, and the length is that of the value.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_INCOMING_CPU,
            (&raw mut cpu).cast(),
            &raw mut length,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    u32::try_from(cpu).expect("a packet came")
}

fn shows_xdp(device: &str) -> bool {
    sh("ip", ["link", "show", device]).contains("xdp")
}

fn pinned(machine: &Machine) -> usize {
    let entries = std::fs::read_dir(machine.ns.pins()).expect("pins");
    let names = entries.map(|e| e.expect("an entry").file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("steer-"))
        .count()
}

#[test]
fn packets_are_worked_on_by_the_cpu_of_their_queue() {
    let test = "packets_are_worked_on_by_the_cpu_of_their_queue";
    let Some(machine) = Machine::new(test) else {
        return;
    };
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return skipped(test, "one CPU is all there is");
    }
    sh("ip", ["link", "set", "lan0", "address", LAN_MAC]);
    // The second circuit is on the second queue; it is reached by the same cable.
    sh("ip", ["route", "add", "10.9.1.40/32", "dev", "lan0"]);
    let a = machine.artifact(1);
    machine.promote(&a, None);
    let circuits = [("10.9.0.10", 0), ("10.9.1.40", 1)];
    // By the kernel's choice, which on such a cable is the CPU of whoever sends.
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    for from in [0, 1] {
        assert_eq!(worked_on_by(&machine, circuits[0].0, from), from);
    }
    runtime.stop();

    for cpus in [[1, 0], [0, 1]] {
        machine.set(
            "kernel",
            &format!("steer = \"cpumap\"\nsteer_cpus = {cpus:?}"),
        );
        let mut runtime = machine.run();
        let steered = |s: &weir_schemas::runtime::RuntimeStatus| {
            !s.interfaces.is_empty() && s.interfaces.iter().all(|i| i.xdp_mode.is_some())
        };
        let status = runtime.wait("steering", steered);
        let modes = status.interfaces.iter().map(|i| i.xdp_mode.as_deref());
        assert!(modes.eq([Some("native"); 2]), "{:?}", status.interfaces);
        let right = || {
            for (house, queue) in circuits {
                for from in [0, 1] {
                    let by = worked_on_by(&machine, house, from);
                    assert_eq!(by, cpus[queue], "{house} from {from}, {cpus:?}");
                }
            }
        };
        right();
        let doctor = machine.weir(&["doctor", "--artifact", &a.0]);
        assert!(
            doctor
                .stdout
                .contains("steered to the CPU of their queue (native)"),
            "{doctor:?}"
        );
        // A killed runtime leaves it as it is; the next one takes it up.
        runtime.kill();
        assert_eq!(pinned(&machine), 2);
        right();
        let mut runtime = machine.run();
        runtime.wait("steering", steered);
        right();
        runtime.stop();
        assert_eq!(machine.weir(&["verify"]).code, 0);
        machine.unset();
    }

    // Off: nothing of it is left, and all else is as it was.
    let mut runtime = machine.run();
    runtime.wait("no steering", |s| {
        !s.interfaces.is_empty() && s.interfaces.iter().all(|i| !i.xdp)
    });
    assert_eq!(pinned(&machine), 0);
    for from in [0, 1] {
        assert_eq!(worked_on_by(&machine, circuits[0].0, from), from);
    }
    runtime.kill();

    // Detached while it steers: nothing at all is left.
    machine.set("kernel", "steer = \"cpumap\"");
    let apply = machine.weir(&["apply", &a.0]);
    assert_eq!(apply.code, 0, "{apply:?}");
    assert!(shows_xdp("lan0") && shows_xdp("wan0"));
    assert_eq!(machine.weir(&["detach"]).code, 0);
    let gone = wait_for(|| !shows_xdp("lan0") && !shows_xdp("wan0"));
    assert!(gone && machine.pins() == 0);
}

/// With fewer receive queues than the other end of the cable sends by, this driver cannot: it is done behind it, and
/// said.
#[test]
fn where_the_driver_cannot_packets_are_steered_behind_it() {
    let Some(machine) = Machine::new("where_the_driver_cannot_packets_are_steered_behind_it")
    else {
        return;
    };
    sh("ip", ["link", "del", "wan0"]);
    let cable = "link add wan0 numtxqueues 4 numrxqueues 1 type veth peer name wan1 numtxqueues 4";
    sh("ip", cable.split(' '));
    for end in ["wan0", "wan1"] {
        sh("ip", ["link", "set", end, "up"]);
    }
    machine.set("kernel", "steer = \"cpumap\"");
    let a = machine.artifact(1);
    machine.promote(&a, None);
    let mut runtime = machine.run();
    let status = runtime.wait("steering", |s| {
        !s.interfaces.is_empty() && s.interfaces.iter().all(|i| i.xdp_mode.is_some())
    });
    let mode = |name: &str| {
        let found = status.interfaces.iter().find(|i| i.name == name);
        found.and_then(|i| i.xdp_mode.clone()).expect("a mode")
    };
    assert_eq!(
        (mode("lan0"), mode("wan0")),
        ("native".into(), "generic".into())
    );
    let doctor = machine.weir(&["doctor", "--artifact", &a.0]);
    assert!(doctor.stdout.contains("generic XDP"), "{doctor:?}");
    runtime.stop();
    assert_eq!(machine.weir(&["detach"]).code, 0);
}

/// A program of somebody else is left alone: what is shaped does not depend on steering, and why there is none is told.
#[test]
fn where_another_program_is_nothing_is_steered() {
    let test = "where_another_program_is_nothing_is_steered";
    let Some(machine) = Machine::new(test) else {
        return;
    };
    // One of our own, of another directory of pins, is as foreign as any.
    let mut other = weir_runtime::live::Live::open(&machine.ns.bpffs().join("other"))
        .unwrap_or_else(|e| panic!("{e}"));
    other
        .steer("wan0", weir_plan::kernel::Program::Upload)
        .unwrap_or_else(|e| panic!("{e}"));
    machine.set("kernel", "steer = \"cpumap\"");
    let a = machine.artifact(1);
    machine.promote(&a, None);
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    let status = runtime.wait("an apply", |s| s.last_apply.is_some());
    let reason = status.last_apply.expect("one").reason;
    assert!(reason.contains("packets are not steered: "), "{reason}");
    assert_eq!(pinned(&machine), 1, "the other interface is steered");
    let doctor = machine.weir(&["doctor", "--artifact", &a.0]);
    assert!(doctor.stdout.contains("not ours to judge"), "{doctor:?}");
    assert_eq!(runtime.stop(), Some(0));
    assert_eq!(machine.weir(&["verify"]).code, 0);
    assert_eq!(machine.weir(&["detach"]).code, 0);
    assert!(shows_xdp("wan0"), "what is not ours stays");
    other.remove_programs().unwrap_or_else(|e| panic!("{e}"));
}
