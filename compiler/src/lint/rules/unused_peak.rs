//! SRC016: measured peaks that cannot be used.

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{PeakProblem, UnusedPeak};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::peaks::COLUMNS;

pub static RULE: Rule = Rule {
    code: "SRC016",
    name: "unused-peak",
    default: Level::Warning,
    contained: true,
    what: "A row of the file that `topology.peaks` names cannot be used: it names nothing in the network, or its rates are no whole kbit/s.",
    why: "What the row was about is placed by its plan instead, so a CPU queue may carry more than it was meant to.",
    fix: "Write `node` or `circuit`, the id as Weir shows it, and whole kbit/s; leave out what no longer exists.",
    bad: Example::inventory(
        &[
            (
                "inventory.json",
                r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
            ),
            (
                "peaks.csv",
                "kind,id,download_kbps,upload_kbps\nnode,hil,82000,9000\n",
            ),
        ],
        "[topology]\npeaks = \"peaks.csv\"\n",
    ),
    good: Example::inventory(
        &[
            (
                "inventory.json",
                r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
            ),
            (
                "peaks.csv",
                "kind,id,download_kbps,upload_kbps\nnode,hill,82000,9000\n",
            ),
        ],
        "[topology]\npeaks = \"peaks.csv\"\n",
    ),
    check,
};

/// One finding for what names nothing, and one for what cannot be read.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let unused = &stages.inventory.peaks.unused;
    let (unknown, unreadable): (Vec<&UnusedPeak>, Vec<&UnusedPeak>) = unused
        .iter()
        .partition(|peak| matches!(peak.why, PeakProblem::Unknown(..)));
    let setting = || Subject::new(SubjectKind::Setting, "topology.peaks", "topology.peaks");
    if !unknown.is_empty() {
        let subjects: Vec<Subject> = unknown
            .iter()
            .filter_map(|peak| match &peak.why {
                PeakProblem::Unknown(kind, id) => Some(Subject::new(*kind, id, id)),
                _ => None,
            })
            .collect();
        let draft = Draft::new(
            format!(
                "{} of `topology.peaks` {} nothing in the network: {}",
                words::count(unknown.len(), "row"),
                words::verb(unknown.len(), "names", "name"),
                stages.subjects(&subjects),
            ),
            "write the id as `weir tree` and the artifact's files show it, or leave the row out",
        )
        .about(setting())
        .about_all(subjects);
        let labels = unknown
            .iter()
            .map(|peak| Label::new(peak.place.clone(), "names nothing"));
        out.push(words::at_each(draft, labels));
    }
    if !unreadable.is_empty() {
        let what = words::list(unreadable.iter().map(|peak| problem(&peak.why)));
        let draft = Draft::new(
            format!(
                "{} of `topology.peaks` cannot be used: {what}",
                words::count(unreadable.len(), "row")
            ),
            format!(
                "the first row names the columns {}; then one row for each node or circuit, in whole kbit/s",
                COLUMNS.join(", ")
            ),
        )
        .about(setting());
        let labels = unreadable
            .iter()
            .map(|peak| Label::new(peak.place.clone(), "cannot be used"));
        out.push(words::at_each(draft, labels));
    }
}

fn problem(why: &PeakProblem) -> String {
    match why {
        PeakProblem::Header(missing) => format!("the header lacks {missing}"),
        PeakProblem::Kind(kind) => {
            format!("\"{}\" is neither node nor circuit", words::short(kind))
        }
        PeakProblem::Rate(column, text) => {
            format!("\"{}\" is no `{column}`", words::short(text))
        }
        PeakProblem::Unknown(kind, id) => {
            format!("{} \"{}\" is unknown", kind.word(), words::short(id))
        }
    }
}
