//! What the scheduler complains about: one table of codes, each with what it means and the first thing to do. Codes are
//! stable, and never those of lint rules.

use weir_console::engine::{Issue, IssueLevel, StageName};

/// A kind of issue.
pub struct Kind {
    pub code: &'static str,
    pub level: IssueLevel,
    /// The step of a run that looks for it: a run that got past the step and does not find it ends it. `None`: it stays
    /// until it is taken away by what raised it.
    pub stage: Option<StageName>,
    /// What is the case, for the manual.
    pub what: &'static str,
    /// The first thing to do, for the manual; an issue says it of its own case.
    pub first: &'static str,
}

/// Sorted by code.
pub static KINDS: &[Kind] = &[
    kind(
        "APPLY-FAILED",
        IssueLevel::Error,
        Some(StageName::Apply),
        "LibreQoS's files could not be written after a promotion.",
        "Correct what the message names; the next run writes them, and so does `weir publish`.",
    ),
    kind(
        "APPLY-REFUSED",
        IssueLevel::Warning,
        Some(StageName::Apply),
        "Files of LibreQoS were edited, and `publish.overwrite` keeps them.",
        "Keep what they say with `weir override add`, then `weir publish --overwrite always`.",
    ),
    kind(
        "CHANNEL-EXPIRED",
        IssueLevel::Warning,
        None,
        "A generation was not confirmed in time: its channel went back and is held.",
        "See why with `weir log CHANNEL`, then promote again or `weir resume CHANNEL`.",
    ),
    kind(
        "CHANNEL-HELD",
        IssueLevel::Warning,
        Some(StageName::Promote),
        "The channel is held after a rollback: runs build and promote nothing.",
        "`weir resume CHANNEL` when what was wrong is mended.",
    ),
    kind(
        "CHANNEL-PENDING",
        IssueLevel::Info,
        Some(StageName::Promote),
        "A generation of the channel waits to be confirmed; until then nothing else is promoted.",
        "`weir confirm CHANNEL` or `weir rollback CHANNEL`.",
    ),
    kind(
        "CONFIG-WRONG",
        IssueLevel::Error,
        Some(StageName::Fetch),
        "weir.toml, overrides.toml or a credential is wrong.",
        "`weir check` shows where; correct it there.",
    ),
    kind(
        "FINDINGS-FAIL",
        IssueLevel::Error,
        Some(StageName::Guard),
        "Findings fail the build, and `schedule.promote` does not let it pass.",
        "`weir check` lists them; mend them in the source, or set the level of the rule.",
    ),
    kind(
        "GUARD-REFUSED",
        IssueLevel::Error,
        Some(StageName::Guard),
        "The guard stands against the promotion: too many subscribers would go or move, too few are left, or the data is old.",
        "Look with `weir diff CHANNEL DIGEST`; if it is right, promote by hand and state the numbers.",
    ),
    kind(
        "PLAN-REFUSED",
        IssueLevel::Error,
        Some(StageName::Emit),
        "The target cannot represent the plan, or would not enforce it.",
        "Do what the message says; `weir compare` shows what other strategies need.",
    ),
    kind(
        "PROMOTE-REFUSED",
        IssueLevel::Error,
        Some(StageName::Promote),
        "The channel refused to move: somebody else moved it, or takes only what another channel runs.",
        "`weir log CHANNEL` says what happened; the next run tries again.",
    ),
    kind(
        "RUN-INTERRUPTED",
        IssueLevel::Warning,
        Some(StageName::Fetch),
        "The process of a run ended before the run did: killed, or the machine went down. Nothing was left half-way.",
        "Nothing, once; look at memory and at the log when it comes back.",
    ),
    kind(
        "SRC-FAILED",
        IssueLevel::Error,
        Some(StageName::Fetch),
        "A source could not be read completely: nothing was recorded, and the last good generation stays.",
        "Do what the message says; `weir doctor` asks the source again, and the next run comes soon.",
    ),
    kind(
        "SRC-INCOMPLETE",
        IssueLevel::Error,
        Some(StageName::Normalize),
        "What a source said is not all there: nothing may be built from it.",
        "`weir check` shows what is missing; record or fetch the source again.",
    ),
    kind(
        "STATE-DAMAGED",
        IssueLevel::Warning,
        Some(StageName::Fetch),
        "What the scheduler remembered could not be read; its history began anew.",
        "Look at the disk; the old file is kept beside.",
    ),
    kind(
        "STORE-FAILED",
        IssueLevel::Error,
        Some(StageName::Fetch),
        "The store, the disk or the machine failed.",
        "Correct what the message names: space, permissions; the next run comes soon.",
    ),
    kind(
        "VERIFY-FAILED",
        IssueLevel::Error,
        Some(StageName::Guard),
        "An artifact is not as it was stored, or what the channel runs cannot be read.",
        "`weir verify` names the file; move its directory away and build again.",
    ),
];

const fn kind(
    code: &'static str,
    level: IssueLevel,
    stage: Option<StageName>,
    what: &'static str,
    first: &'static str,
) -> Kind {
    Kind {
        code,
        level,
        stage,
        what,
        first,
    }
}

/// The kind with this code.
pub fn find(code: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}

/// An issue of a kind. `about` tells issues of one kind apart, and may be empty.
pub fn raise(
    code: &'static str,
    about: &str,
    from: impl Into<String>,
    message: impl Into<String>,
    help: &str,
    now: &str,
) -> Issue {
    let kind = find(code);
    let first = kind.map_or("", |kind| kind.first);
    Issue {
        id: match about {
            "" => code.to_owned(),
            about => format!("{code}.{about}"),
        },
        code: code.to_owned(),
        level: kind.map_or(IssueLevel::Error, |kind| kind.level),
        from: from.into(),
        message: message.into(),
        help: if help.is_empty() { first } else { help }.to_owned(),
        since: now.to_owned(),
    }
}

/// The issue is over when a run got past this step without finding it again.
pub fn is_over(issue: &Issue, reached: StageName) -> bool {
    let stage = find(&issue.code).and_then(|kind| kind.stage);
    stage.is_some_and(|stage| stage <= reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_are_no_lint_rules() {
        assert!(KINDS.windows(2).all(|w| w[0].code < w[1].code));
        for kind in KINDS {
            assert!(kind.code.contains('-'), "{}", kind.code);
            assert!(
                !kind.what.is_empty() && !kind.first.is_empty(),
                "{}",
                kind.code
            );
            let rules = weir_compiler::lint::rules::ALL;
            assert!(rules.iter().all(|rule| rule.code != kind.code));
        }
    }

    #[test]
    fn the_manual_explains_every_code() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/serve.md");
        let page = std::fs::read_to_string(page).expect("docs/serve.md");
        for kind in KINDS {
            let row = format!("| `{}` | {} | {} |", kind.code, kind.what, kind.first);
            assert!(page.contains(&row), "docs/serve.md lacks:\n{row}");
        }
    }

    #[test]
    fn a_run_ends_what_it_looked_for_and_nothing_else() {
        let issue = raise(
            "GUARD-REFUSED",
            "guard.max_removed",
            "scheduler",
            "m",
            "",
            "t",
        );
        assert_eq!(issue.id, "GUARD-REFUSED.guard.max_removed");
        assert!(issue.help.contains("weir diff"));
        assert!(!is_over(&issue, StageName::Fetch));
        assert!(is_over(&issue, StageName::Guard));
        let expired = raise("CHANNEL-EXPIRED", "lab", "scheduler", "m", "", "t");
        assert!(!is_over(&expired, StageName::Apply));
    }
}
