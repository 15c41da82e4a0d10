//! `weir fetch`: reads every CRM of the project, all or nothing; records snapshots and pins them in `weir.lock`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use weir_compiler::report::summary::{push_commands, push_row};
use weir_compiler::report::{Detail, Tone, json, plain};
use weir_fetch::{Event, Tell};

use crate::cli::exit::Exit;
use crate::cli::project::argument;
use crate::cli::sources::{Read, Watch, read};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Only this source; the others keep their snapshot
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Go on without optional collections that the last snapshot had and the key may not read any more
    #[arg(long)]
    accept_missing: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    let told = Arc::new(Told::new(terminal));
    let read = read(&dir, args.source.as_deref(), args.accept_missing, &told)?;
    let text = match args.format {
        Format::Json => json_text(&read),
        Format::Text => text(&read, &dir, terminal),
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// `weir build --fetch`.
pub fn before_build(dir: &Path, terminal: &Terminal) -> Result<(), Stop> {
    let told = Arc::new(Told::new(terminal));
    let read = read(dir, None, false, &told)?;
    for read in read {
        terminal.verbose(&format!(
            "read {} records of source {}",
            read.recording.records(),
            read.recording.source
        ));
    }
    Ok(())
}

fn text(read: &[Read], dir: &Path, terminal: &Terminal) -> String {
    let look = terminal.out;
    let mut text = String::new();
    for Read {
        recording,
        took,
        unchanged,
    } in read
    {
        let export = &recording.export;
        text.push_str(&look.paint(Tone::Strong, &recording.source));
        text.push_str(&format!("  {} {}\n", export.kind, plain(&export.instance)));
        if terminal.detail != Detail::Quiet {
            let mut collections: Vec<(&str, u64)> = Vec::new();
            for file in &export.files {
                match collections.last_mut() {
                    Some((name, records)) if *name == file.collection => *records += file.records,
                    _ => collections.push((&file.collection, file.records)),
                }
            }
            for (name, records) in collections {
                push_row(&mut text, name, &format!("{records} records"));
            }
            for missing in &export.missing {
                push_row(
                    &mut text,
                    &missing.collection,
                    &format!("not there: {}", plain(&missing.reason)),
                );
            }
        }
        let same = if *unchanged { " (no change)" } else { "" };
        push_row(&mut text, "snapshot", &format!("{}{same}", export.digest));
        push_row(&mut text, "in", &format!("{:.1} s", took.as_secs_f32()));
    }
    text.push_str(&look.paint(Tone::Good, "ok"));
    text.push('\n');
    if terminal.detail != Detail::Quiet {
        push_commands(&mut text, &[format!("weir check{}", argument(dir))]);
    }
    text
}

#[derive(Serialize)]
struct Fetched<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    sources: Vec<FetchedSource<'a>>,
}

#[derive(Serialize)]
struct FetchedSource<'a> {
    source: &'a str,
    unchanged: bool,
    export: &'a weir_schemas::export::Export,
}

fn json_text(read: &[Read]) -> String {
    json::text(&Fetched {
        schema: "weir.fetch/1",
        exit: json::Exit {
            code: 0,
            reasons: &[],
        },
        sources: read
            .iter()
            .map(|read| FetchedSource {
                source: &read.recording.source,
                unchanged: read.unchanged,
                export: &read.recording.export,
            })
            .collect(),
    })
}

/// What goes on, for people: a bar on a terminal, lines elsewhere.
struct Told {
    terminal: Terminal,
    bar: ProgressBar,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    source: String,
    collection: String,
}

impl Told {
    fn new(terminal: &Terminal) -> Told {
        let shown = std::io::stderr().is_terminal() && terminal.detail != Detail::Quiet;
        let bar = ProgressBar::new(1);
        bar.set_draw_target(match shown {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        });
        let style = match terminal.err.unicode {
            true => "{spinner} {prefix} {wide_bar} {msg}",
            false => "{prefix} [{wide_bar}] {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(match terminal.err.unicode {
                true => style,
                false => style.progress_chars("=> "),
            });
        }
        Told {
            terminal: *terminal,
            bar,
            now: Mutex::default(),
        }
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(|error| error.into_inner())
    }

    fn line(&self, text: &str) {
        if self.terminal.detail != Detail::Quiet {
            let terminal = self.terminal;
            let text = format!("{}: {text}\n", self.now().source);
            self.bar.suspend(|| terminal.tell(&text));
        }
    }
}

impl Watch for Told {
    fn begin(&self, source: &str) {
        self.now().source = source.to_owned();
        self.bar.reset();
        self.bar.set_prefix(source.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

impl Tell for Told {
    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Collection { name, number, of } => {
                self.now().collection = name.to_owned();
                self.bar.set_length(of as u64);
                self.bar.set_position(number as u64 - 1);
                self.bar.set_message(name.to_owned());
                if self.bar.is_hidden() {
                    self.line(&format!("reading {name}"));
                }
            }
            Event::Records { name, found, of } => {
                let of = of.map_or(String::new(), |of| format!(" of {of}"));
                self.bar.set_message(format!("{name} {found}{of}"));
            }
            Event::Bytes(bytes) => {
                if bytes > 1 << 20 {
                    let name = self.now().collection.clone();
                    self.bar.set_message(format!("{name} {} MB", bytes >> 20));
                }
            }
            Event::Pause { seconds, status } => {
                let why = match status {
                    0 => "no connection".to_owned(),
                    status => format!("status {status}"),
                };
                self.line(&format!("{why}; waiting {seconds} s"));
            }
            Event::Again { name, why } => {
                self.line(&format!("reading {name} again: {}", plain(why)))
            }
        }
    }
}
