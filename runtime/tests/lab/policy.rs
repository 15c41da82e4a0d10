//! What becomes of which frame: the table in `docs/dataplane.md`, as code that makes the frames of each row. A
//! test holds the page to this, and another the programs.

use std::net::{Ipv4Addr, Ipv6Addr};

use weir_abi::maps::Outcome;

use super::frames::*;
use super::world::{v4, v6};

pub struct Row {
    /// As in the table.
    pub frames: &'static str,
    pub outcome: Outcome,
    /// Why, as in the table.
    pub why: &'static str,
    pub make: fn(&Make) -> Vec<Vec<u8>>,
}

/// A direction to make frames for; on a stick with the tag that tells it.
#[derive(Clone, Copy)]
pub struct Make {
    pub up: bool,
    pub vlan: Option<u16>,
}

pub const INTERNET_VLAN: u16 = 100;
pub const NETWORK_VLAN: u16 = 200;

/// Of a circuit, and of none.
const CIRCUIT_V4: [&str; 3] = ["10.1.2.7", "10.1.2.130", "100.64.3.255"];
const CIRCUIT_V6: [&str; 3] = ["2001:db8:1:2::5", "2001:db8:1:2::6", "2001:db8:8000:ff::1"];
const STRANGERS_V4: [&str; 3] = ["10.2.0.1", "203.0.113.9", "224.0.0.251"];
const STRANGERS_V6: [&str; 3] = ["2001:db8:2::1", "fe80::1", "2001:db8:8000:100::"];

pub const ROWS: &[Row] = &[
    Row {
        frames: "IPv4, IPv6 of a circuit",
        outcome: Outcome::Shaped,
        why: "the longest prefix around the subscriber's address: destination of downloads, source of uploads",
        make: |make| make.each(|make, ip| vec![make.frame(&[], ip)]),
    },
    Row {
        frames: "the same in up to four VLAN tags (802.1Q, 802.1AD)",
        outcome: Outcome::Shaped,
        why: "the tag that the kernel keeps beside the packet is one of them",
        make: |make| {
            make.each(|make, ip| {
                let tags = [
                    Layer::Tag(AD, 7),
                    Layer::Tag(Q, 0xe009),
                    Layer::Tag(Q, 0),
                    Layer::Tag(AD, 4095),
                ];
                let room = 4 - usize::from(make.vlan.is_some());
                (1..=room)
                    .map(|n| make.frame(&tags[..n], ip.clone()))
                    .collect()
            })
        },
    },
    Row {
        frames: "the same in a PPPoE session, also within tags",
        outcome: Outcome::Shaped,
        why: "also with the protocol in one byte, which Linux accepts from whoever sends it",
        make: |make| {
            make.each(|make, ip| {
                vec![
                    make.frame(&[Layer::Pppoe], ip.clone()),
                    make.frame(&[Layer::PppoeShort], ip.clone()),
                    make.frame(&[Layer::Tag(Q, 5), Layer::Pppoe], ip.clone()),
                    make.frame(
                        &[Layer::Tag(AD, 5), Layer::Tag(Q, 6), Layer::PppoeShort],
                        ip,
                    ),
                ]
            })
        },
    },
    Row {
        frames: "IPv4 with options, IPv4 fragments",
        outcome: Outcome::Shaped,
        why: "nobody leaves a class by what stands behind an address; fragments count by their addresses",
        make: |make| {
            let subscriber = v4(CIRCUIT_V4[0]);
            let mut frames = Vec::new();
            for options in [4, 12, 40] {
                let packet = make.v4(subscriber, TCP, &vec![1; options], &ports(1, 2));
                frames.push(make.ethernet(&[], IPV4, &packet));
            }
            for field in [0x2000_u16, 0x2001, 0x00b9, 0x4000, 0xffff] {
                let mut packet = make.v4(subscriber, UDP, &[], &ports(1, 2));
                packet[6..8].copy_from_slice(&field.to_be_bytes());
                frames.push(make.ethernet(&[], IPV4, &packet));
            }
            frames
        },
    },
    Row {
        frames: "IPv6 with extension headers, whatever is in them",
        outcome: Outcome::Shaped,
        why: "the same: they are read for the ports of a sampled flow only, up to eight",
        make: |make| {
            let subscriber = v6(CIRCUIT_V6[0]);
            let chain = |kinds: &[u8]| {
                let mut bytes = Vec::new();
                for (n, _) in kinds.iter().enumerate() {
                    let next = kinds.get(n + 1).copied().unwrap_or(TCP);
                    bytes.extend(extension(next, 1 + n as u8 % 3));
                }
                bytes.extend(ports(1, 2));
                make.v6(subscriber, kinds[0], &bytes)
            };
            let mut frames: Vec<_> = [&[0_u8][..], &[0, 43, 60], &[60; 8], &[60; 9], &[43; 30]]
                .iter()
                .map(|kinds| make.ethernet(&[], IPV6, &chain(kinds)))
                .collect();
            for (offset, more) in [(0, true), (185, true), (185, false), (0, false)] {
                let mut bytes = fragment(UDP, offset, more);
                bytes.extend(ports(1, 2));
                frames.push(make.ethernet(&[], IPV6, &make.v6(subscriber, 44, &bytes)));
            }
            // Cut off within, and a length that leads beyond the packet.
            for bytes in [&[TCP, 0, 0][..], &[TCP, 255, 0, 0, 0, 0, 0, 0], &[]] {
                for next in [0, 43, 44, 51, 60] {
                    frames.push(make.ethernet(&[], IPV6, &make.v6(subscriber, next, bytes)));
                }
            }
            frames
        },
    },
    Row {
        frames: "padding behind the IP packet or the PPPoE session",
        outcome: Outcome::Shaped,
        why: "short frames have it",
        make: |make| {
            make.each(|make, ip| {
                [&[][..], &[Layer::Pppoe]]
                    .iter()
                    .map(|layers| {
                        let mut frame = make.frame(layers, ip.clone());
                        frame.extend([0; 46]);
                        frame
                    })
                    .collect()
            })
        },
    },
    Row {
        frames: "IPv4, IPv6 of an address in no circuit",
        outcome: Outcome::Unknown,
        why: "remembered in `weir_unknown`, unless it can be nobody's: multicast, broadcast, loopback, link-local, none",
        make: |make| {
            let mut frames = Vec::new();
            for stranger in STRANGERS_V4 {
                let packet = make.v4(v4(stranger), TCP, &[], &ports(1, 2));
                frames.push(make.ethernet(&[], IPV4, &packet));
                frames.push(make.ethernet(&[Layer::Pppoe], IPV4, &packet));
            }
            for stranger in STRANGERS_V6 {
                let packet = make.v6(v6(stranger), TCP, &ports(1, 2));
                frames.push(make.ethernet(&[], IPV6, &packet));
                frames.push(make.ethernet(&[Layer::Tag(Q, 3)], IPV6, &packet));
            }
            frames
        },
    },
    Row {
        frames: "ARP, PPPoE discovery, PPP other than IP, MPLS, LLDP, IEEE 802.3 and whatever else is not IP",
        outcome: Outcome::NotIp,
        why: "the network needs it, and it has no address to look up",
        make: |make| {
            let payload = [0x45_u8; 60];
            let mut frames: Vec<_> = [
                ARP,
                PPPOE_DISCOVERY,
                0x8847,
                0x8848,
                0x88cc,
                0x05dc,
                38,
                0,
                0xffff,
                0x0801,
                0x9100,
            ]
            .iter()
            .map(|&kind| make.ethernet(&[], kind, &payload))
            .collect();
            // LCP, IPCP, and protocols of one byte.
            for protocol in [
                &[0xc0, 0x21][..],
                &[0x80, 0x21],
                &[0x21, 0x21],
                &[0x57, 0x57],
                &[0x3d],
                &[0xfd],
            ] {
                // 0x21 and 0x57 alone would be IP.
                let protocol = if protocol[0] == 0x21 || protocol[0] == 0x57 {
                    &[0x01, 0x21][..]
                } else {
                    protocol
                };
                let session = pppoe(0x1100, protocol.len() + payload.len(), protocol, &payload);
                frames.push(make.ethernet(&[], PPPOE, &session));
            }
            frames.push(make.ethernet(&[Layer::Tag(Q, 3)], ARP, &payload));
            frames
        },
    },
    Row {
        frames: "more than four VLAN tags",
        outcome: Outcome::TooDeep,
        why: "no network has them, and every loop in the kernel has an end",
        make: |make| {
            make.each(|make, ip| {
                let tags = [Layer::Tag(Q, 3); 12];
                [5, 6, 12]
                    .iter()
                    .map(|&n| make.frame(&tags[..n], ip.clone()))
                    .collect()
            })
        },
    },
    Row {
        frames: "a frame that ends before its IP packet does, wherever",
        outcome: Outcome::Malformed,
        why: "routers and hosts drop it; it is in no map but the totals",
        make: |make| {
            make.each(|make, ip| {
                let mut frames = Vec::new();
                for layers in [&[][..], &[Layer::Pppoe]] {
                    let frame = make.frame(layers, ip.clone());
                    // Before that a tag or the ethertype is incomplete, or there is no frame.
                    let from = if make.vlan.is_some() { 18 } else { 14 };
                    frames.extend((from..frame.len()).map(|len| frame[..len].to_vec()));
                }
                frames
            })
        },
    },
    Row {
        frames: "an IP version that is not that of the ethertype or of the PPP protocol",
        outcome: Outcome::Malformed,
        why: "",
        make: |make| {
            let mut frames = Vec::new();
            for (kind, versions) in [(IPV4, [0x65_u8, 0x05]), (IPV6, [0x45, 0xf0])] {
                for version in versions {
                    for layers in [&[][..], &[Layer::Pppoe]] {
                        let mut packet = if kind == IPV4 {
                            make.v4(v4(CIRCUIT_V4[0]), TCP, &[], &ports(1, 2))
                        } else {
                            make.v6(v6(CIRCUIT_V6[0]), TCP, &ports(1, 2))
                        };
                        packet[0] = version;
                        frames.push(make.ethernet(layers, kind, &packet));
                    }
                }
            }
            frames
        },
    },
    Row {
        frames: "IPv4 with a header of less than 20 bytes, or longer than the packet",
        outcome: Outcome::Malformed,
        why: "",
        make: |make| {
            let mut frames = Vec::new();
            for version in (0x40..=0x44).chain([0x4b, 0x4f]) {
                let mut packet = make.v4(v4(CIRCUIT_V4[0]), TCP, &[], &ports(1, 2));
                packet[0] = version;
                frames.push(make.ethernet(&[], IPV4, &packet));
            }
            frames
        },
    },
    Row {
        frames: "an IP length that is longer than the frame; of IPv4, shorter than the header",
        outcome: Outcome::Malformed,
        why: "but for one of 0 in more than 65,535 bytes, which the kernel merged of several packets (\"BIG TCP\")",
        make: |make| {
            let mut frames = Vec::new();
            for change in [1_u16, 2, 1000, 0x8000] {
                let mut packet = make.v4(v4(CIRCUIT_V4[0]), TCP, &[], &ports(1, 2));
                let length = (packet.len() as u16).wrapping_add(change);
                packet[2..4].copy_from_slice(&length.to_be_bytes());
                frames.push(make.ethernet(&[], IPV4, &packet));
                let mut packet = make.v6(v6(CIRCUIT_V6[0]), TCP, &ports(1, 2));
                let length = (packet.len() as u16 - 40).wrapping_add(change);
                packet[4..6].copy_from_slice(&length.to_be_bytes());
                frames.push(make.ethernet(&[], IPV6, &packet));
            }
            for length in [0_u16, 1, 19] {
                let mut packet = make.v4(v4(CIRCUIT_V4[0]), TCP, &[], &ports(1, 2));
                packet[2..4].copy_from_slice(&length.to_be_bytes());
                frames.push(make.ethernet(&[], IPV4, &packet));
            }
            frames
        },
    },
    Row {
        frames: "a PPPoE session whose version, type or code is not that of data",
        outcome: Outcome::Malformed,
        why: "",
        make: |make| {
            let packet = make.v4(v4(CIRCUIT_V4[0]), TCP, &[], &ports(1, 2));
            [0x1000_u16, 0x0100, 0x2100, 0x1200, 0x1109, 0x11a7]
                .iter()
                .map(|&head| {
                    let session = pppoe(head, 2 + packet.len(), &[0, 0x21], &packet);
                    make.ethernet(&[], PPPOE, &session)
                })
                .collect()
        },
    },
    Row {
        frames: "a PPPoE length that is longer than the frame, or shorter than what is in the session",
        outcome: Outcome::Malformed,
        why: "",
        make: |make| {
            let packet = make.v4(v4(CIRCUIT_V4[0]), TCP, &[], &ports(1, 2));
            [0, 1, 2, 21, 1 + packet.len(), 3 + packet.len(), 0xffff]
                .iter()
                .map(|&length| {
                    let session = pppoe(0x1100, length, &[0, 0x21], &packet);
                    make.ethernet(&[], PPPOE, &session)
                })
                .collect()
        },
    },
];

/// Rows that depend on more than the frame.
pub const OTHER_ROWS: &[(&str, Outcome, &str)] = &[
    (
        "on a stick: a VLAN that is neither of the two, a priority tag, no tag",
        Outcome::OtherVlan,
        "the outermost tag decides, without its priority bits",
    ),
    ("IP, while no generation is active", Outcome::NoTable, ""),
    (
        "IP, with a table that contradicts itself or is not there",
        Outcome::BadTable,
        "never from an artifact: `weir run` proves a table before the kernel gets it",
    ),
];

impl Make {
    /// Frames around an IP packet of every circuit of the tests.
    fn each(&self, frames: impl Fn(&Make, (u16, Vec<u8>)) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for address in CIRCUIT_V4 {
            let packet = self.v4(v4(address), TCP, &[], &ports(4000, 80));
            all.extend(frames(self, (IPV4, packet)));
        }
        for address in CIRCUIT_V6 {
            let packet = self.v6(v6(address), UDP, &ports(4000, 443));
            all.extend(frames(self, (IPV6, packet)));
        }
        all
    }

    fn frame(&self, layers: &[Layer], (kind, packet): (u16, Vec<u8>)) -> Vec<u8> {
        self.ethernet(layers, kind, &packet)
    }

    /// With the tag of the direction outermost, on a stick.
    pub fn ethernet(&self, layers: &[Layer], kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut all: Vec<Layer> = self
            .vlan
            .map(|vlan| Layer::Tag(Q, 0x6000 | vlan))
            .into_iter()
            .collect();
        all.extend(layers);
        ethernet(&all, kind, payload)
    }

    pub fn v4(
        &self,
        subscriber: Ipv4Addr,
        protocol: u8,
        options: &[u8],
        payload: &[u8],
    ) -> Vec<u8> {
        let remote = v4("198.51.100.1");
        let (from, to) = if self.up {
            (subscriber, remote)
        } else {
            (remote, subscriber)
        };
        ipv4(from, to, protocol, options, payload)
    }

    pub fn v6(&self, subscriber: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
        let remote = v6("2001:db8:ffff::1");
        let (from, to) = if self.up {
            (subscriber, remote)
        } else {
            (remote, subscriber)
        };
        ipv6(from, to, next, payload)
    }
}

/// The table of the page.
pub fn table() -> String {
    let mut text = String::from("| frame | outcome | |\n|---|---|---|\n");
    let rows = ROWS
        .iter()
        .map(|row| (row.frames, row.outcome, row.why))
        .chain(OTHER_ROWS.iter().copied());
    for (frames, outcome, why) in rows {
        text.push_str(&format!("| {frames} | {} | {why} |\n", name(outcome)));
    }
    text
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Shaped => "shaped",
        Outcome::Unknown => "unknown",
        Outcome::NotIp => "not IP",
        Outcome::Malformed => "malformed",
        Outcome::TooDeep => "too deep",
        Outcome::OtherVlan => "other VLAN",
        Outcome::NoTable => "no table",
        Outcome::BadTable => "bad table",
    }
}
