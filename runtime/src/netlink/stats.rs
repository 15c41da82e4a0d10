//! What passed a qdisc or a class, as the kernel tells it in `TCA_STATS2`.

use weir_plan::kernel::Stats;

use super::wire;

/// `TCA_STATS_BASIC`, `TCA_STATS_QUEUE`, `TCA_STATS_PKT64`
const BASIC: u16 = 1;
const QUEUE: u16 = 3;
const PACKETS64: u16 = 8;

/// Reads `TCA_STATS2`. Packets are 64 bits wide where the kernel says so (it does once they need it), else 32.
pub fn read(stats2: &[u8]) -> Stats {
    let mut stats = Stats::default();
    let mut packets64 = None;
    for (kind, value) in wire::attributes(stats2) {
        let word = |at| wire::u32_at(value, at).unwrap_or(0);
        match kind {
            // gnet_stats_basic: bytes, packets
            BASIC => {
                stats.bytes = wire::u64_at(value, 0).unwrap_or(0);
                stats.packets = u64::from(word(8));
            }
            PACKETS64 => packets64 = wire::u64_at(value, 0),
            // gnet_stats_queue: qlen, backlog, drops, requeues, overlimits
            QUEUE => {
                stats.backlog_packets = word(0);
                stats.backlog_bytes = word(4);
                stats.drops = u64::from(word(8));
                stats.overlimits = u64::from(word(16));
            }
            _ => {}
        }
    }
    if let Some(packets) = packets64 {
        stats.packets = packets;
    }
    stats
}

#[cfg(test)]
mod tests {
    use super::super::wire::Request;
    use super::*;

    #[test]
    fn sixty_four_bits_are_kept() {
        let mut request = Request::new(0, 0);
        let mut basic = Vec::new();
        basic.extend_from_slice(&(1u64 << 40).to_ne_bytes());
        basic.extend_from_slice(&5u32.to_ne_bytes());
        basic.extend_from_slice(&[0; 4]);
        let queue: Vec<u8> = [1u32, 1500, 7, 0, 9]
            .iter()
            .flat_map(|w| w.to_ne_bytes())
            .collect();
        request
            .attribute(BASIC, &basic)
            .u64(PACKETS64, (1 << 33) + 5)
            .attribute(QUEUE, &queue);
        assert_eq!(
            read(request.body()),
            Stats {
                bytes: 1 << 40,
                packets: (1 << 33) + 5,
                drops: 7,
                overlimits: 9,
                backlog_bytes: 1500,
                backlog_packets: 1,
            }
        );
        assert_eq!(read(&[1, 2, 3]), Stats::default());
    }
}
