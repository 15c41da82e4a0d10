//! HTB: its qdisc, its classes, and their numbers as the kernel keeps them.
//!
//! Rates are bytes per second here; a plan's kbit/s are exactly 125 of them, so what a plan says is what the kernel
//! keeps. Bursts are times in the kernel, in ticks of 64 ns.

use weir_plan::Shape;

use super::wire::{self, Request};

/// `TCA_HTB_PARMS`, `TCA_HTB_INIT`, `TCA_HTB_RATE64`, `TCA_HTB_CEIL64`, `TCA_HTB_DIRECT_QLEN`
const PARMS: u16 = 1;
const INIT: u16 = 2;
const DIRECT_QLEN: u16 = 5;
const RATE64: u16 = 6;
const CEIL64: u16 = 7;

/// Bytes of `tc_htb_opt`.
const OPT: usize = 44;
/// `TC_HTB_PROTOVER`
const VERSION: u32 = 3;
/// `TC_LINKLAYER_ETHERNET`: with it the kernel computes with the rate itself and wants no rate table.
const ETHERNET: u8 = 1;

/// kbit/s of a plan as the kernel's bytes per second: exact.
pub const fn bytes_per_second(kbps: u64) -> u64 {
    kbps.saturating_mul(125)
}

/// The kernel's bytes per second in kbit/s: exact for what a plan made, rounded down for others.
pub const fn kbps(bytes_per_second: u64) -> u64 {
    bytes_per_second / 125
}

/// Parameters of a class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class {
    /// Bytes per second, not 0.
    pub rate: u64,
    pub ceil: u64,
    /// Bytes in one turn; 0 = computed by the kernel from the rate.
    pub quantum: u32,
    /// Ticks.
    pub buffer: u32,
    pub cbuffer: u32,
    pub prio: u32,
}

impl Class {
    /// As a plan states it. Bursts are those of `htb_parse_class_opt` in iproute2's `tc/q_htb.c`, `rate / HZ + mtu`
    /// with a timer of 1 ns and 1600 bytes, rounded up to a tick as its `tc_calc_xmittime` does since 6.15. Older
    /// ones cut off to whole microseconds first, which makes bursts of less than a packet, even of 0, above
    /// 10 Gbit/s.
    pub fn of_plan(shape: &Shape) -> Self {
        let (buffer, cbuffer) = shape.ticks();
        Self {
            rate: bytes_per_second(shape.rate_kbps),
            ceil: bytes_per_second(shape.ceil_kbps),
            quantum: shape.quantum,
            buffer,
            cbuffer,
            prio: 0,
        }
    }

    /// Writes it as `TCA_OPTIONS` holds it.
    pub fn write(&self, into: &mut Request) {
        if self.rate > u64::from(u32::MAX) {
            into.u64(RATE64, self.rate);
        }
        if self.ceil > u64::from(u32::MAX) {
            into.u64(CEIL64, self.ceil);
        }
        let mut opt = Vec::with_capacity(OPT);
        for rate in [self.rate, self.ceil] {
            // tc_ratespec: cell_log, linklayer, overhead, cell_align, mpu, rate
            opt.extend_from_slice(&[0, ETHERNET, 0, 0, 0, 0, 0, 0]);
            opt.extend_from_slice(&u32::try_from(rate).unwrap_or(u32::MAX).to_ne_bytes());
        }
        // buffer, cbuffer, quantum, level (the kernel's), prio
        for word in [self.buffer, self.cbuffer, self.quantum, 0, self.prio] {
            opt.extend_from_slice(&word.to_ne_bytes());
        }
        into.attribute(PARMS, &opt);
    }

    /// Reads `TCA_OPTIONS` of a class.
    pub fn read(options: &[u8]) -> Option<Self> {
        let mut opt = None;
        let (mut rate64, mut ceil64) = (None, None);
        for (kind, value) in wire::attributes(options) {
            match kind {
                PARMS => opt = value.get(..OPT),
                RATE64 => rate64 = wire::u64_at(value, 0),
                CEIL64 => ceil64 = wire::u64_at(value, 0),
                _ => {}
            }
        }
        let opt = opt?;
        let word = |at| wire::u32_at(opt, at);
        Some(Self {
            rate: rate64.unwrap_or(u64::from(word(8)?)),
            ceil: ceil64.unwrap_or(u64::from(word(20)?)),
            buffer: word(24)?,
            cbuffer: word(28)?,
            quantum: word(32)?,
            prio: word(40)?,
        })
    }
}

/// Writes the options of an HTB qdisc, in which what names no class passes at once, unshaped and unqueued.
pub fn write_qdisc(into: &mut Request) {
    let mut init = Vec::with_capacity(20);
    // version, rate2quantum, defcls, debug, direct_pkts
    for word in [VERSION, 10, 0, 0, 0] {
        init.extend_from_slice(&word.to_ne_bytes());
    }
    into.attribute(INIT, &init);
}

/// What an HTB qdisc says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Qdisc {
    /// Minor of the class of packets that name none; 0 = they pass at once.
    pub default: u32,
    /// Packets that passed so since the qdisc was made (a 32 bit counter of the kernel).
    pub direct_packets: u32,
    pub direct_qlen: u32,
}

impl Qdisc {
    pub fn read(options: &[u8]) -> Option<Self> {
        let mut init = None;
        let mut direct_qlen = 0;
        for (kind, value) in wire::attributes(options) {
            match kind {
                INIT => init = Some(value),
                DIRECT_QLEN => direct_qlen = wire::u32_at(value, 0)?,
                _ => {}
            }
        }
        let init = init?;
        Some(Self {
            default: wire::u32_at(init, 8)?,
            direct_packets: wire::u32_at(init, 16)?,
            direct_qlen,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::hex;
    use super::*;

    fn shape(rate_kbps: u64, ceil_kbps: u64, quantum: u32) -> Shape {
        Shape {
            rate_kbps,
            ceil_kbps,
            quantum,
            burst: 0,
        }
    }

    fn written(class: &Class) -> Vec<u8> {
        let mut request = Request::new(0, 0);
        class.write(&mut request);
        request.body().to_vec()
    }

    /// What `tc class add ... htb rate 100mbit ceil 200mbit quantum 6000` of iproute2 6.1 sent, less the rate
    /// tables: with the link layer set the kernel does not read them, nor the cell_log and cell_align that say how
    /// they are scaled.
    #[test]
    fn a_class_is_what_tc_sends() {
        let recorded = "30000100\
            03010000ffff000020bcbe00\
            03010000ffff000040787d01\
            d0070000e8030000701700000000000000000000";
        let table_less = recorded.replace("0301", "0001").replace("ffff", "0000");
        assert_eq!(
            written(&Class::of_plan(&shape(100_000, 200_000, 6000))),
            hex(&table_less)
        );
    }

    /// `rate 40gbit ceil 50gbit quantum 60000`: above u32 bytes per second.
    #[test]
    fn rates_above_32_bits_go_beside_the_parameters() {
        let class = Class::of_plan(&shape(40_000_000, 50_000_000, 60_000));
        let bytes = written(&class);
        assert_eq!(
            bytes[..24],
            hex("0c00060000f2052a010000000c000700806e877401000000")
        );
        assert_eq!(bytes[36..40], [0xff; 4]);
        assert_eq!(Class::read(&bytes), Some(class));
        assert_eq!(
            (kbps(class.rate), kbps(class.ceil)),
            (40_000_000, 50_000_000)
        );
    }

    /// One class, as `tc` of iproute2 6.1 made it of `rate 100mbit ceil 200mbit`: 2000 and 1000 ticks.
    #[test]
    fn bursts_are_those_of_tc() {
        let class = Class::of_plan(&shape(100_000, 200_000, 0));
        assert_eq!((class.buffer, class.cbuffer), (2000, 1000));
        let fast = Class::of_plan(&shape(40_000_000, 50_000_000, 0));
        assert!(fast.buffer >= 5 && fast.cbuffer >= 4, "tc 6.1 makes them 0");
    }

    #[test]
    fn rates_of_a_plan_come_back_exactly() {
        for rate in [1, 7, 999, 1_000_000, 34_359_738, 34_359_739, u64::MAX / 125] {
            assert_eq!(kbps(bytes_per_second(rate)), rate);
        }
    }

    /// `tc qdisc add ... htb default 0` of iproute2 6.1.
    #[test]
    fn a_qdisc_is_what_tc_sends() {
        let mut request = Request::new(0, 0);
        write_qdisc(&mut request);
        assert_eq!(
            request.body(),
            hex("18000200030000000a000000000000000000000000000000")
        );
        assert_eq!(
            Qdisc::read(request.body()),
            Some(Qdisc {
                default: 0,
                direct_packets: 0,
                direct_qlen: 0
            })
        );
    }
}
