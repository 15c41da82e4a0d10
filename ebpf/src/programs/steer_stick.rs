//! XDP of the only interface of a box on a stick: the VLAN a packet arrives in tells where it comes from. The
//! driver must leave the tag in the packet (`rxvlan off`).

use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

use crate::{frame::Way, steer};

#[xdp(frags)]
pub fn weir_steer_stick(ctx: XdpContext) -> u32 {
    steer::choose(&ctx, Way::Stick)
}
