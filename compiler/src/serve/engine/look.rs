//! Answers that change nothing: what the scheduler does, two artifacts compared, where a value comes from.

use weir_compiler::compare as strategies;
use weir_compiler::lint::rules;
use weir_compiler::report::rules::example_text;
use weir_compiler::why::Files;
use weir_console::engine::{Acknowledgement, Answer, Explain, Problem, Run, Scheduler as Shown};
use weir_schemas::compare::Compare;
use weir_schemas::diff::Diff;
use weir_schemas::why::Why;
use weir_store::StoreError;

use super::{Caller, problem, remembered};
use crate::cli::Overrides;
use crate::cli::compare::came_to;
use crate::cli::project::{Follow, read_project, today};
use crate::cli::stop::Stop;
use crate::cli::store::{Brought, bring};
use crate::cli::why::Inputs;
use crate::serve::book::holds;

/// As `schedule.every` is written.
pub fn span(seconds: u64) -> String {
    let units = [
        (604_800, "w"),
        (86_400, "d"),
        (3_600, "h"),
        (60, "m"),
        (1, "s"),
    ];
    let mut rest = seconds;
    let mut text = String::new();
    for (length, unit) in units {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    text
}

pub fn scheduler(caller: &Caller) -> Answer<Shown> {
    let state = caller.scheduler.state().map_err(|e| remembered(&e))?;
    // A wrong weir.toml is an issue; what was done is shown all the same.
    let schedule = caller.config().map(|config| config.schedule).ok();
    let next = caller.scheduler.next();
    let next = next.and_then(|second| jiff::Timestamp::from_second(second).ok());
    let without_log = |run: &Run| Run {
        log: Vec::new(),
        ..run.clone()
    };
    Ok(Shown {
        every: schedule
            .as_ref()
            .map(|schedule| span(schedule.every_seconds)),
        promote: schedule.map_or(String::new(), |schedule| schedule.promote.word().to_owned()),
        next: next.map(|next| next.to_string()),
        paused: state.paused.clone(),
        runs: state.runs.iter().map(without_log).collect(),
        latest: state.latest.clone(),
    })
}

pub fn acknowledgements(caller: &Caller) -> Answer<Vec<Acknowledgement>> {
    let state = caller.scheduler.state().map_err(|e| remembered(&e))?;
    let today = today().map_err(|stop| problem(&stop))?;
    let open = state.acknowledged.iter().filter(|a| holds(a, today));
    Ok(open.cloned().collect())
}

pub fn explain(rule: &str) -> Answer<Explain> {
    let found = rules::find(rule);
    let rule = found.ok_or_else(|| Problem::NotFound {
        message: format!("there is no lint rule {rule:?}"),
    })?;
    Ok(Explain {
        code: rule.code.to_owned(),
        name: rule.name.to_owned(),
        level: rule.default.word().to_owned(),
        what: rule.what.to_owned(),
        why: rule.why.to_owned(),
        fix: rule.fix.to_owned(),
        bad: example_text(rule.bad),
        good: example_text(rule.good),
    })
}

/// An artifact of the store, by its digest.
pub fn artifact(caller: &Caller, digest: &str) -> Answer<weir_store::Artifact> {
    let desk = caller.desk("console")?;
    desk.store.get(digest).map_err(|error| match error {
        StoreError::NotFound { .. } | StoreError::BadReference { .. } => Problem::NotFound {
            message: error.to_string(),
        },
        other => Problem::failed(other),
    })
}

pub fn diff(caller: &Caller, from: &str, to: &str) -> Answer<Diff> {
    let read = |digest: &str| -> Answer<Brought> {
        bring(&artifact(caller, digest)?).map_err(|stop| problem(&stop))
    };
    let (from, to) = (read(from)?, read(to)?);
    let (from, to) = rayon::join(|| from.load(), || to.load());
    let loaded = |one: Result<_, Stop>| one.map_err(|stop| problem(&stop));
    Ok(weir_compiler::diff::diff(&loaded(from)?, &loaded(to)?))
}

/// The files of an artifact, and what it was built from, as far as that is still there.
pub struct Origins {
    files: Files,
    inputs: Inputs,
}

pub fn why(caller: &Caller, digest: &str, question: &str) -> Answer<Why<'static>> {
    let origins = caller.origins.get(digest.to_owned(), || {
        let artifact = artifact(caller, digest)?;
        let files = Files::read(|name| artifact.read(name).ok()).map_err(Problem::failed)?;
        let inputs = Inputs::on_disk(&files, caller.dir());
        Ok(Origins { files, inputs })
    })?;
    let Origins { files, inputs } = &*origins;
    let found = files.find(question).map_err(|not| Problem::NotFound {
        message: match not.help() {
            help if help.is_empty() => not.message(question),
            help => format!("{}: {help}", not.message(question)),
        },
    })?;
    let why = files.answer(question, &found, &|file, start, len| {
        inputs.locate(file, start, len)
    });
    // An answer of its own, that borrows nothing from the artifact.
    let owned = serde_json::to_value(&why).and_then(serde_json::from_value);
    owned.map_err(Problem::failed)
}

pub fn compare(caller: &Caller) -> Answer<Compare> {
    let input = read_project(
        caller.dir().to_owned(),
        &Overrides::default(),
        Follow::Scheduled,
        None,
        &caller.scheduler.context.terminal,
    );
    let input = input.map_err(|stop| problem(&stop))?;
    let mut compared = strategies::compare(
        &input.project,
        &input.files,
        &input.exports,
        input.previous.as_ref(),
    );
    came_to(&mut compared.report, compared.incomplete);
    Ok(compared.report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_in_the_file() {
        for (seconds, want) in [
            (1800, "30m"),
            (3600, "1h"),
            (5400, "1h30m"),
            (691_200, "1w1d"),
            (90, "1m30s"),
        ] {
            assert_eq!(span(seconds), want);
            assert_eq!(weir_compiler::config::parse_seconds(want), Some(seconds));
        }
    }

    #[test]
    fn every_rule_is_explained() {
        for rule in rules::ALL {
            let said = explain(rule.code).expect("a rule");
            assert_eq!(said.name, rule.name);
            assert!(!said.what.is_empty() && !said.fix.is_empty());
        }
        assert!(explain("NOPE").is_err());
    }
}
