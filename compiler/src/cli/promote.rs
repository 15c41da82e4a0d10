//! `weir plan` and `weir promote`: what promoting an artifact would do, and doing it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use weir_compiler::config;
use weir_compiler::guard::{self, Accept, Trip, lasting};
use weir_compiler::lint::rules::NOT_AS_REVIEWED;
use weir_compiler::report::{Detail, Tone, diff as show, human, json, plain};
use weir_compiler::source_map::SourceMap;
use weir_schemas::Published as _;
use weir_schemas::head::Action;
use weir_schemas::promotion::{Base, Promotion};
use weir_store::channel::{Known, Refusal, short};

use crate::cli::exit::Exit;
use crate::cli::project::argument;
use crate::cli::review::{Judge, Review};
use crate::cli::stop::Stop;
use crate::cli::store::{By, Desk, Key, is_now, refusal, store_error, write_new};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The channel to move
    channel: String,
    /// Digest of an artifact, or the channel that runs it
    #[arg(value_name = "ARTIFACT")]
    artifact: String,
    /// File to write the plan to [default: CHANNEL-DIGEST.plan.json]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Numbers that were looked at and are wanted: removals=N,reparented=M
    #[arg(long, value_name = "NUMBERS", value_parser = accept)]
    accept: Option<AcceptArgument>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Arguments {
    /// Digest of an artifact, the channel that runs it, or a plan that `weir plan` wrote
    #[arg(value_name = "ARTIFACT|PLAN")]
    what: String,
    /// The channel to move; a plan names it itself
    #[arg(long, value_name = "CHANNEL")]
    to: Option<String>,
    /// Go back unless `weir confirm` is said in this time: 10m
    #[arg(long, value_name = "TIME", value_parser = time)]
    confirm_within: Option<u64>,
    /// Numbers that were looked at and are wanted: removals=N,reparented=M
    #[arg(long, value_name = "NUMBERS", value_parser = accept)]
    accept: Option<AcceptArgument>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    key: Key,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What `--accept` says.
#[derive(Clone, Copy, Debug)]
struct AcceptArgument(Accept);

/// As it is typed, after a blank.
impl std::fmt::Display for AcceptArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let both = [
            ("removals", self.0.removals),
            ("reparented", self.0.reparented),
        ];
        let said = both
            .iter()
            .filter_map(|(word, number)| Some((word, (*number)?)));
        for (i, (word, number)) in said.enumerate() {
            f.write_str(if i == 0 { " --accept " } else { "," })?;
            write!(f, "{word}={number}")?;
        }
        Ok(())
    }
}

fn accept(text: &str) -> Result<AcceptArgument, String> {
    let mut accept = Accept::default();
    for part in text.split(',') {
        let (word, number) = part.split_once('=').unwrap_or((part, ""));
        let place = match word.trim() {
            "removals" => &mut accept.removals,
            "reparented" => &mut accept.reparented,
            _ => return Err("write removals=N, reparented=M, or both with a comma".to_owned()),
        };
        let number = number.trim().parse();
        *place = Some(number.map_err(|_| format!("{word} needs the exact number: {word}=12"))?);
    }
    Ok(AcceptArgument(accept))
}

fn time(text: &str) -> Result<u64, String> {
    match config::parse_seconds(text) {
        Some(seconds) if seconds > 0 => Ok(seconds),
        _ => Err("write a number and a unit, s, m, h or d: 10m".to_owned()),
    }
}

impl Review {
    fn text(&self, terminal: &Terminal) -> String {
        match &self.diff {
            Some(diff) => show::text(diff, terminal.out, terminal.detail),
            None => "the channel runs nothing yet\n".to_owned(),
        }
    }
}

pub fn plan(args: &PlanArguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let channel = desk.channel(&args.channel)?;
    let base = desk.settle(&channel, terminal)?;
    let artifact = desk.artifact(&args.artifact, terminal)?;
    let accept = args.accept.map_or(Accept::default(), |a| a.0);
    let review = Review::of(&desk, base.as_ref(), artifact, accept, Judge::ByHand)?;
    let digest = review.artifact.digest().to_owned();
    let (removals, reparented) = guard::numbers(review.diff.as_ref());
    let promotion = Promotion {
        schema: Promotion::SCHEMA.to_owned(),
        channel: channel.clone(),
        base: base.as_ref().map(|known| Base {
            seq: known.head.seq,
            digest: known.head.digest.clone(),
        }),
        digest: digest.clone(),
        manifest_sha256: review.manifest_sha256.clone(),
        removals,
        reparented,
        guard: review.trips.iter().map(|t| t.message.clone()).collect(),
    };
    let path = match &args.out {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{channel}-{}.plan.json", short(&digest))),
    };
    // The same plan may be made again; what somebody else wrote is not overwritten.
    let text = json::text(&promotion);
    if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        if is_a_plan(&path) {
            fs::remove_file(&path).map_err(|e| Stop::cannot("replace", &path, &e))?;
        }
        write_new(&path, &text, 0o644).map_err(|e| Stop::cannot("write", &path, &e))?;
    }
    match args.format {
        Format::Json => terminal.print(&text)?,
        Format::Text => {
            let mut text = review.text(terminal);
            text.push('\n');
            text.push_str(&format!("plan: {}\n", path.display()));
            if review.trips.is_empty() {
                text.push_str(&format!(
                    "next: weir promote{}{}{}\n",
                    argument(&path),
                    args.accept
                        .map_or_else(String::new, |said| said.to_string()),
                    project_argument(global)
                ));
            }
            terminal.print(&text)?;
            tell(&review.trips, terminal);
        }
    }
    Ok(if review.trips.is_empty() {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn is_a_plan(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| weir_schemas::read::<Promotion>(&bytes).is_ok())
}

/// `--project DIR` for commands that can be pasted.
pub fn project_argument(global: &Global) -> String {
    let given = global.project.as_ref().map(|dir| argument(dir));
    given
        .filter(|dir| !dir.is_empty())
        .map_or(String::new(), |dir| format!(" --project{dir}"))
}

fn tell(trips: &[Trip], terminal: &Terminal) {
    let files = SourceMap::default();
    let shown: Vec<String> = trips
        .iter()
        .map(|trip| {
            let message = if trip.setting.is_empty() {
                trip.message.clone()
            } else {
                format!("{} ({})", trip.message, trip.setting)
            };
            human::problem(&message, &trip.help, &[], &files, terminal.err)
        })
        .collect();
    if !shown.is_empty() {
        terminal.tell(&shown.join("\n"));
    }
}

/// `weir promote --format json`
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    channel: &'a str,
    digest: &'a str,
    /// False: it ran there already.
    changed: bool,
    /// The generation, where there is one now.
    seq: Option<u64>,
    /// Seconds in which it must be confirmed.
    confirm_within: Option<u64>,
    /// The command that goes back.
    undo: Option<String>,
    removals: u64,
    reparented: u64,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, args.by.author.as_deref())?;
    let plan = read_plan(&args.what)?;
    let channel = match (&args.to, &plan) {
        (None, None) => {
            return Err(Stop::new(
                Exit::Usage,
                "the channel to promote to is not said",
                "add `--to CHANNEL`",
            ));
        }
        (Some(to), Some(plan)) if *to != plan.channel => {
            return Err(Stop::new(
                Exit::Usage,
                format!(
                    "the plan is for channel {}, and not for {}",
                    plain(&plan.channel),
                    plain(to)
                ),
                "leave out `--to`, or plan again",
            ));
        }
        (Some(to), _) => desk.channel(to)?,
        (None, Some(plan)) => desk.channel(&plan.channel)?,
    };
    let base = desk.settle(&channel, terminal)?;
    let artifact = match &plan {
        Some(plan) => desk.store.get(&plan.digest).map_err(|e| store_error(&e))?,
        None => desk.artifact(&args.what, terminal)?,
    };
    let digest = artifact.digest().to_owned();
    let action = Action::Promote;
    if let Some(plan) = &plan
        && let Some(why) = has_moved(plan, base.as_ref())
    {
        desk.channels().refuse(
            &channel,
            action,
            Some(&digest),
            &format!("base-moved: {why}"),
        );
        return Err(refusal(&why));
    }
    let accept = args.accept.map_or(Accept::default(), |a| a.0);
    let review =
        Review::of(&desk, base.as_ref(), artifact, accept, Judge::ByHand).inspect_err(|stop| {
            let why = format!("verification: {}", stop.first_line());
            desk.channels()
                .refuse(&channel, action, Some(&digest), &why);
        })?;
    if let Some(plan) = &plan
        && plan.manifest_sha256 != review.manifest_sha256
    {
        let why = format!(
            "{NOT_AS_REVIEWED}: the artifact was built again after it was planned: what it came from and what was \
             found may be others"
        );
        desk.channels()
            .refuse(&channel, action, Some(&digest), &format!("plan: {why}"));
        return Err(Stop::new(
            Exit::Refused,
            why,
            "look at it and plan again; `weir explain CHG006` says more",
        ));
    }
    let (removals, reparented) = guard::numbers(review.diff.as_ref());
    if review.is_refused(&desk, &channel, base.as_ref()) {
        let reasons: Vec<String> = review.trips.iter().map(|t| t.message.clone()).collect();
        match args.format {
            Format::Json => terminal.print(&json::text(&Report {
                schema: "weir.promote/1",
                exit: json::Exit {
                    code: Exit::Refused.code(),
                    reasons: &reasons,
                },
                channel: &channel,
                digest: &digest,
                changed: false,
                seq: None,
                confirm_within: None,
                undo: None,
                removals,
                reparented,
            }))?,
            Format::Text => {
                terminal.print(&review.text(terminal))?;
                tell(&review.trips, terminal);
            }
        }
        return Ok(Exit::Refused);
    }
    let done = review.promote(
        &desk,
        &channel,
        base.as_ref(),
        &args.by.reason,
        args.confirm_within,
        &args.key,
    )?;
    if let Some(notice) = &done.notice {
        terminal.tell(&format!("note: {}\n", plain(notice)));
    }
    let undo = done
        .changed
        .then_some(done.head.parent.as_ref())
        .flatten()
        .map(|_| format!("weir rollback {channel}{}", project_argument(global)));
    match args.format {
        Format::Json => terminal.print(&json::text(&Report {
            schema: "weir.promote/1",
            exit: json::Exit {
                code: 0,
                reasons: &[],
            },
            channel: &channel,
            digest: &digest,
            changed: done.changed,
            seq: Some(done.head.seq),
            confirm_within: done.head.confirm.as_ref().map(|c| c.within_seconds),
            undo,
            removals,
            reparented,
        }))?,
        Format::Text => {
            let mut text = String::new();
            if terminal.detail != Detail::Quiet {
                text.push_str(&review.text(terminal));
                text.push('\n');
            }
            let now = is_now(&done.head);
            text.push_str(&terminal.out.paint(Tone::Good, &now));
            text.push_str(if done.changed {
                "\n"
            } else {
                ": it was already\n"
            });
            if let Some(confirm) = &done.head.confirm {
                text.push_str(&format!(
                    "keep it within {}: weir confirm {channel}{}\n",
                    lasting(confirm.within_seconds),
                    project_argument(global)
                ));
            }
            if let Some(undo) = &undo {
                text.push_str(&format!("undo: {undo}\n"));
            }
            terminal.print(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// A plan file, where that is what was named.
fn read_plan(what: &str) -> Result<Option<Promotion>, Stop> {
    let path = Path::new(what);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(|e| Stop::cannot("read", path, &e))?;
    let plan = weir_schemas::read(&bytes).map_err(|e| {
        Stop::new(
            Exit::Usage,
            format!("{} is no plan: {}", path.display(), plain(&e.to_string())),
            "make one with `weir plan CHANNEL ARTIFACT`",
        )
    })?;
    Ok(Some(plan))
}

/// The channel is not any more what it was when the plan was made.
fn has_moved(plan: &Promotion, base: Option<&Known>) -> Option<Refusal> {
    let now = base.map(|known| (known.head.seq, known.head.digest.as_str()));
    let was = plan.base.as_ref().map(|b| (b.seq, b.digest.as_str()));
    if now == was {
        return None;
    }
    Some(match base {
        Some(known) => Refusal::Moved(Box::new(known.head.clone())),
        None => Refusal::BaseGone {
            channel: plan.channel.clone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_is_written_as_exact_numbers() {
        let both = accept("removals=3,reparented=12").expect("reads").0;
        assert_eq!((both.removals, both.reparented), (Some(3), Some(12)));
        let one = accept("reparented=0").expect("reads").0;
        assert_eq!((one.removals, one.reparented), (None, Some(0)));
        for said in ["removals=3,reparented=12", "reparented=0", "removals=1"] {
            let read = accept(said).expect("reads").to_string();
            assert_eq!(read, format!(" --accept {said}"));
        }
        for bad in [
            "",
            "3",
            "removals",
            "removals=",
            "removals=many",
            "removals=3%",
            "all=1",
        ] {
            assert!(accept(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(time("10m"), Ok(600));
        for bad in ["", "10", "0s", "soon"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
