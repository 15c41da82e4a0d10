//! Following a channel: which generation is to be in the kernel, bringing it there, watching it, and going back.

pub mod course;
pub mod lineage;
pub mod memory;
pub mod run;
pub mod shaper;
pub mod swapper;
#[cfg(test)]
pub mod testing;
