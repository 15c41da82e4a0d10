//! SRC006: a source that was read long ago.

use crate::exports::Clock;
use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC006",
    name: "source-stale",
    default: Level::Info,
    contained: false,
    what: "The export of a source is older than `guard.max_source_age`, at the instant of `--as-of`.",
    why: "Subscribers who signed up since are not shaped, and those who left or changed their plan are shaped as before.",
    fix: "Record the export again. A source that changes rarely, such as a hand-kept inventory, needs no `export.json`; then it has no age.",
    bad: Example::inventory(CIRCUIT, "[guard]\nmax_source_age = \"6h\"\n")
        .seen("2026-03-01T06:00:00Z", "2026-03-02T12:30:00Z"),
    good: Example::inventory(CIRCUIT, "[guard]\nmax_source_age = \"6h\"\n")
        .seen("2026-03-02T09:00:00Z", "2026-03-02T12:30:00Z"),
    check,
};

const CIRCUIT: crate::lint::rule::Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
)];

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let clock = &stages.exports.clock;
    let Some(now) = clock.as_of else {
        return;
    };
    let most = stages.project.guard.max_source_age_seconds;
    for (export, recorded) in stages.exports.exports.iter().zip(&clock.recorded) {
        let Some(recorded) = *recorded else {
            continue;
        };
        // A recorder whose clock is ahead made nothing old.
        let age = u64::try_from(now.saturating_sub(recorded)).unwrap_or(0);
        if age <= most {
            continue;
        }
        let source = &stages.project.sources[export.source];
        out.push(
            Draft::new(
                format!(
                    "source `{}` was recorded at {}, {} before {}; `guard.max_source_age` allows {}",
                    source.name,
                    Clock::text(recorded),
                    span(age),
                    Clock::text(now),
                    span(most)
                ),
                "record the export again",
            )
            .about(Subject::new(SubjectKind::Source, &source.name, &source.name))
            .at(
                stages.project.place(format!("source.{}.export", source.index)),
                format!("{} old", span(age)),
            ),
        );
    }
}

/// The two largest units: `1 day 6 hours`.
fn span(seconds: u64) -> String {
    let units = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let first = units
        .iter()
        .position(|(unit, _)| seconds >= *unit)
        .unwrap_or(3);
    let mut rest = seconds;
    let mut words = Vec::new();
    for (unit, word) in units.iter().skip(first).take(2) {
        let n = rest / unit;
        rest %= unit;
        if n > 0 || words.is_empty() {
            words.push(words::count(n as usize, word));
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    #[test]
    fn the_age_is_told_in_two_units() {
        let found = compile_example(&RULE.bad).findings;
        let finding = found
            .iter()
            .find(|f| f.rule.code == "SRC006")
            .expect("it is found");
        assert_eq!(
            finding.message,
            "source `example` was recorded at 2026-03-01T06:00:00Z, 1 day 6 hours before 2026-03-02T12:30:00Z; \
             `guard.max_source_age` allows 6 hours"
        );
        for (seconds, want) in [
            (0, "0 seconds"),
            (59, "59 seconds"),
            (3_600, "1 hour"),
            (90_061, "1 day 1 hour"),
        ] {
            assert_eq!(span(seconds), want);
        }
    }

    #[test]
    fn nothing_is_judged_without_an_instant() {
        let no_clock = Example {
            recorded: "",
            ..RULE.bad
        };
        assert!(
            compile_example(&no_clock)
                .findings
                .iter()
                .all(|f| f.rule.code != "SRC006")
        );
    }
}
