//! Answers that are an object with the records somewhere below: `{"zones": [..], "customers": [..]}`, or the envelope
//! of a GraphQL answer. Finds the list; what is in it is read as any list ([`read_rows_at`](super::read_rows_at)).
//! Shared by the sources; knows no field names.

use std::borrow::Cow;
use std::ops::Range;

use crate::sources::json::field::{Kind, Raw, shorten};
use crate::sources::json::{Broken, decode, object_message, skip};

/// An object of a file, its members located.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    bytes: &'a [u8],
    at: usize,
    members: Vec<(Cow<'a, str>, Range<usize>)>,
}

impl<'a> Body<'a> {
    /// The object that is the whole file. Its brackets are balanced and nothing follows it.
    pub fn open(bytes: &'a [u8]) -> Result<Body<'a>, Broken> {
        let mark = if bytes.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        let at = skip::blanks(bytes, mark);
        match bytes.get(at) {
            Some(b'{') => {}
            Some(b'[') => return Err(Broken::new(at, "a list where an object is expected")),
            Some(b'<') => {
                return Err(Broken::new(
                    at,
                    "a web page where JSON is expected: was it saved from a browser or a proxy?",
                ));
            }
            Some(_) => {
                return Err(Broken::new(
                    at,
                    "not JSON: an object is expected, starting with {",
                ));
            }
            None => return Err(Broken::new(at, "the file is empty")),
        }
        let Some((end, _)) = skip::nested(bytes, at) else {
            return Err(Broken::new(
                bytes.len(),
                "the file ends in the middle of the answer: it is truncated",
            ));
        };
        let after = skip::blanks(bytes, end);
        if after < bytes.len() {
            return Err(Broken::new(
                after,
                "something follows the end of the answer",
            ));
        }
        Body::of(bytes, at)
    }

    /// The object that starts at `at`.
    fn of(bytes: &'a [u8], at: usize) -> Result<Body<'a>, Broken> {
        let mut members = Vec::new();
        let mut here = skip::blanks(bytes, at + 1);
        while bytes.get(here) != Some(&b'}') {
            if !members.is_empty() {
                if bytes.get(here) != Some(&b',') {
                    return Err(Broken::new(here, "a comma is missing between two members"));
                }
                here = skip::blanks(bytes, here + 1);
            }
            let key = match (bytes.get(here), skip::text(bytes, here)) {
                (Some(b'"'), Some(end)) => here..end,
                _ => return Err(Broken::new(here, "the name of a member is missing")),
            };
            let name = decode::unquote(&bytes[key.clone()])
                .map_err(|_| Broken::new(here, "the name of a member cannot be read"))?;
            here = skip::blanks(bytes, key.end);
            if bytes.get(here) != Some(&b':') {
                return Err(Broken::new(here, "a colon is missing behind a name"));
            }
            here = skip::blanks(bytes, here + 1);
            let end = match skip::value(bytes, here) {
                Some(end) if end > here => end,
                _ => return Err(Broken::new(here, "a value is missing")),
            };
            members.push((name, here..end));
            here = skip::blanks(bytes, end);
        }
        Ok(Body { bytes, at, members })
    }

    /// Where the object starts in its file.
    pub fn start(&self) -> usize {
        self.at
    }

    /// The value of a member; the last one when it is written twice.
    pub fn get(&self, key: &str) -> Option<Range<usize>> {
        let found = self.members.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, range)| range.clone())
    }

    /// The same, to be read as a field.
    pub fn raw(&self, key: &str) -> Raw<'a> {
        self.get(key)
            .and_then(|range| decode::decode(&self.bytes[range]).ok())
            .unwrap_or_default()
    }

    pub fn kind(&self, key: &str) -> Kind {
        self.get(key)
            .map_or(Kind::Missing, |range| Kind::of(self.bytes.get(range.start)))
    }

    /// The object below a key.
    pub fn inside(&self, key: &str) -> Result<Body<'a>, Broken> {
        match (self.get(key), self.kind(key)) {
            (Some(range), Kind::Object) => Body::of(self.bytes, range.start),
            (range, kind) => Err(self.wrong(key, range, kind, "an object")),
        }
    }

    /// Where the list below a key starts.
    pub fn list(&self, key: &str) -> Result<usize, Broken> {
        match (self.get(key), self.kind(key)) {
            (Some(range), Kind::List) => Ok(range.start),
            (range, kind) => Err(self.wrong(key, range, kind, "a list")),
        }
    }

    /// What stands in the way of a value. An object without it is an error body most of the time, and says more.
    fn wrong(&self, key: &str, range: Option<Range<usize>>, kind: Kind, wanted: &str) -> Broken {
        match range {
            Some(range) => Broken::new(
                range.start,
                format!(
                    "`{}` is {} where {wanted} is expected",
                    shorten(key),
                    kind.word()
                ),
            ),
            None => match object_message(&self.bytes[self.at..], "an answer") {
                Some(error) => Broken::new(self.at, error),
                None => Broken::new(self.at, format!("the answer holds no `{}`", shorten(key))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_what_is_no_object_is_named() {
        let text = br#" {"a": [1, {"b": "}"}], "c\u0064": {"e": null}, "a": [2]} "#;
        let body = Body::open(text).unwrap();
        // The last one of two.
        let list = body.list("a").unwrap();
        assert!(text[list..].starts_with(b"[2]"));
        assert_eq!(body.inside("cd").unwrap().kind("e"), Kind::Missing);
        for (text, want) in [
            ("", "the file is empty"),
            ("[1]", "a list where an object is expected"),
            (
                "<html>",
                "a web page where JSON is expected: was it saved from a browser or a proxy?",
            ),
            ("x", "not JSON: an object is expected, starting with {"),
            (
                "{\"a\": [",
                "the file ends in the middle of the answer: it is truncated",
            ),
            ("{} {}", "something follows the end of the answer"),
            ("{\"a\" 1}", "a colon is missing behind a name"),
            ("{\"a\": }", "a value is missing"),
            (
                "{\"a\": 1 \"b\": 2}",
                "a comma is missing between two members",
            ),
            ("{a: 1}", "the name of a member is missing"),
            ("{}", "the answer holds no `a`"),
            ("{\"a\": null}", "`a` is null where a list is expected"),
            (
                "{\"message\": \"Unauthenticated.\"}",
                "an error object where an answer is expected: Unauthenticated.",
            ),
        ] {
            let said = Body::open(text.as_bytes()).and_then(|body| body.list("a"));
            assert_eq!(
                said.map_err(|broken| broken.message),
                Err(want.into()),
                "{text}"
            );
        }
    }
}
