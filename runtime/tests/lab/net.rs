//! Three network namespaces in a row: a sender, a box that bridges, a receiver. The interface of the box towards
//! the receiver has four transmit queues, each with an HTB below it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Interface of the box that classes and program are on.
pub const OUT: &str = "out";
const MTU: &str = "9000";

pub struct Net {
    names: [String; 3],
    sender: OwnedFd,
}

impl Net {
    /// `None`, with the reason said, where there are no such tools or no such interfaces.
    pub fn new(test: &str) -> Option<Net> {
        let net = Net::build(test);
        if let Err(reason) = &net {
            use std::io::Write as _;
            let _ = writeln!(io::stderr().lock(), "skipped: {test}: {reason}");
        }
        net.ok()
    }

    fn build(test: &str) -> Result<Net, String> {
        let id = std::process::id();
        let letter = test.bytes().fold(0_u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        let names = ["a", "b", "c"].map(|part| format!("weir-e{id}-{letter:x}-{part}"));
        let mut net = Unfinished(names.clone(), true);
        let [sender, bridge, receiver] = &names;
        for name in &names {
            run("ip", &["netns", "add", name])?;
        }
        let veth = |name: &str, peer: &str, peer_of: &str| {
            let add = [
                "-n",
                bridge,
                "link",
                "add",
                name,
                "mtu",
                MTU,
                "numtxqueues",
                "4",
                "numrxqueues",
                "4",
            ];
            let peer = [
                "type", "veth", "peer", "name", peer, "mtu", MTU, "netns", peer_of,
            ];
            let queues = ["numtxqueues", "4", "numrxqueues", "4"];
            run("ip", &[&add[..], &peer[..], &queues[..]].concat())
        };
        veth("in", "eth0", sender)?;
        veth(OUT, "eth0", receiver)?;
        for name in &names {
            for setting in [
                "ipv6/conf/all/disable_ipv6=1",
                "ipv6/conf/default/disable_ipv6=1",
            ] {
                set(name, setting)?;
            }
        }
        // Some kernels pass bridged packets to the packet filter, which judges them before we do.
        for what in ["iptables", "ip6tables", "arptables"] {
            if std::path::Path::new("/proc/sys/net/bridge").exists() {
                set(bridge, &format!("bridge/bridge-nf-call-{what}=0"))?;
            }
        }
        let bridge_add = [
            "-n", bridge, "link", "add", "br0", "mtu", MTU, "type", "bridge",
        ];
        run(
            "ip",
            &[&bridge_add[..], &["stp_state", "0", "mcast_snooping", "0"]].concat(),
        )?;
        for port in ["in", OUT] {
            run("ip", &["-n", bridge, "link", "set", port, "master", "br0"])?;
        }
        for (space, interface) in [
            (sender, "eth0"),
            (receiver, "eth0"),
            (bridge, "in"),
            (bridge, OUT),
            (bridge, "br0"),
        ] {
            run("ip", &["-n", space, "link", "set", interface, "up"])?;
        }
        // Where many links come and go the kernel takes up to a second and more to see that one is up. A frame that is
        // sent before is lost, and these tests count frames.
        let forwards = || {
            let links = run("bridge", &["-n", bridge, "link", "show"])?;
            Ok::<bool, String>(links.matches("state forwarding").count() >= 2)
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !forwards()? {
            if Instant::now() > deadline {
                return Err("the bridge does not forward".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let sender =
            inside(sender, || packet_socket("eth0"))?.map_err(|error| error.to_string())?;
        net.1 = false;
        Ok(Net { names, sender })
    }

    /// A command of `tc` on the box.
    pub fn tc(&self, arguments: &str) -> String {
        let mut all = vec!["-n", &self.names[1]];
        all.extend(arguments.split_whitespace());
        run("tc", &all).unwrap()
    }

    /// Runs in the network namespace of the box.
    pub fn in_box<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        inside(&self.names[1], work).unwrap()
    }

    /// Sends a frame as it is. Above a page, its bytes but for the Ethernet header lie in fragments.
    pub fn send(&self, frame: &[u8]) {
        self.write(&[0; 10], frame);
    }

    /// Sends a TCP packet that is to become several of `size` bytes each; `headers` is where its payload begins.
    pub fn send_merged(&self, frame: &[u8], headers: u16, size: u16, ip: u16) {
        let mut head = [0; 10];
        // VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4
        head[..2].copy_from_slice(&[1, 1]);
        head[2..4].copy_from_slice(&headers.to_ne_bytes());
        head[4..6].copy_from_slice(&size.to_ne_bytes());
        head[6..8].copy_from_slice(&(ip + 20).to_ne_bytes());
        head[8..10].copy_from_slice(&16_u16.to_ne_bytes());
        self.write(&head, frame);
    }

    fn write(&self, head: &[u8; 10], frame: &[u8]) {
        let bytes = [&head[..], frame].concat();
        let written = rustix::io::write(&self.sender, &bytes).unwrap();
        assert_eq!(written, bytes.len());
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        drop(Unfinished(self.names.clone(), true));
    }
}

/// Namespaces that go again when something fails on the way.
struct Unfinished([String; 3], bool);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.1 {
            for name in &self.0 {
                let _ = run("ip", &["netns", "del", name]);
            }
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let told = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "{program} {}: {}",
            arguments.join(" "),
            told.trim()
        ))
    }
}

/// Writes a setting of a network namespace. `/proc/sys/net` is that of whoever reads it.
fn set(space: &str, setting: &str) -> Result<(), String> {
    let (path, value) = setting.split_once('=').unwrap();
    inside(space, || {
        std::fs::write(format!("/proc/sys/net/{path}"), value)
    })?
    .map_err(|error| format!("{path}: {error}"))
}

/// Runs in a network namespace, on a thread of its own.
fn inside<T: Send>(space: &str, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let file = File::open(format!("/run/netns/{space}")).map_err(|error| error.to_string())?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| error.to_string())
                .map(|()| work())
        });
        thread.join().unwrap()
    })
}

/// A raw socket that sends on an interface, each frame behind a `virtio_net_hdr`.
#[expect(unsafe_code, reason = "packet sockets are not in rustix")]
fn packet_socket(interface: &str) -> io::Result<OwnedFd> {
    let name = std::ffi::CString::new(interface)?;
    // SAFETY: a string that ends in 0.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    // SAFETY: a call without pointers; what it returns is owned here.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(fd)
    };
    let on: i32 = 1;
    // SAFETY: an int and its length; an address of its own length, of which the rest is 0.
    unsafe {
        let length = size_of::<i32>() as u32;
        let value = (&raw const on).cast();
        if libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_VNET_HDR,
            value,
            length,
        ) != 0
        {
            return Err(io::Error::last_os_error());
        }
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = index as i32;
        let length = size_of::<libc::sockaddr_ll>() as u32;
        if libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(socket)
}
