//! SEC001: tokens and passwords in what is read, and so in what is kept.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::finding::{Draft, Level};
use crate::id::FileId;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::secret_words::{self, BEHIND, Found};
use crate::lint::words;
use crate::source_map::{Content, Left};

pub static RULE: Rule = Rule {
    code: "SEC001",
    name: "secret-in-input",
    default: Level::Error,
    contained: false,
    what: "An export or `weir.toml` holds what looks like a password, a token or a private key.",
    why: "Exports are recorded, kept and shared for review, and comments reach the shaper's files: whoever reads them gets into the CRM, or into the subscriber's router.",
    fix: "Take it out at its source, record the export again without that field, and replace the secret: it was written down.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "comment": "wifi password: moonlight77", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "comment": "asked for a new password", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// Fields that have such words in their name and hold none.
const HARMLESS: [&str; 8] = ["", "null", "none", "true", "false", "redacted", "yes", "no"];
/// Bytes that one thread looks at.
const CHUNK: usize = 4 << 20;
/// The same of a file that is not in memory: what is read goes through the caches of a core.
const PIECE: usize = 512 << 10;
/// Longest thing that may lie across two chunks.
const OVERLAP: usize = 256;
/// Longest token.
const TOKEN: usize = 4096;
/// Lines that a message names.
const NAMED: usize = 3;
const SHORTEST: usize = 4;

/// The first byte of a secret, how long it is, and the word that gave it away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Hit {
    start: usize,
    len: usize,
    word: &'static str,
}

/// One finding for each file and word. The secret itself is never shown: no place is given, because a place is shown
/// with its line.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for (id, file) in stages.files.files() {
        let mut by_word: BTreeMap<&str, Vec<Hit>> = BTreeMap::new();
        for hit in hits(&file.bytes) {
            by_word.entry(hit.word).or_default().push(hit);
        }
        for (word, hits) in by_word {
            out.push(draft(stages, id, word, &hits));
        }
    }
}

fn draft(stages: &Stages<'_>, id: FileId, word: &str, hits: &[Hit]) -> Draft {
    let path = &stages.files.file(id).path;
    let mut places: Vec<String> = hits
        .iter()
        .take(NAMED)
        .map(|hit| {
            let at = stages.files.located(id, hit.start..hit.start);
            format!(
                "line {} column {} ({})",
                at.line,
                at.column,
                words::count(hit.len, "character")
            )
        })
        .collect();
    if hits.len() > NAMED {
        places.push(format!("and {} more", words::number(hits.len() - NAMED)));
    }
    let source = stages
        .exports
        .exports
        .iter()
        .find(|export| export.files.iter().any(|f| f.file == id))
        .map(|export| stages.project.sources[export.source].name.as_str());
    let subject = match source {
        Some(name) => Subject::new(SubjectKind::Source, name, name),
        None => Subject::new(SubjectKind::Setting, path, path),
    };
    Draft::new(
        format!(
            "{} holds {} after the word \"{word}\", not shown here: {}",
            words::short(path),
            words::count(hits.len(), "secret"),
            places.join(", ")
        ),
        "take it out where it was written, record the export again, and replace it: it was written down",
    )
    .about(subject)
}

/// In order of place.
fn hits(content: &Content) -> Vec<Hit> {
    let mut hits: Vec<Hit> = match content {
        Content::Held(bytes) => chunks(bytes.len(), CHUNK)
            .flat_map_iter(|start| within(bytes, start, CHUNK))
            .collect(),
        Content::Left(left) => chunks(left.size(), PIECE)
            .map_init(Vec::new, |buffer, start| in_piece(left, start, buffer))
            .flatten_iter()
            .collect(),
    };
    hits.sort_unstable();
    hits.dedup_by_key(|hit| hit.start);
    hits
}

fn chunks(len: usize, size: usize) -> impl IndexedParallelIterator<Item = usize> {
    (0..len.div_ceil(size))
        .into_par_iter()
        .map(move |at| at * size)
}

/// What begins in the `len` bytes from `start` on, of these bytes.
fn within(bytes: &[u8], start: usize, len: usize) -> impl Iterator<Item = Hit> {
    let end = (start + len + OVERLAP).min(bytes.len());
    secret_words::find(&bytes[start..end])
        .into_iter()
        // What begins in the overlap is the next chunk's.
        .filter(move |found| found.start < len)
        .filter_map(move |found| judge(bytes, start, found))
}

/// What begins in the piece from `start` on. A file that gives no bytes any more is reported as that, by `refusal`.
fn in_piece(left: &Left, start: usize, buffer: &mut Vec<u8>) -> Vec<Hit> {
    // With the byte before, and all that can belong to what begins at its end.
    let from = start.saturating_sub(1);
    let end = (start + PIECE + OVERLAP + TOKEN).min(left.size());
    if left.glance(from..end, buffer).is_err() {
        return Vec::new();
    }
    within(buffer, start - from, PIECE)
        .map(|hit| Hit {
            start: from + hit.start,
            ..hit
        })
        .collect()
}

/// A word that was found in the bytes from `start` on.
fn judge(bytes: &[u8], start: usize, found: Found) -> Option<Hit> {
    let (from, to) = (start + found.start, start + found.end);
    let word = secret_words::spelling(found.word);
    match found.word < BEHIND.len() {
        true => behind(bytes, from, to, word),
        false => itself(bytes, from, to, word),
    }
}

/// `"apiToken": "..."`, `password = '...'`, `pw password: ...`: the word ends the name, then a colon or an equals
/// sign, then something that is no number, no placeholder and no reference.
fn behind(bytes: &[u8], from: usize, to: usize, word: &'static str) -> Option<Hit> {
    // The short ones are parts of other words.
    let before = from.checked_sub(1).map_or(b' ', |at| bytes[at]);
    if word == "psk" && before.is_ascii_alphabetic() {
        return None;
    }
    let mut at = to;
    let peek = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let key_is_quoted = matches!(peek(at), b'"' | b'\'');
    at += usize::from(key_is_quoted);
    while peek(at) == b' ' {
        at += 1;
    }
    if !matches!(peek(at), b':' | b'=') {
        return None;
    }
    at += 1;
    while peek(at) == b' ' {
        at += 1;
    }
    let quote = matches!(peek(at), b'"' | b'\'').then(|| peek(at));
    // A number, a list or a table behind a JSON key is no secret.
    if key_is_quoted && quote.is_none() {
        return None;
    }
    at += usize::from(quote.is_some());
    let ends = |b: u8| match quote {
        Some(quote) => b == quote || b == b'\n',
        None => {
            matches!(b, b'"' | b'\'' | b',' | b';' | b'}' | b']' | b'\\') || b.is_ascii_whitespace()
        }
    };
    let len = bytes[at..]
        .iter()
        .take(OVERLAP)
        .take_while(|b| !ends(**b))
        .count();
    let value = &bytes[at..at + len];
    let text = String::from_utf8_lossy(value).trim().to_lowercase();
    let masked = text
        .chars()
        .all(|c| matches!(c, '*' | 'x' | '.' | '-' | '•'));
    let marked = text.starts_with(['<', '$', '{', '[']) || text.contains("redacted");
    if len < SHORTEST || HARMLESS.contains(&text.as_str()) || masked || marked {
        return None;
    }
    Some(Hit {
        start: at,
        len,
        word,
    })
}

/// Tokens that are known by how they start, and keys in PEM.
fn itself(bytes: &[u8], from: usize, to: usize, word: &'static str) -> Option<Hit> {
    if word.ends_with("-----") {
        return Some(Hit {
            start: from,
            len: to - from,
            word: "private key",
        });
    }
    let before = from.checked_sub(1).map_or(b' ', |at| bytes[at]);
    let part =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'/' | b'=');
    let len = bytes[from..]
        .iter()
        .take(TOKEN)
        .take_while(|b| part(b))
        .count();
    // They are written in one case each, and long.
    let exact = match word {
        "akia" => bytes[from..to] == *b"AKIA" && len == 20,
        "eyjhbgci" => bytes[from..to] == *b"eyJhbGci" && len > 40,
        _ => bytes[from..to] == *word.as_bytes() && len > 20,
    };
    (exact && !before.is_ascii_alphanumeric()).then_some(Hit {
        start: from,
        len,
        word: "token",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    fn found(text: &str) -> Vec<(&'static str, String)> {
        let hits = hits(&text.as_bytes().to_vec().into());
        hits.iter()
            .map(|h| (h.word, text[h.start..h.start + h.len].to_owned()))
            .collect()
    }

    #[test]
    fn what_looks_like_a_secret_is_found() {
        let jwt = format!("eyJhbGciOi{}", "J9".repeat(30));
        for (text, want) in [
            (r#"{"apiToken": "9f8e7d6c"}"#.to_owned(), "9f8e7d6c"),
            (
                r#"{"wpa_passphrase":"correct horse"}"#.to_owned(),
                "correct horse",
            ),
            ("uisp_auth_token = 'abcd-1234'\n".to_owned(), "abcd-1234"),
            (
                "1,Jo,\"pppoe password: hunter22, call first\"".to_owned(),
                "hunter22",
            ),
            (format!("Bearer {jwt}"), jwt.as_str()),
            (
                format!("x AKIA{} y", "ABCDEFGHIJKLMNOP"),
                "AKIAABCDEFGHIJKLMNOP",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMII".to_owned(),
                "PRIVATE KEY-----",
            ),
        ] {
            let found = found(&text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].1, want, "{text}");
        }
    }

    #[test]
    fn what_only_names_one_is_not() {
        for text in [
            r#"{"password": null, "token": "", "secret": "***", "psk": "REDACTED"}"#,
            r#"{"tokenExpires": "2026-01-01", "passwordUpdatedAt": "2026-01-01"}"#,
            r#"{"password": 1, "secret": {"env": "SPLYNX_SECRET"}}"#,
            "secret = { file = \"secrets/crm\" }\n",
            "key = { env = \"API_TOKEN\" }\n",
            "asked for a new password",
            "community centre",
            r#"{"token": "${TOKEN}"}"#,
            "the akia tree",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_secret_across_two_chunks_is_found_once() {
        let secret = "\"password\":\"moonlight77\"";
        for shift in [1, 5, 12, 20] {
            let mut text = " ".repeat(CHUNK - shift);
            text.push_str(secret);
            assert_eq!(found(&text).len(), 1, "{shift}");
        }
    }

    #[test]
    fn it_is_never_shown() {
        for finding in compile_example(&RULE.bad).findings {
            let shown = format!("{finding:?}");
            assert!(!shown.contains("moonlight77"), "{shown}");
            assert!(finding.rule.code != "SEC001" || finding.places.is_empty());
        }
    }
}
