//! The web console: pages drawn on the server, each with a JSON twin.
//!
//! It shows what it is given and asks its caller for what changes something; it compiles nothing, and holds no
//! capability.
