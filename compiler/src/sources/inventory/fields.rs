//! Reads the fields of one JSON record leniently: a field of another type than the format names is read as
//! what it plainly means or left out, and either way said so. It knows types, not what a field is for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::scan::{self, Kind, Member, ScanError};
use crate::id::FileId;
use crate::ir::position::Position;
use crate::ir::records::{DirtyText, OddField, Origin, Place, SourceEvidence, Subject};
use crate::sources::position::{self, Axis};
use crate::units::{self, Kbps};

/// A name for a JSON pointer below a record.
pub type Route = Cow<'static, str>;

/// Keys that the format does not have: once each, with the first record that holds it and how many do.
pub type Unknown = BTreeMap<(&'static str, String), (Place, Subject, u64)>;

/// Bytes `range` of a file.
pub fn origin(file: FileId, range: &Range<usize>) -> Origin {
    Origin {
        file,
        start: range.start as u64,
        len: u32::try_from(range.len()).unwrap_or(u32::MAX),
    }
}

/// One step of a JSON pointer, escaped.
pub fn pointer(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A value as a message shows it: what was written, cut when it is long.
pub fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Text for people: control characters and line breaks become blanks, blanks around it go.
pub fn tidy(text: &str) -> (Box<str>, bool) {
    if !text.chars().any(char::is_control) {
        return (text.trim().into(), true);
    }
    let cleaned: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    (cleaned.trim().into(), false)
}

pub const CONTROL: &str = "holds control characters or line breaks; they became blanks";
pub const NOT_UTF8: &str = "holds bytes that are not text; they became replacement characters";

/// What is required of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// kbit/s per unit, as `units::parse_rate` takes it.
    pub unit: (u64, u64),
    /// The format wants a whole number of units.
    pub whole: bool,
    /// The record is the poorer without it.
    pub required: bool,
}

/// The members of one record, and who speaks in its findings.
pub struct Fields<'a, 'e> {
    bytes: &'a [u8],
    pub members: Vec<Member<'a>>,
    pub origin: Origin,
    pub subject: Subject,
    pub evidence: &'e mut SourceEvidence,
}

impl<'a, 'e> Fields<'a, 'e> {
    pub fn new(
        bytes: &'a [u8],
        members: Vec<Member<'a>>,
        origin: Origin,
        subject: Subject,
        evidence: &'e mut SourceEvidence,
    ) -> Self {
        Fields {
            bytes,
            members,
            origin,
            subject,
            evidence,
        }
    }

    pub fn odd(&mut self, route: impl Into<Route>, required: bool, what: impl Into<String>) {
        self.evidence.odd_fields.push(OddField {
            place: self.origin.at(route),
            subject: self.subject.clone(),
            what: what.into(),
            required,
        });
    }

    /// The value of a key; the last one when it is written twice.
    pub fn get(&self, key: &str) -> Option<Range<usize>> {
        find(&self.members, key)
    }

    pub fn raw(&self, value: &Range<usize>) -> &'a [u8] {
        self.bytes.get(value.clone()).unwrap_or_default()
    }

    pub fn kind(&self, value: &Range<usize>) -> Option<Kind> {
        scan::kind(self.bytes, value.start).ok()
    }

    /// Whether a key is there and not null.
    pub fn present(&self, key: &str) -> Option<(Range<usize>, Kind)> {
        let value = self.get(key)?;
        match self.kind(&value)? {
            Kind::Null => None,
            kind => Some((value, kind)),
        }
    }

    /// `latitude` and `longitude`, in degrees.
    pub fn position(&mut self) -> Option<Position> {
        let mut written = |key: &str| -> Option<Cow<'a, str>> {
            match self.present(key) {
                Some((value, Kind::Number)) => Some(String::from_utf8_lossy(self.raw(&value))),
                Some((_, Kind::Text)) => Some(self.text(key, false).unwrap_or_default()),
                Some((_, kind)) => {
                    let what = format!("is {} where a number belongs; not used", kind.word());
                    self.odd(pointer(key), false, what);
                    None
                }
                None => Some(Cow::Borrowed("")),
            }
        };
        let (latitude, longitude) = (written("latitude"), written("longitude"));
        match position::parse(&latitude?, &longitude?) {
            Ok(position) => position,
            Err((axis, what)) => {
                let route = match axis {
                    Axis::Latitude => "/latitude",
                    Axis::Longitude => "/longitude",
                };
                self.odd(route, false, format!("{what}; not used"));
                None
            }
        }
    }

    /// Keys written twice, and keys that are none of the format's.
    /// `scope` keeps keys of different kinds of records apart.
    pub fn keys(&mut self, known: &[&str], scope: &'static str, unknown: &mut Unknown) {
        let mut sorted: Vec<&str> = self.members.iter().map(|m| m.key.as_ref()).collect();
        sorted.sort_unstable();
        let mut repeated: Vec<String> = sorted
            .windows(2)
            .filter(|w| w[0] == w[1])
            .map(|w| w[0].to_owned())
            .collect();
        repeated.dedup();
        sorted.dedup();
        for key in sorted {
            if !known.contains(&key) {
                let place = self.origin.at(pointer(key));
                let entry = unknown
                    .entry((scope, key.to_owned()))
                    .or_insert_with(|| (place, self.subject.clone(), 0));
                entry.2 += 1;
            }
        }
        for key in repeated {
            self.odd(
                pointer(&key),
                false,
                "is written more than once; the last one is used",
            );
        }
    }

    /// Text as written, without the blanks around it; missing, null and empty are the same.
    pub fn text(&mut self, key: &str, required: bool) -> Option<Cow<'a, str>> {
        let (value, kind) = self.present(key)?;
        let raw = self.raw(&value);
        let text = match kind {
            Kind::Text => {
                let (text, clean) = scan::text(raw);
                if !clean {
                    self.dirty(pointer(key), NOT_UTF8);
                }
                match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                    Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
                }
            }
            Kind::Number => {
                let digits = String::from_utf8_lossy(raw);
                let what = format!("is a number where text belongs; read as `{digits}`");
                self.odd(pointer(key), false, what);
                digits
            }
            other => {
                let what = format!("is {} where text belongs; not used", other.word());
                self.odd(pointer(key), required, what);
                return None;
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// Text for people: as [`Fields::text`], tidied.
    pub fn label(&mut self, key: &str) -> Option<Box<str>> {
        let text = self.text(key, false)?;
        let (label, clean) = tidy(&text);
        if !clean {
            self.dirty(pointer(key), CONTROL);
        }
        (!label.is_empty()).then_some(label)
    }

    pub fn dirty(&mut self, route: impl Into<Route>, what: &'static str) {
        self.evidence.dirty_text.push(DirtyText {
            place: self.origin.at(route),
            subject: self.subject.clone(),
            what,
        });
    }

    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some((value, kind)) = self.present(key) else {
            return default;
        };
        let raw = self.raw(&value);
        if kind == Kind::Bool {
            return raw == b"true";
        }
        let word = match kind {
            Kind::Text => scan::text(raw).0.trim().to_ascii_lowercase(),
            Kind::Number => String::from_utf8_lossy(raw).into_owned(),
            _ => String::new(),
        };
        let read = match word.as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        };
        let what = format!(
            "is {} where true or false belongs; read as {}",
            kind.word(),
            read.unwrap_or(default)
        );
        self.odd(pointer(key), false, what);
        read.unwrap_or(default)
    }

    /// A rate or capacity; `None` = missing, null, or unreadable and reported. Zero is zero.
    pub fn rate(
        &mut self,
        value: &Range<usize>,
        route: impl Into<Route>,
        number: Number,
    ) -> Option<Kbps> {
        let route = route.into();
        let kind = self.kind(value)?;
        let raw = self.raw(value);
        let text = match kind {
            Kind::Null => return None,
            Kind::Number => String::from_utf8_lossy(raw),
            Kind::Text => scan::text(raw).0,
            other => {
                let what = format!("is {} where a number belongs; not used", other.word());
                self.odd(route, number.required, what);
                return None;
            }
        };
        match units::parse_rate(&text, number.unit) {
            Ok(rate) => {
                if kind == Kind::Text {
                    let what = format!("is text where a number belongs; read as {} kbit/s", rate.0);
                    self.odd(route, false, what);
                } else if number.whole && !is_whole(&text) {
                    let what = format!("is not a whole number; read as {} kbit/s", rate.0);
                    self.odd(route, false, what);
                }
                Some(rate)
            }
            Err(bad) => {
                let what = format!("is {}, which {}; not used", shown(&text), bad.reason());
                self.odd(route, number.required, what);
                None
            }
        }
    }

    /// `[download, upload]`; a direction that is missing, null or unreadable is `None`.
    pub fn pair(
        &mut self,
        key: &str,
        routes: [&'static str; 2],
        number: Number,
    ) -> [Option<Kbps>; 2] {
        let Some((value, kind)) = self.present(key) else {
            return [None, None];
        };
        let elements = match kind {
            Kind::Array => scan::elements(self.bytes, value.start).unwrap_or_default(),
            other => {
                let what = format!(
                    "is {} where a pair of numbers belongs; not used",
                    other.word()
                );
                self.odd(pointer(key), number.required, what);
                return [None, None];
            }
        };
        let [first, second] = elements.as_slice() else {
            let what = format!("has {} numbers where two belong; not used", elements.len());
            self.odd(pointer(key), number.required, what);
            return [None, None];
        };
        [
            self.rate(first, routes[0], number),
            self.rate(second, routes[1], number),
        ]
    }

    /// The elements of an array; anything else is reported and empty.
    pub fn list(&mut self, key: &str) -> Vec<Range<usize>> {
        let Some((value, kind)) = self.present(key) else {
            return Vec::new();
        };
        if kind == Kind::Array {
            return scan::elements(self.bytes, value.start).unwrap_or_default();
        }
        let what = format!("is {} where a list belongs; not used", kind.word());
        self.odd(pointer(key), true, what);
        Vec::new()
    }
}

pub fn find(members: &[Member<'_>], key: &str) -> Option<Range<usize>> {
    members
        .iter()
        .rev()
        .find(|m| m.key == key)
        .map(|m| m.value.clone())
}

/// The value of `key` as an id: text without blanks around it, or the digits of a number, and whether it
/// was one. `None` when there is none to use.
pub fn id_text<'a>(
    bytes: &'a [u8],
    members: &[Member<'a>],
    key: &str,
) -> Result<Option<(Cow<'a, str>, bool)>, ScanError> {
    let Some(value) = find(members, key) else {
        return Ok(None);
    };
    let raw = bytes.get(value.clone()).unwrap_or_default();
    let (text, numeric) = match scan::kind(bytes, value.start)? {
        Kind::Text => (scan::text(raw).0, false),
        Kind::Number => (String::from_utf8_lossy(raw), true),
        _ => return Ok(None),
    };
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Ok((!text.is_empty()).then_some((text, numeric)))
}

/// A number without a fraction; `1000.0` has none.
fn is_whole(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    whole.bytes().all(|b| b.is_ascii_digit()) && fraction.bytes().all(|b| b == b'0')
}

/// Turns the collected unknown keys into one finding each.
pub fn report_unknown(unknown: Unknown, format: &str, into: &mut SourceEvidence) {
    for (place, subject, count) in unknown.into_values() {
        let what = match count {
            1 => format!("is not a key of {format}; not used"),
            n => format!("is not a key of {format}; not used (in {n} records)"),
        };
        into.odd_fields.push(OddField {
            place,
            subject,
            what,
            required: false,
        });
    }
}

/// Adds a later batch: places of the earlier one stay.
pub fn merge_unknown(into: &mut Unknown, other: Unknown) {
    for (key, (place, subject, count)) in other {
        let entry = into.entry(key).or_insert((place, subject, 0));
        entry.2 += count;
    }
}
