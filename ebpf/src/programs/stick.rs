//! tc egress of the only interface of a box on a stick: the VLAN a packet leaves in tells where it goes.

use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;

use crate::{egress, frame::Way};

#[classifier]
pub fn weir_stick(ctx: TcContext) -> i32 {
    egress::shape(ctx.skb.skb, Way::Stick)
}
