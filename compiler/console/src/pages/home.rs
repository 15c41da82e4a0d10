//! Home: six tiles, and above them one sentence that says whether anybody has to do something.

use serde::Serialize;
use weir_schemas::head::Head;
use weir_schemas::runtime::State;

use super::channel;
use super::issues::collect;
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show};
use crate::engine::{Answer, Scheduler, Source};
use crate::eyes::Eyes;
use crate::live::Silent;
use crate::show::{Count, Digest, Lasting, Time, tame};

#[derive(Serialize, Debug)]
pub struct Home {
    pub channel: String,
    pub verdict: Verdict,
    pub active: Option<Active>,
    pub change: Change,
    pub sources: Vec<SourceTile>,
    pub findings: FindingsTile,
    pub subscribers: Subscribers,
    pub drift: Drift,
    pub next: Option<Time>,
    pub paused: bool,
}
drawn!(Home, "home.html");

/// Whether anybody has to do something.
#[derive(Serialize, Debug)]
pub struct Verdict {
    /// `ok`, `warning`, `error`
    pub tone: &'static str,
    pub text: String,
    /// What, one line each.
    pub why: Vec<Why>,
}

#[derive(Serialize, Debug)]
pub struct Why {
    pub text: String,
    pub href: &'static str,
    pub tone: &'static str,
}

/// What the channel runs.
#[derive(Serialize, Debug)]
pub struct Active {
    pub digest: Digest,
    pub seq: u64,
    pub since: Time,
    pub action: &'static str,
    pub author: String,
    pub reason: Option<String>,
    pub pending: Option<Pending>,
    pub hold: Option<Hold>,
    pub signed: bool,
}

/// It is not confirmed yet.
#[derive(Serialize, Debug)]
pub struct Pending {
    pub within_seconds: Lasting,
    /// Seconds left by the clock of the store's head; the runtime counts by its own.
    pub left_seconds: Lasting,
}

#[derive(Serialize, Debug)]
pub struct Hold {
    pub by: String,
    pub since: Time,
    pub reason: Option<String>,
}

/// What was built and does not run yet.
#[derive(Serialize, Debug, Default)]
pub struct Change {
    pub digest: Option<Digest>,
    pub from: Option<Digest>,
    pub built: Option<Time>,
    pub waiting: Option<String>,
    pub joined: Count,
    pub left: Count,
    pub moved: Count,
    pub rerated: Count,
    pub total: Count,
    pub disruption: &'static str,
    pub meaning: &'static str,
    /// Address of the review; empty where nothing waits.
    pub href: String,
}

#[derive(Serialize, Debug)]
pub struct SourceTile {
    pub name: String,
    pub kind: String,
    pub tone: &'static str,
    pub age: Option<Lasting>,
    pub max_age: Option<Lasting>,
    pub state: &'static str,
}

#[derive(Serialize, Debug)]
pub struct FindingsTile {
    pub errors: Count,
    pub warnings: Count,
    pub infos: Count,
    pub acknowledged: Count,
}

#[derive(Serialize, Debug)]
pub struct Subscribers {
    pub shaped: Count,
    pub unshaped: Count,
    /// Addresses that belong to nobody; null without a runtime.
    pub unknown: Option<Count>,
}

/// Whether what runs is what should.
#[derive(Serialize, Debug)]
pub struct Drift {
    pub tone: &'static str,
    pub state: &'static str,
    pub objects: Option<Count>,
    pub text: String,
}

pub fn active(eyes: &Eyes, head: &Head) -> Active {
    Active {
        digest: Digest(head.digest.clone()),
        seq: head.seq,
        since: Time(head.time.clone()),
        action: head.action.word(),
        author: eyes.person(&head.author),
        reason: eyes.said(&head.reason).filter(|r| !r.is_empty()),
        pending: head.confirm.as_ref().map(|confirm| {
            let gone = Time(head.time.clone()).age_seconds().unwrap_or(0);
            Pending {
                within_seconds: Lasting(confirm.within_seconds),
                left_seconds: Lasting(confirm.within_seconds.saturating_sub(gone)),
            }
        }),
        hold: head.hold.as_ref().map(|hold| Hold {
            by: eyes.person(&hold.author),
            since: Time(hold.time.clone()),
            reason: eyes.said(&hold.reason).filter(|r| !r.is_empty()),
        }),
        signed: head.signature.is_some(),
    }
}

fn change(app: &App, eyes: &Eyes, head: Option<&Head>, state: &Scheduler) -> Change {
    let Some(latest) = &state.latest else {
        return Change::default();
    };
    if head.is_some_and(|head| head.digest == latest.digest) {
        return Change::default();
    }
    let mut change = Change {
        digest: Some(Digest(latest.digest.clone())),
        built: Some(Time(latest.built.clone())),
        waiting: latest.waiting.as_deref().and_then(|w| eyes.said(w)),
        ..Change::default()
    };
    let Some(head) = head else { return change };
    change.from = Some(Digest(head.digest.clone()));
    change.href = format!("/change?from={}&to={}", head.digest, latest.digest);
    if let Ok(diff) = app.diff(&head.digest, &latest.digest) {
        change.joined = Count(diff.counts.joined);
        change.left = Count(diff.counts.left);
        change.moved = Count(diff.counts.moved);
        change.rerated = Count(diff.counts.rerated);
        change.total = Count(diff.counts.total());
        change.disruption = diff.disruption.word();
        change.meaning = diff.disruption.meaning();
    }
    change
}

pub fn source_tile(source: &Source) -> SourceTile {
    let failed = source.last.as_ref().is_some_and(|last| !last.ok);
    let old = source
        .age_seconds
        .zip(source.max_age_seconds)
        .is_some_and(|(age, most)| age > most);
    let (tone, state) = match source {
        s if !s.enabled => ("info", "switched off"),
        _ if old => ("error", "too old"),
        _ if failed => ("warning", "the last read failed"),
        s if !s.network => ("ok", "recorded files"),
        s if s.last.is_none() => ("info", "not read yet"),
        _ => ("ok", "fresh"),
    };
    SourceTile {
        name: tame(&source.name),
        kind: tame(&source.kind),
        tone,
        age: source.age_seconds.map(Lasting),
        max_age: source.max_age_seconds.map(Lasting),
        state,
    }
}

fn drift(app: &App, head: Option<&Head>, channel: &str) -> Drift {
    let status = match app.runtime.status() {
        Ok(status) => status,
        Err(Silent::None) => {
            return Drift {
                tone: "info",
                state: "no runtime",
                objects: None,
                text: "No runtime on this machine: files are written for another data plane."
                    .to_owned(),
            };
        }
        Err(Silent::Failed(_)) => {
            return Drift {
                tone: "error",
                state: "silent",
                objects: None,
                text: "The runtime does not answer.".to_owned(),
            };
        }
    };
    let behind = status.channel.as_deref() == Some(channel)
        && head.map(|h| &h.digest) != status.active.as_ref().map(|a| &a.digest);
    let (tone, state, text) = match status.state {
        State::Unshaped => ("error", "unshaped", "Traffic passes unshaped."),
        State::RolledBack => ("error", "rolled back", "The last apply was taken back."),
        State::Idle => ("warning", "idle", "Nothing is loaded."),
        State::Applying => ("running", "applying", "A generation is being brought in."),
        _ if status.drift_count > 0 => (
            "warning",
            "drifted",
            "Objects in the kernel are not as the artifact says.",
        ),
        _ if behind => ("warning", "behind", "It shapes with another generation."),
        State::Pending => ("warning", "pending", "In sync, and waits to be confirmed."),
        State::Active => ("ok", "in sync", "The kernel is as the artifact says."),
    };
    Drift {
        tone,
        state,
        objects: Some(Count(status.drift_count)),
        text: text.to_owned(),
    }
}

fn verdict(home: &Home, failed_run: bool) -> Verdict {
    let mut why = Vec::new();
    let mut say = |tone, href, text: String| why.push(Why { text, href, tone });
    if home.active.is_none() {
        let text = "Nothing was promoted yet: nobody is shaped by this project.".to_owned();
        say("warning", "/generations", text);
    }
    if home.drift.tone == "error" || home.drift.tone == "warning" {
        say(home.drift.tone, "/issues", home.drift.text.clone());
    }
    if let Some(pending) = home.active.as_ref().and_then(|a| a.pending.as_ref()) {
        let left = pending.left_seconds;
        say(
            "warning",
            "/generations",
            format!("A generation waits to be confirmed: {left} left."),
        );
    }
    if home.active.as_ref().is_some_and(|a| a.hold.is_some()) {
        let text = "The channel is held: the scheduler builds and promotes nothing.".to_owned();
        say("warning", "/generations", text);
    }
    if home.paused {
        say(
            "warning",
            "/scheduler",
            "The scheduler is paused.".to_owned(),
        );
    }
    if failed_run {
        say(
            "error",
            "/scheduler",
            "The last run failed. The last good generation stays.".to_owned(),
        );
    }
    for source in home
        .sources
        .iter()
        .filter(|s| s.tone == "error" || s.tone == "warning")
    {
        say(
            source.tone,
            "/sources",
            format!("Source {}: {}.", source.name, source.state),
        );
    }
    if home.findings.errors.0 > 0 {
        let text = match home.findings.errors.0 {
            1 => "1 error is open.".to_owned(),
            n => format!("{} errors are open.", Count(n)),
        };
        say("error", "/issues", text);
    }
    if !home.change.href.is_empty() && home.change.waiting.is_some() {
        say(
            "info",
            "/generations",
            "A change was built and waits for you.".to_owned(),
        );
    }
    let tone = match () {
        () if why.iter().any(|w| w.tone == "error") => "error",
        () if why.iter().any(|w| w.tone == "warning") => "warning",
        () => "ok",
    };
    let text = match tone {
        "ok" => "All is well. Nobody has to do anything.",
        "warning" => "It works, and somebody should look.",
        _ => "Somebody has to do something.",
    };
    Verdict {
        tone,
        text: text.to_owned(),
        why,
    }
}

pub fn home(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let head = app.head(&channel)?;
    let state = app.engine.scheduler()?;
    let items = collect(app, &eyes, &channel)?;
    let open = |level: &str| {
        let of = items.iter().filter(|i| i.level == level && i.is_open());
        Count::of(of.count())
    };
    let acknowledged = items.iter().filter(|i| i.acknowledged.is_some());
    let counts = app.shown("", &channel)?.map(|index| {
        let counts = &index.manifest.counts;
        (counts.shaped, counts.circuits.saturating_sub(counts.shaped))
    });
    let (shaped, unshaped) = counts.unwrap_or_default();
    let sources = app.engine.sources()?;
    let mut home = Home {
        active: head.as_ref().map(|head| active(&eyes, head)),
        change: change(app, &eyes, head.as_ref(), &state),
        sources: sources
            .iter()
            .filter(|s| s.enabled)
            .map(source_tile)
            .collect(),
        findings: FindingsTile {
            errors: open("error"),
            warnings: open("warning"),
            infos: open("info"),
            acknowledged: Count::of(acknowledged.count()),
        },
        subscribers: Subscribers {
            shaped: Count(shaped),
            unshaped: Count(unshaped),
            unknown: app.runtime.unknown().ok().map(|u| Count(u.count)),
        },
        drift: drift(app, head.as_ref(), &channel),
        next: state.next.clone().map(Time),
        paused: state.paused.is_some(),
        verdict: Verdict {
            tone: "ok",
            text: String::new(),
            why: Vec::new(),
        },
        channel,
    };
    let last = state.runs.iter().find_map(|r| r.outcome);
    home.verdict = verdict(&home, last == Some(crate::engine::RunOutcome::Failed));
    show(app, ask, "Home", &home)
}
