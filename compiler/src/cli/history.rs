//! `weir log`, `weir status` and `weir show`: what ran where, what runs now, and what it is.

use clap::Args;
use serde::Serialize;

use weir_compiler::guard::lasting;
use weir_compiler::report::summary::push_row;
use weir_compiler::report::{Detail, Tone, counted, json, plain};
use weir_schemas::artifact;
use weir_schemas::fleet::BoxStatus;
use weir_schemas::head::Head;
use weir_schemas::journal::{Entry, Outcome};
use weir_schemas::manifest::Manifest;
use weir_store::StoreError;
use weir_store::channel::{ChannelError, Clock as _, short};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::{Desk, stop, store_error};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct LogArguments {
    /// The channel [default: production]
    channel: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Also the boxes that follow each channel, and what they say they run
    #[arg(long)]
    fleet: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// A digest, or the channel that runs it
    #[arg(value_name = "DIGEST")]
    artifact: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Serialize)]
struct Log<'a> {
    schema: &'static str,
    channel: &'a str,
    /// Oldest first.
    entries: &'a [Entry],
    /// Lines that are not as they were written.
    faults: Vec<String>,
}

pub fn log(args: &LogArguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let name = args.channel.as_deref();
    let channel = desk.channel(name.unwrap_or(crate::cli::store::PRODUCTION))?;
    // What happened can be read although the head cannot: that is when it is needed most.
    let unreadable = match desk.channels().settle(&channel) {
        Ok(_) => None,
        Err(ChannelError::Store(
            error @ (StoreError::DamagedHead { .. } | StoreError::LostHead { .. }),
        )) => Some(error.to_string()),
        Err(error) => return Err(stop(&error)),
    };
    let journal = desk
        .channels()
        .journal(&channel)
        .map_err(|e| store_error(&e))?;
    let mut faults: Vec<String> = journal.faults.iter().map(ToString::to_string).collect();
    let is_wrong = journal.is_damaged() || unreadable.is_some();
    faults.extend(unreadable);
    match args.format {
        Format::Json => terminal.print(&json::text(&Log {
            schema: "weir.log/1",
            channel: &channel,
            entries: &journal.entries,
            faults,
        }))?,
        Format::Text => {
            let mut text = String::new();
            if journal.entries.is_empty() {
                text.push_str(&format!("nothing happened to channel {channel} yet\n"));
            }
            for entry in journal.entries.iter().rev() {
                text.push_str(&line(entry, terminal));
            }
            terminal.print(&text)?;
            for fault in faults {
                terminal.tell(&format!("note: channel {channel}: {}\n", plain(&fault)));
            }
        }
    }
    Ok(if is_wrong {
        Exit::Difference
    } else {
        Exit::Done
    })
}

/// When, what, from where to where, who; then why.
fn line(entry: &Entry, terminal: &Terminal) -> String {
    let look = terminal.out;
    let seq = entry
        .head
        .as_ref()
        .map_or(String::new(), |h| h.seq.to_string());
    let digest = |d: &Option<String>| d.as_deref().map_or("nothing", short).to_owned();
    let what = match (&entry.from, &entry.to) {
        (None, None) => String::new(),
        (from, to) if from == to => digest(to),
        (from, to) => format!("{} -> {}", digest(from), digest(to)),
    };
    let tone = match entry.outcome {
        Outcome::Done | Outcome::Recovered => Tone::Good,
        Outcome::Refused => Tone::Warning,
    };
    let pending = entry.head.as_ref().and_then(|h| h.confirm.as_ref());
    let pending = pending.map_or(String::new(), |c| {
        format!(", to be confirmed within {}", lasting(c.within_seconds))
    });
    let mut text = format!(
        "{:>4}  {}  {} {}  {}  by {}{pending}\n",
        seq,
        plain(&entry.time),
        plain(&entry.action),
        look.paint(tone, entry.outcome.word()),
        plain(&what),
        plain(&entry.author)
    );
    if !entry.reason.is_empty() {
        text.push_str(&format!("      {}\n", plain(&entry.reason)));
    }
    text
}

#[derive(Serialize)]
struct Status {
    schema: &'static str,
    channels: Vec<ChannelStatus>,
    artifacts: usize,
    /// What `weir serve` remembers; null where it never ran.
    #[cfg(feature = "serve")]
    scheduler: Option<SchedulerStatus>,
}

/// The scheduler, as its book has it.
#[cfg(feature = "serve")]
#[derive(Serialize)]
struct SchedulerStatus {
    every_seconds: u64,
    promote: &'static str,
    channel: String,
    paused: Option<weir_console::engine::Pause>,
    failures_in_a_row: u32,
    /// The newest run, without its log; it has no outcome while it goes on.
    last_run: Option<weir_console::engine::Run>,
    latest: Option<weir_console::engine::Latest>,
    issues: Vec<weir_console::engine::Issue>,
}

#[cfg(feature = "serve")]
fn scheduler(desk: &Desk) -> Result<Option<SchedulerStatus>, Stop> {
    use crate::serve::book::Book;
    let root = desk.store.local().root();
    if !root.join("serve").is_dir() {
        return Ok(None);
    }
    let state = Book::open(root).and_then(|book| book.read());
    let state = state.map_err(|e| Stop::cannot("read", &root.join("serve"), &e))?;
    let schedule = &desk.project.schedule;
    let mut last_run = state.runs.into_iter().next();
    if let Some(run) = &mut last_run {
        run.log.clear();
    }
    Ok(Some(SchedulerStatus {
        every_seconds: schedule.every_seconds,
        promote: schedule.promote.word(),
        channel: schedule.channel.clone(),
        paused: state.paused,
        failures_in_a_row: state.failures,
        last_run,
        latest: state.latest,
        issues: state.issues,
    }))
}

#[cfg(feature = "serve")]
fn scheduler_rows(text: &mut String, status: &SchedulerStatus, terminal: &Terminal) {
    text.push_str(&terminal.out.paint(Tone::Strong, "scheduler"));
    text.push('\n');
    let how = format!(
        "every {}, promotes to {} {}",
        lasting(status.every_seconds),
        status.channel,
        status.promote
    );
    push_row(text, "runs", &how);
    if let Some(pause) = &status.paused {
        let by = format!(
            "by {} since {}: {}",
            plain(&pause.by),
            pause.since,
            plain(&pause.reason)
        );
        push_row(text, "paused", &by);
    }
    if let Some(run) = &status.last_run {
        let outcome = run.outcome.map_or("goes on", |outcome| outcome.word());
        let last = format!("{} {outcome}: {}", run.started, plain(&run.summary));
        push_row(text, "last", &last);
    }
    for issue in &status.issues {
        push_row(
            text,
            issue.level.word(),
            &format!("{}: {}", issue.code, plain(&issue.message)),
        );
        push_row(text, "", &plain(&issue.help));
    }
}

#[derive(Serialize)]
struct ChannelStatus {
    channel: String,
    /// Null when it runs nothing.
    head: Option<Head>,
    /// Seconds since the head was written, by the time of day.
    age_seconds: Option<u64>,
    /// Seconds until a pending generation goes back, where this machine can tell.
    confirm_left_seconds: Option<u64>,
    /// With `--fleet`: what boxes say of themselves, sorted by name. Nobody checked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    boxes: Option<Vec<BoxStatus>>,
}

pub fn status(args: &StatusArguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let mut channels = Vec::new();
    for name in desk.names()? {
        let head = desk.settle(&name, terminal)?.map(|known| known.head);
        let age = head.as_ref().and_then(|head| age(&desk, head));
        let left = head.as_ref().and_then(|head| left(&desk, head));
        let boxes = match args.fleet {
            true => Some(boxes(&desk, &name, terminal)?),
            false => None,
        };
        channels.push(ChannelStatus {
            channel: name,
            head,
            age_seconds: age,
            confirm_left_seconds: left,
            boxes,
        });
    }
    let artifacts = desk.store.list().map_err(|e| store_error(&e))?.len();
    #[cfg(feature = "serve")]
    let scheduler = scheduler(&desk)?;
    let text = match args.format {
        Format::Json => json::text(&Status {
            schema: "weir.status/1",
            channels,
            artifacts,
            #[cfg(feature = "serve")]
            scheduler,
        }),
        Format::Text => {
            let mut text = String::new();
            for channel in &channels {
                text.push_str(&terminal.out.paint(Tone::Strong, &channel.channel));
                text.push('\n');
                status_rows(&mut text, channel, &desk);
                for status in channel.boxes.iter().flatten() {
                    let row = box_line(status, channel.head.as_ref(), &desk);
                    push_row(&mut text, &plain(&status.name), &row);
                }
            }
            #[cfg(feature = "serve")]
            if let Some(scheduler) = &scheduler {
                scheduler_rows(&mut text, scheduler, terminal);
            }
            let store = plain(&desk.store.name()).into_owned();
            text.push_str(&format!("{} in {store}\n", counted(artifacts, "artifact")));
            text
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// What boxes say of themselves, as far as it can be read.
fn boxes(desk: &Desk, channel: &str, terminal: &Terminal) -> Result<Vec<BoxStatus>, Stop> {
    let found = desk.store.backend().statuses(channel);
    let mut boxes = Vec::new();
    for (name, bytes) in found.map_err(|e| store_error(&e))? {
        match weir_schemas::read::<BoxStatus>(&bytes) {
            Ok(status) if status.name == name && status.channel == channel => boxes.push(status),
            Ok(_) => terminal.tell(&format!("note: box {name} says that it is another one\n")),
            Err(error) => terminal.tell(&format!(
                "note: what box {name} says cannot be read: {}\n",
                plain(&error.to_string())
            )),
        }
    }
    Ok(boxes)
}

/// One line a box: what it runs, whether that is what the channel has, and how old this is.
fn box_line(status: &BoxStatus, head: Option<&Head>, desk: &Desk) -> String {
    let wanted = head.map(|head| head.digest.as_str());
    let holds = status.holds.as_ref();
    let digest = match &status.runs {
        Some(runs) => runs.digest.as_deref(),
        None => holds.map(|held| held.digest.as_str()),
    };
    let mut line = match (digest, &status.runs) {
        (None, Some(_)) => "nothing: traffic passes unshaped".to_owned(),
        (None, None) => "nothing yet".to_owned(),
        (Some(digest), runs) => {
            let seq = runs.as_ref().map_or(holds.map(|h| h.seq), |runs| runs.seq);
            let seq = seq.map_or(String::new(), |seq| format!(" (generation {seq})"));
            let word = if runs.is_some() { "runs" } else { "holds" };
            format!("{word} {}{seq}", plain(short(digest)))
        }
    };
    line.push_str(match digest == wanted {
        true => ", as the channel",
        false => ", not what the channel runs",
    });
    let age = status.time.parse::<jiff::Timestamp>().ok();
    let age =
        age.and_then(|then| u64::try_from(desk.clock.now().as_second() - then.as_second()).ok());
    match age {
        Some(age) => line.push_str(&format!(", said {} ago", lasting(age))),
        None => line.push_str(&format!(", said at {}", plain(&status.time))),
    }
    if let Some(refused) = &status.refused {
        line.push_str(&format!("; refuses: {}", plain(refused)));
    }
    line
}

fn age(desk: &Desk, head: &Head) -> Option<u64> {
    let then: jiff::Timestamp = head.time.parse().ok()?;
    u64::try_from(desk.clock.now().as_second() - then.as_second()).ok()
}

fn left(desk: &Desk, head: &Head) -> Option<u64> {
    let confirm = head.confirm.as_ref()?;
    if confirm.host != desk.clock.host() || confirm.boot_id != desk.clock.boot_id() {
        return None;
    }
    Some(
        confirm
            .deadline_ms
            .saturating_sub(desk.clock.since_boot_ms())
            / 1000,
    )
}

fn status_rows(text: &mut String, status: &ChannelStatus, desk: &Desk) {
    let Some(head) = &status.head else {
        push_row(text, "runs", "nothing yet");
        return;
    };
    let since = status
        .age_seconds
        .map_or(String::new(), |age| format!(", since {}", lasting(age)));
    let runs = format!("{} (generation {}{since})", short(&head.digest), head.seq);
    push_row(text, "runs", &runs);
    push_row(text, "by", &plain(&head.author));
    if !head.reason.is_empty() {
        push_row(text, "because", &plain(&head.reason));
    }
    if let Some(parent) = &head.parent {
        push_row(text, "before", short(&parent.digest));
    }
    if head.confirm.is_some() {
        let left = status.confirm_left_seconds.map_or(String::new(), |left| {
            format!("goes back in {}: ", lasting(left))
        });
        let how = format!("{left}weir confirm {}", head.channel);
        push_row(text, "pending", &how);
    }
    if let Some(hold) = &head.hold {
        let held = format!(
            "by {}: {}; weir resume {} lets go",
            plain(&hold.author),
            plain(&hold.reason),
            head.channel
        );
        push_row(text, "held", &held);
    }
    if let Some(from) = desk.from(&head.channel) {
        push_row(text, "takes from", from);
    }
}

#[derive(Serialize)]
struct Show<'a> {
    schema: &'static str,
    manifest: &'a Manifest<'a>,
    directory: String,
    /// Where and as which generations it ran.
    ran: Vec<Ran>,
    pinned: bool,
}

#[derive(Serialize)]
struct Ran {
    channel: String,
    seq: u64,
    time: String,
    now: bool,
}

pub fn show(args: &ShowArguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let found = desk.artifact(&args.artifact, terminal)?;
    let bytes = found
        .read(artifact::MANIFEST)
        .map_err(|e| store_error(&e))?;
    let manifest: Manifest<'_> = weir_schemas::read(&bytes)
        .map_err(|e| Stop::new(Exit::Outside, format!("{}: {e}", artifact::MANIFEST), ""))?;
    let ran = ran(&desk, found.digest(), terminal)?;
    let pinned = desk
        .store
        .artifacts()
        .map_err(|e| store_error(&e))?
        .iter()
        .any(|s| s.pinned && s.digest == found.digest());
    let text = match args.format {
        Format::Json => json::text(&Show {
            schema: "weir.show/1",
            manifest: &manifest,
            directory: found.path().display().to_string(),
            ran,
            pinned,
        }),
        Format::Text => {
            let mut text = format!("{}\n", terminal.out.paint(Tone::Strong, found.digest()));
            let counts = &manifest.counts;
            push_row(&mut text, "project", &plain(&manifest.project));
            push_row(&mut text, "strategy", manifest.strategy.word());
            let target = manifest.target.name.as_deref().unwrap_or("none declared");
            push_row(&mut text, "target", &plain(target));
            let circuits = format!("{}, {} shaped", counts.circuits, counts.shaped);
            push_row(&mut text, "circuits", &circuits);
            let nodes: u64 = counts.nodes_by_level.iter().sum();
            push_row(&mut text, "nodes", &nodes.to_string());
            let findings = &manifest.findings;
            let failing = if manifest.failing {
                "; marked failing"
            } else {
                ""
            };
            let findings = format!(
                "{} errors, {} warnings, {} notes{failing}",
                findings.error, findings.warning, findings.info
            );
            push_row(&mut text, "findings", &findings);
            let follows = manifest.previous.as_deref().map_or("nothing", short);
            push_row(&mut text, "follows", follows);
            push_row(
                &mut text,
                "built by",
                &format!("weir {}", plain(&manifest.tool.version)),
            );
            push_row(&mut text, "in", &found.path().display().to_string());
            if pinned {
                push_row(&mut text, "pinned", "never collected");
            }
            for ran in &ran {
                let now = if ran.now { ", runs now" } else { "" };
                let when = format!("{} generation {}, {}{now}", ran.channel, ran.seq, ran.time);
                push_row(&mut text, "ran on", &when);
            }
            if terminal.detail == Detail::Verbose {
                for file in manifest.payload.iter().chain(&manifest.description) {
                    let row = format!(
                        "{} {} bytes, {}",
                        file.sha256,
                        file.bytes,
                        plain(&file.schema)
                    );
                    push_row(&mut text, &plain(&file.name), &row);
                }
            }
            text
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

fn ran(desk: &Desk, digest: &str, terminal: &Terminal) -> Result<Vec<Ran>, Stop> {
    let mut ran: Vec<Ran> = Vec::new();
    for known in desk.settle_all(terminal)? {
        let channel = known.head.channel.clone();
        let journal = desk
            .channels()
            .journal(&channel)
            .map_err(|e| store_error(&e))?;
        for head in journal.entries.iter().filter_map(|e| e.head.as_ref()) {
            let is_new = ran
                .iter()
                .all(|r| (&r.channel, r.seq) != (&channel, head.seq));
            if head.digest == digest && is_new {
                ran.push(Ran {
                    channel: channel.clone(),
                    seq: head.seq,
                    time: head.time.clone(),
                    now: head.seq == known.head.seq,
                });
            }
        }
    }
    Ok(ran)
}
