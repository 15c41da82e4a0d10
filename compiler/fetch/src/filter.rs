//! From the bytes of an answer to what is recorded of it: one pass over the stream that keeps selected fields, as they
//! are written, and drops all others before they are stored anywhere. It judges the shape of an answer, not its
//! meaning.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use tokio::sync::mpsc::Receiver;

use crate::select::{Privacy, Selection};

/// What an answer has to look like.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A list of records.
    List(Selection),
    /// An object with the records somewhere inside.
    Object(Selection),
}

/// An answer, read.
#[derive(Default, Debug)]
pub struct Kept {
    /// What is recorded.
    pub bytes: Vec<u8>,
    /// The answer had the shape that was asked for; if not, this is what it was.
    pub found: &'static str,
    pub fits: bool,
    /// What the answer says of itself under `error`, `errors`, `message` or `statusCode`, where that is no data.
    pub said: Option<String>,
    /// There was a member `errors` that is not empty.
    pub errors: bool,
}

/// Why an answer could not be read.
#[derive(Debug)]
pub enum Unreadable {
    NotJson(String),
    TooDeep,
    Ended,
}

/// The bytes of an answer as they arrive.
pub struct Feed {
    chunks: Receiver<Bytes>,
    now: Bytes,
    depth: usize,
    deepest: usize,
    in_text: bool,
    escaped: bool,
    too_deep: bool,
    /// The beginning of the answer, for messages.
    head: Vec<u8>,
    any: bool,
}

/// Bytes of an answer that are kept for messages.
const HEAD: usize = 2048;

impl Feed {
    pub fn new(chunks: Receiver<Bytes>, deepest: usize) -> Feed {
        Feed {
            chunks,
            now: Bytes::new(),
            depth: 0,
            deepest,
            in_text: false,
            escaped: false,
            too_deep: false,
            head: Vec::new(),
            any: false,
        }
    }

    /// Counts brackets outside of text: no parser has to follow a million of them.
    fn watch(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth > self.deepest {
                return false;
            }
        }
        true
    }
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(mut chunk) => {
                    if !self.any && !chunk.is_empty() {
                        self.any = true;
                        // Some servers begin with a byte order mark.
                        if chunk.starts_with(b"\xEF\xBB\xBF") {
                            chunk = chunk.slice(3..);
                        }
                    }
                    let room = HEAD.saturating_sub(self.head.len()).min(chunk.len());
                    self.head.extend_from_slice(&chunk[..room]);
                    if !self.watch(&chunk) {
                        self.too_deep = true;
                        return Err(io::Error::other("nested too deep"));
                    }
                    self.now = chunk;
                }
            }
        }
        let count = into.len().min(self.now.len());
        into[..count].copy_from_slice(&self.now[..count]);
        self.now = self.now.slice(count..);
        Ok(count)
    }
}

/// Reads an answer to its end. Also gives its beginning, for messages.
pub fn keep(mut feed: Feed, shape: &Shape) -> (Result<Kept, Unreadable>, Vec<u8>) {
    let mut kept = Kept::default();
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(&mut feed));
    let root = Root {
        shape,
        kept: &mut kept,
        replace: None,
    };
    let result = root
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| (error.is_eof(), error.to_string()));
    drop(json);
    let result = match result {
        Ok(()) => {
            kept.bytes.push(b'\n');
            Ok(kept)
        }
        Err(_) if feed.too_deep => Err(Unreadable::TooDeep),
        Err((true, _)) => Err(Unreadable::Ended),
        Err((false, what)) => Err(Unreadable::NotJson(what)),
    };
    (result, feed.head)
}

/// The outermost value.
struct Root<'a> {
    shape: &'a Shape,
    kept: &'a mut Kept,
    replace: Option<&'a Replace<'a>>,
}

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Members that say what went wrong, where nobody selected them.
const WORDS: [&str; 5] = ["error", "errors", "message", "status", "statusCode"];

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.kept.found = "an object";
        self.kept.fits = matches!(self.shape, Shape::Object(_));
        let nothing = Selection::default();
        let selection = match self.shape {
            Shape::Object(selection) => selection,
            Shape::List(_) => &nothing,
        };
        self.kept.bytes.push(b'{');
        let mut first = true;
        let mut said = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match selection.field(&key) {
                Some(field) => {
                    member(&mut self.kept.bytes, &mut first, &key);
                    map.next_value_seed(Keep {
                        below: field.below.as_ref(),
                        privacy: field.privacy,
                        replace: self.replace,
                        lines: true,
                        out: &mut self.kept.bytes,
                    })?;
                }
                None if WORDS.contains(&key.as_str()) => {
                    let raw = map.next_value::<Box<RawValue>>()?;
                    let text = raw.get().trim();
                    if key == "errors" && !["null", "[]", "{}", "false"].contains(&text) {
                        self.kept.errors = true;
                    }
                    let small = text.get(..text.len().min(4096)).unwrap_or("");
                    said.push((key, words(small)));
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.kept.bytes.push(b'}');
        said.retain(|(_, text)| !text.is_empty());
        // The most telling first.
        said.sort_by_key(|(key, _)| WORDS.iter().position(|word| word == key));
        self.kept.said = said.into_iter().next().map(|(_, text)| text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.kept.found = "a list";
        self.kept.fits = matches!(self.shape, Shape::List(_));
        let Shape::List(selection) = self.shape else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        list(
            seq,
            Keep {
                below: Some(selection),
                privacy: Privacy::Open,
                replace: self.replace,
                lines: true,
                out: &mut self.kept.bytes,
            },
        )
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.kept.found = "true or false";
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.kept.found = "a number";
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.kept.found = "a number";
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.kept.found = "a number";
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.kept.found = "text";
        self.kept.said = Some(text.chars().take(300).collect());
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.kept.found = "null";
        Ok(())
    }
}

/// What an error object says: its message, or all of its text.
fn words(json: &str) -> String {
    use serde_json::Value;
    fn find(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(list) => list.iter().find_map(find),
            Value::Object(members) => ["message", "error", "detail", "title", "internal_code"]
                .iter()
                .find_map(|key| find(members.get(*key)?)),
            _ => None,
        }
    }
    match serde_json::from_str::<Value>(json) {
        Ok(value) => find(&value).unwrap_or_default(),
        // Cut off.
        Err(_) => json.to_owned(),
    }
}

/// Replaces text; told whether it names people or places.
pub type Replace<'a> = dyn Fn(&str, bool) -> String + 'a;

/// A recorded answer with its texts replaced and its coordinates taken out, and nothing else changed.
pub fn rewrite(
    json: &[u8],
    shape: &Shape,
    replace: &Replace<'_>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut kept = Kept::default();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let root = Root {
        shape,
        kept: &mut kept,
        replace: Some(replace),
    };
    root.deserialize(&mut deserializer)?;
    deserializer.end()?;
    kept.bytes.push(b'\n');
    Ok(kept.bytes)
}

/// A value: selected fields of objects, values as they are written.
struct Keep<'a> {
    below: Option<&'a Selection>,
    privacy: Privacy,
    replace: Option<&'a Replace<'a>>,
    /// The elements of the outermost list stand on lines of their own, so that people can compare two recordings.
    lines: bool,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Keep<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.below {
            Some(_) => deserializer.deserialize_any(self),
            None => {
                let raw = Box::<RawValue>::deserialize(deserializer)?;
                leaf(raw.get(), self.replace, self.privacy, self.out).map_err(D::Error::custom)
            }
        }
    }
}

/// Numbers and text as they are written; of an object only that it is one.
fn leaf(
    raw: &str,
    replace: Option<&Replace<'_>>,
    privacy: Privacy,
    out: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let raw = raw.trim();
    if replace.is_some() && privacy == Privacy::Position {
        // Whatever is written there: a place cannot be replaced by one that says nothing.
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match raw.as_bytes().first() {
        Some(b'"') if replace.is_some() => {
            let original: String = serde_json::from_str(raw)?;
            match replace {
                Some(replace) => text(out, &replace(&original, privacy == Privacy::Name)),
                None => text(out, &original),
            }
        }
        Some(b'{') => out.extend_from_slice(b"{}"),
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw)?;
            out.push(b'[');
            for (ix, element) in elements.iter().enumerate() {
                if ix > 0 {
                    out.push(b',');
                }
                leaf(element.get(), replace, privacy, out)?;
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(raw.as_bytes()),
    }
    Ok(())
}

fn member(out: &mut Vec<u8>, first: &mut bool, key: &str) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    text(out, key);
    out.push(b':');
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is JSON");
}

fn list<'de, A: SeqAccess<'de>>(mut seq: A, keep: Keep<'_>) -> Result<(), A::Error> {
    let out = keep.out;
    let end: &[u8] = if keep.lines { b"\n" } else { b"" };
    out.push(b'[');
    let mut any = false;
    loop {
        let before = out.len();
        if any {
            out.push(b',');
        }
        out.extend_from_slice(end);
        let next = seq.next_element_seed(Keep {
            below: keep.below,
            privacy: keep.privacy,
            replace: keep.replace,
            lines: false,
            out: &mut *out,
        })?;
        if next.is_none() {
            out.truncate(before);
            break;
        }
        any = true;
    }
    if any {
        out.extend_from_slice(end);
    }
    out.push(b']');
    Ok(())
}

impl<'de> Visitor<'de> for Keep<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.out.push(b'{');
        let mut first = true;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let Some(field) = self.below.and_then(|below| below.field(&key)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            member(self.out, &mut first, &key);
            map.next_value_seed(Keep {
                below: field.below.as_ref(),
                privacy: field.privacy,
                replace: self.replace,
                lines: self.lines,
                out: &mut *self.out,
            })?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        list(seq, self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        serde_json::to_writer(self.out, &value).map_err(E::custom)
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        match self.replace {
            Some(replace) => text(self.out, &replace(value, self.privacy == Privacy::Name)),
            None => text(self.out, value),
        }
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn read(shape: &Shape, text: &str, chunk: usize) -> Result<Kept, Unreadable> {
        let (tx, rx) = mpsc::channel(text.len() / chunk + 1);
        for piece in text.as_bytes().chunks(chunk) {
            tx.try_send(Bytes::copy_from_slice(piece)).unwrap();
        }
        drop(tx);
        keep(Feed::new(rx, 64), shape).0
    }

    fn text(kept: &Kept) -> &str {
        std::str::from_utf8(&kept.bytes).unwrap()
    }

    #[test]
    fn only_selected_fields_are_kept_and_those_as_they_are_written() {
        let shape = Shape::List(Selection::of("id speed nested{name} list odd"));
        let answer = r#" [ {"id": 1e3, "key": "hunter2", "speed": 25.50, "nested": [{"name": "a\u0041", "psk": "x"}],
            "list": [1, {"key": "hunter2"}, [2.0]], "odd": {"key": "hunter2"}}, "stray", null,
            {"nested": "text", "id": 18446744073709551615} ] "#;
        for chunk in [1, 7, 4096] {
            let kept = read(&shape, answer, chunk).unwrap();
            assert!(kept.fits);
            assert_eq!(
                text(&kept),
                "[\n{\"id\":1e3,\"speed\":25.50,\"nested\":[{\"name\":\"a\\u0041\"}],\"list\":[1,{},[2.0]],\"odd\":{}},\n\
                 \"stray\",\nnull,\n{\"nested\":\"text\",\"id\":18446744073709551615}\n]\n"
            );
        }
        assert_eq!(text(&read(&shape, "[]", 1).unwrap()), "[]\n");
    }

    #[test]
    fn an_error_in_place_of_data_is_heard() {
        let list = Shape::List(Selection::of("id"));
        let object = Shape::Object(Selection::of("data{rows{id}}"));
        for (shape, answer, said, errors) in [
            (
                &list,
                r#"{"statusCode": 401, "error": "Unauthorized", "message": "no token"}"#,
                Some("Unauthorized"),
                false,
            ),
            (
                &list,
                r#"{"error": {"message": "not allowed", "code": 403}}"#,
                Some("not allowed"),
                false,
            ),
            (
                &list,
                r#"{"message": "Invalid API key", "statusCode": 1}"#,
                Some("Invalid API key"),
                false,
            ),
            (
                &object,
                r#"{"errors": [{"message": "jwt expired"}]}"#,
                Some("jwt expired"),
                true,
            ),
            (
                &object,
                r#"{"data": {"rows": []}, "errors": []}"#,
                None,
                false,
            ),
            (
                &object,
                r#"{"data": {"rows": null}, "errors": [{"message": "slow"}]}"#,
                Some("slow"),
                true,
            ),
        ] {
            let kept = read(shape, answer, 5).unwrap();
            assert_eq!(kept.said.as_deref(), said, "{answer}");
            assert_eq!(kept.errors, errors, "{answer}");
        }
        assert!(!read(&list, "{}", 5).unwrap().fits);
        assert!(!read(&object, "[]", 5).unwrap().fits);
        assert_eq!(read(&object, "null", 5).unwrap().found, "null");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let shape = Shape::List(Selection::of("id"));
        assert!(matches!(read(&shape, "", 1), Err(Unreadable::Ended)));
        assert!(matches!(
            read(&shape, "[{\"id\": 1}", 3),
            Err(Unreadable::Ended)
        ));
        assert!(matches!(
            read(&shape, "[{\"id\": 1}] x", 3),
            Err(Unreadable::NotJson(_))
        ));
        assert!(matches!(
            read(&shape, "Warning: x", 3),
            Err(Unreadable::NotJson(_))
        ));
        let deep = format!("[{{\"x\": {}", "[".repeat(1_000_000));
        assert!(matches!(
            read(&shape, &deep, 4096),
            Err(Unreadable::TooDeep)
        ));
        let brackets_in_text = format!("[{{\"x\": \"{}\\\"[\"}}]", "[".repeat(1000));
        assert!(read(&shape, &brackets_in_text, 4096).is_ok());
    }
}
