//! What the tests stand on: networks as artifacts, a caller, a runtime's socket, a map of addresses, and a server.

pub mod crawl;
pub mod engine;
pub mod mmdb;
pub mod network;
pub mod runtime;
pub mod server;

/// Texts that a CRM could hold, each of which has broken some program.
pub const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "\"><a href=\"https://evil.example/\">x</a>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "=cmd|'/C calc'!A0",
    "{{ 7 * 7 }}{% raw %}",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "gnp.\u{202e}exe\u{2066}",
    "a\r\nSet-Cookie: weir=1",
    "../../../../etc/passwd",
    "<!--",
    "]]></script><style>*{display:none}</style>",
    "&lt;b&gt; &amp;amp;",
    "Zo\u{eb} \u{6771}\u{4eac} \u{1f9ff}",
];
