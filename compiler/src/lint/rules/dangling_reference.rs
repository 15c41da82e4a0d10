//! SRC004: records that name records which are not there. Circuits without a parent have a rule of their own
//! (TOP001).

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{BadLink, UnknownParent};
use crate::ir::records::{Dangling, RefBy, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC004",
    name: "dangling-reference",
    default: Level::Warning,
    contained: true,
    what: "A record names another record that no source has.",
    why: "What the reference would have given is missing: a link carries nothing, a node has no parent, a subscriber has no plan.",
    fix: "Correct the reference, or fetch again if records are missing from the export.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}],
 "links": [{"id": "L1", "a": "hill", "b": "lake", "kbps": [300000, 300000]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}, {"id": "lake", "name": "Lake", "kind": "site"}],
 "links": [{"id": "L1", "a": "hill", "b": "lake", "kbps": [300000, 300000]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    dangling(stages, out);
    bad_links(stages, out);
    unknown_parents(stages, out);
}

/// One finding for each record that is missing, however many name it.
fn dangling(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut groups: BTreeMap<_, Vec<&Dangling>> = BTreeMap::new();
    for one in stages.sources.iter().flat_map(|s| &s.dangling) {
        let key = (one.wanted_kind, &*one.wanted, one.consequence);
        groups.entry(key).or_default().push(one);
    }
    for ((kind, wanted, consequence), mut group) in groups {
        group.sort();
        let draft = Draft::new(
            format!(
                "{} {} {kind} \"{}\", which the export does not hold: {consequence}",
                stages.subjects(group.iter().map(|d| &d.subject)),
                words::verb(group.len(), "names", "name"),
                words::short(wanted),
            ),
            format!("fetch again if the {kind} exists; otherwise correct the reference"),
        )
        .about_all(group.iter().map(|d| d.subject.clone()));
        let labels = group
            .iter()
            .map(|d| Label::new(d.place.clone(), format!("no such {kind}")));
        out.push(words::at_each(draft, labels));
    }
}

fn bad_links(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for BadLink {
        link,
        place,
        unknown,
    } in &stages.inventory.evidence.bad_links
    {
        let (why, label) = match unknown {
            Some(end) => (
                format!("ends at \"{}\", which no source has", words::short(end)),
                "one end is missing",
            ),
            None => (
                "joins a node to itself".to_owned(),
                "both ends are the same",
            ),
        };
        out.push(
            Draft::new(
                format!("{} {why}: it is not used", stages.subject(link)),
                "correct the ends of the link, or delete it",
            )
            .about(link.clone())
            .at(place.clone(), label),
        );
    }
}

/// Parents of nodes, and those references of circuits that another one of the same record stood in for.
fn unknown_parents(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut groups: BTreeMap<_, Vec<&UnknownParent>> = BTreeMap::new();
    for unknown in &stages.inventory.evidence.unknown_parents {
        if unknown.subject.kind == SubjectKind::Circuit && unknown.used_instead.is_none() {
            continue;
        }
        let key = (
            unknown.subject.kind,
            &*unknown.wanted.text,
            &unknown.used_instead,
            &unknown.names,
        );
        groups.entry(key).or_default().push(unknown);
    }
    for ((_, wanted, instead, names), mut group) in groups {
        group.sort();
        let first = group[0];
        let by = match first.wanted.by {
            RefBy::Id => "id",
            RefBy::Name => "name",
        };
        let then = match instead {
            Some(used) => format!("{} is used instead", stages.subject(used)),
            None => "the reference is ignored, only links can give a parent".to_owned(),
        };
        let (which, label) = match names {
            Some(_) => ("is another node", "another node"),
            None => ("no node has", "no such node"),
        };
        let help = match &first.nearest {
            _ if names.is_some() => {
                "correct the name or the id of the parent in the source: one of them is out of date"
                    .to_owned()
            }
            Some(near) => format!(
                "did you mean {}? Correct the parent in the source",
                stages.subject(near)
            ),
            None => "correct the parent in the source".to_owned(),
        };
        let draft = Draft::new(
            format!(
                "{} {} a parent by {by} \"{}\", which {which}: {then}",
                stages.subjects(group.iter().map(|u| &u.subject)),
                words::verb(group.len(), "names", "name"),
                words::short(wanted),
            ),
            help,
        )
        .about_all(group.iter().map(|u| u.subject.clone()));
        let labels = group.iter().map(|u| Label::new(u.place.clone(), label));
        out.push(words::at_each(draft, labels));
    }
}
