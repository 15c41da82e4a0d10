//! `weir publish`: what a channel runs, written into a directory of LibreQoS.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use weir_compiler::config::project::Overwrite;
use weir_compiler::emit::sha256;
use weir_compiler::publish::{
    Action, Decision, FILES, Pair, STATE_FILE, State, Was, decide, edited_name, previous_name,
};
use weir_compiler::report::{Detail, json, plain};
use weir_schemas::artifact;
use weir_schemas::manifest::Manifest;
use weir_store::Artifact;
use weir_store::channel::short;

use crate::cli::exit::Exit;
use crate::cli::project::argument;
use crate::cli::stop::Stop;
use crate::cli::store::{Desk, PRODUCTION, store_error};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global, replace};

#[derive(Debug, Args)]
pub struct Arguments {
    /// A digest, or the channel that runs it [default: production]
    artifact: Option<String>,
    /// Directory of LibreQoS, in place of `publish.to`
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// What happens to files that are there, in place of `publish.overwrite`
    #[arg(long, value_name = "MODE", value_parser = modes())]
    overwrite: Option<Overwrite>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

fn modes() -> impl TypedValueParser<Value = Overwrite> {
    PossibleValuesParser::new(Overwrite::ALL.map(Overwrite::word)).map(|word| {
        let known = Overwrite::ALL.into_iter().find(|m| m.word() == word);
        known.expect("the parser lets only known words through")
    })
}

#[derive(Serialize)]
struct File {
    name: &'static str,
    /// What was there: `absent`, `published`, `wanted` or `edited`.
    was: &'static str,
    /// Where an edited file was saved.
    saved_as: Option<String>,
}

/// `weir publish --format json`
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    artifact: &'a str,
    to: String,
    overwrite: &'static str,
    /// `published`, `unchanged` or `refused`.
    outcome: &'static str,
    /// An interrupted run had left one file of each.
    repaired: bool,
    files: Vec<File>,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let settings = &desk.project.publish;
    let to = match (&args.to, &settings.to) {
        (Some(to), _) => to.clone(),
        (None, Some(to)) => desk.dir.join(to),
        (None, None) => {
            return Err(Stop::new(
                Exit::Usage,
                "nobody said where to publish",
                "name the directory of LibreQoS: `--to DIR`, or `to` under [publish] in weir.toml",
            ));
        }
    };
    let reference = args.artifact.as_deref().unwrap_or(PRODUCTION);
    let artifact = desk.artifact(reference, terminal)?;
    if !desk.names()?.iter().any(|name| name == reference) {
        never_failing(&artifact)?;
    }
    let mode = args.overwrite.unwrap_or(settings.overwrite);
    let done = publish_artifact(&to, &artifact, mode)?;
    let refused = done.decision.action == Action::Refuse;
    terminal.print(&match args.format {
        Format::Json => json::text(&report(&done, artifact.digest(), &to, mode)),
        Format::Text => text(&done, &artifact, &to, mode, terminal),
    })?;
    Ok(match refused {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

/// Writes the files of an artifact that is proven, or says why not.
pub fn publish_artifact(to: &Path, artifact: &Artifact, mode: Overwrite) -> Result<Done, Stop> {
    let bytes = proven(artifact)?;
    publish(to, artifact.digest(), &bytes, mode).map_err(|(path, error)| {
        Stop::new(
            Exit::Outside,
            format!("cannot publish to {}: {error}", path.display()),
            match error.kind() {
                ErrorKind::NotFound => "name a directory that is there: that of LibreQoS",
                _ => "what was published before is still there; correct this and publish again",
            },
        )
    })
}

/// The bytes of the two files, once the whole artifact is proven to be what was stored.
fn proven(artifact: &Artifact) -> Result<[Vec<u8>; 2], Stop> {
    let damage = artifact.verify().map_err(|e| store_error(&e))?;
    if let Some(damage) = damage.first() {
        return Err(Stop::new(
            Exit::Refused,
            format!(
                "artifact {} is not what was stored: {}",
                short(artifact.digest()),
                plain(&damage.to_string())
            ),
            format!(
                "see all of it: weir verify {}; then build it again",
                short(artifact.digest())
            ),
        ));
    }
    let [network, devices] = FILES.map(|name| artifact.read(name).map_err(|e| store_error(&e)));
    Ok([network?, devices?])
}

/// What a channel runs went through its guard; what is named by its digest did not.
fn never_failing(artifact: &Artifact) -> Result<(), Stop> {
    let bytes = artifact
        .read(artifact::MANIFEST)
        .map_err(|e| store_error(&e))?;
    let manifest: Result<Manifest<'_>, _> = weir_schemas::read(&bytes);
    match manifest.is_ok_and(|m| !m.failing) {
        true => Ok(()),
        false => Err(Stop::new(
            Exit::Refused,
            format!(
                "the build of {} found something at or above fail_on and marked it failing",
                short(artifact.digest())
            ),
            "correct what it found and build again; `weir check` shows it",
        )),
    }
}

pub struct Done {
    pub decision: Decision,
    /// What edited files were saved as, in the order of [`FILES`].
    pub saved: [Option<String>; 2],
}

type Failed = (PathBuf, io::Error);

/// Decides, and does it. Everything that is there and may be needed again is saved before anything is replaced.
fn publish(to: &Path, digest: &str, bytes: &[Vec<u8>; 2], mode: Overwrite) -> Result<Done, Failed> {
    let in_dir = |error| (to.to_owned(), error);
    let lock = fs::File::open(to).map_err(in_dir)?;
    // One at a time. The kernel lets go when the process ends.
    lock.lock().map_err(in_dir)?;
    let read = |name: &str| match fs::read(to.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err((to.join(name), e)),
    };
    let there = [read(FILES[0])?, read(FILES[1])?];
    let state = read(STATE_FILE)?.and_then(|bytes| State::read(&bytes));
    let digests = there.each_ref().map(|b| b.as_deref().map(sha256));
    let named = FILES.iter().zip(bytes);
    let wanted = Pair {
        artifact: digest.to_owned(),
        files: named
            .map(|(name, bytes)| ((*name).to_owned(), sha256(bytes)))
            .collect(),
    };
    let decision = decide(state.as_ref(), &digests, &wanted, mode);
    let mut saved = [None, None];
    for at in [0, 1] {
        if let (Was::Edited, Some(bytes), Some(digest)) =
            (decision.was[at], &there[at], &digests[at])
        {
            let mut name = edited_name(FILES[at], digest);
            // Another file of the same first digits is nobody's to overwrite.
            if read(&name)?.is_some_and(|other| other != *bytes) {
                name = format!("{}.edited-{digest}", FILES[at]);
            }
            if read(&name)?.is_none() {
                replace::together(to, &[(&name, bytes)]).map_err(|e| (to.join(&name), e))?;
            }
            saved[at] = Some(name);
        }
    }
    let note = |state: &State| {
        let text = json::text(state);
        replace::together(to, &[(STATE_FILE, text.as_bytes())])
            .map_err(|e| (to.join(STATE_FILE), e))
    };
    match decision.action {
        Action::Nothing | Action::Refuse => {}
        Action::Record => note(&State::done(wanted))?,
        Action::Replace => {
            // Of a mixed pair nothing is worth keeping: the whole one before it was kept by the run that mixed it.
            if !decision.repairs {
                let names = FILES.map(previous_name);
                let pairs = names.iter().zip(&there);
                let kept: Vec<(&str, &[u8])> = pairs
                    .filter_map(|(name, bytes)| Some((name.as_str(), bytes.as_deref()?)))
                    .collect();
                replace::together(to, &kept).map_err(in_dir)?;
            }
            note(&State::writing(state, wanted.clone()))?;
            let [network, devices] = bytes;
            replace::together(to, &[(FILES[0], network), (FILES[1], devices)]).map_err(in_dir)?;
            note(&State::done(wanted))?;
        }
    }
    Ok(Done { decision, saved })
}

fn report<'a>(done: &Done, digest: &'a str, to: &Path, mode: Overwrite) -> Report<'a> {
    let files = FILES.into_iter().zip(done.decision.was).zip(&done.saved);
    Report {
        schema: "weir.publish/1",
        artifact: digest,
        to: to.display().to_string(),
        overwrite: mode.word(),
        outcome: match done.decision.action {
            Action::Replace => "published",
            Action::Nothing | Action::Record => "unchanged",
            Action::Refuse => "refused",
        },
        repaired: done.decision.repairs && done.decision.action == Action::Replace,
        files: files
            .map(|((name, was), saved)| File {
                name,
                was: match was {
                    Was::Absent => "absent",
                    Was::Published => "published",
                    Was::Wanted => "wanted",
                    Was::Edited => "edited",
                },
                saved_as: saved.clone(),
            })
            .collect(),
    }
}

fn text(
    done: &Done,
    artifact: &Artifact,
    to: &Path,
    mode: Overwrite,
    terminal: &Terminal,
) -> String {
    let report = report(done, artifact.digest(), to, mode);
    let to = plain(&report.to).into_owned();
    let mut text = String::new();
    for file in &report.files {
        if let Some(saved) = &file.saved_as {
            text.push_str(&format!(
                "{} was edited, or written by somebody else; it is saved as {saved}\n  to keep what it says: weir adopt{}\n",
                file.name,
                argument(&Path::new(&report.to).join(saved))
            ));
        }
    }
    if report.repaired {
        text.push_str("an interrupted run had left two files that do not belong together\n");
    }
    let digest = short(artifact.digest());
    text.push_str(&match done.decision.action {
        Action::Replace => format!("published {digest} to {to}\n"),
        Action::Nothing | Action::Record => {
            format!("no change: {to} holds the files of {digest}\n")
        }
        Action::Refuse => format!(
            "refused: overwrite = \"{}\" keeps what is in {to}; nothing was replaced\n  to replace it once: weir publish --overwrite always\n",
            mode.word()
        ),
    });
    if done.decision.action == Action::Replace
        && terminal.detail != Detail::Quiet
        && done.decision.was.iter().any(|was| *was != Was::Absent)
    {
        text.push_str(&format!(
            "the files before are {} and {}\n",
            previous_name(FILES[0]),
            previous_name(FILES[1])
        ));
    }
    text
}
