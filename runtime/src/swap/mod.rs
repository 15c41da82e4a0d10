//! The swap: a plan is carried out on a kernel, read back, and undone when it fails.

mod kernel;

pub use kernel::{ErrorKind, Generation, Kernel, KernelError};
