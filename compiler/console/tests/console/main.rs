//! The console from the outside: a real server on loopback, a real store, a runtime's socket, and a caller that is made
//! up ([`support::engine`]).

mod authz;
mod big;
mod browser;
mod inert;
mod pages;
mod security;
mod support;
mod viewer;
