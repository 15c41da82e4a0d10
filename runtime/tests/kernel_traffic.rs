//! Traffic so slow that an emulated CPU keeps up with it: circuits with CAKE, fq_codel and no leaf get what they are
//! sold and no more, and swaps lose nothing. What faster traffic meets is in `kernel_shaping` and `kernel_swaps`.

mod namespace;
mod street;

use std::net::SocketAddr;
use std::time::Duration;

use namespace::run;
use street::plan::{Circuit, Leaf, Network, Style, Tower};
use street::swaps::{Load, Swaps, Traffic};
use street::traffic::{Arrived, Stop, Stream, receive};
use street::{DOWN, Street, house, internet};
use weir_schemas::queue_plan::LeafQdisc;

/// Timers of an emulated CPU are late: what a class may send at once, in milliseconds of its ceiling.
const BURST_MS: u64 = 250;
/// Swaps of each kind.
const EACH: u16 = 4;

/// Two houses on one tower, one on another, on two CPU queues.
fn network(kbps: [u64; 2]) -> Network {
    let tower = |queue| Tower {
        queue,
        minor: 3,
        kbps: kbps.map(|k| k * 3),
    };
    let circuit = |house, tower, minor| Circuit {
        house,
        tower,
        minor,
        kbps,
    };
    Network {
        towers: vec![tower(0), tower(2)],
        circuits: vec![circuit(0, 0, 10), circuit(1, 0, 11), circuit(2, 1, 12)],
    }
}

/// The leaf, in the spelling of this kernel; `None`, and a line that says why, where it has no such discipline.
fn leaf(test: &str, street: &mut Street, kind: &'static str) -> Option<Leaf> {
    let tried = ["qdisc", "add", "dev", "home0", "root", kind];
    // `tc -n` enters a namespace without mounting anything.
    let name = street.subscribers.name.clone();
    let tc = |words: &[&str]| {
        let mut all = vec!["-n", name.as_str()];
        all.extend(words);
        run("tc", all)
    };
    if let Err(why) = tc(&tried) {
        let why = why.rsplit(": ").next().unwrap_or_default();
        namespace::skipped(test, &format!("no {kind} in this kernel: {why}"));
        return None;
    }
    tc(&["qdisc", "del", "dev", "home0", "root"]).expect("it was made");
    let arguments = street.live.spelling(DOWN, kind, "").expect("no options");
    Some(Leaf {
        qdisc: match kind {
            "cake" => LeafQdisc::Cake,
            _ => LeafQdisc::FqCodel,
        },
        kind,
        arguments,
    })
}

/// Three times what was sold is sent, both directions at once, IPv4 down and IPv6 up. What arrives is what was sold: at
/// most a tenth less, and no more than it and one burst.
fn gets_its_rate(test: &'static str, kind: Option<&'static str>) {
    let Some(mut street) = Street::new(test) else {
        return;
    };
    let leaf = match kind {
        Some(kind) => match leaf(test, &mut street, kind) {
            Some(leaf) => Some(leaf),
            None => return,
        },
        None => None,
    };
    const SOLD: [u64; 2] = [500, 250];
    let style = Style {
        leaf,
        burst_ms: BURST_MS,
    };
    street.swap(&network(SOLD).build_with(1, &style), None);
    const TRIES: usize = 4;
    for attempt in 1..=TRIES {
        let got = measure(&street, SOLD.map(|kbps| kbps * 3));
        let mut low = false;
        for (arrived, sold) in got.iter().zip(SOLD) {
            let (got, sold) = (arrived.kbps(), sold as f64);
            let burst = sold * BURST_MS as f64 / 1000.0 / arrived.time.as_secs_f64();
            let most = sold * 1.03 + burst;
            assert!(
                got <= most,
                "{got:.0} kbit/s where {sold} are sold: {arrived:?}"
            );
            low |= got < sold * 0.9;
        }
        if !low {
            break;
        }
        assert!(attempt < TRIES, "less than was sold: {got:?}");
    }
    let (unshaped, shaped) = street.passed();
    assert!(shaped > 100);
    assert!(
        street.direct() <= unshaped,
        "a packet of a subscriber found no class"
    );
}

/// House 0 downloads and house 1 uploads, at rates of their own.
fn measure(street: &Street, kbps: [u64; 2]) -> [Arrived; 2] {
    let (senders, receivers) = (Stop::default(), Stop::default());
    let down = SocketAddr::new(house(0, false), 7001);
    let up = SocketAddr::new(internet(true), 7002);
    let settle = Duration::from_secs(2);
    let received = [
        receive(&street.subscribers, down, settle, &receivers),
        receive(&street.internet, up, settle, &receivers),
    ];
    let stream = |from, to, kbps| Stream {
        from,
        to,
        payload: 400,
        kbps,
    };
    let sent = [
        stream(internet(false), down, kbps[0]).send(&street.internet, &senders),
        stream(house(1, true), up, kbps[1]).send(&street.subscribers, &senders),
    ];
    std::thread::sleep(Duration::from_secs(12));
    receivers.stop();
    senders.stop();
    for sender in sent {
        sender.join().expect("a sender");
    }
    received.map(|r| r.join().expect("a receiver"))
}

#[test]
fn a_circuit_without_a_leaf_gets_its_rate() {
    gets_its_rate("a_circuit_without_a_leaf_gets_its_rate", None);
}

#[test]
fn a_circuit_with_cake_gets_its_rate() {
    gets_its_rate("a_circuit_with_cake_gets_its_rate", Some("cake"));
}

#[test]
fn a_circuit_with_fq_codel_gets_its_rate() {
    gets_its_rate("a_circuit_with_fq_codel_gets_its_rate", Some("fq_codel"));
}

/// Every kind of change, one after the other, under numbered datagrams and TCP, in circuits with such leaves.
fn swaps_lose_nothing(test: &'static str, kind: Option<&'static str>) {
    let Some(mut street) = Street::new(test) else {
        return;
    };
    let leaf = match kind {
        Some(kind) => match leaf(test, &mut street, kind) {
            Some(leaf) => Some(leaf),
            None => return,
        },
        None => None,
    };
    let mut network = network([4_000, 2_000]);
    let Some(mut swaps) = Swaps::on(
        test,
        street,
        &network,
        Style {
            leaf,
            burst_ms: BURST_MS,
        },
    ) else {
        return;
    };
    let load = Load {
        houses: 3,
        kbps: 60,
        pause: Duration::from_millis(100),
    };
    let traffic = Traffic::start(&swaps.street, load);
    for n in 0..EACH {
        swaps.same();
        // Rates, and with them the members: a house without traffic comes and goes.
        network.circuit(0).kbps = [3_000 + 100 * u64::from(n), 1_500 + 10 * u64::from(n)];
        swaps.to(&network);
        network.circuits.push(Circuit {
            house: 10,
            tower: 1,
            minor: 100,
            kbps: [1_000, 500],
        });
        swaps.to(&network);
        network.circuits.retain(|c| c.house < 10);
        // Two circuits to the other tower, and so to another CPU queue.
        for house in [1, 2] {
            let circuit = network.circuit(house);
            circuit.tower = 1 - circuit.tower;
            circuit.minor = 200 + 8 * n + u16::from(house);
        }
        swaps.to(&network);
    }
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
    assert_eq!(swaps.swapped, 4 * usize::from(EACH));
}

#[test]
fn swaps_lose_nothing_without_leaves() {
    swaps_lose_nothing("swaps_lose_nothing_without_leaves", None);
}

#[test]
fn swaps_lose_nothing_with_cake() {
    swaps_lose_nothing("swaps_lose_nothing_with_cake", Some("cake"));
}

#[test]
fn swaps_lose_nothing_with_fq_codel() {
    swaps_lose_nothing("swaps_lose_nothing_with_fq_codel", Some("fq_codel"));
}
