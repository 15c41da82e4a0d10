//! SRC009: tables whose columns had to be guessed.

use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};

pub static RULE: Rule = Rule {
    code: "SRC009",
    name: "legacy-layout",
    default: Level::Warning,
    contained: false,
    what: "The header of a table and its rows disagree, or an old column layout was assumed.",
    why: "If the guess is wrong, every subscriber's rates and addresses are read from the wrong columns.",
    fix: "Write the current header, one column for each field of the rows.",
    bad: Example::libreqos(
        &[
            ("network.json", "{}"),
            (
                "ShapedDevices.csv",
                "\
Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment
c1,Jo Doe,d1,cpe,,,100.64.0.2,,10,2,100,20,
",
            ),
        ],
        "",
    ),
    good: Example::libreqos(
        &[
            ("network.json", "{}"),
            (
                "ShapedDevices.csv",
                "\
Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm
c1,Jo Doe,d1,cpe,,,,,100.64.0.2,,10,2,100,20,,
",
            ),
        ],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for layout in stages.sources.iter().flat_map(|s| &s.legacy_layouts) {
        let path = stages.path(&layout.place);
        out.push(
            Draft::new(
                format!("{path}: {}", layout.message),
                "compare one row of the result with the file; then write the current header, one column for each field",
            )
            .about(Subject::new(SubjectKind::Source, path, path))
            .at(layout.place.clone(), "read by this header"),
        );
    }
}
