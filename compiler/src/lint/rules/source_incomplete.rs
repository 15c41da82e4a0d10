//! SRC001: a source without a file that it cannot do without.

use crate::finding::{Draft, Level};
use crate::ir::records::{MissingCollection, Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};

pub static RULE: Rule = Rule {
    code: "SRC001",
    name: "source-incomplete",
    default: Level::Error,
    contained: false,
    what: "A source's export lacks a collection that the source cannot do without.",
    why: "Everybody the missing collection names would lose their shaping at once, so nothing is built from such an export.",
    fix: "Run `weir fetch` again, or put the missing file into the directory that `export` names.",
    bad: Example::libreqos(&[("network.json", "{}")], ""),
    good: Example::libreqos(
        &[
            ("network.json", "{}"),
            (
                "ShapedDevices.csv",
                "\
Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment
c1,Jo Doe,d1,cpe,,,100.64.0.2,,10,2,100,20,
",
            ),
        ],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for missing in missing(stages).filter(|m| !m.optional) {
        out.push(draft(
            stages,
            missing,
            "run `weir fetch` again, or add the file to the export; until then the last good artifact stays in use",
        ));
    }
}

/// What SRC001 and SRC011 look at.
pub(super) fn missing<'a>(stages: &Stages<'a>) -> impl Iterator<Item = &'a MissingCollection> {
    stages.sources.iter().flat_map(|s| &s.missing)
}

pub(super) fn draft(stages: &Stages<'_>, missing: &MissingCollection, help: &str) -> Draft {
    let source = &*missing.source;
    let draft = Draft::new(
        format!(
            "source \"{source}\" has no `{}`: {}",
            missing.collection, missing.consequence
        ),
        help,
    )
    .about(Subject::new(SubjectKind::Source, source, source));
    match stages.project.sources.iter().find(|s| s.name == source) {
        Some(s) => {
            let key = format!("source.{}.export", s.index);
            draft.at(stages.project.place(key), "not in this export")
        }
        None => draft,
    }
}
