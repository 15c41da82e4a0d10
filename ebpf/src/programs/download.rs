//! tc egress of the interface towards the subscribers: what leaves there is a download.

use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;

use crate::{egress, frame::Way};

#[classifier]
pub fn weir_download(ctx: TcContext) -> i32 {
    egress::shape(ctx.skb.skb, Way::Down)
}
