//! tc egress of the interface towards the internet: what leaves there is an upload.

use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;

use crate::{egress, frame::Way};

#[classifier]
pub fn weir_upload(ctx: TcContext) -> i32 {
    egress::shape(ctx.skb.skb, Way::Up)
}
