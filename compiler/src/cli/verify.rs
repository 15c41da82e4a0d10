//! `weir verify`: is every byte as it was stored, would the plan be enforced, and who released it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use weir_compiler::report::{Tone, json, plain};
use weir_schemas::head::Head;
use weir_store::Artifact;
use weir_store::channel::sign::Trust;
use weir_store::channel::{Clock as _, short};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::{Desk, Proved, prove, stop, store_error};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    /// A digest or a channel [default: every channel]
    #[arg(value_name = "DIGEST|CHANNEL")]
    what: Option<String>,
    /// Public keys whose signatures count, in place of `signing.trust` in weir.toml
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    /// What was looked at.
    verified: &'a [String],
}

/// What was looked at, and what is wrong with it.
#[derive(Default)]
struct Found {
    good: Vec<String>,
    wrong: Vec<String>,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let trust = desk.trust(args.trust.as_deref())?;
    let mut found = Found::default();
    let names = desk.names()?;
    match args.what.as_deref() {
        Some(what) if !names.iter().any(|name| name == what) => {
            found.artifact(&desk, &desk.store.get(what).map_err(|e| store_error(&e))?)?;
        }
        what => {
            for name in names.iter().filter(|n| what.is_none_or(|w| w == *n)) {
                found.channel(&desk, name, trust.as_ref(), what.is_some(), terminal)?;
            }
        }
    }
    let exit = if found.wrong.is_empty() {
        Exit::Done
    } else {
        Exit::Difference
    };
    match args.format {
        Format::Json => terminal.print(&json::text(&Report {
            schema: "weir.verify/1",
            exit: json::Exit {
                code: exit.code(),
                reasons: &found.wrong,
            },
            verified: &found.good,
        }))?,
        Format::Text => {
            let look = terminal.out;
            let mut text = String::new();
            for line in &found.good {
                text.push_str(&format!(
                    "{} {}\n",
                    look.paint(Tone::Good, "ok"),
                    plain(line)
                ));
            }
            for line in &found.wrong {
                text.push_str(&format!(
                    "{} {}\n",
                    look.paint(Tone::Error, "wrong"),
                    plain(line)
                ));
            }
            if text.is_empty() {
                text.push_str("no channel runs anything yet\n");
            }
            terminal.print(&text)?;
        }
    }
    Ok(exit)
}

impl Found {
    fn artifact(&mut self, desk: &Desk, artifact: &Artifact) -> Result<(), Stop> {
        let digest = short(artifact.digest());
        // What is looked at below is a copy; this is what others get.
        if let Some(remote) = desk.store.remote() {
            let before = self.wrong.len();
            for file in weir_schemas::artifact::FILES {
                if let Err(error) = remote.artifact_file(artifact.digest(), file.name) {
                    self.wrong.push(error.to_string());
                }
            }
            if self.wrong.len() > before {
                return Ok(());
            }
        }
        let proved = prove(artifact)?;
        for damage in &proved.damage {
            self.wrong.push(format!("artifact {digest}: {damage}"));
        }
        if !proved.damage.is_empty() {
            return Ok(());
        }
        self.good
            .push(format!("artifact {digest}: every file is as it was stored"));
        let proved = Proved::of(artifact, proved)?;
        match proved.violations(&proved.brought.load()?).as_slice() {
            [] => self.good.push(format!(
                "artifact {digest}: its plan holds the rates it states, and its address table leads to its classes"
            )),
            [first, rest @ ..] => self.wrong.push(format!(
                "artifact {digest}: {first}{}",
                match rest.len() {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                }
            )),
        }
        Ok(())
    }

    fn channel(
        &mut self,
        desk: &Desk,
        name: &str,
        trust: Option<&Trust>,
        asked: bool,
        terminal: &Terminal,
    ) -> Result<(), Stop> {
        let settled = match desk.channels().settle(name) {
            Ok(settled) => settled,
            Err(weir_store::channel::ChannelError::Store(
                error @ (weir_store::StoreError::DamagedHead { .. }
                | weir_store::StoreError::LostHead { .. }),
            )) => {
                self.wrong.push(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(stop(&error)),
        };
        if let Some(notice) = settled.notice {
            terminal.tell(&format!("note: {}\n", plain(&notice)));
        }
        let journal = desk.channels().journal(name).map_err(|e| store_error(&e))?;
        for fault in &journal.faults {
            self.wrong.push(format!("journal of {name}: {fault}"));
        }
        let Some(known) = settled.known else {
            if asked {
                self.good.push(format!("channel {name} runs nothing"));
            }
            return Ok(());
        };
        let head = &known.head;
        self.history(name, head, &journal.entries);
        self.signature(desk, head, trust);
        match desk.store.get(&head.digest) {
            Ok(artifact) => {
                self.released(head, &artifact)?;
                self.artifact(desk, &artifact)
            }
            Err(error) => {
                self.wrong.push(format!("channel {name}: {error}"));
                Ok(())
            }
        }
    }

    /// History is one line: every head replaced the one before it, and generations only grow.
    fn history(&mut self, name: &str, head: &Head, entries: &[weir_schemas::journal::Entry]) {
        let heads: Vec<&Head> = entries.iter().filter_map(|e| e.head.as_ref()).collect();
        for pair in heads.windows(2) {
            let [before, after] = pair else { continue };
            if after.replaced.as_ref() != Some(&before.txn) || after.seq < before.seq {
                self.wrong.push(format!(
                    "channel {name}: generation {} of {} does not follow generation {} of {}",
                    after.seq, after.time, before.seq, before.time
                ));
            }
        }
        match heads.last() {
            Some(last) if last.txn == head.txn => self.good.push(format!(
                "channel {name}: generation {} follows from its journal",
                head.seq
            )),
            Some(last) if last.seq > head.seq => self.wrong.push(format!(
                "channel {name}: its head is generation {}, and its journal knows generation {}: an old head was put back",
                head.seq, last.seq
            )),
            _ => self.wrong.push(format!(
                "channel {name}: its head is not the last one of its journal"
            )),
        }
    }

    fn signature(&mut self, desk: &Desk, head: &Head, trust: Option<&Trust>) {
        let name = &head.channel;
        let Some(trust) = trust else {
            return;
        };
        match trust.check(head, desk.clock.now()) {
            Ok(proof) if proof.seq == head.seq => self.good.push(format!(
                "channel {name}: generation {} is signed by {}",
                head.seq, proof.key
            )),
            Ok(proof) => self.good.push(format!(
                "channel {name}: generation {} brings back generation {}, which is signed by {}",
                head.seq, proof.seq, proof.key
            )),
            Err(doubt) => self.wrong.push(format!(
                "channel {name}: generation {} cannot be trusted: {doubt}",
                head.seq
            )),
        }
    }

    /// The description that was released is one the artifact has.
    fn released(&mut self, head: &Head, artifact: &Artifact) -> Result<(), Stop> {
        let manifest = artifact.read(weir_schemas::artifact::MANIFEST);
        let newest = manifest.ok().map(|bytes| weir_store::sha256(&bytes));
        let builds = artifact.builds().map_err(|e| store_error(&e))?;
        if newest.as_ref() != Some(&head.manifest_sha256) && !builds.contains(&head.manifest_sha256)
        {
            self.wrong.push(format!(
                "channel {}: the build that was released, {}, is not in artifact {}",
                head.channel,
                short(&head.manifest_sha256),
                short(&head.digest)
            ));
        }
        Ok(())
    }
}
