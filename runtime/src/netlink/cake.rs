//! CAKE: its options as `tc` takes them, and as netlink holds them.
//!
//! A leaf has no rate of its own: the class above it has. So the options about bandwidth are refused, but for
//! `unlimited`, which says the same.

use super::wire::{self, Request};
use super::words::{BadArguments, Words, time};

/// `TCA_CAKE_*` of `linux/pkt_sched.h`
mod attribute {
    pub const BASE_RATE64: u16 = 2;
    pub const DIFFSERV: u16 = 3;
    pub const ATM: u16 = 4;
    pub const FLOW_MODE: u16 = 5;
    pub const OVERHEAD: u16 = 6;
    pub const RTT: u16 = 7;
    pub const TARGET: u16 = 8;
    pub const AUTORATE: u16 = 9;
    pub const MEMORY: u16 = 10;
    pub const NAT: u16 = 11;
    pub const RAW: u16 = 12;
    pub const WASH: u16 = 13;
    pub const MPU: u16 = 14;
    pub const INGRESS: u16 = 15;
    pub const ACK_FILTER: u16 = 16;
    pub const SPLIT_GSO: u16 = 17;
    pub const FWMARK: u16 = 18;
}

const DIFFSERV: [&str; 5] = [
    "diffserv3",
    "diffserv4",
    "diffserv8",
    "besteffort",
    "precedence",
];
const FLOWS: [&str; 8] = [
    "flowblind",
    "srchost",
    "dsthost",
    "hosts",
    "flows",
    "dual-srchost",
    "dual-dsthost",
    "triple-isolate",
];
const ACK_FILTER: [&str; 3] = ["no-ack-filter", "ack-filter", "ack-filter-aggressive"];
const CELLS: [&str; 3] = ["noatm", "atm", "ptm"];

/// Words for round trip times, in microseconds.
const RTTS: [(&str, u32); 8] = [
    ("datacentre", 100),
    ("lan", 1_000),
    ("metro", 10_000),
    ("regional", 30_000),
    ("internet", 100_000),
    ("oceanic", 300_000),
    ("satellite", 1_000_000),
    ("interplanetary", 1_000_000_000),
];

/// Words for what a link adds to a packet: cells, and bytes added to the overhead so far, as `tc-cake(8)` has them.
const LINKS: [(&str, u32, i32); 10] = [
    ("ipoa-vcmux", 1, 8),
    ("ipoa-llcsnap", 1, 16),
    ("bridged-vcmux", 1, 24),
    ("bridged-llcsnap", 1, 32),
    ("pppoa-vcmux", 1, 10),
    ("pppoa-llc", 1, 14),
    ("pppoe-vcmux", 1, 32),
    ("pppoe-llcsnap", 1, 40),
    ("pppoe-ptm", 2, 30),
    ("bridged-ptm", 2, 22),
];

/// The options of one CAKE. What is not stated is as the kernel makes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cake {
    /// Index in the order of the kernel: diffserv3, diffserv4, diffserv8, besteffort, precedence.
    diffserv: u32,
    flows: u32,
    /// Microseconds.
    rtt: u32,
    /// Microseconds: a twentieth of the round trip time, as `tc` sets it.
    target: u32,
    nat: bool,
    wash: bool,
    ingress: bool,
    ack_filter: u32,
    split_gso: bool,
    /// Bytes; 0 = as the kernel computes it.
    memory: u32,
    fwmark: u32,
    /// `None`: sizes as the kernel knows them, with nothing added.
    overhead: Option<i32>,
    atm: u32,
    mpu: u32,
}

impl Default for Cake {
    /// As the kernel makes it when nothing is said.
    fn default() -> Self {
        Self {
            diffserv: 0,
            flows: 7,
            rtt: 100_000,
            target: 5_000,
            nat: false,
            wash: false,
            ingress: false,
            ack_filter: 0,
            split_gso: true,
            memory: 0,
            fwmark: 0,
            overhead: None,
            atm: 0,
            mpu: 0,
        }
    }
}

impl Cake {
    pub fn parse(arguments: &str) -> Result<Self, BadArguments> {
        let mut words = Words::new("cake", arguments);
        let mut cake = Self::default();
        while let Some(word) = words.next() {
            let place = |list: &[&str]| list.iter().position(|w| *w == word).map(|i| i as u32);
            if let Some(mode) = place(&DIFFSERV) {
                cake.diffserv = mode;
            } else if let Some(mode) = place(&FLOWS) {
                cake.flows = mode;
            } else if let Some(mode) = place(&ACK_FILTER) {
                cake.ack_filter = mode;
            } else if let Some(mode) = place(&CELLS) {
                cake.atm = mode;
            } else if let Some(&(_, rtt)) = RTTS.iter().find(|(name, _)| *name == word) {
                cake.set_rtt(rtt);
            } else if let Some(&(_, atm, bytes)) = LINKS.iter().find(|(name, ..)| *name == word) {
                cake.atm = atm;
                cake.add(bytes);
            } else {
                cake.other(word, &mut words)?;
            }
        }
        Ok(cake)
    }

    fn other(&mut self, word: &str, words: &mut Words<'_>) -> Result<(), BadArguments> {
        match word {
            "unlimited" => {}
            "rtt" => {
                let rtt = words.time("rtt")?;
                self.set_rtt(rtt);
            }
            "nat" => self.nat = true,
            "nonat" => self.nat = false,
            "wash" => self.wash = true,
            "nowash" => self.wash = false,
            "split-gso" => self.split_gso = true,
            "no-split-gso" => self.split_gso = false,
            "ingress" => self.ingress = true,
            "egress" => self.ingress = false,
            "memlimit" => self.memory = words.size("memlimit")?,
            "fwmark" => self.fwmark = words.number("fwmark")?,
            "overhead" => self.overhead = Some(words.integer("overhead", -64, 256)?),
            "mpu" => self.mpu = words.integer("mpu", 0, 256)? as u32,
            "raw" => (self.overhead, self.atm) = (None, 0),
            "conservative" => (self.overhead, self.atm) = (Some(48), 1),
            // Each adds to what is there; `via-ethernet` only names what the kernel does by itself.
            "via-ethernet" => {}
            "ether-vlan" => self.add(4),
            "ethernet" => {
                self.add(38);
                self.mpu = 84;
            }
            "docsis" => {
                self.atm = 0;
                self.add(18);
                self.mpu = 64;
            }
            "bandwidth" | "autorate-ingress" => {
                return Err(words.bad(format!(
                    "{word} is not for a leaf: its rate is that of its class; leave it out"
                )));
            }
            _ => {
                return Err(words.bad(format!("{word:?} is no option of cake, see tc-cake(8)")));
            }
        }
        Ok(())
    }

    fn set_rtt(&mut self, rtt: u32) {
        self.rtt = rtt;
        self.target = (rtt / 20).max(1);
    }

    fn add(&mut self, bytes: i32) {
        self.overhead = Some(self.overhead.unwrap_or(0) + bytes);
    }

    /// Writes everything it is as `TCA_OPTIONS` holds it, so that a change in place leaves nothing of before: a
    /// memory limit of 0 is the kernel's own again, and so is "raw" for sizes.
    pub fn write(&self, into: &mut Request) {
        into.u64(attribute::BASE_RATE64, 0);
        into.u32(attribute::DIFFSERV, self.diffserv);
        into.u32(attribute::FLOW_MODE, self.flows);
        into.u32(attribute::RTT, self.rtt);
        into.u32(attribute::TARGET, self.target);
        into.u32(attribute::AUTORATE, 0);
        into.u32(attribute::MEMORY, self.memory);
        into.u32(attribute::NAT, self.nat.into());
        into.u32(attribute::WASH, self.wash.into());
        into.u32(attribute::INGRESS, self.ingress.into());
        into.u32(attribute::ACK_FILTER, self.ack_filter);
        into.u32(attribute::SPLIT_GSO, self.split_gso.into());
        into.u32(attribute::FWMARK, self.fwmark);
        into.u32(attribute::ATM, self.atm);
        into.u32(attribute::OVERHEAD, self.overhead.unwrap_or(0) as u32);
        into.u32(attribute::MPU, self.mpu);
        if self.overhead.is_none() {
            into.u32(attribute::RAW, 0);
        }
    }

    /// Reads `TCA_OPTIONS` of a CAKE; `None` when it has a bandwidth, which no plan gives it.
    pub fn read(options: &[u8]) -> Option<Self> {
        let mut cake = Self::default();
        let mut raw = false;
        let mut overhead = 0;
        for (kind, value) in wire::attributes(options) {
            if kind == attribute::BASE_RATE64 {
                if wire::u64_at(value, 0)? != 0 {
                    return None;
                }
                continue;
            }
            let Some(word) = wire::u32_at(value, 0) else {
                continue;
            };
            match kind {
                attribute::DIFFSERV => cake.diffserv = word,
                attribute::ATM => cake.atm = word,
                attribute::FLOW_MODE => cake.flows = word,
                attribute::OVERHEAD => overhead = word as i32,
                attribute::RTT => cake.rtt = word,
                attribute::TARGET => cake.target = word,
                attribute::AUTORATE if word != 0 => return None,
                attribute::MEMORY => cake.memory = word,
                attribute::NAT => cake.nat = word != 0,
                attribute::RAW => raw = true,
                attribute::WASH => cake.wash = word != 0,
                attribute::MPU => cake.mpu = word,
                attribute::INGRESS => cake.ingress = word != 0,
                attribute::ACK_FILTER => cake.ack_filter = word,
                attribute::SPLIT_GSO => cake.split_gso = word != 0,
                attribute::FWMARK => cake.fwmark = word,
                _ => {}
            }
        }
        cake.overhead = (!raw).then_some(overhead);
        Some(cake)
    }

    /// As `tc` would take it: what differs from the kernel's own choice, in a fixed order. Two strings of arguments
    /// that mean the same come to the same text.
    pub fn text(&self) -> String {
        let default = Self::default();
        let mut out: Vec<String> = Vec::new();
        let mut word = |list: &[&str], is: u32, was: u32| {
            if is != was {
                out.push(list.get(is as usize).copied().unwrap_or("?").to_owned());
            }
        };
        word(&DIFFSERV, self.diffserv, default.diffserv);
        word(&FLOWS, self.flows, default.flows);
        word(&["nonat", "nat"], self.nat.into(), 0);
        word(&["nowash", "wash"], self.wash.into(), 0);
        word(&ACK_FILTER, self.ack_filter, 0);
        word(&["no-split-gso", "split-gso"], self.split_gso.into(), 1);
        word(&["egress", "ingress"], self.ingress.into(), 0);
        if self.rtt != default.rtt {
            out.push(format!("rtt {}", time(self.rtt)));
        }
        if self.memory != 0 {
            out.push(format!("memlimit {}", self.memory));
        }
        if self.fwmark != 0 {
            out.push(format!("fwmark {:#x}", self.fwmark));
        }
        if self.atm != 0 {
            out.push(
                CELLS
                    .get(self.atm as usize)
                    .copied()
                    .unwrap_or("?")
                    .to_owned(),
            );
        }
        if let Some(overhead) = self.overhead {
            out.push(format!("overhead {overhead}"));
        }
        if self.mpu != 0 {
            out.push(format!("mpu {}", self.mpu));
        }
        out.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::hex;
    use super::*;

    fn parsed(arguments: &str) -> Cake {
        Cake::parse(arguments).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Options and what `tc qdisc add ... cake <options>` of iproute2 6.1 sent as `TCA_OPTIONS`. What it leaves
    /// out is what the kernel does by itself, so reading it must come to the same as reading the words.
    #[test]
    fn words_mean_what_they_mean_to_tc() {
        for (words, options) in [
            (
                "diffserv4 rtt 300ms",
                "080003000100000008000700e093040008000800983a0000",
            ),
            (
                "besteffort flows nat wash ack-filter-aggressive no-split-gso datacentre ethernet ether-vlan \
                 memlimit 4mb fwmark 0xff ingress unlimited",
                "0c000200000000000000000008000300030000000800050004000000080006002a00000008000e0054000000\
                 08000700640000000800080005000000080009000000000008000a000000400008001200ff00000008000b00\
                 0100000008000d0001000000080011000000000008000f00010000000800100002000000",
            ),
            (
                "precedence dual-srchost ack-filter atm overhead 44 mpu 64 rtt 50ms egress",
                "0800030004000000080004000100000008000500050000000800060\
                 02c00000008000e00400000000800070050c3000008000800c409000008000f00000000000800100001000000",
            ),
            (
                "metro pppoe-ptm",
                "0800040002000000080006001e000000080007001027000008000800f4010000",
            ),
            ("conservative", "08000400010000000800060030000000"),
            ("interplanetary", "0800070000ca9a3b0800080080f0fa02"),
            ("overhead -4 noatm", "080004000000000008000600fcffffff"),
            ("docsis", "0800040000000000080006001200000008000e0040000000"),
            ("ethernet", "080006002600000008000e0054000000"),
            ("ether-vlan", "0800060004000000"),
            ("via-ethernet", ""),
            ("raw", "0800040000000000080006000000000008000c0000000000"),
            ("ipoa-vcmux", "08000400010000000800060008000000"),
            ("ipoa-llcsnap", "08000400010000000800060010000000"),
            ("bridged-vcmux", "08000400010000000800060018000000"),
            ("bridged-llcsnap", "08000400010000000800060020000000"),
            ("bridged-ptm", "08000400020000000800060016000000"),
            ("pppoa-vcmux", "0800040001000000080006000a000000"),
            ("pppoa-llc", "0800040001000000080006000e000000"),
            ("pppoe-vcmux", "08000400010000000800060020000000"),
            ("pppoe-llcsnap", "08000400010000000800060028000000"),
            ("ptm", "0800040002000000"),
            ("lan", "08000700e80300000800080032000000"),
            ("regional", "080007003075000008000800dc050000"),
            ("internet", "08000700a08601000800080088130000"),
            ("oceanic", "08000700e093040008000800983a0000"),
            ("satellite", "0800070040420f000800080050c30000"),
        ] {
            let options: String = options.split_ascii_whitespace().collect();
            let cake = parsed(words);
            let mut from_tc = Cake::read(&hex(&options)).expect("a leaf");
            // A dump says `RAW`; what `tc` sends says nothing when nothing is added.
            if !options.contains("08000600") {
                from_tc.overhead = None;
            }
            assert_eq!(cake, from_tc, "{words}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_said_again() {
        for words in [
            "",
            "diffserv4",
            "diffserv8 dual-dsthost nat wash ack-filter no-split-gso ingress rtt 2500us memlimit 65536",
            "besteffort fwmark 0xff atm overhead -4 mpu 64",
            "precedence flowblind interplanetary",
            "ethernet",
            "mpu 64",
            "ptm",
        ] {
            let cake = parsed(words);
            let mut request = Request::new(0, 0);
            cake.write(&mut request);
            assert_eq!(Cake::read(request.body()), Some(cake.clone()), "{words}");
            assert_eq!(parsed(&cake.text()), cake, "{words}");
        }
        assert_eq!(
            parsed("internet triple-isolate unlimited diffserv3 nonat").text(),
            ""
        );
        assert_eq!(parsed("rtt 100ms diffserv4").text(), "diffserv4");
    }

    #[test]
    fn what_it_does_not_know_is_named() {
        for (words, problem) in [
            (
                "diffserv5",
                "cake \"diffserv5\": \"diffserv5\" is no option of cake, see tc-cake(8)",
            ),
            ("rtt", "cake \"rtt\": rtt needs a value"),
            (
                "rtt fast",
                "cake \"rtt fast\": rtt \"fast\" is not a time such as 300ms, 2.5ms, 1s or 100us",
            ),
            (
                "overhead 300",
                "cake \"overhead 300\": overhead \"300\" is not an integer from -64 to 256",
            ),
            (
                "bandwidth 10mbit",
                "cake \"bandwidth 10mbit\": bandwidth is not for a leaf: its rate is that of its class; leave it out",
            ),
        ] {
            assert_eq!(
                Cake::parse(words).map_err(|e| e.to_string()),
                Err(problem.to_owned())
            );
        }
    }

    #[test]
    fn a_cake_with_a_bandwidth_is_no_leaf_of_ours() {
        assert_eq!(
            Cake::read(&hex("0c000200d0121300000000000800090001000000")),
            None
        );
    }
}
