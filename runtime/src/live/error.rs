//! What the kernel said, sorted by what can be done about it.

use std::fmt::Display;

use weir_plan::Action;
use weir_plan::kernel::{Active, Parent};

use crate::swap::{ErrorKind, KernelError};
use crate::{bpf, netlink};

pub fn error(kind: ErrorKind, doing: &str, reason: impl Display) -> KernelError {
    KernelError {
        kind,
        doing: doing.to_owned(),
        reason: reason.to_string(),
    }
}

pub fn netlink_error(doing: &str) -> impl FnOnce(netlink::Error) -> KernelError + '_ {
    move |source| match &source {
        netlink::Error::Refused { refusal, .. } => refused(doing, refusal),
        netlink::Error::Open(io) | netlink::Error::Receive(io) => {
            error(kind(io.raw_os_error()), doing, &source)
        }
        netlink::Error::Send { source: io, .. } => error(kind(io.raw_os_error()), doing, &source),
        netlink::Error::Interrupted { .. } => error(ErrorKind::Busy, doing, &source),
        netlink::Error::Malformed { .. } => error(ErrorKind::Other, doing, &source),
    }
}

pub fn refused(doing: &str, refusal: &netlink::Refusal) -> KernelError {
    // A module that is not there comes as ENOENT, like a class that is not there; only the text tells.
    let unknown = refusal.text.contains("kind is unknown");
    if unknown {
        let reason = format!("{refusal}: this kernel has no such qdisc; is its module installed?");
        return error(ErrorKind::Unsupported, doing, reason);
    }
    error(kind(Some(refusal.errno)), doing, refusal)
}

pub fn bpf_error(doing: &str) -> impl FnOnce(bpf::Error) -> KernelError + '_ {
    move |source| {
        let kind = match &source {
            bpf::Error::Object(_) | bpf::Error::NotBpffs(_) | bpf::Error::OtherAbi { .. } => {
                ErrorKind::Unsupported
            }
            other => kind(other.errno()),
        };
        error(kind, doing, source)
    }
}

fn kind(errno: Option<i32>) -> ErrorKind {
    match errno {
        Some(libc::ENODEV | libc::ENXIO) => ErrorKind::NoDevice,
        Some(libc::ENOMEM | libc::ENOSPC | libc::ENOBUFS | libc::E2BIG) => ErrorKind::Full,
        Some(libc::EBUSY | libc::EINTR | libc::EAGAIN) => ErrorKind::Busy,
        Some(libc::EPERM | libc::EACCES) => ErrorKind::Denied,
        Some(libc::EOPNOTSUPP | libc::ENOSYS) => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}

/// An act with its object, for people.
pub fn doing(action: &Action) -> String {
    let at = |parent: &Parent| match parent {
        Parent::Root => "the root".to_owned(),
        Parent::Ingress => "ingress".to_owned(),
        Parent::Class(id) => id.to_string(),
    };
    match action {
        Action::AddMq { device } => format!("add mq to {device}"),
        Action::RemoveMq { device } => format!("remove mq from {device}"),
        Action::AddHtb {
            device,
            major,
            parent,
        } => {
            format!("add htb {major:x}: at {} of {device}", at(parent))
        }
        Action::RemoveHtb {
            device,
            major,
            parent,
        } => {
            format!("remove htb {major:x}: at {} of {device}", at(parent))
        }
        Action::AddClass { device, id, .. } => format!("add class {id} on {device}"),
        Action::ChangeClass { device, id, .. } => format!("change class {id} on {device}"),
        Action::RemoveClass { device, id } => format!("remove class {id} from {device}"),
        Action::AddLeaf {
            device,
            class,
            leaf,
        } => {
            format!(
                "add {} {:x}: to class {class} on {device}",
                leaf.kind, leaf.handle
            )
        }
        Action::ChangeLeaf {
            device,
            class,
            leaf,
        } => {
            format!(
                "change {} {:x}: of class {class} on {device}",
                leaf.kind, leaf.handle
            )
        }
        Action::ReplaceLeaf {
            device,
            class,
            leaf,
        } => {
            format!(
                "put {} {:x}: at class {class} on {device}",
                leaf.kind, leaf.handle
            )
        }
        Action::RemoveLeaf {
            device,
            class,
            handle,
        } => {
            format!("remove leaf {handle:x}: of class {class} on {device}")
        }
        Action::LoadTable { slot, .. } => format!("load the address table into slot {slot}"),
        Action::ClearSlot { slot } => format!("empty slot {slot}"),
        Action::SetVlans {
            vlans: [internet, network],
        } => {
            format!("tell the programs VLANs {internet} and {network}")
        }
        Action::Attach { device, program } => {
            format!("attach {} to {device}", bpf::hook::name(*program))
        }
        Action::Detach { device } => format!("detach the program of {device}"),
        Action::Flip {
            to: Active::Nothing,
        } => "let everything pass unshaped".to_owned(),
        Action::Flip {
            to: Active::Slot(slot),
        } => format!("flip to slot {slot}"),
        Action::Barrier => "wait for running programs".to_owned(),
        Action::Drain { device, classes } => format!("drain {} classes of {device}", classes.len()),
    }
}
