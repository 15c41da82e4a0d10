//! `weir doctor`: is everything as it has to be? One table of checks; each line says what is the case and what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

#[cfg(feature = "s3")]
use weir_compiler::config::project::Remote;
use weir_compiler::config::project::{Live, Project};
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::lock::Lock;
use weir_compiler::report::{Detail, Tone, json, plain};
use weir_compiler::source_map::SourceMap;
use weir_fetch::{Cause, Event, Tell};
use weir_store::Store;

use crate::cli::exit::Exit;
use crate::cli::project::read_lock;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Format, Global, gate, sources};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// End in go or no-go: look also at the data, the findings, the box and what passes it
    #[arg(long)]
    gate: bool,
    /// With --gate: what `weir-runtime doctor --format json` said, where the box is another machine
    #[arg(long, value_name = "FILE", requires = "gate")]
    r#box: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What a check looks at.
pub struct Patient {
    pub dir: PathBuf,
    pub project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// Works, and somebody should look.
    Warn,
    Fail,
}

/// What one check found about one thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    pub check: &'static str,
    pub state: State,
    /// What it is about: a source, a collection of it.
    pub subject: String,
    /// What is the case.
    pub what: String,
    /// What to do; empty when there is nothing.
    pub fix: String,
}

/// A check. To add one: a function, and its line in [`CHECKS`].
struct Check {
    name: &'static str,
    run: fn(&Patient) -> Result<Vec<Line>, Stop>,
}

/// In the order they are run and shown.
const CHECKS: &[Check] = &[
    Check {
        name: "store",
        run: store,
    },
    Check {
        name: "snapshots",
        run: snapshots,
    },
    Check {
        name: "sources",
        run: sources,
    },
];

pub fn line(
    check: &'static str,
    state: State,
    subject: &str,
    what: impl Into<String>,
    fix: impl Into<String>,
) -> Line {
    Line {
        check,
        state,
        subject: subject.to_owned(),
        what: what.into(),
        fix: fix.into(),
    }
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    let mut files = SourceMap::default();
    let project = config::load(&dir, &mut files, &CliOverrides::default()).map_err(Stop::config)?;
    let patient = Patient { dir, project };
    let mut lines = Vec::new();
    for check in CHECKS {
        terminal.verbose(&format!("checking {}", check.name));
        lines.extend((check.run)(&patient)?);
    }
    let mut exit = match worst(&lines) {
        // A mistake in a file of the project has the code that every command gives it.
        State::Fail if read_lock(&patient.dir).is_err() => Exit::Usage,
        State::Fail if args.gate => by_check(&lines),
        State::Fail => Exit::Outside,
        State::Ok | State::Warn => Exit::Done,
    };
    if args.gate {
        terminal.verbose("checking the gate");
        let gate = gate::gate(
            &patient.dir,
            &patient.project,
            args.r#box.as_deref(),
            terminal,
        );
        for (line, code) in gate.lines {
            exit = exit.max(code);
            lines.push(line);
        }
    }
    let verdict = args.gate.then_some(match worst(&lines) {
        State::Fail => "no-go",
        State::Ok | State::Warn => "go",
    });
    let text = match args.format {
        Format::Json => json_text(&lines, exit, verdict),
        Format::Text => text(&lines, verdict, terminal),
    };
    terminal.print(&text)?;
    Ok(exit)
}

fn worst(lines: &[Line]) -> State {
    let states = lines.iter().map(|line| line.state);
    states.max().unwrap_or(State::Ok)
}

/// At the gate a source that cannot be read is what it is for every other command.
fn by_check(lines: &[Line]) -> Exit {
    let failed = lines.iter().filter(|line| line.state == State::Fail);
    let codes = failed.map(|line| match line.check {
        "sources" | "snapshots" => Exit::Incomplete,
        _ => Exit::Outside,
    });
    codes.max().unwrap_or(Exit::Done)
}

/// The store can be opened and written, and what is in a bucket can be changed by one at a time only.
fn store(patient: &Patient) -> Result<Vec<Line>, Stop> {
    let path = &patient.project.store;
    let mut lines = vec![match Store::open(patient.dir.join(path)) {
        Ok(_) => line("store", State::Ok, path, "can be opened and written", ""),
        Err(error) => line(
            "store",
            State::Fail,
            path,
            error.to_string(),
            "make its directory writable for this user",
        ),
    }];
    #[cfg(feature = "s3")]
    if let Some(remote) = &patient.project.remote {
        lines.push(bucket(patient, remote));
    }
    Ok(lines)
}

/// Those who race, races, and how far each of them counts: two requests have to meet to show anything.
#[cfg(feature = "s3")]
const PROBE: (usize, usize, usize) = (16, 10, 5);

#[cfg(feature = "s3")]
fn bucket(patient: &Patient, remote: &Remote) -> Line {
    use weir_store_s3::Verdict;

    let at = remote.url.as_str();
    let (racers, rounds, steps) = PROBE;
    let probed = crate::cli::shelf::bucket(&patient.dir, remote).and_then(|bucket| {
        let probed = bucket.probe(racers, rounds, steps);
        probed.map_err(|error| Stop::new(Exit::Outside, plain(&error.to_string()), ""))
    });
    match probed {
        Ok(Verdict::Holds { races }) => line(
            "store",
            State::Ok,
            at,
            format!(
                "can be read and written, and each of {races} races of {racers} had one winner"
            ),
            "",
        ),
        Ok(Verdict::Broken(what)) => line(
            "store",
            State::Fail,
            at,
            format!("its conditional writes do not hold: {what}"),
            "do not keep channels there: promotions would be lost unseen. Use another service, or url = \"file:DIR\"",
        ),
        Err(stop) => {
            let (what, fix) = stop.words();
            line("store", State::Fail, at, what, fix)
        }
    }
}

/// Each source that is read over the network has a snapshot to build from.
fn snapshots(patient: &Patient) -> Result<Vec<Line>, Stop> {
    let check = "snapshots";
    let lock = match Lock::read(&patient.dir) {
        Ok(lock) => lock,
        Err(what) => {
            let fix = "take weir.lock from git again, or delete it and run `weir fetch`";
            return Ok(vec![line(check, State::Fail, "weir.lock", what, fix)]);
        }
    };
    let store = Store::open(patient.dir.join(&patient.project.store));
    let each = |live: &Live| {
        let source = live.source.as_str();
        let Some(locked) = lock.of(source) else {
            return line(check, State::Warn, source, "was never read", "`weir fetch`");
        };
        let Ok(store) = &store else {
            return line(check, State::Fail, source, "the store cannot be opened", "");
        };
        match store
            .snapshot(&locked.snapshot)
            .and_then(|snapshot| snapshot.verify())
        {
            Ok(_) => line(
                check,
                State::Ok,
                source,
                format!("read {}", plain(&locked.fetched)),
                "",
            ),
            Err(error) => line(
                check,
                State::Fail,
                source,
                error.to_string(),
                "`weir fetch`",
            ),
        }
    };
    Ok(patient.project.live.iter().map(each).collect())
}

struct Silent;

impl Tell for Silent {
    fn tell(&self, _: Event<'_>) {}
}

/// Each CRM can be reached, takes the key, and lets it read everything that is needed.
fn sources(patient: &Patient) -> Result<Vec<Line>, Stop> {
    let runtime = sources::runtime()?;
    let live = patient.project.live.iter();
    Ok(live
        .flat_map(|live| ask(&patient.dir, live, &runtime))
        .collect())
}

/// Asks one source everything, and keeps nothing of what it says.
pub fn ask(dir: &Path, live: &Live, runtime: &tokio::runtime::Runtime) -> Vec<Line> {
    let check = "sources";
    let mut lines = Vec::new();
    let name = live.source.as_str();
    let source = match sources::source(dir, live) {
        Ok(source) => source,
        Err(stop) => {
            let (what, fix) = stop.words();
            return vec![line(check, State::Fail, name, what, fix)];
        }
    };
    let (probes, error) = runtime.block_on(weir_fetch::probe(&source, Arc::new(Silent)));
    for probe in probes {
        let subject = format!("{name} {}", probe.collection);
        let millis = probe.took.as_millis();
        lines.push(match probe.error {
            None => line(
                check,
                State::Ok,
                &subject,
                format!("{} records in {millis} ms", probe.records),
                "",
            ),
            Some(error) => match probe.optional {
                Some(lost)
                    if matches!(error.cause, Cause::Forbidden { .. } | Cause::Status { .. }) =>
                {
                    let what = format!("{}: {lost}", error.cause);
                    line(check, State::Warn, &subject, what, error.cause.help())
                }
                _ => line(
                    check,
                    State::Fail,
                    &subject,
                    error.cause.to_string(),
                    error.cause.help(),
                ),
            },
        });
    }
    if let Some(error) = error {
        let at = match &error.request {
            Some(request) => format!("{request}: {}", error.cause),
            None => error.cause.to_string(),
        };
        let known = lines
            .iter()
            .any(|line| line.what == error.cause.to_string());
        if !known {
            lines.push(line(check, State::Fail, name, at, error.cause.help()));
        }
    }
    lines
}

fn text(lines: &[Line], verdict: Option<&str>, terminal: &Terminal) -> String {
    let look = terminal.out;
    let mut text = String::new();
    for Line {
        check,
        state,
        subject,
        what,
        fix,
    } in lines
    {
        if terminal.detail == Detail::Quiet && *state == State::Ok {
            continue;
        }
        let (word, tone) = match state {
            State::Ok => ("ok  ", Tone::Good),
            State::Warn => ("warn", Tone::Warning),
            State::Fail => ("fail", Tone::Error),
        };
        let word = look.paint(tone, word);
        text.push_str(&format!(
            "{word}  {check}  {}{}{}\n",
            plain(subject),
            if subject.is_empty() { "" } else { ": " },
            plain(what)
        ));
        if !fix.is_empty() {
            text.push_str(&format!("      {}\n", plain(fix)));
        }
    }
    let count = |state| lines.iter().filter(|line| line.state == state).count();
    let counted = format!(
        "{} failed, {} to look at",
        count(State::Fail),
        count(State::Warn)
    );
    let worst = worst(lines);
    text.push_str(&match (verdict, worst) {
        (Some(word), State::Fail) => {
            format!("{}: {counted}\n", look.paint(Tone::Error, word))
        }
        (Some(word), State::Warn) => {
            format!("{}: {counted}\n", look.paint(Tone::Good, word))
        }
        (Some(word), State::Ok) => format!("{}\n", look.paint(Tone::Good, word)),
        (None, State::Ok) => format!("{}\n", look.paint(Tone::Good, "ok")),
        (None, _) => format!("{counted}\n"),
    });
    text
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    /// `go` or `no-go`; null without --gate.
    gate: Option<&'a str>,
    checks: &'a [Line],
}

fn json_text(lines: &[Line], exit: Exit, gate: Option<&str>) -> String {
    let failed = lines.iter().filter(|line| line.state == State::Fail);
    let reasons: Vec<String> = failed
        .map(|line| format!("{}: {}", line.subject, line.what))
        .collect();
    json::text(&Report {
        schema: "weir.doctor/1",
        exit: json::Exit {
            code: exit.code(),
            reasons: &reasons,
        },
        gate,
        checks: lines,
    })
}
