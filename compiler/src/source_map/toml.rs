//! A dotted key of a TOML file to bytes. The file is parsed once, as far as it can be, into the spans of its
//! keys; a key that is not written gives the nearest table that is.

use std::ops::Range;

use ::toml::de::{DeTable, DeValue};

/// Every key of a file with where it and its value stand.
#[derive(Clone, Default, Debug)]
pub struct Keys {
    root: Vec<(String, Key)>,
}

#[derive(Clone, Debug)]
struct Key {
    /// The key itself: for a table, its name in the header.
    name: Range<usize>,
    value: Range<usize>,
    /// Members by name, elements by index.
    members: Vec<(String, Key)>,
}

impl Keys {
    pub fn read(file: &[u8]) -> Keys {
        let text = match std::str::from_utf8(file) {
            Ok(text) => text,
            Err(bad) => std::str::from_utf8(&file[..bad.valid_up_to()]).unwrap_or_default(),
        };
        let (table, _errors) = DeTable::parse_recoverable(text);
        Keys {
            root: members(table.get_ref()),
        }
    }

    /// The value of a key (of a table its `[header]`), else the nearest table's header or name. Nothing at all is
    /// the start of the file.
    pub fn find(&self, route: &str) -> Range<usize> {
        let segments = segments(route);
        let mut rest = segments.as_slice();
        let mut members = &self.root;
        let mut found: Option<&Key> = None;
        while !rest.is_empty() {
            let Some((key, taken)) = step(members, rest) else {
                break;
            };
            members = &key.members;
            found = Some(key);
            rest = &rest[taken..];
        }
        match found {
            None => 0..0,
            Some(key) if rest.is_empty() => key.value.clone(),
            // `[topology]` has its name inside its span; `pin = { .. }` does not.
            Some(key) if key.value.start <= key.name.start => key.value.clone(),
            Some(key) => key.name.clone(),
        }
    }
}

/// The member that the first segments name: the longest name that is there, because an unquoted name may itself
/// hold dots ("Tower 1.5").
fn step<'a>(members: &'a [(String, Key)], segments: &[String]) -> Option<(&'a Key, usize)> {
    (1..=segments.len()).rev().find_map(|taken| {
        let name = segments[..taken].join(".");
        let (_, key) = members.iter().find(|(n, _)| *n == name)?;
        Some((key, taken))
    })
}

fn members(table: &DeTable<'_>) -> Vec<(String, Key)> {
    let mut members: Vec<(String, Key)> = table
        .iter()
        .map(|(name, value)| {
            let key = Key {
                name: name.span(),
                value: value.span(),
                members: inner(value.get_ref()),
            };
            (name.get_ref().to_string(), key)
        })
        .collect();
    members.sort_by_key(|(_, key)| key.name.start);
    members
}

fn inner(value: &DeValue<'_>) -> Vec<(String, Key)> {
    match value {
        DeValue::Table(table) => members(table),
        DeValue::Array(array) => array
            .iter()
            .enumerate()
            .map(|(i, element)| {
                let key = Key {
                    name: element.span(),
                    value: element.span(),
                    members: inner(element.get_ref()),
                };
                (i.to_string(), key)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// `a."b.c".0` and `a."b.c"[0]` are three names. Quotes that are never closed are ordinary characters.
fn segments(route: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut rest = route;
    loop {
        let (segment, after) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => match quoted(&rest[1..], quote) {
                Some((segment, used)) => (segment, &rest[1 + used..]),
                None => bare(rest),
            },
            _ => bare(rest),
        };
        segments.push(segment);
        let mut after = after;
        while let Some((index, tail)) = after
            .strip_prefix('[')
            .and_then(|tail| tail.split_once(']'))
            .filter(|(index, _)| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()))
        {
            segments.push(index.to_owned());
            after = tail;
        }
        match after.strip_prefix('.') {
            Some(tail) => rest = tail,
            None if after.is_empty() => return segments,
            None => rest = after,
        }
    }
}

fn bare(text: &str) -> (String, &str) {
    let index = |at: usize| {
        text[at + 1..]
            .split_once(']')
            .is_some_and(|(i, _)| !i.is_empty() && i.bytes().all(|b| b.is_ascii_digit()))
    };
    let end = text
        .char_indices()
        .find(|(at, c)| *c == '.' || (*c == '[' && *at > 0 && index(*at)))
        .map_or(text.len(), |(at, _)| at);
    (text[..end].to_owned(), &text[end..])
}

/// Content of a quoted segment and the bytes it took with its closing quote.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((content, at + 1)),
            '\\' if quote == '"' => content.push(chars.next()?.1),
            _ => content.push(c),
        }
    }
    None
}
