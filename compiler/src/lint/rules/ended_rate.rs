//! RAT016: rates that a source gave for a while that is over.

use crate::finding::{Draft, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules::temporary_rate::overridden;
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "RAT016",
    name: "ended-rate",
    default: Level::Warning,
    contained: true,
    what: "The speed that the source gave a subscriber in place of the plan's has ended, and is still switched on there.",
    why: "The subscriber is shaped by the plan again. The system behind the source may not have noticed yet.",
    fix: "Switch the speed off in the system behind the source, or give it a later day if it is still meant.",
    bad: overridden!(true, "2026-12-31T00:00:00+0000"),
    good: overridden!(false, "2026-12-31T00:00:00+0000"),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let all = stages.sources.iter().flat_map(|s| &s.temporary_rates);
    for one in all.filter(|one| one.over) {
        let still = match one.still_stated {
            true => ", which another record of the source still states",
            false => "",
        };
        out.push(
            Draft::new(
                format!(
                    "{} had {} until {}{still}: the plan's {} holds",
                    stages.subject(&one.subject),
                    words::known_rates(one.instead),
                    one.end,
                    words::known_rates(one.after),
                ),
                "switch the speed off in the system behind the source, or give it a later day if it is still meant",
            )
            .about(one.subject.clone())
            .at(one.place.clone(), "is over"),
        );
    }
}
