//! Moving a channel: each move is looked at on a page of its own first, and is only made of what was looked at. Who
//! moves types the name of the channel.

use serde::Serialize;
use weir_schemas::head::Head;
use weir_schemas::promotion::Base;

use super::change::{GroupRow, counted, groups};
use super::done::Done;
use super::home::{Active, active};
use super::{channel, digest};
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show};
use crate::engine::{Answer, Back, Problem, PromoteRequest};
use crate::show::{Count, Digest, tame};

/// What a move would do.
#[derive(Serialize, Debug)]
struct MovePage {
    channel: String,
    /// `promote` or `rollback`
    kind: &'static str,
    digest: Digest,
    active: Option<Active>,
    total: Count,
    counts: Vec<(&'static str, Count)>,
    disruption: &'static str,
    meaning: &'static str,
    disturbed: Count,
    groups: Vec<GroupRow>,
    change: String,
    /// What the guard has against it.
    guard: Vec<String>,
    help: Vec<String>,
    blocked: bool,
    needs_accept: bool,
    removals: Count,
    reparented: Count,
    /// What the channel ran when this page was made.
    base_seq: String,
    base_digest: String,
}
drawn!(MovePage, "move.html");

fn moving(
    app: &App,
    ask: &Ask,
    kind: &'static str,
    to: String,
    head: Option<&Head>,
) -> Answer<MovePage> {
    let eyes = ask.eyes(app);
    let mut page = MovePage {
        channel: channel(app, ask)?,
        kind,
        active: head.map(|head| active(&eyes, head)),
        total: Count(0),
        counts: Vec::new(),
        disruption: "",
        meaning: "",
        disturbed: Count(0),
        groups: Vec::new(),
        change: String::new(),
        guard: Vec::new(),
        help: Vec::new(),
        blocked: false,
        needs_accept: false,
        removals: Count(0),
        reparented: Count(0),
        base_seq: head.map_or(String::new(), |h| h.seq.to_string()),
        base_digest: head.map_or(String::new(), |h| h.digest.clone()),
        digest: Digest(to),
    };
    if let Some(head) = head {
        let diff = app.diff(&head.digest, &page.digest.0)?;
        page.change = format!("/change?from={}&to={}", head.digest, page.digest.0);
        page.total = Count(diff.counts.total());
        page.counts = counted(&diff);
        page.disruption = diff.disruption.word();
        page.meaning = diff.disruption.meaning();
        page.disturbed = Count(diff.disturbed);
        let mut linked = ask.clone();
        linked.query = vec![
            ("from".to_owned(), head.digest.clone()),
            ("to".to_owned(), page.digest.0.clone()),
        ];
        page.groups = groups(&linked, &eyes, &diff, "", &mut None);
    }
    Ok(page)
}

pub fn review(app: &App, ask: &Ask) -> Answer<Reply> {
    let channel = channel(app, ask)?;
    let to = digest(app, ask.get("digest"))?;
    let review = app.engine.review(&channel, &to)?;
    let head = app.head(&channel)?;
    let mut page = moving(app, ask, "promote", to, head.as_ref())?;
    page.guard = review.plan.guard.iter().map(|g| tame(g)).collect();
    page.help = review.help.iter().map(|h| tame(h)).collect();
    page.blocked = review.blocked;
    page.needs_accept = review.needs_accept;
    page.removals = Count(review.plan.removals);
    page.reparented = Count(review.plan.reparented);
    // The guard judged against this base, which may have moved since the head was read.
    page.base_seq = review
        .plan
        .base
        .as_ref()
        .map_or(String::new(), |b| b.seq.to_string());
    page.base_digest = review.plan.base.map_or(String::new(), |b| b.digest);
    show(app, ask, "Promote", &page)
}

fn number(ask: &Ask, name: &str) -> Answer<Option<u64>> {
    match ask.field(name) {
        "" => Ok(None),
        text => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Problem::Invalid {
                field: name.to_owned(),
                message: "nothing was changed: that is no number".to_owned(),
            }),
        },
    }
}

pub fn promote(app: &App, ask: &Ask) -> Answer<Reply> {
    let channel = channel(app, ask)?;
    ask.typed(&channel)?;
    let base = number(ask, "base_seq")?.map(|seq| Base {
        seq,
        digest: ask.field("base_digest").to_owned(),
    });
    let accepted = ask.field("accept") == "yes";
    let accept = |name: &str| match accepted {
        true => number(ask, name),
        false => Ok(None),
    };
    let minutes = number(ask, "confirm_minutes")?.filter(|minutes| *minutes > 0);
    let request = PromoteRequest {
        digest: digest(app, ask.wanted("digest", "the artifact")?)?,
        base,
        reason: ask.field("reason").to_owned(),
        confirm_within_seconds: minutes.map(|minutes| minutes.saturating_mul(60)),
        accept_removals: accept("removals")?,
        accept_reparented: accept("reparented")?,
        channel,
    };
    let moved = app.engine.promote(ask.by(), &request)?;
    app.moved();
    let mut done = Done::moved("Promoted", &moved);
    if let Some(confirm) = &moved.head.confirm {
        done.notes.push(format!(
            "It goes back by itself unless somebody confirms it within {}.",
            crate::show::Lasting(confirm.within_seconds)
        ));
    }
    done.show(app, ask)
}

fn seen(ask: &Ask) -> Answer<u64> {
    number(ask, "seq")?.ok_or(Problem::Invalid {
        field: "seq".to_owned(),
        message: "nothing was changed: the generation that was looked at is missing".to_owned(),
    })
}

pub fn confirm(app: &App, ask: &Ask) -> Answer<Reply> {
    let channel = channel(app, ask)?;
    ask.typed(&channel)?;
    let moved = app.engine.confirm(ask.by(), &channel, seen(ask)?)?;
    app.moved();
    Done::moved("Confirmed", &moved).show(app, ask)
}

pub fn resume(app: &App, ask: &Ask) -> Answer<Reply> {
    let channel = channel(app, ask)?;
    let moved = app.engine.resume(ask.by(), &channel, ask.field("reason"))?;
    app.moved();
    Done::moved("The channel is not held any more", &moved).show(app, ask)
}

/// Where a rollback goes when nobody says where.
fn parent(head: &Head) -> Answer<String> {
    let parent = head.parent.as_ref().map(|p| p.digest.clone());
    parent.ok_or_else(|| Problem::Refused {
        word: "no-way-back".to_owned(),
        message: "this is the first generation: there is nothing to go back to".to_owned(),
        help: String::new(),
    })
}

pub fn way_back(app: &App, ask: &Ask) -> Answer<Reply> {
    let channel = channel(app, ask)?;
    let head = app.head(&channel)?.ok_or(Problem::NotFound {
        message: "this channel runs nothing yet".to_owned(),
    })?;
    let to = match ask.get("to") {
        "" => parent(&head)?,
        to => to.to_owned(),
    };
    let to = digest(app, &to)?;
    let page = moving(app, ask, "rollback", to, Some(&head))?;
    show(app, ask, "Roll back", &page)
}

pub fn rollback(app: &App, ask: &Ask) -> Answer<Reply> {
    let channel = channel(app, ask)?;
    ask.typed(&channel)?;
    let reason = ask.wanted("reason", "the reason")?;
    let back = match ask.field("digest") {
        "" => Back::Parent,
        to => Back::Digest(digest(app, to)?),
    };
    let moved = app
        .engine
        .rollback(ask.by(), &channel, seen(ask)?, &back, reason)?;
    app.moved();
    let mut done = Done::moved("Rolled back", &moved);
    done.notes.push(
        "The channel is held: the scheduler builds and shows, and promotes nothing until somebody resumes it."
            .to_owned(),
    );
    done.show(app, ask)
}
