//! The web console: pages drawn on the server, each with a JSON twin.
//!
//! It shows what it is given and asks its caller ([`engine::Engine`]) for what changes something; it compiles nothing,
//! and holds no capability. Artifacts, heads and journals it reads from the store itself, the runtime's state from its
//! socket.

pub mod alarms;
mod app;
mod ask;
mod assets;
mod config;
mod digest;
pub mod engine;
mod eyes;
mod frame;
mod gate;
mod geo;
mod index;
mod live;
mod pages;
mod routes;
mod server;
mod session;
mod show;
mod stock;
mod throttle;
mod userfile;
pub mod users;
mod world;

pub use config::{Config, ConfigError};
pub use gate::POLICY;
pub use routes::{Access, ROUTES, Route};
pub use server::{Console, Said, serve};
pub use stock::Stock;
