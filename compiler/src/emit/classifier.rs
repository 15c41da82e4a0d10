//! `classifier.bin` (`weir.classifier/1`): the frozen address table, which the kernel reads as it is. The layout is
//! that of `weir_abi::table`; here is only what it is filled with: every prefix of every shaped circuit, the class of
//! the circuit, and the numbers of the CPU queues.
//!
//! A plan with numbers that ran out, or with more prefixes or lengths than a table holds, has none: the file is
//! empty then, and the build is refused, with [`build`]'s error where nothing else says why.

use ipnet::IpNet;
use rayon::prelude::*;
use weir_abi::table::{BuildError, Builder, Entry, Prefix, Queue, to_bytes};

use crate::config::project::ShaperMode;
use crate::emit::view::View;
use crate::lint::rule::Stages;
use crate::units::Pair;

pub(super) fn emit(view: &View<'_>) -> Vec<u8> {
    build(view).unwrap_or_default()
}

/// Why there is no table for these stages.
pub fn fault(stages: &Stages<'_>) -> Option<BuildError> {
    build(&View::new(stages)).err()
}

fn build(view: &View<'_>) -> Result<Vec<u8>, BuildError> {
    let layout = view.stages.layout;
    let queues: Vec<Queue> = (0..=u16::MAX)
        .zip(&layout.majors)
        .map(|(queue, majors)| queue_of(view, queue, *majors))
        .collect();
    // Beyond u32 there are more than any limit.
    let circuits = u32::try_from(view.placed.len()).unwrap_or(u32::MAX);
    let prefixes: Vec<(Prefix, Entry)> = (0..circuits)
        .into_par_iter()
        .zip(&view.placed)
        .flat_map_iter(|(circuit, placed)| {
            let slot = layout.circuits[placed.ix.ix()];
            // No class: the builder refuses minor 0.
            let (minor, queue) = slot.map_or((0, 0), |slot| (slot.minor, slot.queue));
            let entry = Entry {
                minor,
                queue,
                circuit,
            };
            let devices = placed.circuit.devices.iter();
            devices
                .flat_map(|device| &device.addresses)
                .map(move |net| (prefix(net), entry))
        })
        .collect();
    let mut builder = Builder::new(&queues, circuits);
    for (prefix, entry) in prefixes {
        builder.add(prefix, entry);
    }
    Ok(to_bytes(&builder.finish()?))
}

/// The HTBs of a queue hang under the transmit queue of its own number; on a stick, where both directions leave by
/// one interface, those of uploads under the second half.
fn queue_of(view: &View<'_>, queue: u16, majors: Pair<u16>) -> Queue {
    let shaper = view.stages.project.target.shaper.as_ref();
    let above = match shaper.map(|shaper| shaper.mode) {
        Some(ShaperMode::Stick { .. }) => view.stages.layout.majors.len(),
        Some(ShaperMode::Bridge) | None => 0,
    };
    // More queues than majors were refused.
    let above = u16::try_from(above).unwrap_or(u16::MAX);
    Queue {
        major_down: majors.down,
        major_up: majors.up,
        tx_down: queue,
        tx_up: queue.saturating_add(above),
    }
}

fn prefix(net: &IpNet) -> Prefix {
    let len = net.prefix_len();
    match net.network() {
        std::net::IpAddr::V4(address) => Prefix::V4 {
            address: address.to_bits(),
            len,
        },
        std::net::IpAddr::V6(address) => {
            let bits = address.to_bits();
            Prefix::V6 {
                upper: (bits >> 64) as u64,
                lower: bits as u64,
                len,
            }
        }
    }
}
