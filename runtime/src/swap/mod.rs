//! The swap: a plan is carried out on a kernel, read back, and undone when it fails.
//!
//! A caller takes the lock ([`State::open`]), ends what an earlier process left ([`recover()`]), and brings
//! generations in ([`apply`]); when the way back is not needed any more it removes what was kept for it
//! ([`reclaim`]). Nothing here reads a store, follows a channel or decides what is to be loaded.

#[cfg(test)]
mod fake;
mod journal;
mod kernel;
mod recover;
mod run;
#[cfg(test)]
mod tests;

pub use journal::{Intent, Mark, STATE_DIR, State, StateError};
pub use kernel::{ErrorKind, Generation, Kernel, KernelError};
pub use recover::{Recovered, recover};
pub use run::{Artifact, SwapError, SwapOptions, Swapped, apply, detach, dry_run, reclaim};
