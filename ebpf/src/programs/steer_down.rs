//! XDP of the interface towards the internet: what arrives there is a download.

use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

use crate::{frame::Way, steer};

#[xdp(frags)]
pub fn weir_steer_down(ctx: XdpContext) -> u32 {
    steer::choose(&ctx, Way::Down)
}
