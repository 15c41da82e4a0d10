//! `weir-runtime status`: asks the runtime that runs.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use weir_schemas::runtime::RuntimeStatus;
use weir_store::channel::short;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::status::metrics::STATES;
use crate::status::serve::QUESTIONS;

use super::{Format, outside, print};

/// Most bytes of an answer: a million classes need half of it.
const LARGEST: u64 = 1 << 30;

#[derive(Debug, Args)]
pub struct Arguments {
    /// What to ask: status, traffic, unknown, flows or metrics
    #[arg(default_value = "status", value_parser = clap::builder::PossibleValuesParser::new(QUESTIONS))]
    question: String,
    /// Socket of the runtime [default: `socket.path`]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Output format; other questions than `status` are answered as they are
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub fn run(arguments: &Arguments, config: &Config) -> Result<Exit, Failure> {
    let path = arguments.socket.as_ref().unwrap_or(&config.socket.path);
    let bytes = ask(path, &arguments.question).map_err(|error| {
        Failure::new(
            Exit::Outside,
            format!("no runtime answers on {}: {error}", path.display()),
            "`systemctl status weir-runtime` says whether it runs; its group may ask",
        )
    })?;
    let as_is = arguments.question != "status" || arguments.format == Format::Json;
    let text = match as_is {
        true => String::from_utf8_lossy(&bytes).into_owned(),
        false => {
            let status: RuntimeStatus = weir_schemas::read(&bytes)
                .map_err(|error| outside(format!("{}: {error}", path.display())))?;
            shown(&status)
        }
    };
    print(&text)?;
    Ok(Exit::Done)
}

fn ask(path: &std::path::Path, question: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// For people: what shapes, what waits, what is wrong.
fn shown(status: &RuntimeStatus) -> String {
    let state = STATES.iter().find(|(s, _)| *s == status.state);
    let mut lines = vec![format!("state     {}", state.map_or("", |(_, word)| word))];
    let mut say = |name: &str, text: String| lines.push(format!("{name:<9} {text}"));
    match &status.active {
        Some(active) => {
            let seq = active
                .seq
                .map_or_else(|| "by hand".to_owned(), |seq| format!("generation {seq}"));
            say(
                "active",
                format!("{} ({seq}) since {}", short(&active.digest), active.since),
            );
            say(
                "holds",
                format!(
                    "{} circuits, {} prefixes, {} classes",
                    active.circuits, active.prefixes, active.classes
                ),
            );
        }
        None => say("active", "nothing: traffic passes unshaped".to_owned()),
    }
    if let Some(previous) = &status.previous {
        say(
            "previous",
            format!("{}, one flip away", short(&previous.digest)),
        );
    }
    if let Some(channel) = &status.channel {
        say("channel", channel.clone());
    }
    if let Some(deadline) = &status.deadline {
        let to = deadline.back_to.as_deref().map_or("nothing", short);
        say(
            "pending",
            format!("{} s left, then back to {to}", deadline.seconds_left),
        );
    }
    if let Some(store) = status.store.as_ref().filter(|s| !s.reachable) {
        say(
            "store",
            format!("cannot be read, last read {}", store.looked),
        );
    }
    if let Some(refused) = &status.refused {
        say("refused", refused.reason.clone());
    }
    if let Some(stuck) = &status.stuck {
        say("waits", stuck.clone());
    }
    if status.drift_count > 0 {
        say("drift", format!("{} objects", status.drift_count));
    }
    for check in status.health.iter().filter(|c| !c.ok) {
        let kind = if check.required { "required" } else { "wanted" };
        say(
            "health",
            format!("{} ({kind}): {}", check.name, check.detail),
        );
    }
    for interface in &status.interfaces {
        let up = if interface.up { "up" } else { "down" };
        let program = interface.attached.as_deref().unwrap_or("no program");
        say(
            "interface",
            format!(
                "{} {up}, {program}, {} classes",
                interface.name, interface.classes
            ),
        );
    }
    lines.iter().map(|line| inert(line) + "\n").collect()
}

/// Names come from outside: nothing in them moves a terminal.
fn inert(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).collect()
}
