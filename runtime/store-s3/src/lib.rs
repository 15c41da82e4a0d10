//! Artifacts and channels in an S3-compatible store: what [`weir_store`] keeps in a directory, over `object_store`.
//!
//! A crate of its own, so that no HTTP gets into the runtime.
