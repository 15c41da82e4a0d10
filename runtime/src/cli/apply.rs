//! `weir-runtime apply`: one artifact, by hand.

use clap::Args;
use serde::Serialize;
use weir_schemas::runtime::{Apply, ApplyResult};
use weir_store::channel::{Clock as _, SystemClock, short};

use crate::agent::memory::Keeper;
use crate::agent::run::Level;
use crate::agent::shaper::{Loading, Shaper as _};
use crate::config::Config;
use crate::copies::Copies;
use crate::exit::{Exit, Failure};

use super::{Format, StoreArgument, find, log, outside, print, swapper};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory with an artifact, or a digest in the store
    #[arg(value_name = "DIR|DIGEST")]
    artifact: String,
    #[command(flatten)]
    store: StoreArgument,
    /// Only show the steps
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How it went, for programs.
#[derive(Serialize)]
struct Answer {
    schema: &'static str,
    #[serde(flatten)]
    apply: Apply,
}

pub fn run(arguments: &Arguments, config: &Config, quiet: bool) -> Result<Exit, Failure> {
    let artifact = find(
        &arguments.artifact,
        config,
        arguments.store.store.as_deref(),
    )?;
    let mut swapper = swapper(config)?;
    if arguments.dry_run {
        return match swapper.preview(&artifact) {
            Ok(text) => print(&text).map(|()| Exit::Done),
            Err(loading) => Err(failed(&loading, &artifact.digest)),
        };
    }
    // What is loaded can be brought in again after a restart, whatever became of the directory.
    let copies = Copies::open(&config.state.dir).map_err(|e| outside(e.to_string()))?;
    copies
        .put(&artifact)
        .map_err(|e| outside(format!("no copy of the artifact can be kept: {e}")))?;
    let keeper = Keeper::open(&config.state.dir).map_err(|e| outside(e.to_string()))?;
    let mut memory = keeper.load().map_err(|e| outside(e.to_string()))?;
    let before = memory.clone();
    memory.by_hand(&artifact.digest);
    keeper.save(&memory).map_err(|e| outside(e.to_string()))?;
    let clock = SystemClock;
    let started = clock.now().to_string();
    let start = clock.since_boot_ms();
    let loading = swapper.load(&artifact);
    let milliseconds = clock.since_boot_ms().saturating_sub(start);
    let written = match loading.is_loaded() {
        true => {
            // That it does well is for whoever watches it: there is nothing to measure yet.
            memory.good();
            let saved = keeper.save(&memory).map_err(|e| e.to_string());
            saved.and_then(|()| copies.keep(&memory.needed()).map_err(|e| e.to_string()))
        }
        false => keeper.save(&before).map_err(|e| e.to_string()),
    };
    // What became of the kernel is the answer, also where the disk does not take it.
    if let Err(why) = written {
        let text =
            format!("it is not written down how this ended, the next start will look: {why}");
        log::line(Level::Warning, &text);
    }
    if arguments.format == Format::Json {
        let apply = Apply {
            digest: artifact.digest.clone(),
            started,
            milliseconds,
            result: loading.result,
            reason: loading.reason.clone(),
            steps: loading.steps,
            done: loading.done,
        };
        let answer = Answer {
            schema: "weir.runtime-apply/1",
            apply,
        };
        let mut text = serde_json::to_string_pretty(&answer).expect("it writes to memory");
        text.push('\n');
        print(&text)?;
    }
    if !loading.is_loaded() {
        return Err(failed(&loading, &artifact.digest));
    }
    if !loading.reason.is_empty() {
        log::line(Level::Warning, &loading.reason);
    }
    if arguments.format == Format::Text && !quiet {
        let name = short(&artifact.digest);
        print(&match loading.result {
            ApplyResult::Unchanged => format!("{name} shapes already; nothing was changed\n"),
            _ => format!(
                "{name} shapes {} circuits, {} prefixes: {} steps in {milliseconds} ms\n",
                artifact.circuits, artifact.prefixes, loading.done
            ),
        })?;
    }
    Ok(Exit::Done)
}

fn failed(loading: &Loading, digest: &str) -> Failure {
    let name = short(digest);
    match loading.result {
        ApplyResult::Refused => Failure::new(
            Exit::Refused,
            format!(
                "{name} is not loaded, and nothing was changed: {}",
                loading.reason
            ),
            "`weir-runtime doctor` looks at the box",
        ),
        ApplyResult::Failed => Failure::new(
            Exit::Unshaped,
            loading.reason.clone(),
            "`weir-runtime apply` with the artifact that worked brings shaping back; `weir-runtime doctor` looks at the box",
        ),
        _ => Failure::new(Exit::RolledBack, loading.reason.clone(), ""),
    }
}
