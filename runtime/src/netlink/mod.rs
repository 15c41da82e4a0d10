//! The kernel's traffic control over netlink: sockets that send batches and collect every refusal, and one encoder
//! and decoder for each thing a plan can make.
//!
//! It knows the kernel's units (bytes per second, ticks of 64 ns) and nothing of plans: what to do, and in which
//! order, is decided elsewhere. Links are read with `netlink-packet-route`; HTB, `mq`, CAKE and fq_codel are
//! encoded here, since no crate writes them.

pub mod cake;
pub mod filter;
pub mod fq_codel;
pub mod htb;
pub mod leaf;
pub mod link;
pub mod socket;
pub mod stats;
pub mod tc;
pub mod watch;
pub mod wire;
mod words;

use std::fmt;
use std::io;

pub use socket::Socket;

/// What can go wrong between this process and the kernel's netlink.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    #[error("cannot open a netlink socket: {0}")]
    Open(#[source] io::Error),
    #[error("cannot send {bytes} bytes to the kernel's netlink: {source}")]
    Send { bytes: usize, source: io::Error },
    #[error("cannot read the kernel's netlink answer: {0}")]
    Receive(#[source] io::Error),
    /// The answer says so itself.
    #[error("the kernel refused {what}: {refusal}")]
    Refused {
        what: &'static str,
        refusal: Refusal,
    },
    /// The state changed while it was read, each time.
    #[error(
        "the list of {what} changed while it was read, {times} times in a row: something else is changing traffic \
         control; stop it and try again"
    )]
    Interrupted { what: &'static str, times: u32 },
    #[error("the kernel's answer about {what} is not as expected: {detail}")]
    Malformed { what: &'static str, detail: String },
}

/// The kernel's word on one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// As in `errno.h`, positive.
    pub errno: i32,
    /// What the kernel says about it, where it does.
    pub text: String,
}

impl Refusal {
    /// The kernel has no such thing (any more).
    pub fn is_absent(&self) -> bool {
        matches!(self.errno, libc::ENOENT | libc::ENODEV | libc::EINVAL)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let os = io::Error::from_raw_os_error(self.errno);
        if self.text.is_empty() {
            write!(f, "{os}")
        } else {
            write!(f, "{} ({os})", self.text)
        }
    }
}
