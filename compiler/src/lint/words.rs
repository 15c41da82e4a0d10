//! How findings speak: things by name and id, rates with their unit, counts, lists. One voice for every rule;
//! a message is one line that stands alone.

use std::fmt::{self, Write as _};

use ipnet::IpNet;

use crate::config::overrides::Override;
use crate::finding::{Draft, Label};
use crate::id::{CircuitIx, NodeIx};
use crate::ir::graph::Vertex;
use crate::ir::records::{NodeKind, Place, Subject, SubjectKind};
use crate::ir::tree::{ScaledAt, bucket_name};
use crate::lint::rule::Stages;
use crate::units::{Kbps, Pair};

/// Places a finding shows at most; its subjects are always complete.
const MAX_PLACES: usize = 5;
/// Things a message names before it counts.
const MAX_NAMED: usize = 3;
/// Longest name a message repeats.
const MAX_NAME: usize = 60;
/// Longest emitted name, which may end with an id that nothing else shows.
const MAX_EMITTED: usize = 160;

/// A thing by kind, name and id, where it is written: a rule may have a finding for every circuit, and then every text
/// that is made on the way to a message costs as much as the message.
#[derive(Clone, Copy)]
pub(super) struct Named<'t> {
    word: &'static str,
    id: &'t str,
    name: &'t str,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        f.write_str(" ")?;
        write_quoted(f, self.id, self.name)
    }
}

impl Stages<'_> {
    /// `site "Hill" (s1)`
    pub(super) fn node(&self, ix: NodeIx) -> String {
        let node = &self.inventory[ix];
        format!("{} {}", kind(node.kind), quoted(&node.id, &node.name))
    }

    /// As [`Stages::node`]; the generated root is "the root".
    pub(super) fn vertex(&self, at: Vertex) -> String {
        at.node()
            .map_or_else(|| "the root".to_owned(), |ix| self.node(ix))
    }

    /// `circuit "Jo Doe" (c1)`
    pub(super) fn circuit(&self, ix: CircuitIx) -> Named<'_> {
        let circuit = &self.inventory[ix];
        Named {
            word: "circuit",
            id: &circuit.id,
            name: &circuit.name,
        }
    }

    /// A node, or a generated parent.
    pub(super) fn holder(&self, at: ScaledAt) -> String {
        match at {
            ScaledAt::Node(ix) => self.node(ix),
            ScaledAt::Bucket(bucket) => bucket_name(bucket),
        }
    }

    /// `circuit "Jo Doe" (c1)`; a node is called by its kind.
    pub(super) fn subject(&self, subject: &Subject) -> String {
        let word = self.word(subject);
        format!("{word} {}", quoted(&subject.id, &subject.name))
    }

    /// What people call it: a node by its kind.
    fn word(&self, subject: &Subject) -> &'static str {
        match subject.kind {
            SubjectKind::Node => self
                .inventory
                .node_by_id(&subject.id)
                .map_or("node", |ix| kind(self.inventory[ix].kind)),
            other => other.word(),
        }
    }

    /// `circuits "A" (c1), "B" (c2) and 3 more`
    pub(super) fn subjects<'s>(&self, subjects: impl IntoIterator<Item = &'s Subject>) -> String {
        together(
            subjects
                .into_iter()
                .map(|s| (self.word(s), &*s.id, &*s.name)),
        )
    }

    /// `sites "A" (s1) and "B" (s2)`; different kinds are each named.
    pub(super) fn nodes(&self, nodes: impl IntoIterator<Item = NodeIx>) -> String {
        together(nodes.into_iter().map(|ix| {
            let node = &self.inventory[ix];
            (kind(node.kind), &*node.id, &*node.name)
        }))
    }

    /// As [`Stages::subjects`], for circuits.
    pub(super) fn circuits(&self, circuits: impl IntoIterator<Item = CircuitIx>) -> String {
        together(circuits.into_iter().map(|ix| {
            let circuit = &self.inventory[ix];
            ("circuit", &*circuit.id, &*circuit.name)
        }))
    }

    /// The file of a place, as people see it.
    pub(super) fn path(&self, place: &Place) -> &str {
        &self.files.file(place.origin.file).path
    }
}

/// What an override is about, by the name the inventory has for it.
pub(super) fn override_subject(stages: &Stages<'_>, entry: &Override) -> Subject {
    let inventory = stages.inventory;
    let known = match entry.kind {
        SubjectKind::Circuit => inventory
            .circuit_by_id(&entry.id)
            .map(|ix| inventory[ix].subject()),
        SubjectKind::Node => inventory
            .node_by_id(&entry.id)
            .map(|ix| inventory[ix].subject()),
        _ => None,
    };
    known.unwrap_or_else(|| Subject::new(entry.kind, &entry.id, &entry.id))
}

/// As [`Stages::subject`], of what an override is about.
pub(super) fn overridden(stages: &Stages<'_>, entry: &Override) -> String {
    stages.subject(&override_subject(stages, entry))
}

/// `plan_mbps = 100/20 Mbit/s and name = Jo`
pub(super) fn override_fields(entry: &Override) -> String {
    list(entry.changes.iter().map(|change| {
        format!(
            "{} = {}",
            change.field.key(),
            short(&change.value.to_string())
        )
    }))
}

pub(super) fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Root => "root",
        NodeKind::Site => "site",
        NodeKind::Ap => "AP",
        NodeKind::Other => "node",
    }
}

/// Things of one kind under one word, others each with theirs. Only what is named is written out.
fn together<'t>(things: impl Iterator<Item = (&'static str, &'t str, &'t str)>) -> String {
    let things: Vec<_> = things.collect();
    let one_word = things
        .first()
        .filter(|(first, ..)| things.len() > 1 && things.iter().all(|(word, ..)| word == first));
    match one_word {
        Some((word, ..)) => {
            let names = things.iter().map(|(_, id, name)| quoted(id, name));
            format!("{word}s {}", list(names))
        }
        None => list(
            things
                .iter()
                .map(|(word, id, name)| format!("{word} {}", quoted(id, name))),
        ),
    }
}

/// `"Jo Doe" (c1)`, or `"c1"` where the name says no more than the id.
pub(super) fn quoted(id: &str, name: &str) -> String {
    written(id.len() + name.len() + 5, |out| write_quoted(out, id, name))
}

fn write_quoted(out: &mut impl fmt::Write, id: &str, name: &str) -> fmt::Result {
    match (id, name) {
        ("", "") => out.write_str("without id and name"),
        ("", name) => {
            out.write_str("\"")?;
            write_fit(out, name, MAX_NAME)?;
            out.write_str("\" (no id)")
        }
        (id, name) if name.is_empty() || name == id => {
            out.write_str("\"")?;
            write_fit(out, id, MAX_NAME)?;
            out.write_str("\"")
        }
        (id, name) => {
            out.write_str("\"")?;
            write_fit(out, name, MAX_NAME)?;
            out.write_str("\" (")?;
            write_short_id(out, id)?;
            out.write_str(")")
        }
    }
}

/// An id beside a name: the first eight digits of a UUID are enough to find the thing, and a message that repeats
/// all of it twice cannot be read. The subjects of a finding have it in full.
pub(crate) fn short_id(id: &str) -> String {
    written(id.len(), |out| write_short_id(out, id))
}

fn write_short_id(out: &mut impl fmt::Write, id: &str) -> fmt::Result {
    const UUID: usize = 36;
    let start = id.len().saturating_sub(UUID);
    match id.get(start..) {
        Some(uuid) if is_uuid(uuid) => {
            let head = &id[..start + 8];
            write_fit(out, head, MAX_NAME)?;
            // A longer one ends so already.
            match head.chars().count() <= MAX_NAME {
                true => out.write_str("…"),
                false => Ok(()),
            }
        }
        _ => write_fit(out, id, MAX_NAME),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Fit for one line of a message: no control characters, no quotes, not endless.
pub(super) fn short(text: &str) -> String {
    fit(text, MAX_NAME)
}

/// A name as the shaper's files have it.
pub(super) fn emitted(name: &str) -> String {
    format!("\"{}\"", fit(name, MAX_EMITTED))
}

fn fit(text: &str, most: usize) -> String {
    written(text.len(), |out| write_fit(out, text, most))
}

fn write_fit(out: &mut impl fmt::Write, text: &str, most: usize) -> fmt::Result {
    // As most texts are; no character has less than a byte.
    if text.len() <= most && text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"') {
        return out.write_str(text);
    }
    let mut chars = text.chars();
    for c in chars.by_ref().take(most) {
        out.write_char(match c {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })?;
    }
    match chars.next() {
        Some(_) => out.write_str("…"),
        None => Ok(()),
    }
}

/// What is written, in a text that has room for it from the start.
pub(super) fn written(room: usize, write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::with_capacity(room);
    // Writing into a text cannot fail.
    let _ = write(&mut out);
    out
}

/// `/qos/downloadSpeed` as people say it: `qos.downloadSpeed`.
pub(super) fn field(route: &str) -> String {
    let route = route.strip_prefix('/').unwrap_or(route);
    format!("`{}`", short(&route.replace('/', ".")))
}

/// A prefix; a host without its length.
pub(super) fn net(net: &IpNet) -> String {
    written(48, |out| write!(out, "{}", Net(net)))
}

/// As [`net`], where it is written.
#[derive(Clone, Copy)]
pub(super) struct Net<'t>(pub &'t IpNet);

impl fmt::Display for Net<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.addr().fmt(f)?;
        match self.0.prefix_len() == self.0.max_prefix_len() {
            true => Ok(()),
            false => write!(f, "/{}", self.0.prefix_len()),
        }
    }
}

/// `25.5 Mbit/s`
pub(super) fn rate(rate: Kbps) -> String {
    match rate {
        Kbps::UNLIMITED => "unlimited".to_owned(),
        rate => format!("{} Mbit/s", rate.mbps()),
    }
}

/// `100/20 Mbit/s`, download first.
pub(super) fn rates(pair: Pair<Kbps>) -> String {
    format!("{pair} Mbit/s")
}

/// `100/none Mbit/s`
pub(super) fn known_rates(pair: Pair<Option<Kbps>>) -> String {
    let word = |k: Option<Kbps>| k.map_or_else(|| "none".to_owned(), |k| k.mbps().to_string());
    format!("{}/{} Mbit/s", word(pair.down), word(pair.up))
}

/// "download", "upload", "download and upload"
pub(super) fn directions(which: Pair<bool>) -> &'static str {
    match (which.down, which.up) {
        (true, false) => "download",
        (false, true) => "upload",
        _ => "download and upload",
    }
}

/// `1,204`
pub(super) fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 circuit`, `1,204 circuits`, `2 addresses`
pub(super) fn count(n: usize, noun: &str) -> String {
    let ending = match n {
        1 => "",
        _ if noun.ends_with(['s', 'x', 'h']) => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", number(n))
}

/// `one` or `many`, as `n` asks.
pub(super) fn verb(n: usize, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

/// `3.1 %` of a whole, rounded down to a tenth.
pub(super) fn percent(part: usize, whole: usize) -> String {
    let tenths = part as u128 * 1000 / (whole.max(1) as u128);
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        rest => format!("{}.{rest} %", tenths / 10),
    }
}

/// `a, b and c`, or `a, b, c and 12 more`.
pub(super) fn list(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut items = items.into_iter();
    let named: Vec<_> = items.by_ref().take(MAX_NAMED).collect();
    let more = items.count();
    let mut out = String::new();
    for (i, item) in named.iter().enumerate() {
        if i > 0 {
            let last = i + 1 == named.len() && more == 0;
            out.push_str(if last { " and " } else { ", " });
        }
        out.push_str(item.as_ref());
    }
    if more > 0 {
        let _ = write!(out, " and {} more", number(more));
    }
    out
}

/// A draft with the first few of these places.
pub(super) fn at_each(mut draft: Draft, labels: impl IntoIterator<Item = Label>) -> Draft {
    let room = MAX_PLACES.saturating_sub(draft.places.len());
    draft.places.extend(labels.into_iter().take(room));
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_on_one_line_and_name_things_once() {
        assert_eq!(quoted("c1", "Jo \"the\"\nDoe"), "\"Jo 'the' Doe\" (c1)");
        assert_eq!(quoted("c1", "c1"), "\"c1\"");
        assert_eq!(quoted("", "Jo"), "\"Jo\" (no id)");
        assert_eq!(short(&"x".repeat(70)).chars().count(), MAX_NAME + 1);
        let uuid = "5904a1b2-0000-4000-8000-00000000000c";
        assert_eq!(quoted(uuid, "Jo"), "\"Jo\" (5904a1b2…)");
        assert_eq!(
            quoted(&format!("crm:site:{uuid}"), "Jo"),
            "\"Jo\" (crm:site:5904a1b2…)"
        );
        // A long head ends as a long name does, and a multibyte one is counted in characters.
        let head = |n: usize| format!("{}:", "ü".repeat(n));
        assert_eq!(
            short_id(&format!("{}{uuid}", head(51))),
            format!("{}5904a1b2…", head(51))
        );
        assert_eq!(
            short_id(&format!("{}{uuid}", head(52))),
            format!("{}5904a1b…", head(52))
        );
        assert_eq!(
            Named {
                word: "circuit",
                id: "c1",
                name: "Jo\u{7f}"
            }
            .to_string(),
            "circuit \"Jo \" (c1)"
        );
        // It is all there is.
        assert_eq!(quoted(uuid, uuid), format!("\"{uuid}\""));
    }

    #[test]
    fn numbers_lists_and_plurals_read_well() {
        for (n, want) in [
            (0, "0"),
            (999, "999"),
            (1204, "1,204"),
            (1048576, "1,048,576"),
        ] {
            assert_eq!(number(n), want);
        }
        assert_eq!(count(1, "address"), "1 address");
        assert_eq!(count(2, "address"), "2 addresses");
        assert_eq!(count(2, "circuit"), "2 circuits");
        assert_eq!(percent(37, 1204), "3 %");
        assert_eq!(percent(1, 8), "12.5 %");
        let things = |words: &[&'static str]| together(words.iter().map(|w| (*w, "x", "x")));
        assert_eq!(things(&["site", "site"]), "sites \"x\" and \"x\"");
        assert_eq!(things(&["site", "AP"]), "site \"x\" and AP \"x\"");
        assert_eq!(list(["a"]), "a");
        assert_eq!(list(["a", "b"]), "a and b");
        assert_eq!(list(["a", "b", "c"]), "a, b and c");
        assert_eq!(list(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }
}
