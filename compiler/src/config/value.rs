//! The values of `weir.toml` as they are written: each keeps its bytes, decimals keep their text, and nothing
//! is judged yet. What a value means for a shaper is the business of `resolve`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// Bytes of `weir.toml`.
pub type Span = Range<usize>;

/// A value and where it is written. Compares by value.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: PartialOrd> PartialOrd for At<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for At<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let span = spanned.span();
        Ok(At {
            value: spanned.into_inner(),
            span,
        })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Implements `JsonSchema` for a type whose schema is written out.
macro_rules! schema {
    ($name:ident $(<$p:ident: $bound:ident>)?, $schema:expr) => {
        impl $(<$p: $bound>)? JsonSchema for $name $(<$p>)? {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

/// Values that are one of a few words.
pub trait Words: Copy + 'static {
    /// Every word with its meaning, in the order people read them.
    fn words() -> Vec<(&'static str, Self)>;
}

/// A word, not looked up yet, so that a misspelt one is reported with the right ones.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Word<T> {
    pub text: String,
    #[serde(skip)]
    meaning: PhantomData<T>,
}

schema!(Word<T: Words>, {
    let words: Vec<&str> = T::words().into_iter().map(|(word, _)| word).collect();
    json_schema!({ "type": "string", "enum": words })
});

/// A whole number, 0 or more.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl Visitor<'_> for CountVisitor {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, 0 or more")
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Count, E> {
                Ok(Count(n))
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<Count, E> {
                let count = u64::try_from(n).map(Count);
                count.map_err(|_| E::invalid_value(Unexpected::Signed(n), &self))
            }
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

schema!(Count, json_schema!({ "type": "integer", "minimum": 0 }));

/// A decimal number, kept as the text at its place: the floating-point value that TOML makes of it is dropped here.
#[derive(Clone, Copy, Debug)]
pub struct Decimal;

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DecimalVisitor;
        impl Visitor<'_> for DecimalVisitor {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Decimal, E> {
                Ok(Decimal)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Decimal, E> {
                Ok(Decimal)
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Decimal, E> {
                Ok(Decimal)
            }
            fn visit_i128<E: Error>(self, _: i128) -> Result<Decimal, E> {
                Ok(Decimal)
            }
            fn visit_u128<E: Error>(self, _: u128) -> Result<Decimal, E> {
                Ok(Decimal)
            }
        }
        deserializer.deserialize_any(DecimalVisitor)
    }
}

schema!(Decimal, json_schema!({ "type": "number", "minimum": 0 }));

/// `[download, upload]`, or one number for both.
#[derive(Clone, Debug)]
pub enum PerDirection {
    Both,
    Each {
        down: At<Decimal>,
        up: At<Decimal>,
    },
    /// Another number of entries.
    Other(usize),
}

impl<'de> Deserialize<'de> for PerDirection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PerDirectionVisitor;
        impl<'de> Visitor<'de> for PerDirectionVisitor {
            type Value = PerDirection;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or [download, upload]")
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<PerDirection, E> {
                Ok(PerDirection::Both)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<PerDirection, E> {
                Ok(PerDirection::Both)
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<PerDirection, E> {
                Ok(PerDirection::Both)
            }
            fn visit_i128<E: Error>(self, _: i128) -> Result<PerDirection, E> {
                Ok(PerDirection::Both)
            }
            fn visit_u128<E: Error>(self, _: u128) -> Result<PerDirection, E> {
                Ok(PerDirection::Both)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PerDirection, A::Error> {
                let mut entries: Vec<At<Decimal>> = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    entries.push(entry);
                }
                Ok(match <[At<Decimal>; 2]>::try_from(entries) {
                    Ok([down, up]) => PerDirection::Each { down, up },
                    Err(entries) => PerDirection::Other(entries.len()),
                })
            }
        }
        deserializer.deserialize_any(PerDirectionVisitor)
    }
}

schema!(PerDirection, {
    let number = json_schema!({ "type": "number", "minimum": 0 });
    json_schema!({ "oneOf": [
        number,
        { "type": "array", "items": number, "minItems": 2, "maxItems": 2 },
    ]})
});

/// `topology.simplify`: `false`, `true` or a word.
#[derive(Clone, Debug)]
pub enum SwitchOrWord {
    Switch(bool),
    Word(String),
}

impl<'de> Deserialize<'de> for SwitchOrWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchVisitor;
        impl Visitor<'_> for SwitchVisitor {
            type Value = SwitchOrWord;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false, true or \"auto\"")
            }
            fn visit_bool<E: Error>(self, on: bool) -> Result<SwitchOrWord, E> {
                Ok(SwitchOrWord::Switch(on))
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<SwitchOrWord, E> {
                Ok(SwitchOrWord::Word(word.to_owned()))
            }
        }
        deserializer.deserialize_any(SwitchVisitor)
    }
}

schema!(
    SwitchOrWord,
    json_schema!({ "enum": [false, true, "auto"] })
);

/// One text, or several.
#[derive(Clone, Debug)]
pub enum TextOrList {
    One(String),
    List(Vec<At<String>>),
}

impl<'de> Deserialize<'de> for TextOrList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = TextOrList;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes, or a list of texts")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<TextOrList, E> {
                Ok(TextOrList::One(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TextOrList, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    entries.push(entry);
                }
                Ok(TextOrList::List(entries))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

schema!(
    TextOrList,
    json_schema!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "items": { "type": "string" }, "minItems": 1 },
    ]})
);

/// A day, kept as it is written: `2027-01-31`, or the same in quotes.
#[derive(Clone, Debug)]
pub struct Day(pub String);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DayVisitor;
        impl<'de> Visitor<'de> for DayVisitor {
            type Value = Day;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a day such as 2027-01-31")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Day, E> {
                Ok(Day(text.to_owned()))
            }
            // TOML's own dates come as a map of one entry.
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Day, A::Error> {
                let date = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Day(date.to_string()))
            }
        }
        deserializer.deserialize_any(DayVisitor)
    }
}

schema!(
    Day,
    json_schema!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
);

/// Where a secret is kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SecretRef {
    /// Name of an environment variable.
    pub env: Option<At<String>>,
    /// A file that only its owner can read (mode 0600); relative to the project.
    pub file: Option<At<String>>,
    /// Name of a systemd credential.
    pub credential: Option<At<String>>,
}

/// A secret is a reference. Anything else is remembered as wrong without keeping what was written.
#[derive(Clone, Debug)]
pub enum Secret {
    Reference(SecretRef),
    Literal,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecretVisitor;
        impl<'de> Visitor<'de> for SecretVisitor {
            type Value = Secret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ env = .. }, { file = .. } or { credential = .. }")
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Secret, E> {
                Ok(Secret::Literal)
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
                Ok(Secret::Literal)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
                Ok(Secret::Literal)
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
                Ok(Secret::Literal)
            }
            fn visit_i128<E: Error>(self, _: i128) -> Result<Secret, E> {
                Ok(Secret::Literal)
            }
            fn visit_u128<E: Error>(self, _: u128) -> Result<Secret, E> {
                Ok(Secret::Literal)
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
                Ok(Secret::Literal)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Secret, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Secret::Literal)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
                SecretRef::deserialize(MapAccessDeserializer::new(map)).map(Secret::Reference)
            }
        }
        deserializer.deserialize_any(SecretVisitor)
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        SecretRef::json_schema(generator)
    }
}
