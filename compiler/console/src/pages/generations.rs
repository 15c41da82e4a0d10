//! Generations: what a channel ran and runs, who said so, and the forms that move it.

use serde::Serialize;
use weir_schemas::journal::Outcome;

use super::home::{Active, active};
use super::{Link, channel};
use crate::app::App;
use crate::ask::{Ask, Pages, Reply, drawn, show};
use crate::engine::{Answer, Problem};
use crate::show::{Count, Digest, Time, tame};

#[derive(Serialize, Debug)]
pub struct GenerationsPage {
    pub channel: String,
    pub channels: Vec<Link>,
    pub active: Option<Active>,
    /// Newest first, refusals included.
    pub history: Vec<Row>,
    pub pages: Pages,
    /// What is wrong with the journal; empty when nothing.
    pub damaged: Vec<String>,
    /// Artifacts that were stored last and do not run.
    pub candidates: Vec<Candidate>,
}
drawn!(GenerationsPage, "generations.html");

#[derive(Serialize, Debug)]
pub struct Row {
    pub time: Time,
    pub action: String,
    /// `done`, `recovered`, `refused`
    pub outcome: &'static str,
    pub author: String,
    pub reason: Option<String>,
    pub seq: Option<u64>,
    pub digest: Option<Digest>,
    pub from: Option<Digest>,
    /// Address of the comparison with what was before; empty where there is none.
    pub diff: String,
    /// Address of the way back to it; empty where it runs, or is not there any more.
    pub back: String,
    pub signed: bool,
    pub runs: bool,
}

#[derive(Serialize, Debug)]
pub struct Candidate {
    pub digest: Digest,
    pub stored: Option<Time>,
    pub pinned: bool,
    pub shaped: Count,
    pub strategy: &'static str,
    pub failing: bool,
    pub errors: Count,
    pub warnings: Count,
    pub review: String,
    pub diff: String,
}

const ROWS: usize = 40;
const CANDIDATES: usize = 8;

pub fn generations(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let head = app.head(&channel)?;
    let journal = app.journal(&channel)?;
    let stored = app.stock.backend().artifacts().map_err(Problem::failed)?;
    let there = |digest: &str| {
        stored
            .binary_search_by(|s| s.digest.as_str().cmp(digest))
            .is_ok()
    };
    let running = head.as_ref().map(|h| h.digest.as_str());
    let entries: Vec<_> = journal.entries.iter().rev().collect();
    let (pages, range) = Pages::of(ask, entries.len(), ROWS);
    let history = entries[range].iter().map(|entry| {
        let made = entry.head.as_ref();
        let digest = made.map(|h| h.digest.clone()).or_else(|| entry.to.clone());
        let compared = entry.from.as_deref().zip(digest.as_deref());
        let compared = compared.filter(|(from, to)| from != to && there(from) && there(to));
        let runs = made.is_some_and(|made| head.as_ref().is_some_and(|h| h.seq == made.seq));
        let back = digest.as_deref().filter(|digest| {
            made.is_some() && running.is_some_and(|r| r != *digest) && there(digest)
        });
        Row {
            time: Time(entry.time.clone()),
            action: tame(&entry.action),
            outcome: entry.outcome.word(),
            author: eyes.person(&entry.author),
            reason: eyes.said(&entry.reason).filter(|r| !r.is_empty()),
            seq: made.map(|h| h.seq),
            diff: compared
                .map(|(from, to)| format!("/change?from={from}&to={to}"))
                .unwrap_or_default(),
            back: back
                .filter(|_| eyes.is_operator() && entry.outcome != Outcome::Refused)
                .map(|digest| format!("/rollback?channel={channel}&to={digest}"))
                .unwrap_or_default(),
            digest: digest.map(Digest),
            from: entry.from.clone().map(Digest),
            signed: made.is_some_and(|h| h.signature.is_some()),
            runs,
        }
    });
    let mut newest: Vec<_> = stored
        .iter()
        .filter(|s| Some(s.digest.as_str()) != running)
        .collect();
    newest.sort_by_key(|s| std::cmp::Reverse(s.stored));
    let candidates = newest
        .into_iter()
        .take(CANDIDATES)
        .filter_map(|stored| candidate(app, &channel, running, stored));
    let mut channels = app.channel_names()?;
    let configured = app.project()?.channel;
    if !channels.contains(&configured) {
        channels.push(configured);
    }
    let page = GenerationsPage {
        channels: channels
            .into_iter()
            .map(|name| Link {
                href: format!("/generations?channel={name}"),
                name,
            })
            .collect(),
        active: head.as_ref().map(|head| active(&eyes, head)),
        history: history.collect(),
        pages,
        damaged: journal.faults.iter().map(ToString::to_string).collect(),
        candidates: candidates.collect(),
        channel,
    };
    show(app, ask, "Generations", &page)
}

/// A damaged artifact is no candidate: `/issues` and `weir verify` speak of it.
fn candidate(
    app: &App,
    channel: &str,
    running: Option<&str>,
    stored: &weir_store::channel::Stored,
) -> Option<Candidate> {
    let manifest = weir_schemas::artifact::MANIFEST;
    // Only this file: the artifact may be elsewhere.
    let backend = app.stock.backend();
    let bytes = backend.artifact_file(&stored.digest, manifest).ok()??;
    let manifest: weir_schemas::manifest::Manifest<'static> = weir_schemas::read(&bytes).ok()?;
    let seconds = i64::try_from(stored.stored / 1_000_000_000).ok()?;
    let time = jiff::Timestamp::from_second(seconds).ok();
    let digest = &stored.digest;
    Some(Candidate {
        stored: time.map(|t| Time(t.to_string())),
        pinned: stored.pinned,
        shaped: Count(manifest.counts.shaped),
        strategy: manifest.strategy.word(),
        failing: manifest.failing,
        errors: Count(manifest.findings.error),
        warnings: Count(manifest.findings.warning),
        review: format!("/promote?channel={channel}&digest={digest}"),
        diff: running.map_or(String::new(), |from| {
            format!("/change?from={from}&to={digest}")
        }),
        digest: Digest(digest.clone()),
    })
}
