//! The web console: pages drawn on the server, each with a JSON twin.
//!
//! It shows what it is given and asks its caller ([`engine::Engine`]) for what changes something; it compiles nothing,
//! and holds no capability. Artifacts, heads and journals it reads from the store itself, the runtime's state from its
//! socket.

mod config;
mod digest;
pub mod engine;
mod server;
pub mod users;

pub use config::{Config, ConfigError};
pub use server::{Console, serve};
