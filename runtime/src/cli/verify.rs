//! `weir-runtime verify`: is the kernel as the artifact says?

use clap::Args;
use serde::Serialize;
use weir_store::channel::short;

use crate::agent::memory::Keeper;
use crate::agent::shaper::Shaper as _;
use crate::config::Config;
use crate::exit::{Exit, Failure};

use super::{Format, StoreArgument, find, outside, print, swapper};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory with an artifact, or a digest [default: what this runtime loaded]
    #[arg(value_name = "DIR|DIGEST")]
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
    digest: &'a str,
    active: Option<&'a str>,
    in_sync: bool,
    objects: u64,
    drift_count: u64,
    drift: &'a [String],
}

pub fn run(arguments: &Arguments, config: &Config) -> Result<Exit, Failure> {
    let wanted = match &arguments.artifact {
        Some(artifact) => artifact.clone(),
        None => {
            let keeper = Keeper::open(&config.state.dir).map_err(|e| outside(e.to_string()))?;
            let memory = keeper.load().map_err(|e| outside(e.to_string()))?;
            let wanted = memory.wanted.ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    "nothing was loaded by this runtime",
                    "name an artifact: weir-runtime verify DIR|DIGEST",
                )
            })?;
            wanted.digest
        }
    };
    let artifact = find(&wanted, config, arguments.store.store.as_deref())?;
    let read_back = swapper(config)?.read_back(&artifact).map_err(outside)?;
    let in_sync = read_back.is_in_sync(&artifact.digest);
    let text = match arguments.format {
        Format::Json => {
            let answer = Answer {
                schema: "weir.runtime-verify/1",
                digest: &artifact.digest,
                active: read_back.active.as_deref(),
                in_sync,
                objects: read_back.objects,
                drift_count: read_back.drift_count,
                drift: &read_back.drift,
            };
            let mut text = serde_json::to_string_pretty(&answer).expect("it writes to memory");
            text.push('\n');
            text
        }
        Format::Text => {
            let name = short(&artifact.digest);
            let mut text = match in_sync {
                true => format!("{} objects are as {name} says\n", read_back.objects),
                false => format!(
                    "{} objects are not as {name} says:\n",
                    read_back.drift_count.max(1)
                ),
            };
            for line in &read_back.drift {
                text.push_str(&format!("  {line}\n"));
            }
            let listed = read_back.drift.len() as u64;
            if read_back.drift_count > listed {
                text.push_str(&format!("  and {} more\n", read_back.drift_count - listed));
            }
            text
        }
    };
    print(&text)?;
    Ok(match in_sync {
        true => Exit::Done,
        false => Exit::Differs,
    })
}
