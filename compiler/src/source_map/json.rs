//! A JSON pointer to bytes, without making values: the record is walked once, left to right, as deep as the
//! pointer goes. Anything is accepted, broken JSON too; what cannot be walked into is where the walk ends.

use std::borrow::Cow;
use std::ops::Range;

/// The value at `route`, or the opening of the deepest value on the way to it.
pub fn find(bytes: &[u8], route: &str) -> Range<usize> {
    let mut at = blanks(bytes, 0);
    let tokens = route.strip_prefix('/').unwrap_or(route).split('/');
    for token in tokens {
        let token = unescape(token);
        match child(bytes, at, &token) {
            Some(next) => at = next,
            None => return opening(bytes, at),
        }
    }
    at..value_end(bytes, at)
}

/// `~1` is a slash and `~0` a tilde.
fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// The bracket of an object or array, the whole of anything else.
fn opening(bytes: &[u8], at: usize) -> Range<usize> {
    match bytes.get(at) {
        None => bytes.len()..bytes.len(),
        Some(b'{' | b'[') => at..at + 1,
        Some(_) => at..value_end(bytes, at),
    }
}

fn child(bytes: &[u8], at: usize, token: &str) -> Option<usize> {
    match bytes.get(at)? {
        b'{' => member(bytes, at, token),
        b'[' => element(bytes, at, token.parse().ok()?),
        _ => None,
    }
}

/// First member of that name in the object at `at`.
fn member(bytes: &[u8], at: usize, name: &str) -> Option<usize> {
    let mut at = blanks(bytes, at + 1);
    while bytes.get(at) == Some(&b'"') {
        let key = at..string_end(bytes, at);
        at = blanks(bytes, key.end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = blanks(bytes, at + 1);
        bytes.get(at)?;
        if is_key(&bytes[key], name) {
            return Some(at);
        }
        at = blanks(bytes, value_end(bytes, at));
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = blanks(bytes, at + 1);
    }
    None
}

fn element(bytes: &[u8], at: usize, index: usize) -> Option<usize> {
    let mut at = blanks(bytes, at + 1);
    for _ in 0..index {
        at = blanks(bytes, value_end(bytes, at));
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = blanks(bytes, at + 1);
    }
    (*bytes.get(at)? != b']').then_some(at)
}

/// `quoted` is a string with its quotes.
fn is_key(quoted: &[u8], name: &str) -> bool {
    if quoted.contains(&b'\\') {
        serde_json::from_slice::<String>(quoted).is_ok_and(|key| key == name)
    } else {
        quoted.len() >= 2 && &quoted[1..quoted.len() - 1] == name.as_bytes()
    }
}

fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// End of the string whose opening quote is at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(b) = bytes.get(at) {
        match b {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// End of the value at `at`. Nesting is counted, not recursed: depth is the sender's choice.
fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        None => bytes.len(),
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => {
            let (mut at, mut depth) = (at, 0_usize);
            while let Some(b) = bytes.get(at) {
                match b {
                    b'"' => {
                        at = string_end(bytes, at);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 1 => return at + 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
            bytes.len()
        }
        Some(_) => {
            let rest = &bytes[at..];
            let len = rest
                .iter()
                .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
                .unwrap_or(rest.len());
            at + len
        }
    }
}
