//! Entries of `overrides.toml` as written -> [`Override`]: what is wrong with them, all at once.

use crate::config::check::Check;
use crate::config::date::Date;
use crate::config::overrides::{Change, Override, fields, shown};
use crate::config::overrides_file::{Circuit, CircuitWas, File, Link, LinkWas, Node, NodeWas};
use crate::config::value::{At, Day, PerDirection, Span, Word, Words};
use crate::ir::address::{ClaimValue, Form, sort_key};
use crate::ir::field::{Field, FieldValue};
use crate::ir::records::{LeafKind, ServiceState, SubjectKind};
use crate::units::{Kbps, Pair};

/// Judges entries and collects them.
pub(super) struct Reader<'t> {
    pub check: Check<'t>,
    pub entries: Vec<Override>,
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
    pub fn file(&mut self, file: &File) {
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

fn changeable(kind: SubjectKind) -> String {
    let keys: Vec<&str> = fields(kind).iter().map(|field| field.key()).collect();
    keys.join(", ")
}
