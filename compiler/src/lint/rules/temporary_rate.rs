//! RAT015: rates that a source gives for a while.

use crate::finding::{Draft, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// A subscriber whose speed the source gives in place of the plan's: whether that is switched on, and its last instant.
macro_rules! overridden {
    ($enabled:literal, $end:literal) => {
        Example::of(
            "uisp",
            &[
                (
                    "crm-services.json",
                    concat!(
                        r#"[
 {"id": 5, "status": 1, "name": "Basic", "unmsClientSiteId": "e1", "servicePlanType": "Internet", "downloadSpeed": 50, "uploadSpeed": 10,
  "downloadSpeedOverride": 80, "uploadSpeedOverride": 20, "trafficShapingOverrideEnabled": "#,
                        $enabled,
                        r#", "trafficShapingOverrideEnd": ""#,
                        $end,
                        r#""}]"#
                    ),
                ),
                (
                    "sites.json",
                    r#"[
 {"id": "e1", "identification": {"id": "e1", "name": "Doe, Jo", "type": "endpoint", "status": "active"}, "qos": {}}]"#,
                ),
                ("devices.json", "[]"),
                ("data-links.json", "[]"),
            ],
            "",
        )
    };
}
pub(super) use overridden;

pub static RULE: Rule = Rule {
    code: "RAT015",
    name: "temporary-rate",
    default: Level::Info,
    contained: true,
    what: "The speed of a subscriber is one that the source gives until a day, in place of the plan's.",
    why: "From that day on a build gives the subscriber the plan's speed, although nobody changed anything.",
    fix: "Nothing, if the day is right.",
    bad: overridden!(true, "2027-01-31T00:00:00+0000"),
    good: overridden!(false, "2027-01-31T00:00:00+0000"),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let all = stages.sources.iter().flat_map(|s| &s.temporary_rates);
    for one in all.filter(|one| !one.over) {
        out.push(
            Draft::new(
                format!(
                    "{} has {} until {}, and {} from then on",
                    stages.subject(&one.subject),
                    words::known_rates(one.instead),
                    one.end,
                    words::known_rates(one.after),
                ),
                "nothing is to do, if the day is right",
            )
            .about(one.subject.clone())
            .at(one.place.clone(), "the last of it"),
        );
    }
}
