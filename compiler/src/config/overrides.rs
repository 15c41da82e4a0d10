//! `overrides.toml`, resolved: what an operator wants otherwise than the sources say, field by field, each with its
//! reason and its place. Whether what it names exists is not known here; `normalize::overlay` sees that.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::de::DeTable;
use weir_store::sha256;

use crate::config::check::Check;
use crate::config::date::Date;
use crate::config::error::{ConfigError, Problem};
use crate::config::overrides_file::{Circuit, CircuitWas, File, Link, LinkWas, Node, NodeWas};
use crate::config::resolve::wrong_type;
use crate::config::value::{At, Day, PerDirection, Span, Word, Words};
use crate::config::{keys, schema};
use crate::ir::address::{ClaimValue, Form, sort_key};
use crate::ir::field::{Field, FieldValue};
use crate::ir::records::{LeafKind, Origin, Place, ServiceState, SubjectKind};
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::units::{Kbps, Pair};

pub const FILE_NAME: &str = "overrides.toml";

/// All of them, in the order of kind and file.
#[derive(Clone, Default, Debug)]
pub struct Overrides {
    /// `overrides.toml`, as a place; `None` when there is no such file.
    pub file: Option<Origin>,
    pub entries: Vec<Override>,
    /// SHA-256 of what they say, lower-case hex; comments and layout do not count. `None` when there are none.
    pub digest: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Override {
    /// Circuit, node or link.
    pub kind: SubjectKind,
    pub id: String,
    /// The device that its addresses belong to.
    pub device: Option<String>,
    pub reason: String,
    pub owner: Option<String>,
    /// The last day on which it applies.
    pub expires: Option<Date>,
    /// At least one, each field once.
    pub changes: Vec<Change>,
    /// Its table, as a route: `circuit.0`.
    pub route: String,
    /// Bytes of its table.
    span: Span,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub field: Field,
    pub value: FieldValue,
    /// What the sources said when it was written.
    pub was: Option<FieldValue>,
}

impl Overrides {
    /// Where a key of an entry stands; the entry itself for "".
    ///
    /// # Panics
    /// When there is no file: then there are no entries to ask for.
    pub fn place(&self, entry: usize, key: &str) -> Place {
        let file = self.file.expect("entries come from a file");
        let route = &self.entries[entry].route;
        match key {
            "" => file.at(route.clone()),
            key => file.at(format!("{route}.{key}")),
        }
    }
}

impl Overrides {
    /// An entry as a record.
    ///
    /// # Panics
    /// When there is no file: then there are no entries to ask for.
    pub fn origin(&self, entry: usize) -> Origin {
        let file = self.file.expect("entries come from a file");
        let span = &self.entries[entry].span;
        Origin {
            start: span.start as u64,
            len: u32::try_from(span.len()).unwrap_or(u32::MAX),
            ..file
        }
    }
}

impl Override {
    pub fn is_expired(&self, as_of: Option<Date>) -> bool {
        self.expires
            .zip(as_of)
            .is_some_and(|(last, today)| last < today)
    }
}

/// Reads `overrides.toml` in the directory of a project. No file is no overrides.
pub(super) fn load(dir: &Path, files: &mut SourceMap) -> Result<Overrides, ConfigError> {
    let path = dir.join(FILE_NAME);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Overrides::default());
        }
        Err(e) => {
            let message = format!("{} cannot be read: {e}", path.display());
            let mut error = ConfigError::whole(FILE_NAME, message, "");
            error.outside = true;
            return Err(error);
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => load_str(&text, files),
        Err(e) => Err(ConfigError::whole(
            FILE_NAME,
            format!(
                "{} is not UTF-8 from byte {} on",
                path.display(),
                e.utf8_error().valid_up_to() + 1
            ),
            "save it as UTF-8",
        )),
    }
}

/// Reads overrides from the text of their file.
pub fn load_str(text: &str, files: &mut SourceMap) -> Result<Overrides, ConfigError> {
    let (root, syntax) = DeTable::parse_recoverable(text);
    let fail = |problems| ConfigError::new(FILE_NAME, text.to_owned(), problems);
    if let Some(error) = syntax.into_iter().min_by_key(|e| e.span().map(|s| s.start)) {
        let message: Vec<&str> = error.message().split_whitespace().collect();
        return Err(fail(vec![Problem {
            message: format!("not valid TOML: {}", message.join(" ")),
            help: String::new(),
            span: error.span(),
        }]));
    }
    let mut problems = Vec::new();
    keys::unknown(root.get_ref(), &schema::OVERRIDES, &mut problems);
    if !problems.is_empty() {
        return Err(fail(problems));
    }
    let file = match File::deserialize(toml::de::Deserializer::from(root.clone())) {
        Ok(file) => file,
        Err(error) => return Err(fail(vec![wrong_type(&error, root.get_ref())])),
    };
    let mut reader = Reader {
        check: Check {
            text,
            problems: Vec::new(),
        },
        entries: Vec::new(),
    };
    reader.file(&file);
    if !reader.check.problems.is_empty() {
        return Err(fail(reader.check.problems));
    }
    let entries = reader.entries;
    let id = files.add(SourceFile {
        path: FILE_NAME.to_owned(),
        format: Format::Toml,
        bytes: Arc::new(text.as_bytes().to_vec()),
        transcoded: None,
        digest: sha256(text.as_bytes()),
    });
    Ok(Overrides {
        file: Some(files.whole(id)),
        digest: (!entries.is_empty()).then(|| sha256(canonical(&entries).as_bytes())),
        entries,
    })
}

/// What overrides say, without their layout.
fn canonical(entries: &[Override]) -> String {
    let mut text = String::from("weir.overrides/1\n");
    for entry in entries {
        let Override {
            kind,
            id,
            device,
            reason,
            owner,
            expires,
            changes,
            route: _,
            span: _,
        } = entry;
        let expires = expires.map(|day| day.to_string());
        let _ = writeln!(
            text,
            "{} {id:?} {device:?} {reason:?} {owner:?} {expires:?}",
            kind.word()
        );
        for change in changes {
            let Change { field, value, was } = change;
            let _ = writeln!(text, "  {} {value:?} {was:?}", field.key());
        }
    }
    text
}

/// Judges entries and collects them.
struct Reader<'t> {
    check: Check<'t>,
    entries: Vec<Override>,
}

/// What all kinds of entries have.
struct Head<'w> {
    id: &'w Option<At<String>>,
    reason: &'w Option<At<String>>,
    owner: &'w Option<At<String>>,
    expires: &'w Option<At<Day>>,
    device: Option<&'w At<String>>,
}

macro_rules! head {
    ($entry:expr, $device:expr) => {
        Head {
            id: &$entry.id,
            reason: &$entry.reason,
            owner: &$entry.owner,
            expires: &$entry.expires,
            device: $device,
        }
    };
}

/// A field with its value, if it is right.
type Found = Vec<(Field, Option<FieldValue>)>;

impl Reader<'_> {
    fn file(&mut self, file: &File) {
        let File {
            circuit,
            node,
            link,
        } = file;
        for (index, entry) in circuit.iter().enumerate() {
            let Circuit { was, .. } = &entry.value;
            let values = &entry.value;
            let found = self.circuit(&CircuitFields {
                addresses: &values.addresses,
                addresses_add: &values.addresses_add,
                addresses_remove: &values.addresses_remove,
                commit_mbps: &values.commit_mbps,
                exclude: &values.exclude,
                max_mbps: &values.max_mbps,
                min_mbps: &values.min_mbps,
                name: &values.name,
                parent: &values.parent,
                plan_mbps: &values.plan_mbps,
                qdisc: &values.qdisc,
                state: &values.state,
                was: false,
            });
            let was = was.as_ref().map(|was| self.circuit_was(was));
            let head = head!(values, values.device.as_ref());
            if let Some(device) = &values.device
                && !found.iter().any(|(field, _)| is_address(*field))
            {
                self.check.problem(
                    Some(&device.span),
                    "`device` is named, but no addresses are",
                    "add addresses, addresses_add or addresses_remove, or take `device` away",
                );
            }
            if found.iter().any(|(f, _)| *f == Field::Addresses)
                && found.iter().filter(|(f, _)| is_address(*f)).count() > 1
            {
                self.check.problem(
                    Some(&entry.span),
                    "`addresses` is all addresses, so there is nothing to add or to remove",
                    "write addresses alone, or addresses_add and addresses_remove",
                );
            }
            self.entry(SubjectKind::Circuit, index, &entry.span, &head, found, was);
        }
        for (index, entry) in node.iter().enumerate() {
            let Node {
                capacity_mbps,
                exclude,
                kind,
                name,
                parent,
                r#virtual,
                was,
                ..
            } = &entry.value;
            let mut found = Vec::new();
            self.rates(Field::Capacity, capacity_mbps, false, &mut found);
            self.flag(Field::Exclude, exclude, &mut found);
            self.one_of(Field::Kind, kind, FieldValue::Kind, &mut found);
            self.text(Field::Name, name, false, &mut found);
            self.text(Field::Parent, parent, false, &mut found);
            self.flag(Field::Virtual, r#virtual, &mut found);
            let was = was.as_ref().map(|was| self.node_was(was));
            let head = head!(entry.value, None);
            self.entry(SubjectKind::Node, index, &entry.span, &head, found, was);
        }
        for (index, entry) in link.iter().enumerate() {
            let Link {
                capacity_mbps,
                cost,
                state,
                was,
                ..
            } = &entry.value;
            let mut found = Vec::new();
            self.rates(Field::Capacity, capacity_mbps, false, &mut found);
            if let Some(cost) = cost {
                let most = 0..=1_000_000_000;
                let value = self.check.count("cost", &Some(cost.clone()), 0, most);
                found.push((Field::Cost, Some(FieldValue::Count(Some(value)))));
            }
            self.one_of(Field::State, state, FieldValue::Link, &mut found);
            let was = was.as_ref().map(|was| self.link_was(was));
            let head = head!(entry.value, None);
            self.entry(SubjectKind::Link, index, &entry.span, &head, found, was);
        }
    }

    fn circuit(&mut self, fields: &CircuitFields<'_>) -> Found {
        let was = fields.was;
        let mut found = Vec::new();
        self.prefixes(Field::Addresses, fields.addresses, true, &mut found);
        self.prefixes(Field::AddressesAdd, fields.addresses_add, was, &mut found);
        self.prefixes(
            Field::AddressesRemove,
            fields.addresses_remove,
            was,
            &mut found,
        );
        self.rates(Field::Commit, fields.commit_mbps, true, &mut found);
        self.flag(Field::Exclude, fields.exclude, &mut found);
        self.rates(Field::Max, fields.max_mbps, was, &mut found);
        self.rates(Field::Min, fields.min_mbps, was, &mut found);
        self.text(Field::Name, fields.name, was, &mut found);
        self.text(Field::Parent, fields.parent, was, &mut found);
        self.rates(Field::Plan, fields.plan_mbps, was, &mut found);
        if let Some(qdisc) = fields.qdisc {
            let value = self.qdisc(qdisc);
            found.push((Field::Qdisc, value));
        }
        self.one_of(Field::State, fields.state, FieldValue::Service, &mut found);
        found
    }

    fn circuit_was(&mut self, was: &CircuitWas) -> Found {
        self.circuit(&CircuitFields {
            addresses: &was.addresses,
            addresses_add: &was.addresses_add,
            addresses_remove: &was.addresses_remove,
            commit_mbps: &was.commit_mbps,
            exclude: &was.exclude,
            max_mbps: &was.max_mbps,
            min_mbps: &was.min_mbps,
            name: &was.name,
            parent: &was.parent,
            plan_mbps: &was.plan_mbps,
            qdisc: &was.qdisc,
            state: &was.state,
            was: true,
        })
    }

    fn node_was(&mut self, was: &NodeWas) -> Found {
        let mut found = Vec::new();
        self.rates(Field::Capacity, &was.capacity_mbps, true, &mut found);
        self.flag(Field::Exclude, &was.exclude, &mut found);
        self.one_of(Field::Kind, &was.kind, FieldValue::Kind, &mut found);
        self.text(Field::Name, &was.name, true, &mut found);
        self.text(Field::Parent, &was.parent, true, &mut found);
        self.flag(Field::Virtual, &was.r#virtual, &mut found);
        found
    }

    fn link_was(&mut self, was: &LinkWas) -> Found {
        let mut found = Vec::new();
        self.rates(Field::Capacity, &was.capacity_mbps, true, &mut found);
        if let Some(cost) = &was.cost {
            // 0 in `was` is "none stated" only where the link had none; both are what they are.
            found.push((Field::Cost, Some(FieldValue::Count(Some(cost.value.0)))));
        }
        self.one_of(Field::State, &was.state, FieldValue::Link, &mut found);
        found
    }

    fn entry(
        &mut self,
        kind: SubjectKind,
        index: usize,
        span: &Span,
        head: &Head<'_>,
        found: Found,
        was: Option<Found>,
    ) {
        let word = kind.word();
        let mut required = |key: &str, written: &Option<At<String>>, advice: &str| match written {
            Some(text) => self.check.one_label(key, text),
            None => {
                self.check.problem(
                    Some(span),
                    format!("an override of a {word} has no `{key}`"),
                    advice,
                );
                None
            }
        };
        let id = required(
            "id",
            head.id,
            "add id = \"..\": the stable id, as `weir tree` shows it",
        );
        let reason = required(
            "reason",
            head.reason,
            "add reason = \"..\": whoever finds it must know why",
        );
        let owner = self.check.label("owner", head.owner);
        let expires = head.expires.as_ref().and_then(|day| self.day(day));
        if found.is_empty() {
            self.check.problem(
                Some(span),
                format!("an override of a {word} changes nothing"),
                format!("add what it changes: {}", changeable(kind)),
            );
        }
        for (field, _) in was.iter().flatten() {
            if !found.iter().any(|(f, _)| f == field) {
                self.check.problem(
                    Some(span),
                    format!(
                        "`was.{0}` is there, but `{0}` is not overridden",
                        field.key()
                    ),
                    format!("add {}, or take it out of `was`", field.key()),
                );
            }
        }
        let (Some(id), Some(reason)) = (id, reason) else {
            return;
        };
        let device = head.device.map(|device| device.value.clone());
        let changes: Vec<Change> = found
            .into_iter()
            .filter_map(|(field, value)| {
                let was = was.iter().flatten().find(|(f, _)| *f == field);
                Some(Change {
                    field,
                    value: value?,
                    was: was.and_then(|(_, value)| value.clone()),
                })
            })
            .collect();
        for change in &changes {
            let other = self.entries.iter().position(|e| {
                e.kind == kind
                    && e.id == id
                    && e.device == device
                    && e.changes.iter().any(|c| c.field == change.field)
            });
            if let Some(other) = other {
                let line = 1 + self.check.text[..self.entries[other].span.start]
                    .matches('\n')
                    .count();
                self.check.problem(
                    Some(span),
                    format!(
                        "`{}` of {word} \"{id}\" is overridden twice: in line {line} too",
                        change.field.key()
                    ),
                    "keep one of the two",
                );
            }
        }
        self.entries.push(Override {
            kind,
            id,
            device,
            reason,
            owner,
            expires,
            changes,
            route: format!("{word}.{index}"),
            span: span.clone(),
        });
    }

    fn day(&mut self, written: &At<Day>) -> Option<Date> {
        let text = self
            .check
            .text
            .get(written.span.clone())
            .unwrap_or_default();
        let day = Date::parse(text.trim_matches(['"', '\'']));
        if day.is_none() {
            self.check.problem(
                Some(&written.span),
                "`expires` is not a day",
                "write it as 2026-12-31, without a time",
            );
        }
        day
    }

    /// 0 is a rate where `zero` says so: none.
    fn rates(
        &mut self,
        field: Field,
        written: &Option<At<PerDirection>>,
        zero: bool,
        found: &mut Found,
    ) {
        let Some(at) = written else { return };
        let least = u64::from(!zero);
        let key = field.key();
        let rates = match &at.value {
            PerDirection::Both => self.check.rate(key, &at.span, least).map(Pair::both),
            PerDirection::Each { down, up } => {
                let down = self.check.rate(key, &down.span, least);
                let up = self.check.rate(key, &up.span, least);
                down.zip(up).map(|(down, up)| Pair::new(down, up))
            }
            // Says that there are two directions.
            PerDirection::Other(_) => self.check.pair(key, written),
        };
        found.push((field, rates.map(|r| FieldValue::Rates(r.map(Kbps::known)))));
    }

    fn flag(&mut self, field: Field, written: &Option<At<bool>>, found: &mut Found) {
        found.extend(
            written
                .as_ref()
                .map(|on| (field, Some(FieldValue::Flag(on.value)))),
        );
    }

    fn text(&mut self, field: Field, written: &Option<At<String>>, empty: bool, found: &mut Found) {
        let Some(text) = written else { return };
        let value = match empty && text.value.is_empty() {
            true => Some(String::new()),
            false => self.check.one_label(field.key(), text),
        };
        found.push((field, value.map(|text| FieldValue::Text(text.into()))));
    }

    fn one_of<T: Words>(
        &mut self,
        field: Field,
        written: &Option<At<Word<T>>>,
        value: fn(T) -> FieldValue,
        found: &mut Found,
    ) {
        if let Some(word) = written {
            found.push((field, self.check.lookup(field.key(), word).map(value)));
        }
    }

    fn qdisc(&mut self, written: &At<String>) -> Option<FieldValue> {
        let leaf = |word: &str| {
            let words = LeafKind::words();
            let known = words.into_iter().find(|(w, _)| *w == word.trim());
            known.map(|(_, leaf)| leaf)
        };
        let text = written.value.as_str();
        let (down, up) = text.split_once('/').unwrap_or((text, text));
        let side = |word: &str| match word.trim() {
            "" | "default" => Some(None),
            word => leaf(word).map(Some),
        };
        match side(down).zip(side(up)) {
            Some((down, up)) => Some(FieldValue::Leaf(Pair::new(down, up))),
            None => {
                self.check.problem(
                    Some(&written.span),
                    format!("`qdisc` cannot be \"{text}\""),
                    "write cake, fq_codel, none or default; for each direction: \"cake/none\"",
                );
                None
            }
        }
    }

    fn prefixes(
        &mut self,
        field: Field,
        written: &Option<Vec<At<String>>>,
        empty: bool,
        found: &mut Found,
    ) {
        let Some(list) = written else { return };
        let mut nets = Vec::new();
        for entry in list {
            match ClaimValue::parse(&entry.value, Form::Prefix).prefix() {
                Some((net, false)) => nets.push(net),
                _ => self.check.problem(
                    Some(&entry.span),
                    format!("`{}` holds \"{}\", which is no address", field.key(), entry.value),
                    "write addresses like \"100.64.0.7\" and prefixes like \"2001:db8:7::/56\", each in its own quotes",
                ),
            }
        }
        if list.is_empty() && !empty {
            // A list has no place of its own.
            self.check.problem(
                None,
                format!("`{}` is an empty list", field.key()),
                "name at least one address",
            );
        }
        nets.sort_by_key(sort_key);
        nets.dedup();
        let texts = nets.iter().map(|net| shown(net).into()).collect();
        found.push((field, Some(FieldValue::Addresses(texts))));
    }
}

struct CircuitFields<'w> {
    addresses: &'w Option<Vec<At<String>>>,
    addresses_add: &'w Option<Vec<At<String>>>,
    addresses_remove: &'w Option<Vec<At<String>>>,
    commit_mbps: &'w Option<At<PerDirection>>,
    exclude: &'w Option<At<bool>>,
    max_mbps: &'w Option<At<PerDirection>>,
    min_mbps: &'w Option<At<PerDirection>>,
    name: &'w Option<At<String>>,
    parent: &'w Option<At<String>>,
    plan_mbps: &'w Option<At<PerDirection>>,
    qdisc: &'w Option<At<String>>,
    state: &'w Option<At<Word<ServiceState>>>,
    was: bool,
}

fn is_address(field: Field) -> bool {
    matches!(
        field,
        Field::Addresses | Field::AddressesAdd | Field::AddressesRemove
    )
}

/// A prefix; a host without its length.
pub fn shown(net: &ipnet::IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    }
}

/// Fields that an override of a kind may change, sorted as they are written.
pub fn fields(kind: SubjectKind) -> &'static [Field] {
    match kind {
        SubjectKind::Circuit => &[
            Field::Addresses,
            Field::AddressesAdd,
            Field::AddressesRemove,
            Field::Commit,
            Field::Exclude,
            Field::Max,
            Field::Min,
            Field::Name,
            Field::Parent,
            Field::Plan,
            Field::Qdisc,
            Field::State,
        ],
        SubjectKind::Node => &[
            Field::Capacity,
            Field::Exclude,
            Field::Kind,
            Field::Name,
            Field::Parent,
            Field::Virtual,
        ],
        SubjectKind::Link => &[Field::Capacity, Field::Cost, Field::State],
        SubjectKind::Device | SubjectKind::Source | SubjectKind::Setting => &[],
    }
}

fn changeable(kind: SubjectKind) -> String {
    let keys: Vec<&str> = fields(kind).iter().map(|field| field.key()).collect();
    keys.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Overrides, ConfigError> {
        load_str(text, &mut SourceMap::default())
    }

    #[test]
    fn an_override_is_read_with_its_reason_its_end_and_what_was() {
        let text = "# kept\n[[circuit]]\nid = \"c1\"\nreason = \"gift\"\nexpires = 2026-12-31\nplan_mbps = [100, 20.5]\n\
                    addresses_add = [\"2001:db8::/56\", \"100.64.0.7\"]\nwas = { plan_mbps = 50 }\n\
                    [[link]]\nid = \"L1\"\nreason = \"r\"\nowner = \"kim\"\nstate = \"down\"\n";
        let overrides = load(text).expect("overrides");
        let [circuit, link] = overrides.entries.as_slice() else {
            panic!("two entries");
        };
        assert_eq!(circuit.expires, Date::parse("2026-12-31"));
        let told = |entry: &Override| -> Vec<String> {
            let change = |c: &Change| {
                let was = c.was.as_ref().map(ToString::to_string);
                format!("{} {} {}", c.field.key(), c.value, was.unwrap_or_default())
            };
            entry.changes.iter().map(change).collect()
        };
        assert_eq!(
            told(circuit),
            [
                "addresses_add 100.64.0.7, 2001:db8::/56 ",
                "plan_mbps 100/20.5 Mbit/s 50/50 Mbit/s"
            ]
        );
        assert_eq!(told(link), ["state down "]);
        assert_eq!(link.owner.as_deref(), Some("kim"));
        // Comments and layout are no content.
        let again = text.replace("# kept\n", "\n\n");
        assert_eq!(load(&again).expect("overrides").digest, overrides.digest);
        let other = text.replace("gift", "present");
        assert_ne!(load(&other).expect("overrides").digest, overrides.digest);
        assert_eq!(load("").expect("nothing").digest, None);
    }

    #[test]
    fn the_end_is_the_last_day_with() {
        let text = "[[node]]\nid = \"n\"\nreason = \"r\"\nexpires = \"2026-12-31\"\nname = \"N\"\n";
        let overrides = load(text).expect("overrides");
        for (day, over) in [
            ("2026-12-30", false),
            ("2026-12-31", false),
            ("2027-01-01", true),
        ] {
            assert_eq!(
                overrides.entries[0].is_expired(Date::parse(day)),
                over,
                "{day}"
            );
        }
        assert!(!overrides.entries[0].is_expired(None));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_a_way_out() {
        let head = "[[circuit]]\nid = \"c1\"\nreason = \"r\"\n";
        for (text, line, says) in [
            (
                "[[circuit]]\nid = \"c1\"\nplan_mbps = 5\n",
                1,
                "has no `reason`",
            ),
            (
                "[[circuit]]\nreason = \"r\"\nplan_mbps = 5\n",
                1,
                "has no `id`",
            ),
            (
                "[[circuit]]\nid = \"c1\"\nreason = \"r\"\n",
                1,
                "changes nothing",
            ),
            (
                "[[circuits]]\nid = \"c1\"\n",
                1,
                "unknown table `[[circuits]]`",
            ),
            (&format!("{head}plan_mpbs = 5\n"), 4, "plan_mbps"),
            (&format!("{head}plan_mbps = \"5\"\n"), 4, "must be a number"),
            (
                &format!("{head}plan_mbps = 0\n"),
                4,
                "must be greater than 0",
            ),
            (&format!("{head}state = \"supended\"\n"), 4, "suspended"),
            (
                &format!("{head}expires = 2026-12-31T10:00:00\nname = \"x\"\n"),
                4,
                "is not a day",
            ),
            (
                &format!("{head}expires = \"soon\"\nname = \"x\"\n"),
                4,
                "is not a day",
            ),
            (
                &format!("{head}addresses = [\"10.0.0.1/24\"]\n"),
                4,
                "which is no address",
            ),
            (
                &format!("{head}device = \"d\"\nname = \"x\"\n"),
                4,
                "no addresses are",
            ),
            (
                &format!("{head}name = \"x\"\nwas = {{ plan_mbps = 5 }}\n"),
                1,
                "is not overridden",
            ),
            (
                &format!("{head}name = \"x\"\n\n{head}name = \"y\"\n"),
                6,
                "overridden twice: in line 1 too",
            ),
            (&format!("{head}name = \n"), 4, "not valid TOML"),
        ] {
            let error = load(text).expect_err(text);
            assert_eq!(
                error.position().map(|(line, _)| line),
                Some(line),
                "{text}\n{error}"
            );
            let said = format!("{} {}", error.message, error.help);
            assert!(said.contains(says), "{text}\n{said}");
            assert_eq!(error.file(), FILE_NAME);
        }
    }
}
