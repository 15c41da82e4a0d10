//! `weir pull`: a channel of another store, mirrored into a directory on the box that runs it. What the runtime follows
//! is always whole and proved; a pull that fails or is interrupted leaves what was there.
//!
//! It needs no privilege and no project. It does not load anything.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use weir_compiler::config;
use weir_compiler::config::project::Remote;
use weir_compiler::report::{Tone, json, plain};
use weir_schemas::Published as _;
use weir_schemas::fleet::{BoxStatus, Held, Running};
use weir_schemas::head::Head;
use weir_schemas::journal::{Entry, Outcome};
use weir_schemas::runtime::RuntimeStatus;
use weir_store::channel::journal::Journal;
use weir_store::channel::sign::Trust;
use weir_store::channel::{
    Backend, Channels, Clock as _, KEPT, Swap, Swapped, SystemClock, head, short,
};
use weir_store::{Store, StoreError, mirror};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::{is_now, read_trust, stop, store_error, whoami};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, shelf};

/// Bytes of a runtime's answer that are read.
const ANSWER: u64 = 1 << 20;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Store to mirror from: s3://BUCKET/PREFIX, or file:DIR
    #[arg(long, value_name = "URL")]
    from: String,
    /// Channel to mirror
    #[arg(long, value_name = "NAME", default_value = crate::cli::store::PRODUCTION)]
    channel: String,
    /// Directory of the mirror, which is a store itself
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Go on until stopped
    #[arg(long)]
    watch: bool,
    /// With --watch: time between two looks
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30s")]
    every: u64,
    /// Public keys whose releases are taken, and no others
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Name of this box in `weir status --fleet` [default: its host name]
    #[arg(long = "box", value_name = "NAME")]
    box_name: Option<String>,
    /// Socket of the runtime, to tell what it has loaded
    #[arg(long, value_name = "SOCKET")]
    runtime: Option<PathBuf>,
    /// Address of a service other than Amazon's; the key is AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
    /// PEM file of the only authority to trust for the endpoint
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Take plain HTTP to another machine
    #[arg(long)]
    plain_http: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

fn time(text: &str) -> Result<u64, String> {
    match config::parse_seconds(text) {
        Some(seconds) if seconds > 0 => Ok(seconds),
        _ => Err("write a number and a unit, s, m, h or d: 30s".to_owned()),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    channel: &'a str,
    /// What is here now.
    head: &'a Head,
    /// It was not here before.
    changed: bool,
}

/// Everything that a look needs.
struct Puller<'a> {
    args: &'a Arguments,
    from: Box<dyn Backend>,
    into: Store,
    trust: Option<Trust>,
    clock: SystemClock,
    name: String,
}

/// What a look came to.
struct Pulled {
    head: Head,
    changed: bool,
    notes: Vec<String>,
}

pub fn run(args: &Arguments, terminal: &Terminal) -> Result<Exit, Stop> {
    let usage = |message: String, help: &str| Stop::new(Exit::Usage, message, help);
    let clock = SystemClock;
    let name = args.box_name.clone().unwrap_or_else(|| clock.host());
    for (what, name) in [("channel", &args.channel), ("box", &name)] {
        if !head::is_name(name) {
            return Err(usage(
                format!("`{}` cannot be the name of a {what}", plain(name)),
                "names are made of letters, digits, `-`, `_` and `.`; `--box NAME` names the box",
            ));
        }
    }
    let trust = match &args.trust {
        Some(path) => Some(read_trust(path)?),
        None => {
            terminal.tell(
                "note: signatures are not checked: whoever can write to that store decides what runs here; --trust FILE names the keys that count\n",
            );
            None
        }
    };
    let puller = Puller {
        from: source(args)?,
        into: Store::open(&args.into).map_err(|e| store_error(&e))?,
        args,
        trust,
        clock,
        name,
    };
    let mut last = String::new();
    loop {
        let looked = puller.look();
        puller.tell_fleet(&looked, terminal);
        match looked {
            Ok(pulled) => {
                for note in &pulled.notes {
                    terminal.tell(&format!("note: {}\n", plain(note)));
                }
                if !args.watch || pulled.changed {
                    terminal.print(&text(args, &pulled, terminal))?;
                }
                last.clear();
            }
            Err(stop) if args.watch => {
                // What stays wrong is told once.
                let (what, help) = stop.words();
                if what != last {
                    terminal.tell(&format!("{what}\n  {help}\n"));
                    last = what;
                }
            }
            Err(stop) => return Err(stop),
        }
        if !args.watch {
            return Ok(Exit::Done);
        }
        std::thread::sleep(Duration::from_secs(args.every));
    }
}

fn text(args: &Arguments, pulled: &Pulled, terminal: &Terminal) -> String {
    match args.format {
        Format::Json => json::text(&Report {
            schema: "weir.pull/1",
            exit: json::Exit {
                code: 0,
                reasons: &[],
            },
            channel: &args.channel,
            head: &pulled.head,
            changed: pulled.changed,
        }),
        Format::Text => {
            let now = is_now(&pulled.head);
            let was = if pulled.changed {
                ""
            } else {
                ": it was here already"
            };
            format!("{}{was}\n", terminal.out.paint(Tone::Good, &now))
        }
    }
}

fn source(args: &Arguments) -> Result<Box<dyn Backend + Sync>, Stop> {
    let from = args.from.as_str();
    if from.starts_with("s3://") {
        let remote = Remote {
            url: from.to_owned(),
            endpoint: args.endpoint.clone(),
            region: args.region.clone(),
            key: None,
            secret: None,
            ca: args.ca.as_ref().map(|path| path.display().to_string()),
            plain_http: args.plain_http,
        };
        let backend = shelf::connect(Path::new("."), &remote)?;
        return Ok(backend);
    }
    let dir = from.strip_prefix("file:").unwrap_or(from);
    let dir = dir.strip_prefix("//").unwrap_or(dir);
    if !Path::new(dir).join("artifacts").is_dir() {
        return Err(Stop::new(
            Exit::Usage,
            format!("{} is no store", plain(from)),
            "write s3://BUCKET/PREFIX, or file:DIR with the directory of a store",
        ));
    }
    let store = Store::open(dir).map_err(|e| store_error(&e))?;
    Ok(Box::new(store))
}

fn refused(message: String, help: &str) -> Stop {
    Stop::new(Exit::Refused, plain(&message), help)
}

impl Puller<'_> {
    fn channels<'b>(&'b self, backend: &'b dyn Backend) -> Channels<'b> {
        Channels {
            backend,
            clock: &self.clock,
            author: format!("pull {}", whoami(&self.clock)),
            sign: None,
        }
    }

    /// The head that is here, whatever its journal says: an interrupted pull may have left that ahead.
    fn here(&self) -> Result<Option<(Head, weir_store::channel::Tag)>, Stop> {
        let found = self
            .into
            .head(&self.args.channel)
            .map_err(|e| store_error(&e))?;
        let Some(found) = found else {
            return Ok(None);
        };
        match head::decode(&self.args.channel, &found.bytes) {
            Ok(head) => Ok(Some((head, found.tag))),
            Err(reason) => Err(refused(
                format!(
                    "the head of channel {} here cannot be trusted: {reason}",
                    self.args.channel
                ),
                "remove that file and pull again: what is there then is taken whole",
            )),
        }
    }

    /// Looks once, and takes what is new.
    fn look(&self) -> Result<Pulled, Stop> {
        let channel = self.args.channel.as_str();
        let failed = |error: StoreError| store_error(&error);
        let there = self.channels(self.from.as_ref());
        let settled = there.settle(channel).map_err(|e| stop(&e))?;
        let Some(known) = settled.known else {
            return Err(refused(
                format!("channel {channel} of {} runs nothing", self.args.from),
                "promote something there first, or name another channel with --channel",
            ));
        };
        let new = known.head;
        if let Some(trust) = &self.trust {
            trust.check(&new, self.clock.now()).map_err(|doubt| {
                refused(
                    format!(
                        "generation {} of channel {channel} cannot be trusted: {doubt}",
                        new.seq
                    ),
                    "what is here stays; release it again with a key of the trust file",
                )
            })?;
        }
        let journal = self.from.journal(channel).map_err(failed)?;
        let here = self.here()?;
        let is_new = mirror::follows(here.as_ref().map(|(head, _)| head), &new, &Journal::read(&journal))
            .map_err(|why| {
                refused(
                    format!("channel {channel}: {why}"),
                    "what is here stays; if that store is the right one now, remove the head file of the channel here \
                     and pull again",
                )
            })?;
        let mut notes = Vec::from_iter(settled.notice);
        self.take(&new, &mut notes)?;
        if !is_new {
            return Ok(Pulled {
                head: new,
                changed: false,
                notes,
            });
        }
        // As it is stored there: its checksum covers these bytes.
        let bytes = self.from.head(channel).map_err(failed)?;
        let bytes = bytes.map(|head| head.bytes).unwrap_or_default();
        if head::decode(channel, &bytes).map(|head| head.txn) != Ok(new.txn.clone()) {
            return Err(Stop::new(
                Exit::Outside,
                format!("channel {channel} moved while it was copied"),
                "pull again",
            ));
        }
        let entry = Entry {
            schema: Entry::SCHEMA.into(),
            channel: channel.to_owned(),
            time: new.time.clone(),
            author: new.author.clone(),
            action: new.action.word().to_owned(),
            outcome: Outcome::Done,
            from: here.as_ref().map(|(head, _)| head.digest.clone()),
            to: Some(new.digest.clone()),
            reason: new.reason.clone(),
            head: Some(new.clone()),
        };
        let swap = Swap {
            channel,
            expected: here.as_ref().map(|(_, tag)| tag),
            bytes: &bytes,
            requires: &new.digest,
            entry: &entry,
        };
        match mirror::channel(&self.into, swap, &journal).map_err(failed)? {
            Swapped::Done { .. } => {}
            Swapped::Moved | Swapped::Gone => {
                return Err(Stop::new(
                    Exit::Outside,
                    format!("somebody else writes to {}", self.into.root().display()),
                    "one pull at a time; pull again",
                ));
            }
        }
        // What was mirrored long ago goes the way of every store.
        if let Err(error) = self.channels(&self.into).collect(KEPT, false) {
            notes.push(format!("old artifacts were not removed: {error}"));
        }
        Ok(Pulled {
            head: new,
            changed: true,
            notes,
        })
    }

    /// Brings the artifact of a head here, and the one to go back to.
    fn take(&self, new: &Head, notes: &mut Vec<String>) -> Result<(), Stop> {
        let failed = |error: StoreError| refused(error.to_string(), "what is here stays");
        let copy = |digest: &str| match mirror::artifact(self.from.as_ref(), &self.into, digest) {
            Ok(found) => Ok(found),
            Err(error @ StoreError::Io { .. }) => Err(store_error(&error)),
            Err(error) => Err(failed(error)),
        };
        if !copy(&new.digest)? {
            return Err(refused(
                format!(
                    "artifact {}, which channel {} runs, is not in {}",
                    short(&new.digest),
                    new.channel,
                    self.args.from
                ),
                "what is here stays; build it again there",
            ));
        }
        let artifact = self.into.get(&new.digest).map_err(|e| store_error(&e))?;
        if let Some(damage) = artifact.verify().map_err(|e| store_error(&e))?.first() {
            return Err(refused(
                format!(
                    "artifact {} here is not what was stored: {damage}",
                    short(&new.digest)
                ),
                "move its directory away and pull again",
            ));
        }
        let builds = self.into.builds(&new.digest).map_err(|e| store_error(&e))?;
        if !builds.contains(&new.manifest_sha256) {
            return Err(refused(
                format!(
                    "the build that was released, {}, is not in artifact {}",
                    short(&new.manifest_sha256),
                    short(&new.digest)
                ),
                "what is here stays; release it again there",
            ));
        }
        if let Some(parent) = &new.parent
            && !copy(&parent.digest)?
        {
            notes.push(format!(
                "artifact {}, which ran before, is gone there: nothing is here to go back to",
                short(&parent.digest)
            ));
        }
        Ok(())
    }

    /// Says here and there what this box has. That it cannot be said changes nothing.
    fn tell_fleet(&self, looked: &Result<Pulled, Stop>, terminal: &Terminal) {
        let channel = self.args.channel.as_str();
        let here = self.here().ok().flatten().map(|(head, _)| head);
        let status = BoxStatus {
            schema: BoxStatus::SCHEMA.to_owned(),
            name: self.name.clone(),
            channel: channel.to_owned(),
            time: self.clock.now().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            holds: here.map(|head| Held {
                seq: head.seq,
                digest: head.digest,
                pending: head.confirm.is_some(),
            }),
            runs: self
                .args
                .runtime
                .as_deref()
                .and_then(|socket| match ask(socket) {
                    Ok(running) => Some(running),
                    Err(error) => {
                        terminal.verbose(&format!("the runtime does not answer: {error}"));
                        None
                    }
                }),
            refused: looked
                .as_ref()
                .err()
                .map(|stop| stop.first_line().to_owned()),
        };
        let text = json::text(&status);
        let stores: [&dyn Backend; 2] = [&self.into, self.from.as_ref()];
        for store in stores {
            if let Err(error) = store.put_status(channel, &self.name, text.as_bytes()) {
                terminal.verbose(&format!("what this box runs was not told: {error}"));
            }
        }
    }
}

/// What the runtime has loaded.
fn ask(socket: &Path) -> std::io::Result<Running> {
    let mut stream = UnixStream::connect(socket)?;
    let patience = Some(Duration::from_secs(5));
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    stream.write_all(b"status\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer)?;
    let status: RuntimeStatus =
        weir_schemas::read(&answer).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(Running {
        state: status.state,
        seq: status.active.as_ref().and_then(|active| active.seq),
        digest: status.active.map(|active| active.digest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_asked_for_its_status() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let answer = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a question");
            let mut question = [0; 7];
            stream.read_exact(&mut question).expect("read");
            assert_eq!(&question, b"status\n");
            let status = serde_json::json!({
                "schema": "weir.runtime-status/1", "version": "1", "time": "2026-11-30T08:00:00Z", "target": null,
                "channel": "production", "state": "idle", "active": null, "previous": null, "deadline": null,
                "last_apply": null, "health": [], "drift": [], "drift_count": 0, "interfaces": [], "outcomes": []
            });
            stream
                .write_all(status.to_string().as_bytes())
                .expect("written");
        });
        let running = ask(&path).expect("an answer");
        assert_eq!((running.digest, running.seq), (None, None));
        answer.join().expect("answered");
        assert!(ask(&dir.path().join("none")).is_err());
    }
}
