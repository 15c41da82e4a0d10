//! Finds values in JSON text without building them, so that a file of a hundred thousand records can be cut
//! into records and read in parallel, every number kept as the digits that were written and every record
//! knowing its bytes.
//!
//! It knows where values begin and end, not whether the text is valid JSON: [`syntax`] says that. On invalid
//! text every function still returns; what it returns is then of no use.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

/// The text cannot be cut at this byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanError {
    pub at: usize,
    pub what: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Object,
    Array,
    Text,
    Number,
    Bool,
    Null,
}

impl Kind {
    /// With its article, for messages.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Object => "an object",
            Kind::Array => "a list",
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Bool => "a boolean",
            Kind::Null => "null",
        }
    }
}

/// One `key: value` of an object; the range is the value's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    pub key: Cow<'a, str>,
    pub value: Range<usize>,
}

/// Not valid JSON: where the parser stopped, and what it said, in one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    pub at: usize,
    pub message: String,
}

/// Whether the text is one valid JSON value.
pub fn syntax(bytes: &[u8]) -> Result<(), Broken> {
    let error = match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let line = error.line().saturating_sub(1);
    let line_start = match line {
        0 => 0,
        n => bytes
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .nth(n - 1)
            .map_or(bytes.len(), |(at, _)| at + 1),
    };
    Err(Broken {
        at: (line_start + error.column().saturating_sub(1)).min(bytes.len()),
        message: error.to_string(),
    })
}

/// The first byte that is not JSON white space, from `at` on.
pub fn white(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where the top-level value starts: after a byte order mark and white space.
pub fn top(bytes: &[u8]) -> usize {
    white(bytes, after_bom(bytes))
}

/// Three for a file that starts with the UTF-8 byte order mark.
pub fn after_bom(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        3
    } else {
        0
    }
}

/// What kind of value starts at `at`.
pub fn kind(bytes: &[u8], at: usize) -> Result<Kind, ScanError> {
    Ok(match bytes.get(at) {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::Text,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') => Kind::Null,
        Some(b'-' | b'+' | b'.' | b'0'..=b'9') => Kind::Number,
        _ => return Err(error(at, "a value is missing")),
    })
}

/// The end of the value that starts at `start`.
pub fn skip(bytes: &[u8], start: usize) -> Result<usize, ScanError> {
    match kind(bytes, start)? {
        Kind::Text => skip_text(bytes, start),
        Kind::Object | Kind::Array => {
            let mut depth = 0_usize;
            let mut at = start;
            loop {
                match bytes.get(at) {
                    None => return Err(error(start, "a bracket is never closed")),
                    Some(b'"') => {
                        at = skip_text(bytes, at)?;
                        continue;
                    }
                    Some(b'{' | b'[') => depth += 1,
                    Some(b'}' | b']') => {
                        depth -= 1;
                        if depth == 0 {
                            return Ok(at + 1);
                        }
                    }
                    Some(_) => {}
                }
                at += 1;
            }
        }
        Kind::Number | Kind::Bool | Kind::Null => {
            let length = bytes[start..]
                .iter()
                .position(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
            Ok(length.map_or(bytes.len(), |n| start + n))
        }
    }
}

fn skip_text(bytes: &[u8], start: usize) -> Result<usize, ScanError> {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            None => return Err(error(start, "a text is never closed")),
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// The elements of the array that starts at `start`.
pub fn elements(bytes: &[u8], start: usize) -> Result<Vec<Range<usize>>, ScanError> {
    if bytes.get(start) != Some(&b'[') {
        return Err(error(start, "a list is missing"));
    }
    let mut found = Vec::new();
    let mut at = start + 1;
    loop {
        at = white(bytes, at);
        match bytes.get(at) {
            None => return Err(error(start, "a list is never closed")),
            Some(b']') => return Ok(found),
            Some(b',') => at += 1,
            Some(_) => {
                let end = skip(bytes, at)?;
                // An empty value cannot be, but a scanner that does not move would never end.
                if end == at {
                    return Err(error(at, "a value is missing"));
                }
                found.push(at..end);
                at = end;
            }
        }
    }
}

/// A step through an object: the next key and where its value starts, or the end of the object.
pub enum Step<'a> {
    Member(Cow<'a, str>, usize),
    /// The byte after the closing brace.
    End(usize),
}

/// The next member of an object, from behind its opening brace or behind a value on.
pub fn step(bytes: &[u8], from: usize) -> Result<Step<'_>, ScanError> {
    let mut at = white(bytes, from);
    if bytes.get(at) == Some(&b',') {
        at = white(bytes, at + 1);
    }
    match bytes.get(at) {
        Some(b'}') => return Ok(Step::End(at + 1)),
        Some(b'"') => {}
        _ => return Err(error(at, "a key is missing")),
    }
    let end = skip_text(bytes, at)?;
    let key = text(&bytes[at..end]).0;
    at = white(bytes, end);
    if bytes.get(at) != Some(&b':') {
        return Err(error(at, "a colon is missing"));
    }
    Ok(Step::Member(key, white(bytes, at + 1)))
}

/// The members of the object that starts at `start`, in order, repeated keys included.
pub fn members(bytes: &[u8], start: usize) -> Result<Vec<Member<'_>>, ScanError> {
    if bytes.get(start) != Some(&b'{') {
        return Err(error(start, "an object is missing"));
    }
    let mut found = Vec::new();
    let mut at = start + 1;
    loop {
        match step(bytes, at)? {
            Step::End(_) => return Ok(found),
            Step::Member(key, value) => {
                at = skip(bytes, value)?;
                found.push(Member {
                    key,
                    value: value..at,
                });
            }
        }
    }
}

/// The text of a quoted string, and whether it is exactly what was written: lone surrogates, unknown escapes
/// and bytes that are not UTF-8 become U+FFFD.
pub fn text(quoted: &[u8]) -> (Cow<'_, str>, bool) {
    let inner = quoted.strip_prefix(b"\"").unwrap_or(quoted);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if !inner.contains(&b'\\') {
        return match std::str::from_utf8(inner) {
            Ok(text) => (Cow::Borrowed(text), true),
            Err(_) => (String::from_utf8_lossy(inner), false),
        };
    }
    // A text of escapes is rare enough to be read by the slow and exact reader first.
    if let Ok(text) = serde_json::from_slice::<String>(quoted) {
        return (Cow::Owned(text), true);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut at = 0;
    while let Some(&b) = inner.get(at) {
        if b != b'\\' {
            out.push(b);
            at += 1;
            continue;
        }
        let escaped = inner.get(at + 1).copied().unwrap_or(b'\\');
        at += 2;
        let ch = match escaped {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'u' => {
                let unit = hex4(inner, at);
                at += 4;
                match unit {
                    Some(high @ 0xD800..0xDC00) if inner[at..].starts_with(b"\\u") => {
                        match hex4(inner, at + 2) {
                            Some(low @ 0xDC00..0xE000) => {
                                at += 6;
                                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                            }
                            _ => char::REPLACEMENT_CHARACTER,
                        }
                    }
                    Some(code) => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
                    None => char::REPLACEMENT_CHARACTER,
                }
            }
            _ => char::REPLACEMENT_CHARACTER,
        };
        out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
        at = at.min(inner.len());
    }
    (
        Cow::Owned(String::from_utf8_lossy(&out).into_owned()),
        false,
    )
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |code, digit| {
        Some(code * 16 + char::from(*digit).to_digit(16)?)
    })
}

fn error(at: usize, what: &'static str) -> ScanError {
    ScanError { at, what }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slices<'a>(json: &'a str, ranges: &[Range<usize>]) -> Vec<&'a str> {
        ranges.iter().map(|r| &json[r.clone()]).collect()
    }

    #[test]
    fn elements_are_cut_where_they_begin_and_end() {
        for (json, want) in [
            ("[]", vec![]),
            ("[ ]", vec![]),
            ("[1,-2.5e3 , null]", vec!["1", "-2.5e3", "null"]),
            (r#"["]","\"]\\"]"#, vec![r#""]""#, r#""\"]\\""#]),
            ("[{\"a\":[1,{}]},\n[[]] ]", vec!["{\"a\":[1,{}]}", "[[]]"]),
        ] {
            let found = elements(json.as_bytes(), 0).unwrap();
            assert_eq!(slices(json, &found), want, "{json}");
        }
        for json in ["", "{}", "[", "[1", "[\"", "[}", "[:]"] {
            assert!(elements(json.as_bytes(), 0).is_err(), "{json}");
        }
    }

    #[test]
    fn members_keep_order_and_repeats() {
        let json = r#"{ "b" : 1, "a": {"x":2} ,"b":[3], "caf\u00e9": "}" }"#;
        let found: Vec<(String, &str)> = members(json.as_bytes(), 0)
            .unwrap()
            .into_iter()
            .map(|m| (m.key.into_owned(), &json[m.value]))
            .collect();
        assert_eq!(
            found,
            [
                ("b".to_owned(), "1"),
                ("a".to_owned(), "{\"x\":2}"),
                ("b".to_owned(), "[3]"),
                ("café".to_owned(), "\"}\""),
            ]
        );
    }

    #[test]
    fn text_is_decoded_or_marked() {
        for (quoted, want) in [
            (&br#""plain""#[..], ("plain", true)),
            (br#""a\n\u00e9\ud83d\ude00""#, ("a\né😀", true)),
            (br#""lone \ud800 end""#, ("lone \u{fffd} end", false)),
            (b"\"bad \xff byte\"", ("bad \u{fffd} byte", false)),
            (br#""\ud83d\ude00 \udc00""#, ("😀 \u{fffd}", false)),
            (br#""\q\""#, ("\u{fffd}\\", false)),
        ] {
            let (text, clean) = text(quoted);
            assert_eq!((&*text, clean), want);
        }
    }

    #[test]
    fn broken_text_is_located() {
        let broken = syntax(b"{\n  \"a\": 1,\n}").unwrap_err();
        assert_eq!(broken.at, 12);
        assert!(broken.message.contains("line 3 column 1"), "{broken:?}");
        assert_eq!(syntax(b"").unwrap_err().at, 0);
        assert!(syntax(b" {} ").is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = elements(&bytes, 0);
            let _ = members(&bytes, 0);
            let _ = text(&bytes);
            let _ = syntax(&bytes);
        }

        #[test]
        fn json_like_bytes_are_survived(text_ in r#"[\[\]{}",:\\u0-9a ]{0,60}"#) {
            let bytes = text_.as_bytes();
            let _ = elements(bytes, 0);
            let _ = members(bytes, 0);
            let _ = text(bytes);
        }
    }
}
