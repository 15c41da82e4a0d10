//! The order of findings: by level (errors first), rule code, then subjects, message and places.
//!
//! There may be one for every circuit. What decides between nearly all of them is copied out and compared side by side;
//! following a finding to its subjects and their ids costs several times as much.

use std::cmp::{Ordering, Reverse};

use rayon::prelude::*;

use crate::finding::{Finding, Level};
use crate::ir::records::SubjectKind;

/// Bytes of an id that are copied: ids of one kind often begin alike.
const BYTES: usize = 24;

/// The beginning of what is compared. Where it differs it decides, and where it is equal the rest does.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    level: Reverse<Level>,
    code: &'static str,
    /// Kind of the first subject, and how its id begins, filled up with zeros.
    subject: Option<(SubjectKind, [u8; BYTES])>,
}

impl Start {
    fn of(finding: &Finding) -> Start {
        Start {
            level: Reverse(finding.level),
            code: finding.rule.code,
            subject: finding.subjects.first().map(|subject| {
                let id = subject.id.as_bytes();
                let mut start = [0; BYTES];
                let len = id.len().min(BYTES);
                start[..len].copy_from_slice(&id[..len]);
                (subject.kind, start)
            }),
        }
    }
}

fn rest(a: &Finding, b: &Finding) -> Ordering {
    (a.subjects.cmp(&b.subjects))
        .then_with(|| a.message.cmp(&b.message))
        .then_with(|| a.places.cmp(&b.places))
}

/// Sorts findings; equal ones stay in the order in which they came.
pub(super) fn sorted(findings: Vec<Finding>) -> Vec<Finding> {
    let mut order: Vec<(Start, usize)> = findings
        .par_iter()
        .enumerate()
        .map(|(at, finding)| (Start::of(finding), at))
        .collect();
    order.par_sort_unstable_by(|(a, at), (b, bt)| {
        a.cmp(b)
            .then_with(|| rest(&findings[*at], &findings[*bt]))
            .then(at.cmp(bt))
    });
    let mut findings: Vec<Option<Finding>> = findings.into_iter().map(Some).collect();
    let taken = order.into_iter().filter_map(|(_, at)| findings[at].take());
    taken.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Label, Standing};
    use crate::id::FileId;
    use crate::ir::records::{Origin, Subject};
    use crate::lint::rules;
    use proptest::prelude::*;

    /// As it is said at the head of this file, without any shortcut.
    fn plainly(a: &Finding, b: &Finding) -> Ordering {
        (b.level.cmp(&a.level))
            .then_with(|| a.rule.code.cmp(b.rule.code))
            .then_with(|| rest(a, b))
    }

    fn shown(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(|f| format!("{f:?}")).collect()
    }

    prop_compose! {
        /// Ids that begin alike, end in zeros, or are longer than what is copied; few of each, so that many are equal.
        fn finding()(
            rule in 0..3usize,
            level in prop::sample::select(vec![Level::Info, Level::Warning, Level::Error]),
            subjects in prop::collection::vec(
                ("(a|ab|a\0|crm:site:000000000000000[01]{0,3}|)", any::<bool>(), "[xy]?"), 0..3),
            message in "[mn]?",
            start in 0..2u64,
            n in any::<u32>(),
        ) -> Finding {
            Finding {
                rule: rules::ALL[rule],
                level,
                message,
                subjects: subjects
                    .iter()
                    .map(|(id, node, name)| {
                        let kind = if *node { SubjectKind::Node } else { SubjectKind::Circuit };
                        Subject::new(kind, id, name)
                    })
                    .collect(),
                places: vec![Label::new(Origin { file: FileId(0), len: 1, start }.whole(), "here")],
                // Not compared: it tells equal ones apart here.
                help: n.to_string(),
                fact: String::new(),
                fix: None,
                fingerprint: String::new(),
                standing: Standing::Open,
            }
        }
    }

    proptest! {
        #[test]
        fn the_shortcut_does_not_show(findings in prop::collection::vec(finding(), 0..40)) {
            let mut want = findings.clone();
            want.sort_by(plainly);
            prop_assert_eq!(shown(&sorted(findings)), shown(&want));
        }
    }
}
