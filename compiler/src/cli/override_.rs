//! `weir override`: overrides added, listed, taken out and ended. Nothing is written that the next build would not
//! take: a new override is tried on the project first, and what the sources say now goes into its `was`.

use std::mem::ManuallyDrop;
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use weir_compiler::config::date::Date;
use weir_compiler::config::overrides::fields;
use weir_compiler::config::suggest::nearest;
use weir_compiler::ir::field::{Field, FieldValue};
use weir_compiler::ir::overlay::{Applied, Unapplied, Why};
use weir_compiler::ir::records::{LeafKind, LinkState, NodeKind, ServiceState, SubjectKind};
use weir_compiler::report::{json, plain};
use weir_compiler::units::{Kbps, MBPS, Pair, parse_rate};

use crate::cli::exit::Exit;
use crate::cli::override_file::{Entry, OverrideFile};
use crate::cli::project::{Built, Follow, compile_project, compile_with, yesterday};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global, Overrides};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Output format
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add an override to overrides.toml, with what the sources say now
    Add(Add),
    /// List all overrides, and what each does
    List(List),
    /// Take overrides out of overrides.toml
    Remove(Remove),
    /// Give overrides a last day
    Expire(Expire),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Kind {
    Circuit,
    Node,
    Link,
}

impl Kind {
    fn subject(self) -> SubjectKind {
        match self {
            Kind::Circuit => SubjectKind::Circuit,
            Kind::Node => SubjectKind::Node,
            Kind::Link => SubjectKind::Link,
        }
    }
}

#[derive(Debug, Args)]
struct What {
    kind: Kind,
    /// Stable id, as `weir tree` shows it
    id: String,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    what: What,
    /// What to set: plan_mbps=100/20, parent=ap-7, addresses_add=100.64.0.7, state=suspended, exclude=true, ...
    #[arg(long = "set", value_name = "KEY=VALUE", required = true)]
    set: Vec<String>,
    /// Why; it is shown wherever the override is
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The last day on which it applies
    #[arg(long, value_name = "DATE", value_parser = day)]
    expires: Option<Date>,
    /// The device whose addresses are set
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Debug, Args)]
struct Remove {
    #[command(flatten)]
    what: What,
    /// Only this field of it, such as plan_mbps
    field: Option<String>,
    /// Only what is said about this device
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Expire {
    #[command(flatten)]
    what: What,
    /// The last day on which they apply [default: yesterday in UTC, so that they end now]
    #[arg(long, value_name = "DATE", value_parser = day)]
    on: Option<Date>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn day(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| "write a day as 2026-12-31".to_owned())
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = global.project.clone().unwrap_or_else(|| ".".into());
    match &args.command {
        Command::Add(add) => self::add(add, &dir, args.format, terminal),
        Command::List(list) => self::list(list, &dir, args.format, terminal),
        Command::Remove(remove) => self::remove(remove, &dir, args.format, terminal),
        Command::Expire(expire) => self::expire(expire, &dir, args.format, terminal),
    }
}

fn usage(message: impl Into<String>, help: impl Into<String>) -> Stop {
    Stop::new(Exit::Usage, message, help)
}

fn add(args: &Add, dir: &Path, format: Format, terminal: &Terminal) -> Result<Exit, Stop> {
    let wanted = Wanted {
        kind: args.what.kind.subject(),
        id: &args.what.id,
        device: args.device.as_deref(),
        set: &args.set,
        reason: &args.reason,
        owner: args.owner.as_deref(),
        expires: args.expires,
    };
    let (file, changes) = prepare(dir, &wanted, &args.overrides, terminal)?;
    finish(&file, changes, args.dry_run, format, terminal)
}

/// An override that somebody wants.
pub struct Wanted<'a> {
    pub kind: SubjectKind,
    pub id: &'a str,
    pub device: Option<&'a str>,
    /// `plan_mbps=100/20`
    pub set: &'a [String],
    pub reason: &'a str,
    pub owner: Option<&'a str>,
    /// The first day on which it does not apply.
    pub expires: Option<Date>,
}

/// Tries an override on the project. Gives `overrides.toml` with it, not written yet, and what it changes.
pub fn prepare(
    dir: &Path,
    wanted: &Wanted<'_>,
    overrides: &Overrides,
    terminal: &Terminal,
) -> Result<(OverrideFile, Vec<Change>), Stop> {
    let mut file = OverrideFile::read(dir)?;
    let mut sets = Vec::new();
    for set in wanted.set {
        sets.push(parse(wanted.kind, set)?);
    }
    let mut entry = Entry {
        kind: wanted.kind,
        id: wanted.id,
        device: wanted.device,
        reason: wanted.reason,
        owner: wanted.owner,
        expires: wanted.expires,
        sets,
        was: Vec::new(),
    };
    let (applied, at) = tried(&mut file, &entry, dir, overrides, terminal)?;
    let mut file = OverrideFile::read(dir)?;
    // What an override adds, removes or leaves out says nothing about a value that could change.
    let replaces = |field: Field| {
        !matches!(
            field,
            Field::AddressesAdd | Field::AddressesRemove | Field::Exclude
        )
    };
    entry.was = applied
        .iter()
        .filter(|a| a.entry == at && replaces(a.field))
        .map(|a| (a.field, a.from.clone()))
        .collect();
    file.add(&entry);
    let changes = applied.iter().filter(|a| a.entry == at);
    let changes = changes.map(|a| Change {
        field: a.field.key(),
        from: a.from.to_string(),
        to: a.to.to_string(),
    });
    Ok((file, changes.collect()))
}

/// Compiles the project with the entry, and refuses what would do nothing. What was applied, and the entry's number.
fn tried(
    file: &mut OverrideFile,
    entry: &Entry<'_>,
    dir: &Path,
    overrides: &Overrides,
    terminal: &Terminal,
) -> Result<(Vec<Applied>, usize), Stop> {
    file.add(entry);
    let text = file.text();
    let built = compile_with(
        dir.to_owned(),
        overrides,
        Follow::Nothing,
        Some(&text),
        terminal,
    )?;
    let entries = &built.project.overrides.entries;
    // Entries are read kind by kind, and the new one is the last of its kind.
    let at = entries.iter().rposition(|e| e.kind == entry.kind);
    let at = at.unwrap_or_default();
    // Others than commands try overrides, and they go on.
    let compiled = ManuallyDrop::into_inner(built.compiled);
    let evidence = &compiled.inventory.evidence.overlay;
    if let Some(unapplied) = evidence.unapplied.iter().find(|u| u.entry == at) {
        return Err(refusal(unapplied, entry));
    }
    Ok((evidence.applied.clone(), at))
}

fn refusal(unapplied: &Unapplied, entry: &Entry<'_>) -> Stop {
    let kind = entry.kind.word();
    let id = plain(entry.id);
    match &unapplied.why {
        Why::Expired => usage(
            "this override would be over already",
            "give a later day with --expires, or leave it out",
        ),
        Why::NoSuchId { nearest } => usage(
            format!("there is no {kind} with the id \"{id}\""),
            match nearest {
                Some(near) => format!(
                    "did you mean \"{}\" ({})?",
                    plain(&near.id),
                    plain(&near.name)
                ),
                None => "`weir tree` shows what there is".to_owned(),
            },
        ),
        Why::NoSuchDevice { nearest } => usage(
            format!("{kind} \"{id}\" has no such device"),
            match nearest {
                Some(near) => format!("did you mean \"{}\"?", plain(near)),
                None => "name one of its devices, or leave --device out".to_owned(),
            },
        ),
        Why::NoSuchParent { wanted, nearest } => usage(
            format!("no node, or more than one, is called \"{}\"", plain(wanted)),
            match nearest {
                Some(near) => format!(
                    "did you mean \"{}\" ({})?",
                    plain(&near.id),
                    plain(&near.name)
                ),
                None => "write the id of a node".to_owned(),
            },
        ),
        Why::OwnParent => usage(
            "a node cannot be its own parent",
            "write the id of another node",
        ),
        Why::NoRates => usage(
            format!(
                "{kind} \"{id}\" is not shaped, or suspended and slowed down: it has no rates to set"
            ),
            "set plan_mbps instead, or what keeps it from being shaped",
        ),
    }
}

/// What an override does to a field.
#[derive(Serialize)]
pub struct Change {
    pub field: &'static str,
    pub from: String,
    pub to: String,
}

/// `weir override add|remove|expire --format json`
#[derive(Serialize)]
struct Edited {
    schema: &'static str,
    written: bool,
    changes: Vec<Change>,
    diff: String,
}

fn finish(
    file: &OverrideFile,
    changes: Vec<Change>,
    dry_run: bool,
    format: Format,
    terminal: &Terminal,
) -> Result<Exit, Stop> {
    if !dry_run {
        file.write()?;
    }
    let diff = file.diff();
    let text = match format {
        Format::Json => json::text(&Edited {
            schema: "weir.override-edit/1",
            written: !dry_run,
            changes,
            diff,
        }),
        Format::Text => {
            let mut text = plain(&diff).into_owned();
            for change in &changes {
                let Change { field, from, to } = change;
                text.push_str(&format!("  {field}: {} -> {}\n", plain(from), plain(to)));
            }
            text.push_str(match dry_run {
                true => "  nothing was written\n",
                false => "  wrote overrides.toml\n",
            });
            text
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Row<'a> {
    kind: &'static str,
    id: &'a str,
    field: &'static str,
    value: String,
    /// What the sources say; null when it was not applied.
    from: Option<String>,
    /// `applied`, `hides-change`, `expired` or `no-effect`.
    status: &'static str,
    reason: &'a str,
    owner: Option<&'a str>,
    expires: Option<String>,
}

/// `weir override list --format json`
#[derive(Serialize)]
struct Listed<'a> {
    schema: &'static str,
    overrides: Vec<Row<'a>>,
}

fn rows(built: &Built) -> Vec<Row<'_>> {
    let evidence = &built.compiled.inventory.evidence.overlay;
    let mut rows = Vec::new();
    for (at, entry) in built.project.overrides.entries.iter().enumerate() {
        for change in &entry.changes {
            let of = |a: &&Applied| a.entry == at && a.field == change.field;
            let applied = evidence.applied.iter().find(of);
            let expired = entry.is_expired(built.project.as_of);
            rows.push(Row {
                kind: entry.kind.word(),
                id: &entry.id,
                field: change.field.key(),
                value: change.value.to_string(),
                from: applied.map(|a| a.from.to_string()),
                status: match applied {
                    Some(Applied { stale: Some(_), .. }) => "hides-change",
                    Some(_) => "applied",
                    None if expired => "expired",
                    None => "no-effect",
                },
                reason: &entry.reason,
                owner: entry.owner.as_deref(),
                expires: entry.expires.map(|day| day.to_string()),
            });
        }
    }
    rows
}

fn list(args: &List, dir: &Path, format: Format, terminal: &Terminal) -> Result<Exit, Stop> {
    let built = compile_project(dir.to_owned(), &args.overrides, Follow::Nothing, terminal)?;
    let rows = rows(&built);
    let text = match format {
        Format::Json => json::text(&Listed {
            schema: "weir.overrides/1",
            overrides: rows,
        }),
        Format::Text if rows.is_empty() => "there are no overrides\n".to_owned(),
        Format::Text => rows.iter().map(line).collect(),
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

fn line(row: &Row<'_>) -> String {
    let from = row.from.as_deref().unwrap_or("?");
    let mut text = format!(
        "{:12}  {} {}  {}: {} -> {}\n{:14}{}",
        row.status,
        row.kind,
        plain(row.id),
        row.field,
        plain(from),
        plain(&row.value),
        "",
        plain(row.reason)
    );
    if let Some(owner) = row.owner {
        text.push_str(&format!("; {}", plain(owner)));
    }
    if let Some(day) = &row.expires {
        text.push_str(&format!("; until {day}"));
    }
    text.push('\n');
    text
}

fn remove(args: &Remove, dir: &Path, format: Format, terminal: &Terminal) -> Result<Exit, Stop> {
    let kind = args.what.kind.subject();
    let field = match &args.field {
        Some(key) => Some(field(kind, key)?),
        None => None,
    };
    let mut file = OverrideFile::read(dir)?;
    if file.remove(kind, &args.what.id, args.device.as_deref().map(Some), field) == 0 {
        return Err(no_override(&args.what));
    }
    finish(&file, Vec::new(), args.dry_run, format, terminal)
}

fn expire(args: &Expire, dir: &Path, format: Format, terminal: &Terminal) -> Result<Exit, Stop> {
    let day = args.on.map_or_else(yesterday, Ok)?;
    let mut file = OverrideFile::read(dir)?;
    if file.expire(args.what.kind.subject(), &args.what.id, day) == 0 {
        return Err(no_override(&args.what));
    }
    finish(&file, Vec::new(), args.dry_run, format, terminal)
}

fn no_override(what: &What) -> Stop {
    usage(
        format!(
            "overrides.toml holds no such override of {} \"{}\"",
            what.kind.subject().word(),
            plain(&what.id)
        ),
        "`weir override list` shows all of them",
    )
}

fn field(kind: SubjectKind, key: &str) -> Result<Field, Stop> {
    let known = fields(kind);
    if let Some(field) = known.iter().find(|field| field.key() == key) {
        return Ok(*field);
    }
    let keys = known.iter().map(|field| field.key());
    let hint = nearest(key, keys.clone())
        .map(|near| format!("did you mean {near}? "))
        .unwrap_or_default();
    let keys: Vec<&str> = keys.collect();
    Err(usage(
        format!("{} cannot be overridden of a {}", plain(key), kind.word()),
        format!("{hint}it is one of {}", keys.join(", ")),
    ))
}

/// `plan_mbps=100/20`
fn parse(kind: SubjectKind, set: &str) -> Result<(Field, FieldValue), Stop> {
    let Some((key, text)) = set.split_once('=') else {
        return Err(usage(
            format!("--set {} has no =", plain(set)),
            "write KEY=VALUE: plan_mbps=100/20",
        ));
    };
    let field = field(kind, key.trim())?;
    let text = text.trim();
    let wrong = |advice: &str| {
        usage(
            format!("{} cannot be \"{}\"", field.key(), plain(text)),
            format!("write {advice}"),
        )
    };
    let value = match field {
        Field::Name | Field::Parent => (!text.is_empty())
            .then(|| FieldValue::Text(text.into()))
            .ok_or_else(|| wrong("some text"))?,
        Field::Plan | Field::Commit | Field::Max | Field::Min | Field::Capacity => {
            rates(text).ok_or_else(|| wrong("Mbit/s, download/upload: 100/20"))?
        }
        Field::Addresses | Field::AddressesAdd | Field::AddressesRemove => {
            let list = text.split(',').map(str::trim).filter(|t| !t.is_empty());
            FieldValue::Addresses(list.map(Into::into).collect())
        }
        Field::Exclude | Field::Virtual => match text {
            "true" => FieldValue::Flag(true),
            "false" => FieldValue::Flag(false),
            _ => return Err(wrong("true or false")),
        },
        Field::Cost => {
            let cost = text.parse().map_err(|_| wrong("a whole number"))?;
            FieldValue::Count(Some(cost))
        }
        Field::Kind => {
            const KINDS: [NodeKind; 4] = [
                NodeKind::Root,
                NodeKind::Site,
                NodeKind::Ap,
                NodeKind::Other,
            ];
            let found = KINDS.into_iter().find(|kind| kind.word() == text);
            FieldValue::Kind(found.ok_or_else(|| wrong("root, site, ap or other"))?)
        }
        Field::State if kind == SubjectKind::Link => {
            let found = LinkState::ALL.into_iter().find(|s| s.word() == text);
            FieldValue::Link(found.ok_or_else(|| wrong("up, down or planned"))?)
        }
        Field::State => {
            let states = [ServiceState::Active, ServiceState::Suspended];
            let found = states.into_iter().find(|s| s.word() == text);
            FieldValue::Service(found.ok_or_else(|| wrong("active or suspended"))?)
        }
        Field::Qdisc => {
            const LEAVES: [LeafKind; 3] = [LeafKind::Cake, LeafKind::FqCodel, LeafKind::None];
            let side = |word: &str| match word {
                "default" => Some(None),
                word => LEAVES.into_iter().find(|l| l.word() == word).map(Some),
            };
            let (down, up) = text.split_once('/').unwrap_or((text, text));
            let found = side(down).zip(side(up));
            let (down, up) = found.ok_or_else(|| wrong("cake, fq_codel, none or default"))?;
            FieldValue::Leaf(Pair::new(down, up))
        }
        Field::Comment | Field::Ends | Field::Rates => return Err(wrong("another field")),
    };
    Ok((field, value))
}

fn rates(text: &str) -> Option<FieldValue> {
    let (down, up) = text.split_once(['/', ',']).unwrap_or((text, text));
    let rate = |text: &str| parse_rate(text.trim(), MBPS).ok().map(Kbps::known);
    Some(FieldValue::Rates(Pair::new(rate(down)?, rate(up)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_people_write_them() {
        let circuit = SubjectKind::Circuit;
        for (set, want) in [
            ("plan_mbps=100/20", "plan_mbps 100/20 Mbit/s"),
            ("plan_mbps = 7.5", "plan_mbps 7.5/7.5 Mbit/s"),
            ("parent=AP = 7", "parent AP = 7"),
            (
                "addresses_add=100.64.0.7, 2001:db8::/56",
                "addresses_add 100.64.0.7, 2001:db8::/56",
            ),
            ("addresses=", "addresses none"),
            ("exclude=true", "exclude true"),
            ("qdisc=cake/none", "qdisc cake/none"),
            ("state=suspended", "state suspended"),
        ] {
            let Ok((field, value)) = parse(circuit, set) else {
                panic!("{set} is not read");
            };
            assert_eq!(format!("{} {value}", field.key()), want);
        }
        for set in [
            "plan_mbps",
            "plan_mbps=fast",
            "plan=1",
            "state=up",
            "name=",
            "exclude=yes",
        ] {
            assert!(parse(circuit, set).is_err(), "{set}");
        }
        assert!(parse(SubjectKind::Link, "state=up").is_ok());
    }
}
