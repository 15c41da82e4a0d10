//! How findings speak: things by name and id, rates with their unit, counts, lists. One voice for every rule;
//! a message is one line that stands alone.

use std::fmt::Write as _;

use ipnet::IpNet;

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
    pub(super) fn circuit(&self, ix: CircuitIx) -> String {
        let circuit = &self.inventory[ix];
        format!("circuit {}", quoted(&circuit.id, &circuit.name))
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
    match (id, name) {
        ("", "") => "without id and name".to_owned(),
        ("", name) => format!("\"{}\" (no id)", short(name)),
        (id, name) if name.is_empty() || name == id => format!("\"{}\"", short(id)),
        (id, name) => format!("\"{}\" ({})", short(name), short_id(id)),
    }
}

/// An id beside a name: the first eight digits of a UUID are enough to find the thing, and a message that repeats
/// all of it twice cannot be read. The subjects of a finding have it in full.
pub(crate) fn short_id(id: &str) -> String {
    const UUID: usize = 36;
    let start = id.len().saturating_sub(UUID);
    match id.get(start..) {
        Some(uuid) if is_uuid(uuid) => short(&format!("{}…", &id[..start + 8])),
        _ => short(id),
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
    let mut chars = text
        .chars()
        .map(|c| match c {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .peekable();
    let mut out: String = chars.by_ref().take(most).collect();
    if chars.peek().is_some() {
        out.push('…');
    }
    out
}

/// `/qos/downloadSpeed` as people say it: `qos.downloadSpeed`.
pub(super) fn field(route: &str) -> String {
    let route = route.strip_prefix('/').unwrap_or(route);
    format!("`{}`", short(&route.replace('/', ".")))
}

/// A prefix; a host without its length.
pub(super) fn net(net: &IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
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
