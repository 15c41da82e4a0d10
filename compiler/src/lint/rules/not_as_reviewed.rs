//! CHG006: what runs is not what was looked at. Found where an artifact is promoted, and in the kernel; a build has
//! nothing to find it in, so the check of the rule is empty and no level changes it.

use crate::finding::Level;
use crate::lint::rule::{Example, Rule};

pub static RULE: Rule = Rule {
    code: "CHG006",
    name: "not-as-reviewed",
    default: Level::Error,
    contained: false,
    what: "The artifact that is promoted is not the one that was looked at, or what the kernel runs is not what was promoted. Judged at promotion and by the runtime, not in a build; no level in `[lint.levels]` changes it.",
    why: "A review says something of one artifact only. Files that were changed after it, or a kernel that somebody changed by hand, shape subscribers in a way that nobody agreed to.",
    fix: "Where promotion refuses, look at the artifact again and plan it again with `weir plan`; one whose files were changed is built again. Where the health check `classes` of `weir-runtime status` fails, see there what drifted; `weir-runtime verify` names every object, and `weir-runtime apply` of the same artifact puts exactly those back.",
    bad: Example::told(
        "A plan saved by `weir plan` is promoted after its artifact was built again from other data, or after a file of the artifact was edited in the store: `weir promote` refuses with exit code 4. Or a class is deleted with `tc`: the health check `classes` fails.",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check: |_, _| (),
};

/// `CHG006 not-as-reviewed`, for whoever refuses because of it.
pub const NAME: &str = "CHG006 not-as-reviewed";
