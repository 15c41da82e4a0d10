//! How much of a CRM's time, and how much of its answers, one fetch takes. A CRM that answers with more than this is
//! broken or hostile; either way nothing is recorded.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Limits {
    /// For all requests of a source together. Nothing goes on after it.
    pub total: Duration,
    /// For one connection, its TLS handshake included.
    pub connect: Duration,
    /// Decoded bytes of one answer.
    pub body: u64,
    /// Decoded bytes of all answers of a source.
    pub bodies: u64,
    /// Objects and lists in each other.
    pub depth: usize,
    /// Records of one collection.
    pub records: u64,
    /// Pages of one collection.
    pub pages: u32,
    /// Redirects of one request, within its origin.
    pub redirects: u32,
    /// Times that one request is sent.
    pub attempts: u32,
    /// The first pause before a request is sent again; it doubles.
    pub backoff: Duration,
    /// The longest single pause. A server that asks for more is told no.
    pub pause: Duration,
    /// All pauses of a source together.
    pub pauses: Duration,
    /// Times that a collection is read from its first page because it changed meanwhile.
    pub readings: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            total: Duration::from_secs(600),
            connect: Duration::from_secs(15),
            body: 512 << 20,
            bodies: 1 << 30,
            depth: 64,
            records: 5_000_000,
            pages: 20_000,
            redirects: 5,
            attempts: 4,
            backoff: Duration::from_secs(1),
            pause: Duration::from_secs(120),
            pauses: Duration::from_secs(240),
            readings: 3,
        }
    }
}
