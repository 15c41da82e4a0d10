//! What a promotion must not do unseen: take away many subscribers, move many, come from old data, or run what its
//! own build calls failing.
//!
//! It judges numbers. It does not know how they are shown, or how a channel is moved.

mod contained;

pub use contained::{REMOVALS, contained, failing};

use weir_schemas::diff::Diff;

use crate::config::project::Guard;

/// What is known of an artifact that is to be promoted.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Against what the channel runs; `None` when it runs nothing.
    pub diff: Option<&'a Diff>,
    /// Circuits it shapes.
    pub shaped: u64,
    /// Its build marked it failing.
    pub failing: bool,
    /// Sources whose age is known, with it in seconds.
    pub ages: Vec<(String, u64)>,
}

/// Exact numbers that somebody has looked at and wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Accept {
    pub removals: Option<u64>,
    pub reparented: Option<u64>,
}

/// Why an artifact may not be promoted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trip {
    /// The setting that says so; empty when none can allow it.
    pub setting: &'static str,
    pub message: String,
    pub help: String,
}

/// Subscribers that disappear, and that get another node above them ([`crate::reparented`]).
pub fn numbers(diff: Option<&Diff>) -> (u64, u64) {
    diff.map_or((0, 0), |diff| (diff.counts.left, diff.counts.reparented))
}

/// Everything that stands against it.
pub fn trips(guard: &Guard, candidate: &Candidate<'_>, accept: Accept) -> Vec<Trip> {
    let mut trips = Vec::new();
    if candidate.failing {
        trips.push(Trip {
            setting: "lint.fail_on",
            message: "its build found something at or above fail_on and marked it failing"
                .to_owned(),
            help:
                "mend what `weir check` names, or allow the rule in [lint.levels], and build again"
                    .to_owned(),
        });
    }
    if candidate.shaped < guard.min_circuits {
        trips.push(Trip {
            setting: "guard.min_circuits",
            message: format!(
                "it shapes {} circuits, and at least {} are wanted",
                candidate.shaped, guard.min_circuits
            ),
            help: "see whether the source answered completely; if this is the whole network, lower guard.min_circuits"
                .to_owned(),
        });
    }
    let (removals, reparented) = numbers(candidate.diff);
    let before = candidate.diff.map_or(0, |diff| diff.from.shaped);
    let most = |percent: u32| before.saturating_mul(u64::from(percent)) / 100;
    let allowed = guard.max_removed.max(most(guard.max_removed_percent));
    trips.extend(exact(
        "removals",
        accept.removals,
        removals,
        removals > allowed,
        || Trip {
            setting: "guard.max_removed",
            message: format!(
                "{removals} of {before} circuits would not be shaped any more, and {allowed} may be removed at once"
            ),
            help: format!(
                "see who with `weir diff`; an empty or partial answer of a source looks like this. If they are \
                 really gone: --accept removals={removals}"
            ),
        },
    ));
    let allowed = most(guard.max_reparented_percent);
    trips.extend(exact(
        "reparented",
        accept.reparented,
        reparented,
        reparented > allowed,
        || Trip {
            setting: "guard.max_reparented_percent",
            message: format!(
                "{reparented} of {before} circuits would hang on another node, and {allowed} may move at once"
            ),
            help: format!(
                "see where with `weir diff`. If that is what you want: --accept reparented={reparented}"
            ),
        },
    ));
    for (source, age) in &candidate.ages {
        if *age > guard.max_source_age_seconds {
            trips.push(Trip {
                setting: "guard.max_source_age",
                message: format!(
                    "source {source} is {} old, and at most {} is allowed",
                    lasting(*age),
                    lasting(guard.max_source_age_seconds)
                ),
                help: "read the source again and build".to_owned(),
            });
        }
    }
    trips
}

/// A number that is accepted must be the number there is, or somebody looked at something else.
fn exact(
    word: &'static str,
    accepted: Option<u64>,
    found: u64,
    tripped: bool,
    trip: impl FnOnce() -> Trip,
) -> Option<Trip> {
    match accepted {
        Some(accepted) if accepted == found => None,
        Some(accepted) => Some(Trip {
            setting: "",
            message: format!("--accept {word}={accepted} was said, and it is {found}"),
            help: format!(
                "look again with `weir diff`, and then state it: --accept {word}={found}"
            ),
        }),
        None => tripped.then(trip),
    }
}

/// `6h`, `2d 3h`, `90s`.
pub fn lasting(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, length) in units {
        if rest >= length && parts.len() < 2 {
            parts.push(format!("{} {unit}", rest / length));
            rest %= length;
        }
    }
    if parts.is_empty() {
        return "0 s".to_owned();
    }
    parts.join(" ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use weir_schemas::diff::{Counts, Disruption, Side};

    pub(super) fn guard() -> Guard {
        Guard {
            max_removed: 20,
            max_removed_percent: 5,
            max_reparented_percent: 20,
            max_contained: 20,
            min_circuits: 1,
            max_source_age_seconds: 6 * 3600,
            max_churn: 0,
        }
    }

    fn diff(shaped: u64, left: u64, moved: u64) -> Diff {
        let side = |shaped| Side {
            digest: String::new(),
            target: None,
            strategy: "full".to_owned(),
            shaped,
            nodes: 0,
            max_kbps: [0, 0],
            min_kbps: [0, 0],
        };
        Diff {
            schema: String::new(),
            from: side(shaped),
            to: side(shaped - left),
            counts: Counts {
                left,
                reparented: moved,
                ..Counts::default()
            },
            disruption: Disruption::Move,
            disturbed: 0,
            groups: Vec::new(),
        }
    }

    fn tripped(diff: Option<&Diff>, accept: Accept) -> Vec<&'static str> {
        let candidate = Candidate {
            diff,
            shaped: diff.map_or(1, |d| d.to.shaped),
            failing: false,
            ages: Vec::new(),
        };
        let trips = trips(&guard(), &candidate, accept);
        trips.into_iter().map(|t| t.setting).collect()
    }

    /// At the threshold it passes, one above it does not.
    #[test]
    fn thresholds_are_exact() {
        let none = Accept::default();
        for (shaped, left, moved, want) in [
            (100, 20, 0, None),
            (100, 21, 0, Some("guard.max_removed")),
            (1000, 50, 0, None),
            (1000, 51, 0, Some("guard.max_removed")),
            (1000, 0, 200, None),
            (1000, 0, 201, Some("guard.max_reparented_percent")),
            (2, 2, 0, Some("guard.min_circuits")),
        ] {
            let found = tripped(Some(&diff(shaped, left, moved)), none);
            assert_eq!(found, Vec::from_iter(want), "{shaped} {left} {moved}");
        }
        assert_eq!(tripped(None, none), [""; 0]);
    }

    #[test]
    fn what_is_accepted_is_the_exact_number() {
        let diff = diff(1000, 51, 201);
        let accept = |removals, reparented| Accept {
            removals: Some(removals),
            reparented: Some(reparented),
        };
        assert_eq!(tripped(Some(&diff), accept(51, 201)), [""; 0]);
        assert_eq!(tripped(Some(&diff), accept(50, 201)), [""]);
        assert_eq!(tripped(Some(&diff), accept(52, 202)), ["", ""]);
        let only = Accept {
            removals: Some(51),
            reparented: None,
        };
        assert_eq!(tripped(Some(&diff), only), ["guard.max_reparented_percent"]);
    }

    #[test]
    fn failing_old_and_empty_artifacts_are_named() {
        let candidate = Candidate {
            diff: None,
            shaped: 0,
            failing: true,
            ages: vec![
                ("crm".to_owned(), 6 * 3600),
                ("towers".to_owned(), 6 * 3600 + 1),
            ],
        };
        let trips = trips(&guard(), &candidate, Accept::default());
        let settings: Vec<_> = trips.iter().map(|t| t.setting).collect();
        assert_eq!(
            settings,
            ["lint.fail_on", "guard.min_circuits", "guard.max_source_age"]
        );
        assert!(
            trips[2].message.contains("source towers is 6 h 1 s old"),
            "{}",
            trips[2].message
        );
    }
}
