//! What a swap needs of a kernel. The live one speaks netlink and `bpf(2)`; tests have one that fails on demand.

use std::time::Duration;

use weir_abi::ClassId;
use weir_plan::Action;
use weir_plan::kernel::{Device, Observation};

/// A kernel. Only one swap at a time uses it: whoever calls holds the lock.
pub trait Kernel {
    /// Everything on these interfaces, in this order, and all slots. Changes nothing. An interface that does not
    /// exist is an answer and not an error. With no interface it is cheap: slots only.
    fn observe(&mut self, devices: &[Device]) -> Result<Observation, KernelError>;

    /// The same as [`Kernel::observe`], from memory where nothing was heard to have changed since. What is decided by it
    /// is read back afterwards.
    fn recall(&mut self, devices: &[Device]) -> Result<Observation, KernelError> {
        self.observe(devices)
    }

    /// Enough of these interfaces to see what these acts did: what they did not touch may be left out.
    fn look(
        &mut self,
        devices: &[Device],
        _actions: &[Action],
    ) -> Result<Observation, KernelError> {
        self.observe(devices)
    }

    /// Does these in order, and answers for each: as many answers as actions. Goes on after an action that failed.
    /// An answer is not proof: whoever needs to know observes. `generation` is what [`Action::LoadTable`] loads:
    /// without it, that act fails. [`Action::Drain`] is done by the caller, with [`Kernel::waiting`].
    fn apply(
        &mut self,
        actions: &[Action],
        generation: Option<&Generation<'_>>,
    ) -> Vec<Result<(), KernelError>>;

    /// Packets that wait now in the leaves of these classes of an interface. A class that is not there has none.
    fn waiting(&mut self, device: &str, classes: &[ClassId]) -> Result<u64, KernelError>;

    /// Identifies this boot: everything in the kernel is gone when it is another one.
    fn boot_id(&mut self) -> Result<String, KernelError>;

    /// Time since some moment of this boot; never falls.
    fn now(&mut self) -> Duration;

    /// Waits so long.
    fn sleep(&mut self, time: Duration);
}

/// What is loaded into a slot.
#[derive(Clone, Copy, Debug)]
pub struct Generation<'a> {
    /// Payload digest, 64 lower-case hexadecimal digits.
    pub digest: &'a str,
    /// The bytes of `classifier.bin`, checked.
    pub table: &'a [u8],
}

/// The kernel said no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
pub struct KernelError {
    pub kind: ErrorKind,
    /// What was asked, with its object: `add class 1:1a on eth1`.
    pub doing: String,
    /// What the kernel said, in its words where it has some, and what to do about it where that is known.
    pub reason: String,
}

/// As far as it decides what is done next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// ENODEV, ENXIO: the interface is gone.
    NoDevice,
    /// ENOMEM, ENOSPC, ENOBUFS, E2BIG: no room. Removing what is kept for going back may help.
    Full,
    /// EBUSY, EINTR, EAGAIN: asking again may help.
    Busy,
    /// EPERM, EACCES: a capability is missing.
    Denied,
    /// EOPNOTSUPP, ENOENT of a module, a program that does not load: this kernel cannot.
    Unsupported,
    Other,
}
