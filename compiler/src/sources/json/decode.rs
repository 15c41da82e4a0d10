//! A serde deserializer for one record of which few fields are wanted. What serde ignores is walked past
//! ([`skip`]) and not checked; what is wanted is read as strictly as JSON is. Text without escapes is borrowed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::sources::json::skip;

/// Why bytes are not the JSON they should be, in words that follow "is not readable as JSON:".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed(Cow<'static, str>);

impl Malformed {
    const CUT: Malformed = Malformed::new("it ends too early");
    const NO_VALUE: Malformed = Malformed::new("a value is neither a number nor a word of JSON");

    const fn new(what: &'static str) -> Self {
        Malformed(Cow::Borrowed(what))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl serde::de::Error for Malformed {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Malformed(Cow::Owned(what.to_string()))
    }
}

/// Name of the newtype that asks for the bytes of a value instead of the value.
pub const RAW: &str = "weir raw value";

/// The value that fills `bytes`, blanks aside.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    let mut reader = Reader { bytes, at: 0 };
    reader.blanks();
    let value = T::deserialize(&mut reader)?;
    reader.blanks();
    if reader.at < bytes.len() {
        return Err(Malformed::new("something follows its end"));
    }
    Ok(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.at = skip::blanks(self.bytes, self.at);
    }

    fn peek(&self) -> Result<u8, Malformed> {
        self.bytes.get(self.at).copied().ok_or(Malformed::CUT)
    }

    /// The bytes of the value here, and past it.
    fn value(&mut self) -> Result<&'a [u8], Malformed> {
        let end = skip::value(self.bytes, self.at).ok_or(Malformed::CUT)?;
        let value = &self.bytes[self.at..end];
        if value.is_empty() {
            return Err(Malformed::new("a value is missing"));
        }
        self.at = end;
        Ok(value)
    }

    /// The text here with its quotes, whether it has no escapes, and past it.
    #[inline]
    fn quoted(&mut self) -> Result<(&'a [u8], bool), Malformed> {
        let (end, plain) = skip::plain_text(self.bytes, self.at).ok_or(Malformed::CUT)?;
        let quoted = &self.bytes[self.at..end];
        self.at = end;
        Ok((quoted, plain))
    }

    /// The text here, and past it.
    fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        if self.peek()? != b'"' {
            return Err(Malformed::new("a text is missing"));
        }
        let (quoted, plain) = self.quoted()?;
        match plain {
            true => utf8(inner(quoted)).map(Cow::Borrowed),
            false => unescape(quoted),
        }
    }
}

/// The content of a text with its quotes.
pub fn unquote(quoted: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    match memchr::memchr(b'\\', inner(quoted)).is_some() {
        true => unescape(quoted),
        false => utf8(inner(quoted)).map(Cow::Borrowed),
    }
}

/// Without the quotes.
fn inner(quoted: &[u8]) -> &[u8] {
    &quoted[1..quoted.len() - 1]
}

fn utf8(text: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(text).map_err(|_| Malformed::new("a text is not UTF-8"))
}

fn unescape(quoted: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    serde_json::from_slice(quoted)
        .map(Cow::Owned)
        .map_err(|_| Malformed::new("a text has a broken escape or is not UTF-8"))
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.peek()? {
            b'{' => {
                self.at += 1;
                visitor.visit_map(Members {
                    reader: self,
                    first: true,
                })
            }
            b'[' => {
                self.at += 1;
                visitor.visit_seq(Items {
                    reader: self,
                    first: true,
                })
            }
            b'"' => match self.text()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            _ => match self.value()? {
                b"null" => visitor.visit_unit(),
                b"true" => visitor.visit_bool(true),
                b"false" => visitor.visit_bool(false),
                number => serde_json::from_slice::<serde_json::Number>(number)
                    .map_err(|_| Malformed::NO_VALUE)?
                    .deserialize_any(visitor)
                    .map_err(Malformed::custom),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        if self.peek()? == b'n' && self.value()? == b"null" {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        if name == RAW {
            let value = self.value()?;
            match value {
                [b'{' | b'[' | b'"' | b'-' | b'0'..=b'9', ..] | b"null" | b"true" | b"false" => {
                    visitor.visit_borrowed_bytes(value)
                }
                _ => Err(Malformed::NO_VALUE),
            }
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        if self.peek()? != b'"' {
            return Err(Malformed::new("the name of a field is missing"));
        }
        match self.quoted()? {
            (quoted, true) => visitor.visit_borrowed_bytes(inner(quoted)),
            (quoted, false) => visitor.visit_str(&unescape(quoted)?),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.value()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum
    }
}

struct Members<'r, 'a> {
    reader: &'r mut Reader<'a>,
    first: bool,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Malformed> {
        if next(self.reader, &mut self.first, b'}')? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Malformed> {
        self.reader.blanks();
        if self.reader.peek()? != b':' {
            return Err(Malformed::new("a colon is missing"));
        }
        self.reader.at += 1;
        self.reader.blanks();
        seed.deserialize(&mut *self.reader)
    }
}

struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    first: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Malformed;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Malformed> {
        if next(self.reader, &mut self.first, b']')? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// To the next member or item, or past the bracket that closes them.
fn next(reader: &mut Reader<'_>, first: &mut bool, close: u8) -> Result<bool, Malformed> {
    reader.blanks();
    let was_first = std::mem::replace(first, false);
    match reader.peek()? {
        found if found == close => {
            reader.at += 1;
            Ok(false)
        }
        b',' if !was_first => {
            reader.at += 1;
            reader.blanks();
            Ok(true)
        }
        _ if was_first => Ok(true),
        _ => Err(Malformed::new("a comma is missing")),
    }
}
