//! What goes on by itself: the scheduler, and what the console asks of it.
//!
//! `timing` says when, `run` does it (and `moving` its second half), `book` remembers, `scheduler` is the thread, `engine` answers the console,
//! `metrics` Prometheus. What a run does is what the verbs of `cli` do, by the same functions.

pub mod book;
pub mod engine;
pub mod issue;
pub mod metrics;
pub mod moving;
mod reading;
mod record;
pub mod run;
pub mod scheduler;
pub mod signal;
mod timing;
