//! A BPF program as a clsact filter, for kernels without tcx: how it is put, told and taken away. A put replaces
//! the one that is there atomically.

use super::wire::{self, Request, TcMessage};
use super::{Error, Refusal, Socket};

/// `clsact` at an interface: `TC_H_MAKE(TC_H_CLSACT, 0)` at `TC_H_CLSACT`.
const CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// `TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)`
const EGRESS: u32 = 0xffff_fff3;

/// Priority of our filter: it names the chain's place that is ours.
pub const PRIORITY: u16 = 0x5745;
/// Handle of our filter.
pub const HANDLE: u32 = 1;

const KIND: u16 = 1;
const OPTIONS: u16 = 2;

/// `TCA_BPF_*`
mod bpf {
    pub const FD: u16 = 6;
    pub const NAME: u16 = 7;
    pub const FLAGS: u16 = 8;
    pub const TAG: u16 = 10;
    pub const ID: u16 = 11;
    /// `TCA_BPF_FLAG_ACT_DIRECT`: what the program returns is the verdict.
    pub const DIRECT: u32 = 1;
}

/// A BPF filter as the kernel tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BpfFilter {
    pub handle: u32,
    pub priority: u16,
    pub name: String,
    pub tag: [u8; 8],
    pub program: u32,
}

/// Makes the place for filters; whether it was there already is no difference.
pub fn ensure_clsact(socket: &mut Socket, index: u32) -> Result<(), Error> {
    let flags = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
    let mut request = Request::tc(libc::RTM_NEWQDISC, flags, index, CLSACT_HANDLE, CLSACT, 0);
    request.text(KIND, "clsact");
    match socket.one("a clsact qdisc", &request) {
        Err(Error::Refused {
            refusal: Refusal {
                errno: libc::EEXIST,
                ..
            },
            ..
        }) => Ok(()),
        other => other,
    }
}

/// Puts a loaded program at egress, in place of ours if there is one, in one step.
pub fn put(socket: &mut Socket, index: u32, fd: i32, name: &str) -> Result<(), Error> {
    let flags = (libc::NLM_F_CREATE | libc::NLM_F_REPLACE) as u16;
    let mut request = Request::tc(libc::RTM_NEWTFILTER, flags, index, HANDLE, EGRESS, info());
    request.text(KIND, "bpf").nest(OPTIONS, |r| {
        r.u32(bpf::FD, fd as u32)
            .text(bpf::NAME, name)
            .u32(bpf::FLAGS, bpf::DIRECT);
    });
    socket.one("a BPF filter", &request)
}

/// Takes our filter away; nothing else, not even the clsact that it hung at, which others may use.
pub fn delete(socket: &mut Socket, index: u32) -> Result<(), Error> {
    let mut request = Request::tc(libc::RTM_DELTFILTER, 0, index, HANDLE, EGRESS, info());
    request.text(KIND, "bpf");
    match socket.one("the deletion of a BPF filter", &request) {
        Err(Error::Refused { refusal, .. }) if refusal.is_absent() => Ok(()),
        other => other,
    }
}

/// The BPF filters at egress, ours or not.
pub fn all(socket: &mut Socket, index: u32) -> Result<Vec<BpfFilter>, Error> {
    let request = Request::tc(
        libc::RTM_GETTFILTER,
        libc::NLM_F_DUMP as u16,
        index,
        0,
        EGRESS,
        0,
    );
    let told = socket.dump("filters", &request, |message| {
        if message.kind != libc::RTM_NEWTFILTER {
            return None;
        }
        read(TcMessage::read(message.body)?)
    });
    match told {
        // Without clsact there is no such list.
        Err(Error::Refused { refusal, .. }) if refusal.is_absent() => Ok(Vec::new()),
        other => other,
    }
}

fn read(tc: TcMessage<'_>) -> Option<BpfFilter> {
    let mut out = BpfFilter {
        handle: tc.handle,
        priority: (tc.info >> 16) as u16,
        name: String::new(),
        tag: [0; 8],
        program: 0,
    };
    let mut kind = String::new();
    for (attribute, value) in wire::attributes(tc.attributes) {
        match attribute {
            KIND => kind = wire::text(value),
            OPTIONS => {
                for (option, value) in wire::attributes(value) {
                    match option {
                        bpf::NAME => out.name = wire::text(value),
                        bpf::TAG => out.tag = value.try_into().ok()?,
                        bpf::ID => out.program = wire::u32_at(value, 0)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // Each priority is told once more as a chain of its own, without a handle.
    (kind == "bpf" && out.handle != 0).then_some(out)
}

/// Priority, and the protocol: all.
fn info() -> u32 {
    u32::from(PRIORITY) << 16 | u32::from((libc::ETH_P_ALL as u16).to_be())
}
