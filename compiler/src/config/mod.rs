//! `weir.toml`: as written (spanned), and resolved into a [`project::Project`] in which nothing is optional.

pub mod project;
