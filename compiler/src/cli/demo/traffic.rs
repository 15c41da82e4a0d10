//! What is sent through the demonstration's box: steady UDP of many subscribers in both directions, TCP of a few that
//! take all they are sold, and a little of addresses that are nobody's.
//!
//! Sockets are made by two threads, one in the namespace of the homes and one in that of the internet, and stay there.
//! It knows the tree of an artifact, and nothing of how it is shaped.

use std::collections::BTreeSet;
use std::fs::File;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::task::JoinSet;
use weir_schemas::tree::Tree;
use weir_store::Store;
use weir_store::channel::{Channels, SystemClock};

use super::lab::{HOME_MAC, HOME_SIDE, INTERNET_MAC, INTERNET_SIDE, Lab, ip};
use super::world::far_ends;

/// Subscribers who send and receive, and those of them who take all they can.
const CAST: usize = 18;
const GREEDY: usize = 3;
/// Addresses that are nobody's.
const STRANGERS: usize = 3;
/// UDP port of the homes, and TCP port of the internet.
const PORT: u16 = 4000;
const WEB: u16 = 443;
/// Bytes of a datagram's payload.
const PAYLOAD: usize = 1200;
/// Between two bursts.
const TICK: Duration = Duration::from_millis(25);
/// Nobody is sent more, in kbit/s: it is a demonstration, on a machine that does something else.
const MOST_KBPS: u64 = 5_000;
const STRANGER_KBPS: u64 = 120;

/// Who takes part, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Part {
    home: Ipv4Addr,
    far: Ipv4Addr,
    /// `[download, upload]` in kbit/s.
    kbps: [u64; 2],
    greedy: bool,
}

/// Begins to send as soon as the channel runs something. Ends when `stop` is set; `told` hears what goes wrong.
pub fn start(
    lab: &Lab,
    store: &Path,
    channel: &str,
    stop: Arc<AtomicBool>,
    told: impl FnOnce(String) + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let (homes, internet) = (lab.homes.clone(), lab.internet.clone());
    let (store, channel) = (store.to_owned(), channel.to_owned());
    let sends = move || {
        let Some(tree) = awaited(&store, &channel, &stop) else {
            return;
        };
        if let Err(error) = send(&homes, &internet, &cast(&tree), &stop) {
            told(error);
        }
    };
    thread::Builder::new()
        .name("traffic".to_owned())
        .spawn(sends)
}

/// The tree of what the channel runs, once it runs something; `None`: told to stop before.
fn awaited(store: &Path, channel: &str, stop: &AtomicBool) -> Option<Tree<'static>> {
    let tree = || -> Option<Tree<'static>> {
        let store = Store::open(store).ok()?;
        let channels = Channels {
            backend: &store,
            clock: &SystemClock,
            author: String::new(),
            sign: None,
        };
        let head = channels.head(channel).ok()??.head;
        let bytes = store.get(&head.digest).ok()?;
        let bytes = bytes.read(weir_schemas::artifact::TREE).ok()?;
        weir_schemas::read(&bytes).ok()
    };
    while !stop.load(Ordering::Relaxed) {
        if let Some(tree) = tree() {
            return Some(tree);
        }
        thread::sleep(Duration::from_millis(250));
    }
    None
}

/// The first host of a prefix.
fn host(prefix: &str) -> Option<Ipv4Addr> {
    let net: ipnet::Ipv4Net = prefix.parse().ok()?;
    net.hosts().next()
}

/// Subscribers from all over the tree, those who take all they can first, and strangers last.
fn cast(tree: &Tree<'_>) -> Vec<Part> {
    let nets: Vec<ipnet::Ipv4Net> = tree
        .circuits
        .values()
        .flat_map(|c| c.devices.iter().flat_map(|d| &d.ipv4))
        .filter_map(|p| p.parse().ok())
        .collect();
    let mut all: Vec<([u64; 2], Ipv4Addr)> = tree
        .circuits
        .values()
        .filter_map(|circuit| {
            let prefixes = circuit.devices.iter().flat_map(|d| &d.ipv4);
            let home = prefixes.filter_map(|p| host(p)).next()?;
            Some((circuit.max_kbps, home))
        })
        .collect();
    // The smallest plans are the first to be full.
    all.sort_unstable_by_key(|(max, home)| (max[0], *home));
    let every = all.len().div_ceil(CAST).max(1);
    let chosen: Vec<_> = all.iter().step_by(every).collect();
    let far = far_ends();
    let mut parts: Vec<Part> = chosen
        .iter()
        .enumerate()
        .map(|(n, (max, home))| {
            // Between a tenth and a half of what is sold.
            let share = |kbps: u64| (kbps * (10 + (n as u64 * 17) % 40) / 100).clamp(64, MOST_KBPS);
            Part {
                home: *home,
                far: far[n % far.len()],
                kbps: [share(max[0]), share(max[1]) / 4],
                // A far end of one's own: it is the way that says whose connection it is.
                greedy: (2..2 + GREEDY).contains(&n) && n < far.len(),
            }
        })
        .collect();
    let taken: BTreeSet<Ipv4Addr> = parts.iter().map(|p| p.home).collect();
    let beside = all.iter().flat_map(|(_, home)| {
        (1..20).filter_map(|n| u32::from(*home).checked_add(n).map(Ipv4Addr::from))
    });
    let mut strangers: Vec<Ipv4Addr> = Vec::new();
    for address in beside {
        if strangers.len() == STRANGERS {
            break;
        }
        let known = taken.contains(&address)
            || strangers.contains(&address)
            || nets.iter().any(|net| net.contains(&address));
        if !known {
            strangers.push(address);
        }
    }
    parts.extend(strangers.into_iter().enumerate().map(|(n, home)| Part {
        home,
        far: far[n % far.len()],
        kbps: [STRANGER_KBPS, STRANGER_KBPS / 4],
        greedy: false,
    }));
    parts
}

/// Gives everybody an address, and sends until told to stop.
fn send(homes: &str, internet: &str, parts: &[Part], stop: &Arc<AtomicBool>) -> Result<(), String> {
    for part in parts {
        ip(
            homes,
            &format!("addr replace {}/32 dev {HOME_SIDE}", part.home),
        )?;
        ip(
            internet,
            &format!(
                "neigh replace {} lladdr {HOME_MAC} dev {INTERNET_SIDE}",
                part.home
            ),
        )?;
    }
    for far in far_ends() {
        ip(
            internet,
            &format!("addr replace {far}/32 dev {INTERNET_SIDE}"),
        )?;
        ip(
            homes,
            &format!("neigh replace {far} lladdr {INTERNET_MAC} dev {HOME_SIDE}"),
        )?;
        ip(homes, &format!("route replace {far}/32 dev {HOME_SIDE}"))?;
    }
    ip(
        internet,
        &format!("route replace default dev {INTERNET_SIDE}"),
    )?;
    let parts: Arc<[Part]> = parts.into();
    let far = {
        let parts = parts.clone();
        inside(internet, "internet", stop, move || internet_side(parts))?
    };
    let near = inside(homes, "homes", stop, move || home_side(parts))?;
    for side in [far, near] {
        let ended = side
            .join()
            .map_err(|_| "a thread of traffic ended".to_owned())?;
        ended.map_err(|error| format!("no traffic can be sent: {error}"))?;
    }
    Ok(())
}

type Side = thread::JoinHandle<io::Result<()>>;

/// Does something in a namespace, on a thread of its own, until told to stop.
fn inside<W: Future<Output = io::Result<()>>>(
    namespace: &str,
    name: &str,
    stop: &Arc<AtomicBool>,
    work: impl FnOnce() -> W + Send + 'static,
) -> Result<Side, String> {
    let path = format!("/run/netns/{namespace}");
    let stop = stop.clone();
    let does = move || -> io::Result<()> {
        let there = File::open(path)?;
        move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            tokio::select! {
                done = work() => done,
                () = async {
                    while !stop.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                } => Ok(()),
            }
        })
    };
    let thread = thread::Builder::new().name(name.to_owned());
    thread
        .spawn(does)
        .map_err(|e| format!("no threads can be started: {e}"))
}

/// Downloads.
async fn internet_side(parts: Arc<[Part]>) -> io::Result<()> {
    let mut work: JoinSet<io::Result<()>> = JoinSet::new();
    for (n, part) in parts.iter().cloned().enumerate() {
        let from = UdpSocket::bind((IpAddr::V4(part.far), 0)).await?;
        let to = SocketAddr::from((part.home, PORT));
        work.spawn(steady(from, to, part.kbps[0], n));
        if part.greedy {
            let web = TcpListener::bind((part.far, WEB)).await?;
            work.spawn(serve(web));
        }
    }
    first(work).await
}

/// Uploads, and those who fetch.
async fn home_side(parts: Arc<[Part]>) -> io::Result<()> {
    let mut work: JoinSet<io::Result<()>> = JoinSet::new();
    for (n, part) in parts.iter().cloned().enumerate() {
        // What comes to a port that nobody has is answered with an error, which is traffic too.
        let own = UdpSocket::bind((IpAddr::V4(part.home), PORT)).await?;
        work.spawn(steady(
            own,
            SocketAddr::from((part.far, 9)),
            part.kbps[1],
            n,
        ));
        if part.greedy {
            work.spawn(fetch(part.home, part.far));
        }
    }
    first(work).await
}

/// Ends with the first that fails.
async fn first(mut work: JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(done) = work.join_next().await {
        done.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Datagrams at this rate, which goes up and down slowly, for everybody at another time.
async fn steady(socket: UdpSocket, to: SocketAddr, kbps: u64, n: usize) -> io::Result<()> {
    let payload = [0_u8; PAYLOAD];
    let mut every = tokio::time::interval(TICK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let (mut credit, mut turn) = (0_u64, n as u64 * 97);
    let mut inbox = [0_u8; 2048];
    loop {
        every.tick().await;
        turn += 1;
        // 60 to 100 percent, in 40 seconds.
        let wave = 60 + (turn / 40 % 80).abs_diff(40);
        credit += kbps * wave / 100 * TICK.as_millis() as u64 / 8;
        while credit >= PAYLOAD as u64 {
            credit -= PAYLOAD as u64;
            // A full queue and an error that came back are the network's matter.
            let _ = socket.try_send_to(&payload, to);
        }
        while socket.try_recv(&mut inbox).is_ok() {}
    }
}

/// Gives everybody who asks as much as they take.
async fn serve(web: TcpListener) -> io::Result<()> {
    let block = vec![0_u8; 64 * 1024];
    loop {
        let (mut stream, _) = web.accept().await?;
        while stream.write_all(&block).await.is_ok() {}
    }
}

/// Takes as much as there is, again and again.
async fn fetch(home: Ipv4Addr, far: Ipv4Addr) -> io::Result<()> {
    let mut inbox = vec![0_u8; 256 * 1024];
    loop {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((home, 0)))?;
        let connected = socket.connect(SocketAddr::from((far, WEB))).await;
        let Ok(mut stream) = connected else {
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        };
        while stream.read(&mut inbox).await.is_ok_and(|n| n > 0) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(circuits: usize) -> Tree<'static> {
        let circuits: serde_json::Map<String, serde_json::Value> = (0..circuits)
            .map(|n| {
                let circuit = serde_json::json!({
                    "name": format!("c{n}"), "parent": "a", "max_kbps": [1000 * n + 500, 500],
                    "min_kbps": [1, 1], "class": n,
                    "devices": [{"id": "d", "name": "d", "mac": null, "ipv4": [format!("100.64.{n}.2/32")], "ipv6": []}],
                });
                (format!("c{n:03}"), circuit)
            })
            .collect();
        let text = serde_json::json!({
            "schema": "weir.tree/1", "strategy": "flat", "emitted": [], "buckets": {}, "omitted": {},
            "circuits": circuits,
        });
        weir_schemas::read(text.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_cast_is_from_everywhere_and_strangers_are_nobodys() {
        for circuits in [3, 39, 200] {
            let tree = tree(circuits);
            let parts = cast(&tree);
            let homes: BTreeSet<Ipv4Addr> = parts.iter().map(|p| p.home).collect();
            assert_eq!(homes.len(), parts.len(), "everybody has an own address");
            let known = |part: &&Part| part.home.octets()[3] == 2;
            let strangers = parts.iter().filter(|p| !known(p)).count();
            assert_eq!(strangers, STRANGERS);
            assert!(parts.len() - strangers <= CAST);
            assert!(parts.iter().all(|p| p.kbps[0] <= MOST_KBPS));
            let greedy: BTreeSet<Ipv4Addr> =
                parts.iter().filter(|p| p.greedy).map(|p| p.far).collect();
            let count = parts.iter().filter(|p| p.greedy).count();
            assert_eq!(greedy.len(), count, "each has an own far end");
            assert!(circuits < 10 || count == GREEDY);
        }
        assert_eq!(cast(&tree(0)), []);
    }
}
