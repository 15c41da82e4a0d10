//! Fields of JSON records that may hold something else than they should: numbers as text, ids as numbers, a list
//! where an object belongs. Reading one never fails; what is odd about it comes back in words, so that it can be
//! noted ([`Notes`](crate::sources::notes::Notes)). Shared by every source that reads JSON; knows no field names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::sources::json::decode::{RAW, decode, unquote};
use crate::sources::text::clean;
use crate::units::{BadRate, Kbps, parse_rate};

/// What stands in a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Missing,
    Bool,
    Number,
    Text,
    List,
    Object,
}

impl Kind {
    /// By the first byte of a value.
    pub fn of(first: Option<&u8>) -> Kind {
        match first {
            None | Some(b'n') => Kind::Missing,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'"') => Kind::Text,
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Object,
            Some(_) => Kind::Number,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Kind::Missing => "null",
            Kind::Bool => "true or false",
            Kind::Number => "a number",
            Kind::Text => "text",
            Kind::List => "a list",
            Kind::Object => "an object",
        }
    }
}

/// What a field was read as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read<T> {
    /// Missing or null.
    Missing,
    Is(T),
    /// Not written as it should be, but without doubt; and what is odd about it.
    Odd(T, String),
    /// Something that cannot be read as what is wanted.
    Not(String),
}

impl<T> Read<T> {
    pub fn value(self) -> Option<T> {
        match self {
            Read::Is(value) | Read::Odd(value, _) => Some(value),
            Read::Missing | Read::Not(_) => None,
        }
    }

    /// For a field that is written in several ways by right: numbers as text, flags as numbers.
    pub fn either_way(self) -> Read<T> {
        match self {
            Read::Odd(value, _) => Read::Is(value),
            other => other,
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Read::Missing => Read::Missing,
            Read::Is(value) => Read::Is(f(value)),
            Read::Odd(value, what) => Read::Odd(f(value), what),
            Read::Not(what) => Read::Not(what),
        }
    }
}

/// A field kept as it is written until somebody asks what it is, so that numbers stay exact and no type is wrong
/// too early. Missing and null are the same. Only for [`decode`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Raw<'a>(&'a [u8]);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(RAW, RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a value")
    }
    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Raw(bytes))
    }
}

impl<'a> Raw<'a> {
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Where it stands in the bytes it was read from.
    pub fn within(self, whole: &[u8]) -> Option<usize> {
        let start = (self.0.as_ptr().addr()).checked_sub(whole.as_ptr().addr())?;
        (start + self.0.len() <= whole.len()).then_some(start)
    }

    pub fn kind(self) -> Kind {
        Kind::of(self.0.first())
    }

    /// A number or a word.
    fn written(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// The content of a text; what is not UTF-8 in it is replaced.
    fn unquoted(self) -> Option<Cow<'a, str>> {
        match unquote(self.0) {
            Ok(text) => Some(text),
            Err(_) => {
                let lossy = String::from_utf8_lossy(self.0);
                let text = unquote(lossy.as_bytes()).ok()?;
                Some(Cow::Owned(text.into_owned()))
            }
        }
    }

    pub fn text(self) -> Read<Cow<'a, str>> {
        match self.kind() {
            Kind::Missing => Read::Missing,
            Kind::Text => self.unquoted().map_or_else(
                || Read::Not("is text that cannot be decoded".into()),
                Read::Is,
            ),
            kind @ (Kind::Number | Kind::Bool) => Read::Odd(
                self.written(),
                format!(
                    "is {} where text belongs; read as \"{}\"",
                    kind.word(),
                    self.written()
                ),
            ),
            kind => not(kind, "text"),
        }
    }

    /// An id: text, or a whole number as it is written. Empty text is none. It is fit for one line, whether it is the
    /// record's own or names another: both are cleaned in the same way, so they still meet.
    pub fn id(self) -> Read<Cow<'a, str>> {
        match self.kind() {
            Kind::Missing => Read::Missing,
            Kind::Number if self.0.iter().all(u8::is_ascii_digit) => Read::Is(self.written()),
            Kind::Text => match self.unquoted() {
                Some(text) => {
                    let (id, dirt) = clean(&text);
                    if id.is_empty() {
                        Read::Missing
                    } else if dirt.is_none() && id.len() == text.len() {
                        Read::Is(text)
                    } else {
                        Read::Is(Cow::Owned(id.into_owned()))
                    }
                }
                None => Read::Not("is text that cannot be decoded".into()),
            },
            kind => not(kind, "an id"),
        }
    }

    /// The id of the record itself.
    pub fn own_id(self) -> Option<Box<str>> {
        self.id().value().map(Into::into)
    }

    /// The id of another record, where 0 is written for none.
    pub fn reference(self) -> Read<Cow<'a, str>> {
        match self.id() {
            Read::Is(id) if id == "0" => Read::Missing,
            other => other,
        }
    }

    /// The values of a list, or of an object whose keys say nothing (a list that lost a member in PHP), each with the
    /// end of its route.
    pub fn values(self) -> Read<Vec<(String, Raw<'a>)>> {
        match self.kind() {
            Kind::Missing => Read::Missing,
            Kind::List => match decode::<Vec<Raw<'a>>>(self.0) {
                Ok(items) => Read::Is(
                    items
                        .into_iter()
                        .enumerate()
                        .map(|(i, item)| (i.to_string(), item))
                        .collect(),
                ),
                Err(why) => Read::Not(format!("is not readable as JSON: {why}; left out")),
            },
            Kind::Object => match decode::<BTreeMap<String, Raw<'a>>>(self.0) {
                Ok(members) if members.values().all(|m| m.kind() == Kind::Object) => Read::Odd(
                    members
                        .into_iter()
                        .map(|(key, member)| (key.replace('~', "~0").replace('/', "~1"), member))
                        .collect(),
                    "is an object where a list belongs; its members were read".to_owned(),
                ),
                _ => not(Kind::Object, "a list"),
            },
            kind => not(kind, "a list"),
        }
    }

    pub fn flag(self) -> Read<bool> {
        match self.kind() {
            Kind::Missing => Read::Missing,
            Kind::Bool => Read::Is(self.0 == b"true"),
            kind => {
                let said = match kind {
                    Kind::Text => self.unquoted().unwrap_or_default(),
                    _ => self.written(),
                };
                let value = match said.trim() {
                    "1" => true,
                    "0" => false,
                    word if word.eq_ignore_ascii_case("true") => true,
                    word if word.eq_ignore_ascii_case("false") => false,
                    _ => return not(kind, "true or false"),
                };
                Read::Odd(
                    value,
                    format!(
                        "is {} where true or false belongs; read as {value}",
                        kind.word()
                    ),
                )
            }
        }
    }

    /// The fields of an object, when it is one.
    pub fn object<T: Deserialize<'a>>(self) -> Option<T> {
        decode(self.0).ok()
    }

    /// A rate in units of `per_unit` kbit/s (see [`parse_rate`]), exact to the kbit/s.
    pub fn rate(self, per_unit: (u64, u64)) -> Read<Kbps> {
        self.number(|text| parse_rate(text, per_unit).map_err(BadRate::reason))
    }

    /// A whole number of 0 or more; decimals are cut.
    pub fn count(self) -> Read<u64> {
        self.number(|text| {
            if text.starts_with('-') {
                return Err("is negative");
            }
            let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
            whole
                .parse()
                .map_err(|_| "is not a whole number that can be used")
        })
    }

    fn number<T>(self, read: impl Fn(&str) -> Result<T, &'static str>) -> Read<T> {
        match self.kind() {
            Kind::Missing => Read::Missing,
            Kind::Number => match read(&self.written()) {
                Ok(value) => Read::Is(value),
                Err(why) => Read::Not(format!("{why} ({}); left out", shorten(&self.written()))),
            },
            Kind::Text => {
                let text = self.unquoted().unwrap_or_default();
                let text = text.trim();
                match read(text) {
                    Ok(value) => Read::Odd(
                        value,
                        format!("is text where a number belongs; read as {}", shorten(text)),
                    ),
                    Err(why) => Read::Not(format!(
                        "is text that {why} (\"{}\"); left out",
                        shorten(text)
                    )),
                }
            }
            kind => not(kind, "a number"),
        }
    }
}

fn not<T>(kind: Kind, wanted: &str) -> Read<T> {
    Read::Not(format!(
        "is {} where {wanted} belongs; left out",
        kind.word()
    ))
}

/// A value for a message: what fits into a line.
pub fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// An object field that may be missing, or something else.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Object<'a, T> {
    #[default]
    Missing,
    Is(T),
    /// Text stands there: some APIs write a bare id or name where others write an object.
    Text(Cow<'a, str>),
    Not(Kind),
}

impl<T> Object<'_, T> {
    pub fn get(&self) -> Option<&T> {
        match self {
            Object::Is(value) => Some(value),
            _ => None,
        }
    }

    /// What is odd about it when it is neither there as an object nor missing.
    pub fn odd(&self) -> Option<String> {
        let kind = match self {
            Object::Missing | Object::Is(_) => return None,
            Object::Text(_) => Kind::Text,
            Object::Not(kind) => *kind,
        };
        Some(format!(
            "is {} where an object belongs; left out",
            kind.word()
        ))
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Object<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<'a, T> {
    type Value = Object<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object::Is)
    }
    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Object::Not(Kind::List))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Object::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Object::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Object::Missing)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Object::Not(Kind::Bool))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Object::Not(Kind::Number))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Object::Not(Kind::Number))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Object::Not(Kind::Number))
    }
}

/// A list field that may be missing, or something else.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum List<T> {
    #[default]
    Missing,
    Is(Vec<T>),
    Not(Kind),
}

impl<T> List<T> {
    /// The elements; none when it is missing or no list.
    pub fn items(&self) -> &[T] {
        match self {
            List::Is(items) => items,
            List::Missing | List::Not(_) => &[],
        }
    }

    pub fn odd(&self) -> Option<String> {
        match self {
            List::Not(kind) => Some(format!("is {} where a list belongs; left out", kind.word())),
            List::Missing | List::Is(_) => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(List::Is(items))
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(List::Not(Kind::Object))
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(List::Not(Kind::Text))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(List::Missing)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(List::Not(Kind::Bool))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(List::Not(Kind::Number))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(List::Not(Kind::Number))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(List::Not(Kind::Number))
    }
}
