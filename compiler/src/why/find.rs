//! What a question is about: an id, a name, an address, a MAC. Several things it could be are all listed, and of
//! nothing the nearest are.

use std::net::IpAddr;

use ipnet::IpNet;
use weir_schemas::why::SubjectKind;

use super::{Files, text};

/// What a question was taken for: positions in `provenance.json`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Found {
    Circuit(usize),
    Node(usize),
    Address(IpNet),
}

/// Something it could be: how to ask for it exactly, and what it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Hint {
    pub kind: SubjectKind,
    /// `circuit:c1`, `node:a1`
    pub ask: String,
    pub words: String,
}

/// Hints that are given at most.
const HINTS: usize = 8;
/// A part of an id must be as long as this to count.
const PART: usize = 6;

/// Whether a thing is meant: its id, its name, and its position if it is a circuit.
type Test<'t> = dyn Fn(&str, Option<&str>, Option<usize>) -> bool + 't;

impl Files {
    /// `Err`: several things it could be; or, when `exact` is false, what is near.
    pub fn find(&self, question: &str) -> Result<Found, NotFound> {
        let asked = question.trim();
        let mut hits = self.hits(asked);
        if hits.is_empty()
            && let Some((thing, field)) = asked.rsplit_once('.')
            && ["cap", "parent", "rate", "max", "min"].contains(&field)
        {
            hits = self.hits(thing);
        }
        match hits.as_slice() {
            [one] => Ok(*one),
            [] => Err(NotFound {
                several: 0,
                hints: self.near(asked),
            }),
            several => {
                let hints = several.iter().filter_map(|hit| self.hint(*hit));
                Err(NotFound {
                    several: several.len(),
                    hints: hints.take(HINTS).collect(),
                })
            }
        }
    }

    /// Exactly what was asked, by the first of: id, address, MAC, name, the end of an id, the beginning of its end.
    fn hits(&self, asked: &str) -> Vec<Found> {
        let (circuits, nodes) = (&self.provenance.circuits, &self.provenance.nodes);
        if let Some(id) = asked.strip_prefix("circuit:")
            && let Some(at) = self.circuit_at(id)
        {
            return vec![Found::Circuit(at)];
        }
        if let Some(id) = asked.strip_prefix("node:")
            && let Some(at) = self.node_at(id)
        {
            return vec![Found::Node(at)];
        }
        let mut hits: Vec<Found> = Vec::new();
        hits.extend(self.circuit_at(asked).map(Found::Circuit));
        hits.extend(self.node_at(asked).map(Found::Node));
        if !hits.is_empty() || asked.is_empty() {
            return hits;
        }
        if let Some(net) = address(asked) {
            return vec![Found::Address(net)];
        }
        if let Some(mac) = mac(asked) {
            let has = |c: &weir_schemas::provenance::Circuit<'_>| {
                let mut macs = c.devices.iter().filter_map(|d| d.mac.as_deref());
                macs.any(|m| self::mac(m).as_ref() == Some(&mac))
            };
            hits.extend(
                circuits
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| has(c))
                    .map(|(i, _)| Found::Circuit(i)),
            );
            if !hits.is_empty() {
                return hits;
            }
        }
        let lower = asked.to_lowercase();
        let named = |name: Option<&str>| name.is_some_and(|n| n.to_lowercase() == lower);
        let emitted = self.emitted_named(&lower);
        let device =
            |c: &weir_schemas::provenance::Circuit<'_>| c.devices.iter().any(|d| d.id == asked);
        let end = |id: &str| id.rsplit(':').next() == Some(asked);
        let part = asked.trim_end_matches('…');
        let begins = |id: &str| {
            part.len() >= PART && id.rsplit(':').next().is_some_and(|e| e.starts_with(part))
        };
        let tests: [&Test<'_>; 4] = [
            &|id, name, _| named(name) || emitted.contains(&id),
            &|_, _, circuit| circuit.is_some_and(|at| device(&circuits[at])),
            &|id, _, _| end(id),
            &|id, _, _| {
                begins(id) || part.len() >= PART && part.contains(':') && id.starts_with(part)
            },
        ];
        for test in tests {
            for (i, circuit) in circuits.iter().enumerate() {
                if test(&circuit.id, circuit.name.as_deref(), Some(i)) {
                    hits.push(Found::Circuit(i));
                }
            }
            for (i, node) in nodes.iter().enumerate() {
                if test(&node.id, node.name.as_deref(), None) {
                    hits.push(Found::Node(i));
                }
            }
            if !hits.is_empty() {
                break;
            }
        }
        hits
    }

    /// Ids of the nodes whose name in the shaper's files is this one.
    fn emitted_named(&self, lower: &str) -> Vec<&str> {
        let mut open: Vec<&weir_schemas::tree::TreeNode<'_>> = self.tree.emitted.iter().collect();
        let mut found = Vec::new();
        while let Some(node) = open.pop() {
            open.extend(&node.children);
            if node.name.to_lowercase() == lower {
                found.push(node.id.as_ref());
            }
        }
        found
    }

    fn hint(&self, found: Found) -> Option<Hint> {
        Some(match found {
            Found::Circuit(at) => {
                let id = &self.provenance.circuits[at].id;
                Hint {
                    kind: SubjectKind::Circuit,
                    ask: format!("circuit:{id}"),
                    words: self.circuit_words(id),
                }
            }
            Found::Node(at) => {
                let id = &self.provenance.nodes[at].id;
                Hint {
                    kind: SubjectKind::Node,
                    ask: format!("node:{id}"),
                    words: self.node_words(id),
                }
            }
            Found::Address(_) => return None,
        })
    }

    /// What is spelled alike, or holds what was asked.
    fn near(&self, asked: &str) -> Vec<Hint> {
        let asked = asked.to_lowercase();
        if asked.is_empty() {
            return Vec::new();
        }
        let alike = |text: &str| {
            let text = text.to_lowercase();
            match asked.chars().count() > 2 && text.contains(&asked) {
                true => 0.99,
                false => strsim::jaro_winkler(&asked, &text),
            }
        };
        let score = |id: &str, name: Option<&str>| {
            let end = id.rsplit(':').next().unwrap_or(id);
            alike(end).max(name.map_or(0.0, alike))
        };
        let circuits = self.provenance.circuits.iter().enumerate();
        let nodes = self.provenance.nodes.iter().enumerate();
        let mut near: Vec<(f64, Found)> = circuits
            .map(|(i, c)| (score(&c.id, c.name.as_deref()), Found::Circuit(i)))
            .chain(nodes.map(|(i, n)| (score(&n.id, n.name.as_deref()), Found::Node(i))))
            .filter(|(score, _)| *score >= 0.85)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        near.into_iter()
            .take(3)
            .filter_map(|(_, found)| self.hint(found))
            .collect()
    }
}

/// Why a question has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotFound {
    /// How many things it could be; 0 when it is nothing.
    pub several: usize,
    /// What it could be, or what is near.
    pub hints: Vec<Hint>,
}

impl NotFound {
    /// One line.
    pub fn message(&self, question: &str) -> String {
        let question = text::quoted(question, None);
        match self.several {
            0 => format!("no circuit, node or device is called {question}, and it is no address"),
            n => format!("{question} could be {n} things"),
        }
    }

    pub fn help(&self) -> String {
        let listed: Vec<String> = self
            .hints
            .iter()
            .map(|hint| format!("`{}` ({})", crate::report::plain(&hint.ask), hint.words))
            .collect();
        let more = match self.several.saturating_sub(self.hints.len()) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        match (self.several, listed.is_empty()) {
            (0, true) => {
                "ask for an id, a name, an address or a MAC; `weir tree` lists the nodes".to_owned()
            }
            (0, false) => format!("did you mean {}?", listed.join(" or ")),
            _ => format!("ask for one of {}{more}", listed.join(", ")),
        }
    }
}

/// An address or a prefix; host bits mean the host.
fn address(text: &str) -> Option<IpNet> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.into());
    }
    let net: IpNet = text.parse().ok()?;
    Some(if net.addr() == net.network() {
        net
    } else {
        net.addr().into()
    })
}

/// Twelve hexadecimal digits, however they are written.
fn mac(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    (digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits)
}
