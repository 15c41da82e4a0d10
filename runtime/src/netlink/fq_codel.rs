//! fq_codel: its options as `tc` takes them, and as netlink holds them.

use super::wire::{self, Request};
use super::words::{BadArguments, Words, time};

/// `TCA_FQ_CODEL_*` of `linux/pkt_sched.h`
mod attribute {
    pub const TARGET: u16 = 1;
    pub const LIMIT: u16 = 2;
    pub const INTERVAL: u16 = 3;
    pub const ECN: u16 = 4;
    pub const FLOWS: u16 = 5;
    pub const QUANTUM: u16 = 6;
    pub const CE_THRESHOLD: u16 = 7;
    pub const DROP_BATCH: u16 = 8;
    pub const MEMORY_LIMIT: u16 = 9;
    pub const CE_SELECTOR: u16 = 10;
    pub const CE_MASK: u16 = 11;
}

/// The options of one fq_codel; `None`: as the kernel makes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FqCodel {
    /// Packets.
    limit: Option<u32>,
    flows: Option<u32>,
    /// Bytes; the kernel takes MTU and link header of the interface.
    quantum: Option<u32>,
    /// Microseconds.
    target: Option<u32>,
    interval: Option<u32>,
    ecn: Option<bool>,
    /// Microseconds; the kernel marks by no such threshold unless it is told.
    ce_threshold: Option<u32>,
    /// Value and mask of the DS field that the threshold is for.
    ce_selector: Option<(u8, u8)>,
    drop_batch: Option<u32>,
    /// Bytes.
    memory_limit: Option<u32>,
}

const LIMIT: u32 = 10_240;
const FLOWS: u32 = 1_024;
const TARGET: u32 = 5_000;
const INTERVAL: u32 = 100_000;
const DROP_BATCH: u32 = 64;
const MEMORY: u32 = 32 << 20;
/// Microseconds that come to `CODEL_DISABLED_THRESHOLD` (`INT_MAX` units of 1024 ns): no threshold, as at first.
const NO_THRESHOLD: u32 = 2_199_023_255;
/// Bytes of an Ethernet header, which the kernel's quantum is more than the MTU.
const HEADER: u32 = 14;

impl FqCodel {
    pub fn parse(arguments: &str) -> Result<Self, BadArguments> {
        let mut words = Words::new("fq_codel", arguments);
        let mut fq = Self::default();
        while let Some(word) = words.next() {
            match word {
                "limit" => fq.limit = Some(words.integer(word, 1, i32::MAX)? as u32),
                "flows" => fq.flows = Some(words.integer(word, 1, 65_536)? as u32),
                "quantum" => fq.quantum = Some(words.integer(word, 256, 1 << 20)? as u32),
                "drop_batch" => fq.drop_batch = Some(words.integer(word, 1, 65_536)? as u32),
                "memory_limit" => fq.memory_limit = Some(words.size(word)?),
                "target" => fq.target = Some(words.time(word)?),
                "interval" => fq.interval = Some(words.time(word)?),
                "ce_threshold" => fq.ce_threshold = Some(words.time(word)?),
                "ce_threshold_selector" => fq.ce_selector = Some(words.masked(word)?),
                "ecn" => fq.ecn = Some(true),
                "noecn" => fq.ecn = Some(false),
                _ => {
                    return Err(words.bad(format!(
                        "{word:?} is no option of fq_codel, see tc-fq_codel(8)"
                    )));
                }
            }
        }
        Ok(fq)
    }

    /// Writes it as `TCA_OPTIONS` of a new qdisc holds it.
    pub fn write_new(&self, into: &mut Request) {
        if let Some(flows) = self.flows {
            into.u32(attribute::FLOWS, flows);
        }
        self.write(into, |_| None);
    }

    /// Writes it for a qdisc that is there: all of it, so that nothing of before is left, but for the number of
    /// flows, which the kernel does not change any more. `mtu`: of the interface.
    pub fn write_change(&self, into: &mut Request, mtu: u32) {
        self.write(into, |kind| {
            Some(match kind {
                attribute::LIMIT => LIMIT,
                attribute::QUANTUM => mtu + HEADER,
                attribute::INTERVAL => INTERVAL,
                attribute::TARGET => TARGET,
                attribute::ECN => 1,
                attribute::CE_THRESHOLD => NO_THRESHOLD,
                attribute::MEMORY_LIMIT => MEMORY,
                attribute::DROP_BATCH => DROP_BATCH,
                _ => return None,
            })
        });
        if self.ce_selector.is_none() {
            into.u8(attribute::CE_MASK, 0);
            into.u8(attribute::CE_SELECTOR, 0);
        }
    }

    /// Whether one can become the other where it stands.
    pub fn same_flows(&self, other: &Self) -> bool {
        self.flows.unwrap_or(FLOWS) == other.flows.unwrap_or(FLOWS)
    }

    fn write(&self, into: &mut Request, default: impl Fn(u16) -> Option<u32>) {
        for (kind, value) in [
            (attribute::LIMIT, self.limit),
            (attribute::QUANTUM, self.quantum),
            (attribute::INTERVAL, self.interval),
            (attribute::TARGET, self.target),
            (attribute::ECN, self.ecn.map(u32::from)),
            (attribute::CE_THRESHOLD, self.ce_threshold),
            (attribute::MEMORY_LIMIT, self.memory_limit),
            (attribute::DROP_BATCH, self.drop_batch),
        ] {
            if let Some(value) = value.or_else(|| default(kind)) {
                into.u32(kind, value);
            }
        }
        if let Some((value, mask)) = self.ce_selector {
            into.u8(attribute::CE_MASK, mask);
            into.u8(attribute::CE_SELECTOR, value);
        }
    }

    /// Reads `TCA_OPTIONS`. `mtu`: of the interface, for telling its quantum from a chosen one.
    pub fn read(options: &[u8], mtu: u32) -> Self {
        let mut fq = Self::default();
        let (mut selector, mut mask) = (0, 0);
        for (kind, value) in wire::attributes(options) {
            let word = wire::u32_at(value, 0);
            match kind {
                attribute::TARGET => fq.target = word,
                attribute::LIMIT => fq.limit = word,
                attribute::INTERVAL => fq.interval = word,
                attribute::ECN => fq.ecn = word.map(|w| w != 0),
                attribute::FLOWS => fq.flows = word,
                attribute::QUANTUM => fq.quantum = word,
                attribute::CE_THRESHOLD => fq.ce_threshold = word,
                attribute::DROP_BATCH => fq.drop_batch = word,
                attribute::MEMORY_LIMIT => fq.memory_limit = word,
                attribute::CE_SELECTOR => selector = value.first().copied().unwrap_or(0),
                attribute::CE_MASK => mask = value.first().copied().unwrap_or(0),
                _ => {}
            }
        }
        if (selector, mask) != (0, 0) {
            fq.ce_selector = Some((selector, mask));
        }
        for time in [&mut fq.target, &mut fq.interval, &mut fq.ce_threshold] {
            *time = time.map(meant);
        }
        // An old kernel tells of a threshold that there is not.
        fq.ce_threshold = fq
            .ce_threshold
            .filter(|&us| us < meant(counted(NO_THRESHOLD)));
        fq.without_defaults(mtu)
    }

    /// Without what the kernel would choose by itself, and with the times that it can count: two that mean the
    /// same are equal then.
    pub fn settled(mut self, mtu: u32) -> Self {
        for time in [&mut self.target, &mut self.interval, &mut self.ce_threshold] {
            *time = time.map(|us| meant(counted(us)));
        }
        self.without_defaults(mtu)
    }

    fn without_defaults(mut self, mtu: u32) -> Self {
        for (value, default) in [
            (&mut self.limit, LIMIT),
            (&mut self.flows, FLOWS),
            (&mut self.quantum, mtu + HEADER),
            (&mut self.target, TARGET),
            (&mut self.interval, INTERVAL),
            (&mut self.drop_batch, DROP_BATCH),
            (&mut self.memory_limit, MEMORY),
        ] {
            *value = value.filter(|v| *v != default);
        }
        self.ecn = self.ecn.filter(|on| !on);
        self
    }

    /// As `tc` would take it: what differs from the kernel's own choice, in a fixed order.
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        let mut number = |name: &str, value: Option<u32>| {
            out.extend(value.map(|v| format!("{name} {v}")));
        };
        number("limit", self.limit);
        number("flows", self.flows);
        number("quantum", self.quantum);
        number("drop_batch", self.drop_batch);
        number("memory_limit", self.memory_limit);
        for (name, value) in [
            ("target", self.target),
            ("interval", self.interval),
            ("ce_threshold", self.ce_threshold),
        ] {
            out.extend(value.map(|us| format!("{name} {}", time(us))));
        }
        out.extend(
            self.ecn
                .map(|on| if on { "ecn" } else { "noecn" }.to_owned()),
        );
        out.extend(
            self.ce_selector
                .map(|(value, mask)| format!("ce_threshold_selector {value:#04x}/{mask:#04x}")),
        );
        out.join(" ")
    }
}

/// Microseconds as CoDel counts them, in units of 1024 ns, and tells them in a dump: rounded down twice.
fn counted(us: u32) -> u32 {
    let units = (u64::from(us) * 1000) >> 10;
    ((units << 10) / 1000) as u32
}

/// What was meant by what a dump tells: 4999 us was 5 ms.
fn meant(told: u32) -> u32 {
    if counted(told) == told {
        told
    } else {
        told.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::hex;
    use super::*;

    /// What `tc qdisc add ... fq_codel <options>` of iproute2 6.1 sent as `TCA_OPTIONS`; the order of attributes
    /// means nothing.
    #[test]
    fn options_are_what_tc_sends() {
        for (words, options) in [
            ("", ""),
            (
                "limit 1000 flows 512 target 3ms interval 60ms quantum 300 noecn ce_threshold 1ms memory_limit 4mb \
                 drop_batch 32",
                "08000200e80300000800050000020000080006002c0100000800030060ea000008000100b80b00000800040000000000\
                 08000700e803000008000900000040000800080020000000",
            ),
            (
                "ecn ce_threshold 2.5ms ce_threshold_selector 0x01/0x03",
                "080004000100000008000700c409000005000b000300000005000a0001000000",
            ),
        ] {
            let mut request = Request::new(0, 0);
            FqCodel::parse(words).expect(words).write_new(&mut request);
            let sorted = |bytes: &[u8]| {
                let mut all: Vec<(u16, Vec<u8>)> = wire::attributes(bytes)
                    .map(|(k, v)| (k, v.to_vec()))
                    .collect();
                all.sort();
                all
            };
            assert_eq!(sorted(request.body()), sorted(&hex(options)), "{words}");
        }
    }

    #[test]
    fn times_survive_the_units_of_codel() {
        for us in (1..20_000).chain([100_000, 300_000, 999_999, 1_000_000]) {
            assert_eq!(counted(meant(counted(us))), counted(us), "{us}");
        }
        for us in [
            1_000, 2_500, 3_000, 5_000, 60_000, 100_000, 300_000, 1_000_000,
        ] {
            assert_eq!(meant(counted(us)), us);
        }
        assert_eq!((u64::from(NO_THRESHOLD) * 1000) >> 10, i32::MAX as u64);
    }

    #[test]
    fn what_means_the_same_is_the_same_text() {
        for (a, b) in [
            (
                "",
                "limit 10240 target 5ms interval 100ms quantum 1514 ecn memory_limit 32mb flows 1024 drop_batch 64",
            ),
            ("target 2500us", "target 2.5ms"),
            ("noecn limit 5", "limit 5 noecn"),
        ] {
            let text = |words| FqCodel::parse(words).expect(words).settled(1500).text();
            assert_eq!(text(a), text(b));
            assert_eq!(text(&text(a)), text(a));
        }
        assert_eq!(
            FqCodel::parse("target 3ms flows 9 noecn").map(|f| f.settled(1500).text()),
            Ok("flows 9 target 3ms noecn".to_owned())
        );
    }

    /// A dump of a qdisc that was given these options: times are told as CoDel counted them.
    fn dump_of(fq: &FqCodel) -> Vec<u8> {
        let mut written = Request::new(0, 0);
        fq.write_change(&mut written, 1500);
        let mut dump = Request::new(0, 0);
        for (kind, value) in wire::attributes(written.body()) {
            let time = matches!(
                kind,
                attribute::TARGET | attribute::INTERVAL | attribute::CE_THRESHOLD
            );
            match wire::u32_at(value, 0) {
                Some(us) if time => dump.u32(kind, counted(us)),
                _ => dump.attribute(kind, value),
            };
        }
        dump.body().to_vec()
    }

    #[test]
    fn what_was_written_is_read() {
        let fq =
            FqCodel::parse("target 3ms limit 77 noecn quantum 300 ce_threshold 1ms").expect("good");
        let mut told = FqCodel::read(&dump_of(&fq), 1500);
        assert_eq!(told, fq.clone().settled(1500));
        told.flows = Some(5);
        assert!(!told.same_flows(&fq));
        assert_eq!(
            FqCodel::read(&dump_of(&FqCodel::default()), 1500),
            FqCodel::default()
        );
    }

    #[test]
    fn what_it_does_not_know_is_named() {
        assert_eq!(
            FqCodel::parse("flows 0").map_err(|e| e.to_string()),
            Err("fq_codel \"flows 0\": flows \"0\" is not an integer from 1 to 65536".to_owned())
        );
        assert!(FqCodel::parse("bandwidth 5mbit").is_err());
    }
}
