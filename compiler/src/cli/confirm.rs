//! `weir confirm`, `weir rollback`, `weir resume`: keep what was promoted, go back, go on.

use clap::Args;
use serde::Serialize;

use weir_compiler::report::{Tone, json, plain};
use weir_schemas::head::{Action, Generation, Head};
use weir_store::StoreError;
use weir_store::channel::{Back, ChannelError, Done, Refusal, short};

use crate::cli::exit::Exit;
use crate::cli::promote::project_argument;
use crate::cli::stop::Stop;
use crate::cli::store::{By, Desk, Key, is_now, refusal, stop, store_error};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The channel whose generation waits
    channel: String,
    #[command(flatten)]
    by: By,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// The channel to take back
    channel: String,
    /// Digest of an earlier generation, or how many to go back: -2 [default: what ran before]
    #[arg(long, value_name = "DIGEST|-N", allow_hyphen_values = true)]
    to: Option<String>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    key: Key,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `weir confirm`, `weir rollback`, `weir resume` with `--format json`
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    head: &'a Head,
}

fn tell(
    done: &Done,
    schema: &'static str,
    format: Format,
    more: &str,
    terminal: &Terminal,
) -> Result<Exit, Stop> {
    if let Some(notice) = &done.notice {
        terminal.tell(&format!("note: {}\n", plain(notice)));
    }
    let text = match format {
        Format::Json => json::text(&Report {
            schema,
            exit: json::Exit {
                code: 0,
                reasons: &[],
            },
            head: &done.head,
        }),
        Format::Text => {
            let now = is_now(&done.head);
            format!("{}{more}\n", terminal.out.paint(Tone::Good, &now))
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, args.by.author.as_deref())?;
    let channel = desk.channel(&args.channel)?;
    let done = desk.act(&channel, Action::Confirm, None, None, |channels| {
        channels.confirm(&channel)
    })?;
    tell(&done, "weir.confirm/1", args.format, " and stays", terminal)
}

pub fn resume(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, args.by.author.as_deref())?;
    let channel = desk.channel(&args.channel)?;
    let done = desk.act(&channel, Action::Resume, None, None, |channels| {
        channels.resume(&channel, &args.by.reason)
    })?;
    let more = ", and the channel is not held any more";
    tell(&done, "weir.resume/1", args.format, more, terminal)
}

pub fn rollback(
    args: &RollbackArguments,
    global: &Global,
    terminal: &Terminal,
) -> Result<Exit, Stop> {
    let desk = Desk::open(global, args.by.author.as_deref())?;
    let channel = desk.channel(&args.channel)?;
    let back = back(args.to.as_deref())?;
    let Returned { done, left, to } = go_back(
        &desk,
        &channel,
        &back,
        args.to.as_deref(),
        None,
        &args.by.reason,
        &args.key,
    )?;
    let project = project_argument(global);
    let more = format!(
        ", as generation {} was; the channel is held\ngo on: weir resume {channel}{project}\nundo: weir promote {} --to {channel}{project}",
        to.seq,
        short(&left)
    );
    tell(&done, "weir.rollback/1", args.format, &more, terminal)
}

/// A channel that went back.
pub struct Returned {
    pub done: Done,
    /// Digest of what it ran until then.
    pub left: String,
    /// The generation that is back.
    pub to: Generation,
}

/// Takes a channel back, and holds it there. `wanted`: what was asked for, as the journal shows it. `seen`: the
/// generation that whoever asks took for the head; another one there refuses.
pub fn go_back(
    desk: &Desk,
    channel: &str,
    back: &Back,
    wanted: Option<&str>,
    seen: Option<u64>,
    reason: &str,
    key: &Key,
) -> Result<Returned, Stop> {
    let found = desk.channels().way_back(channel, back);
    let found = found.and_then(|(known, to)| match seen {
        Some(seen) if seen != known.head.seq => {
            Err(ChannelError::Refused(Refusal::Moved(Box::new(known.head))))
        }
        _ => Ok((known, to)),
    });
    let (known, to) = found.map_err(|error| {
        let why = error.to_string();
        desk.channels()
            .refuse(channel, Action::Rollback, wanted, &why);
        stop(&error)
    })?;
    let artifact = desk.store.get(&to.digest).map_err(|error| match error {
        StoreError::NotFound { .. } => {
            let gone = Refusal::Gone {
                digest: to.digest.clone(),
            };
            let why = format!("{}: {gone}", gone.word());
            desk.channels()
                .refuse(channel, Action::Rollback, Some(&to.digest), &why);
            refusal(&gone)
        }
        other => store_error(&other),
    })?;
    let damage = artifact.verify().map_err(|e| store_error(&e))?;
    if let Some(first) = damage.first() {
        let why = format!("artifact {} does not verify: {first}", short(&to.digest));
        desk.channels()
            .refuse(channel, Action::Rollback, Some(&to.digest), &why);
        return Err(Stop::new(
            Exit::Refused,
            plain(&why),
            format!("go back to another one: `weir log {channel}` lists them"),
        ));
    }
    let digest = Some(to.digest.as_str());
    let done = desk.act(channel, Action::Rollback, digest, Some(key), |channels| {
        channels.rollback(&known, &to, reason)
    })?;
    Ok(Returned {
        done,
        left: known.head.digest,
        to,
    })
}

fn back(to: Option<&str>) -> Result<Back, Stop> {
    let Some(to) = to else {
        return Ok(Back::Parent);
    };
    let wrong = || {
        Stop::new(
            Exit::Usage,
            format!("{} is no generation", plain(to)),
            "write at least 4 digits of a digest, or how many generations to go back: --to -2",
        )
    };
    if let Some(steps) = to.strip_prefix('-') {
        return match steps.parse() {
            Ok(steps) if steps > 0 => Ok(Back::Steps(steps)),
            _ => Err(wrong()),
        };
    }
    let digest = to
        .strip_prefix("sha256:")
        .unwrap_or(to)
        .to_ascii_lowercase();
    if digest.len() < 4 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    Ok(Back::Digest(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_is_a_digest_or_a_number_of_steps() {
        assert!(matches!(back(None), Ok(Back::Parent)));
        assert!(matches!(back(Some("-2")), Ok(Back::Steps(2))));
        let digest = back(Some("sha256:ABCD"));
        assert!(matches!(digest, Ok(Back::Digest(d)) if d == "abcd"));
        for bad in ["-0", "-x", "abc", "zzzz", ""] {
            assert!(back(Some(bad)).is_err(), "{bad}");
        }
    }
}
