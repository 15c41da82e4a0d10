//! `weir adopt`: a file that was edited by hand becomes overrides. Everything is tried first: what the next build would
//! not reproduce is not written, and told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use weir_compiler::adopt::{self, Edits, Key, Left};
use weir_compiler::config::date::Date;
use weir_compiler::ir::field::{Field, FieldValue};
use weir_compiler::ir::records::SubjectKind;
use weir_compiler::publish::{STATE_FILE, State};
use weir_compiler::report::{counted, json, plain};
use weir_schemas::artifact;
use weir_store::channel::short;

use crate::cli::exit::Exit;
use crate::cli::override_::day;
use crate::cli::override_file::{Entry, OverrideFile};
use crate::cli::project::{Follow, compile_with};
use crate::cli::stop::Stop;
use crate::cli::store::{Desk, PRODUCTION, store_error};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global, Overrides};

/// Builds that are tried: each leaves out what the one before did not reproduce.
const TRIALS: usize = 4;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The edited ShapedDevices.csv or network.json
    file: PathBuf,
    /// What was edited: digest of an artifact, or the channel that runs it [default: what was published beside the
    /// file, else what channel production runs]
    #[arg(long, value_name = "ARTIFACT")]
    artifact: Option<String>,
    /// Why, for each override
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "adopted from a file that was edited by hand"
    )]
    reason: String,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The first day on which the overrides do not apply
    #[arg(long, value_name = "DATE", value_parser = day)]
    expires: Option<Date>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    artifact: &'a str,
    file: &'static str,
    written: bool,
    adopted: Vec<Adopted>,
    left: Vec<Remaining>,
    diff: String,
}

#[derive(Serialize)]
struct Adopted {
    kind: &'static str,
    id: String,
    device: Option<String>,
    field: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Remaining {
    what: String,
    help: String,
}

/// The two files, and how each is compared.
struct Kind {
    name: &'static str,
    compare: fn(&[u8], &[u8]) -> Result<Edits, String>,
}

fn kind(bytes: &[u8]) -> Kind {
    let first = bytes.iter().find(|b| b.is_ascii_graphic() && b.is_ascii());
    match first {
        Some(b'{') => Kind {
            name: artifact::NETWORK,
            compare: adopt::network,
        },
        _ => Kind {
            name: artifact::SHAPED_DEVICES,
            compare: adopt::shaped_devices,
        },
    }
}

fn unread(file: &Path, error: &std::io::Error) -> Stop {
    Stop::new(
        Exit::Outside,
        format!(
            "cannot read {}: {error}",
            plain(&file.display().to_string())
        ),
        "name the file that was edited: `weir adopt ShapedDevices.csv` or `weir adopt network.json`, with its directory",
    )
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let bytes = fs::read(&args.file).map_err(|e| unread(&args.file, &e))?;
    let kind = kind(&bytes);
    let desk = Desk::open(global, None)?;
    let reference = args.artifact.clone().or_else(|| published(&args.file));
    let reference = reference.unwrap_or_else(|| PRODUCTION.to_owned());
    let found = desk.artifact(&reference, terminal)?;
    let own = found.read(kind.name).map_err(|e| store_error(&e))?;
    let mut edits = (kind.compare)(&own, &bytes).map_err(|why| {
        Stop::new(
            Exit::Usage,
            format!(
                "{} is no {}: {}",
                args.file.display(),
                kind.name,
                plain(&why)
            ),
            "name a ShapedDevices.csv or network.json that was built, and edited since",
        )
    })?;
    let file = settle(args, &desk.dir, &kind, &bytes, &mut edits, terminal)?;
    if !args.dry_run && !edits.sets.is_empty() {
        file.write()?;
    }
    let exit = match edits.left.is_empty() {
        true => Exit::Done,
        false => Exit::Difference,
    };
    let text = match args.format {
        Format::Json => {
            let reasons: Vec<String> = edits.left.iter().map(|left| left.what.clone()).collect();
            let adopted = edits.sets.iter().map(|(key, value)| Adopted {
                kind: key.kind.word(),
                id: key.id.clone(),
                device: key.device.clone(),
                field: key.field.key(),
                value: value.to_string(),
            });
            let left = edits.left.iter().map(|left| Remaining {
                what: left.what.clone(),
                help: left.help.clone(),
            });
            json::text(&Report {
                schema: "weir.adopt/1",
                exit: json::Exit {
                    code: exit.code(),
                    reasons: &reasons,
                },
                artifact: found.digest(),
                file: kind.name,
                written: !args.dry_run && !edits.sets.is_empty(),
                adopted: adopted.collect(),
                left: left.collect(),
                diff: file.diff(),
            })
        }
        Format::Text => text(args, &file, &edits, found.digest(), &kind),
    };
    terminal.print(&text)?;
    Ok(exit)
}

fn text(args: &Arguments, file: &OverrideFile, edits: &Edits, digest: &str, kind: &Kind) -> String {
    if edits.is_empty() {
        return format!(
            "no difference: it says what {} of {} says\n",
            kind.name,
            short(digest)
        );
    }
    let mut text = plain(&file.diff()).into_owned();
    let adopted = counted(edits.sets.len(), "edit");
    text.push_str(&match (edits.sets.is_empty(), args.dry_run) {
        (true, _) => "nothing could be adopted\n".to_owned(),
        (false, true) => format!("{adopted} would be adopted; nothing was written\n"),
        (false, false) => format!("{adopted} adopted: wrote overrides.toml\n"),
    });
    for Left { what, help } in &edits.left {
        text.push_str(&format!("left: {}\n  {}\n", plain(what), plain(help)));
    }
    text
}

/// The artifact that was published into the directory of a file.
fn published(file: &Path) -> Option<String> {
    let bytes = fs::read(file.parent()?.join(STATE_FILE)).ok()?;
    let artifact = State::read(&bytes)?.pair.artifact;
    (!artifact.is_empty()).then_some(artifact)
}

/// Tries the edits on the project until those that remain are reproduced. The file with them.
fn settle(
    args: &Arguments,
    dir: &Path,
    kind: &Kind,
    edited: &[u8],
    edits: &mut Edits,
    terminal: &Terminal,
) -> Result<OverrideFile, Stop> {
    for _ in 0..TRIALS {
        if edits.sets.is_empty() {
            break;
        }
        let mut trial = OverrideFile::read(dir)?;
        let groups = groups(&edits.sets);
        write(args, &mut trial, &groups, &BTreeMap::new());
        let text = trial.text();
        let built = compile_with(
            dir.to_owned(),
            &args.overrides,
            Follow::Nothing,
            Some(&text),
            terminal,
        )?;
        let entries = &built.project.overrides.entries;
        // New entries are the last of their kind, in the order in which they were added.
        let mut keys: BTreeMap<usize, &Group<'_>> = BTreeMap::new();
        for of in [SubjectKind::Circuit, SubjectKind::Node] {
            let mut added: Vec<&Group<'_>> = groups.iter().filter(|g| g.kind == of).collect();
            let at = entries
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, e)| e.kind == of);
            for (at, _) in at {
                match added.pop() {
                    Some(group) => keys.insert(at, group),
                    None => break,
                };
            }
        }
        let overlay = &built.compiled.inventory.evidence.overlay;
        let mut refused: Vec<(Key, String)> = Vec::new();
        for unapplied in &overlay.unapplied {
            if let Some(group) = keys.get(&unapplied.entry) {
                refused.extend(group.keys().map(|key| {
                    (
                        key,
                        "the sources have nothing that it could change".to_owned(),
                    )
                }));
            }
        }
        // What the build makes of it, against what was wanted.
        let made = built.compiled.artifacts.file(kind.name);
        let again = made.map(|bytes| (kind.compare)(bytes, edited));
        if let Some(Ok(again)) = again {
            for key in again.sets.keys().filter(|key| edits.sets.contains_key(key)) {
                refused.push((key.clone(), "a build with that override does not say it: something above or beside it decides".to_owned()));
            }
        } else {
            return Err(Stop::new(
                Exit::Findings,
                "the project cannot be built with these overrides",
                "`weir check` says what is wrong with it",
            ));
        }
        if refused.is_empty() {
            let mut was: BTreeMap<Key, FieldValue> = BTreeMap::new();
            for applied in &overlay.applied {
                if let Some(group) = keys.get(&applied.entry) {
                    was.insert(group.key(applied.field), applied.from.clone());
                }
            }
            let mut file = OverrideFile::read(dir)?;
            write(args, &mut file, &groups, &was);
            return Ok(file);
        }
        for (key, why) in refused {
            if let Some(value) = edits.sets.remove(&key) {
                let about = match &key.device {
                    Some(device) => {
                        format!("device \"{device}\" of {} \"{}\"", key.kind.word(), key.id)
                    }
                    None => format!("{} \"{}\"", key.kind.word(), key.id),
                };
                edits.left.push(Left {
                    what: format!("{} of {about} was changed to {value}", key.field.word()),
                    help: format!("{why}; `weir why {}` shows what", key.id),
                });
            }
        }
    }
    // What is left after so many trials is nothing, or would not be reproduced.
    for (key, value) in std::mem::take(&mut edits.sets) {
        edits.left.push(Left {
            what: format!(
                "{} of {} \"{}\" was changed to {value}",
                key.field.word(),
                key.kind.word(),
                key.id
            ),
            help: "these edits are in each other's way; adopt fewer at once".to_owned(),
        });
    }
    OverrideFile::read(dir)
}

/// What becomes one entry.
struct Group<'a> {
    kind: SubjectKind,
    id: &'a str,
    device: Option<&'a str>,
    sets: Vec<(Field, FieldValue)>,
}

impl Group<'_> {
    fn key(&self, field: Field) -> Key {
        Key {
            kind: self.kind,
            id: self.id.to_owned(),
            device: self.device.map(str::to_owned),
            field,
        }
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        self.sets.iter().map(|(field, _)| self.key(*field))
    }
}

fn groups(sets: &BTreeMap<Key, FieldValue>) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (key, value) in sets {
        let device = key.device.as_deref();
        let set = (key.field, value.clone());
        match groups.last_mut() {
            Some(last)
                if (last.kind, last.id, last.device) == (key.kind, key.id.as_str(), device) =>
            {
                last.sets.push(set)
            }
            _ => groups.push(Group {
                kind: key.kind,
                id: &key.id,
                device,
                sets: vec![set],
            }),
        }
    }
    groups
}

/// Puts the groups into the file, in place of what it says of the same fields.
fn write(
    args: &Arguments,
    file: &mut OverrideFile,
    groups: &[Group<'_>],
    was: &BTreeMap<Key, FieldValue>,
) {
    for group in groups {
        for (field, _) in &group.sets {
            file.remove(group.kind, group.id, group.device.map(Some), Some(*field));
        }
    }
    for group in groups {
        let known = group
            .keys()
            .filter_map(|key| Some((key.field, was.get(&key)?.clone())));
        file.add(&Entry {
            kind: group.kind,
            id: group.id,
            device: group.device,
            reason: &args.reason,
            owner: args.owner.as_deref(),
            expires: args.expires,
            sets: group.sets.clone(),
            was: known.collect(),
        });
    }
}
