//! `weir-runtime doctor`: one line a check, with what to do.

use clap::Args;
use serde::Serialize;

use crate::agent::memory::Keeper;
use crate::config::Config;
use crate::doctor::facts::gather;
use crate::doctor::{Line, Verdict, judge};
use crate::exit::{Exit, Failure};
use crate::swap::{State, StateError};

use super::{Format, StoreArgument, find, print};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory with an artifact, or a digest, to look at the box for [default: what this runtime loaded]
    #[arg(long, value_name = "DIR|DIGEST")]
    artifact: Option<String>,
    #[command(flatten)]
    store: StoreArgument,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Answer<'a> {
    schema: &'static str,
    lines: &'a [Line],
}

pub fn run(arguments: &Arguments, config: &Config) -> Result<Exit, Failure> {
    let artifact = match &arguments.artifact {
        Some(artifact) => Some(find(artifact, config, arguments.store.store.as_deref())?),
        None => loaded(config).and_then(|d| find(&d, config, None).ok()),
    };
    // Only where there is a state directory: looking makes none.
    let other = config
        .state
        .dir
        .is_dir()
        .then(|| State::open(&config.state.dir));
    let other = match other {
        Some(Err(StateError::Locked { dir })) => Some(dir.display().to_string()),
        _ => None,
    };
    let lines = judge(&gather(config, artifact.as_ref(), other));
    let text = match arguments.format {
        Format::Json => {
            let answer = Answer {
                schema: "weir.runtime-doctor/1",
                lines: &lines,
            };
            let mut text = serde_json::to_string_pretty(&answer).expect("it writes to memory");
            text.push('\n');
            text
        }
        Format::Text => lines.iter().map(shown).collect(),
    };
    print(&text)?;
    let worst = lines.iter().map(|l| l.state).max();
    Ok(match worst {
        Some(Verdict::Fail) => Exit::Outside,
        _ => Exit::Done,
    })
}

fn loaded(config: &Config) -> Option<String> {
    let dir = &config.state.dir;
    let keeper = dir.is_dir().then(|| Keeper::open(dir).ok())??;
    Some(keeper.load().ok()?.wanted?.digest)
}

fn shown(line: &Line) -> String {
    let state = match line.state {
        Verdict::Ok => "ok  ",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
    };
    let subject = match line.subject.is_empty() {
        true => String::new(),
        false => format!("{}: ", line.subject),
    };
    let mut text = format!("{state} {:<11} {subject}{}\n", line.check, line.what);
    if !line.fix.is_empty() {
        text.push_str(&format!("                 {}\n", line.fix));
    }
    text
}
