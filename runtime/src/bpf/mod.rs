//! The eBPF side of this machine: the object is loaded against pinned maps, tables are put into slots, one word
//! chooses among them, programs are attached and replaced in one step.
//!
//! It knows nothing of qdiscs and classes. What is pinned outlives this process: traffic is shaped on while no
//! runtime runs, and the next one takes up what it finds, or refuses what is not its own.

mod btf;
mod counters;
pub mod hook;
mod maps;
mod object;
mod pins;
mod slot;
pub mod steer;
#[expect(
    unsafe_code,
    reason = "`bpf(2)` and `mmap(2)` take pointers; each block says why its own are right"
)]
mod sys;

use std::io;
use std::path::PathBuf;

pub use hook::{Attached, Hooks};
pub use maps::{Maps, barrier};
pub use object::Object;
pub use pins::Pins;

/// What can go wrong between this process and `bpf(2)`.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    #[error(
        "{path} is not on a BPF file system: mount one with `mount -t bpf bpf /sys/fs/bpf` and try again",
        path = .0.display()
    )]
    NotBpffs(PathBuf),
    #[error("cannot make {path}: {source}; the BPF file system must be writable by the runtime",
        path = .path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// A pin of this name is there and was made by something else.
    #[error(
        "{path} is not a pin of this runtime: {detail}. Nothing was changed; move the runtime to another directory \
         (`kernel.pins`), or remove the pin if you know what made it",
        path = .path.display()
    )]
    Foreign { path: PathBuf, detail: String },
    #[error(
        "the pinned maps were filled by a runtime of ABI version {found}, and this one has {ours}: detach with \
         the runtime that made them, then apply with this one",
        ours = weir_abi::ABI_VERSION
    )]
    OtherAbi { found: u32 },
    #[error("the kernel refused the eBPF object: {0}")]
    Object(String),
    #[error("slot {0} is the active one: it is not written to")]
    ActiveSlot(u32),
    #[error("there is no slot {0}")]
    NoSlot(u32),
    #[error("slot {0} is empty: no packet would be shaped")]
    EmptySlot(u32),
    #[error("the address table is not as it was when it was checked: {0}")]
    Table(String),
    #[error(
        "the address table in the kernel is not what was written: SHA-256 {found} instead of {written}"
    )]
    ReadBack { written: String, found: String },
    #[error("{digest:?} is no payload digest: 64 lower-case hexadecimal digits")]
    Digest { digest: String },
    #[error("{doing}: {source}")]
    Os { doing: String, source: io::Error },
    #[error(transparent)]
    Netlink(#[from] crate::netlink::Error),
}

impl Error {
    fn os(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Os { doing, source }
    }

    /// As `errno.h` has it, where the kernel said one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::Directory { source, .. } | Error::Os { source, .. } => source.raw_os_error(),
            Error::Netlink(crate::netlink::Error::Refused { refusal, .. }) => Some(refusal.errno),
            _ => None,
        }
    }
}
