//! Stars out literal secrets before text of `weir.toml` is shown. Errors print lines of the file, and the line
//! beside the wrong one may hold a key that somebody typed in.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::value::Span;

/// Keys of `[[source]]` whose text may be shown. Everything else there, known or not, may be a secret.
const SHOWN: [&str; 10] = [
    "name",
    "kind",
    "export",
    "enabled",
    "ca",
    "tls_pin",
    "auth",
    "tenant",
    "timeout",
    "max_answer_mb",
];

/// Last parts of key names that mean a secret wherever they are, also in a comment or in a line that does not parse.
const SECRET_WORDS: [&str; 7] = [
    "key",
    "secret",
    "token",
    "password",
    "passwd",
    "pass",
    "credential",
];

/// `text` with every literal secret replaced by stars, byte for byte, so that spans still fit. `root` is what could be
/// parsed of it.
pub(super) fn secrets(text: &str, root: &DeTable<'_>) -> String {
    let mut hidden = lines(text);
    match root.get("source").map(Spanned::get_ref) {
        Some(DeValue::Array(sources)) => {
            for source in sources {
                if let DeValue::Table(table) = source.get_ref() {
                    hide_source(table, &mut hidden);
                }
            }
        }
        Some(DeValue::Table(table)) => hide_source(table, &mut hidden),
        _ => {}
    }
    let mut bytes = text.as_bytes().to_vec();
    for span in hidden {
        for byte in bytes.get_mut(span).into_iter().flatten() {
            if !byte.is_ascii_whitespace() {
                *byte = b'*';
            }
        }
    }
    // Spans of values end where characters end, so this is UTF-8 again; if not, the rest is not worth showing.
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

fn hide_source(source: &DeTable<'_>, hidden: &mut Vec<Span>) {
    for (key, value) in source {
        match key.get_ref().as_ref() {
            shown if SHOWN.contains(&shown) => {}
            "url" | "token_url" => {
                if let DeValue::String(url) = value.get_ref()
                    && has_credentials(url)
                {
                    hidden.push(value.span());
                }
            }
            "key" | "secret" | "password" => match value.get_ref() {
                DeValue::Table(reference) => hide_reference(reference, hidden),
                _ => hidden.push(value.span()),
            },
            _ => hidden.push(value.span()),
        }
    }
}

/// `{ env = "hunter2!" }`: what is no name of a variable is likely the secret itself.
fn hide_reference(reference: &DeTable<'_>, hidden: &mut Vec<Span>) {
    for (key, value) in reference {
        let shown = match (key.get_ref().as_ref(), value.get_ref()) {
            ("env", DeValue::String(name)) => is_variable(name),
            ("file" | "credential", DeValue::String(_)) => true,
            _ => false,
        };
        if !shown {
            hidden.push(value.span());
        }
    }
}

/// User and password in an address: `https://user:pass@host/`.
pub(super) fn has_credentials(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.contains('@')
}

/// A name that shells accept for a variable.
pub(super) fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Lines like `api_key = "..."`, commented out or not.
fn lines(text: &str) -> Vec<Span> {
    let mut hidden = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = line.split_once('=') {
            let name = name.trim_matches(|c: char| c.is_whitespace() || "#\"'".contains(c));
            let last = name.rsplit(['.', '_', '-', ' ']).next().unwrap_or(name);
            let quoted = value.trim_start().starts_with(['"', '\'']);
            if quoted && SECRET_WORDS.contains(&last.to_ascii_lowercase().as_str()) {
                hidden.push(start + line.len() - value.len()..start + line.len());
            }
        }
        start += line.len();
    }
    hidden
}
