//! A buffer that JSON is appended to, record by record, in the order that the caller writes it.
//!
//! Minified, UTF-8, keys as given. It does not check for repeated keys; keys, and values passed as `raw`, `plain` or
//! `members`, are taken as they are.

use std::fmt::Display;
use std::io::Write as _;

#[derive(Default)]
pub struct Json {
    buffer: Vec<u8>,
    /// A value was just written at this level, so the next one needs a comma.
    comma: bool,
}

impl Json {
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    pub fn clear(&mut self) {
        self.buffer.clear();
        self.comma = false;
    }

    fn separate(&mut self) {
        if self.comma {
            self.buffer.push(b',');
        }
        self.comma = true;
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(key.as_bytes());
        self.buffer.extend_from_slice(b"\":");
    }

    fn nest(&mut self, open: u8, close: u8, inside: impl FnOnce(&mut Self)) {
        self.buffer.push(open);
        self.comma = false;
        inside(self);
        self.buffer.push(close);
        self.comma = true;
    }

    fn quote(&mut self, text: &str) {
        self.buffer.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.buffer.extend_from_slice(&[b'\\', byte]),
                0..0x20 => self.show(format_args!("\\u{byte:04x}")),
                _ => self.buffer.push(byte),
            }
        }
        self.buffer.push(b'"');
    }

    fn show(&mut self, value: impl Display) {
        write!(self.buffer, "{value}").expect("writing to memory cannot fail");
    }

    /// An object where a value is expected: the record itself or an array's item.
    pub fn object(&mut self, inside: impl FnOnce(&mut Self)) {
        self.separate();
        self.nest(b'{', b'}', inside);
    }

    pub fn object_at(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.key(key);
        self.nest(b'{', b'}', inside);
    }

    pub fn array_at(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.key(key);
        self.nest(b'[', b']', inside);
    }

    /// A string item of an array.
    pub fn item(&mut self, text: &str) {
        self.separate();
        self.quote(text);
    }

    /// A string item of an array whose text needs no escaping.
    pub fn plain_item(&mut self, value: impl Display) {
        self.separate();
        self.show(format_args!("\"{value}\""));
    }

    /// An item of an array that is no string.
    pub fn raw_item(&mut self, value: impl Display) {
        self.separate();
        self.show(value);
    }

    pub fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.quote(text);
    }

    pub fn text_or_null(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.null(key),
        }
    }

    /// A string whose text needs no escaping.
    pub fn plain(&mut self, key: &str, value: impl Display) {
        self.key(key);
        self.show(format_args!("\"{value}\""));
    }

    pub fn plain_or_null(&mut self, key: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(key, value),
            None => self.null(key),
        }
    }

    /// A number, `true`, `false` or `null`.
    pub fn raw(&mut self, key: &str, value: impl Display) {
        self.key(key);
        self.show(value);
    }

    pub fn raw_or_null(&mut self, key: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.raw(key, value),
            None => self.null(key),
        }
    }

    pub fn null(&mut self, key: &str) {
        self.key(key);
        self.buffer.extend_from_slice(b"null");
    }

    /// Members of an object, as they are to appear.
    pub fn members(&mut self, members: &str) {
        self.separate();
        self.buffer.extend_from_slice(members.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_escapes_are_where_they_belong() {
        let mut json = Json::default();
        json.object(|j| {
            j.text("name", "a \"b\" \\ \n ü");
            j.array_at("list", |j| {
                j.item("x");
                j.raw_item(1);
                j.object(|_| ());
            });
            j.object_at("empty", |_| ());
            j.members(r#""m":true"#);
            j.null("none");
        });
        let text = std::str::from_utf8(json.bytes()).unwrap();
        assert_eq!(
            text,
            r#"{"name":"a \"b\" \\ \u000a ü","list":["x",1,{}],"empty":{},"m":true,"none":null}"#
        );
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
    }
}
