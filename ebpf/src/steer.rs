//! What the programs at XDP do: send a packet to the CPU that works on its CPU queue, before anything else is done
//! with it. An accelerator; shaping is right without it. Nothing is counted here: the packet comes by again at tc.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_xdp_get_buff_len};
use aya_ebpf::programs::XdpContext;

use crate::classify::classify;
use crate::frame::{Bytes, Packet, Read, Vlans, Way, read};
use crate::maps::{CPUS, QUEUE_CPUS, SETTINGS};
use crate::words::zeroed;

#[inline(always)]
pub fn choose(ctx: &XdpContext, way: Way) -> u32 {
    let vlans = match SETTINGS.get(0) {
        // What arrives from the internet is a download.
        Some(settings) => Vlans {
            down: settings.internet_vlan,
            up: settings.network_vlan,
        },
        None => return XDP_PASS,
    };
    let bytes = Bytes {
        start: ctx.data(),
        end: ctx.data_end(),
        len: whole(ctx),
    };
    let mut place = MaybeUninit::<Packet>::uninit();
    let packet = zeroed(&mut place);
    if read(&bytes, way, vlans, None, packet) != Read::Address {
        return XDP_PASS;
    }
    let Ok(class) = classify(packet) else {
        return XDP_PASS;
    };
    let cpu = match QUEUE_CPUS.get(u32::from(class.entry.queue)) {
        Some(&cpu) if cpu != 0 => cpu - 1,
        _ => return XDP_PASS,
    };
    // SAFETY: no arguments.
    if unsafe { bpf_get_smp_processor_id() } == cpu {
        return XDP_PASS;
    }
    // A CPU the runtime did not put into the map: passed.
    match CPUS.redirect(cpu, XDP_PASS.into()) {
        Ok(action) | Err(action) => action,
    }
}

/// Length of the whole packet, also of what lies in other buffers.
#[inline(always)]
fn whole(ctx: &XdpContext) -> u32 {
    // SAFETY: the context of the program.
    unsafe { bpf_xdp_get_buff_len(ctx.ctx) as u32 }
}
