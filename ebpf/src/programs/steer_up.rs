//! XDP of the interface towards the subscribers: what arrives there is an upload.

use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

use crate::{frame::Way, steer};

#[xdp(frags)]
pub fn weir_steer_up(ctx: XdpContext) -> u32 {
    steer::choose(&ctx, Way::Up)
}
