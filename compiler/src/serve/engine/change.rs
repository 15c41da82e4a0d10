//! Moving channels for a signed-in user, and what somebody has seen.

use std::fs;

use weir_compiler::config;
use weir_compiler::config::date::Date;
use weir_compiler::guard::{self, Accept};
use weir_compiler::lock;
use weir_console::engine::{
    Acknowledge, Acknowledgement, Answer, Back, Moved, Problem, PromoteRequest, Review as Shown,
};
use weir_schemas::Published as _;
use weir_schemas::head::{Action, Head};
use weir_schemas::promotion::{Base, Promotion};
use weir_store::channel::{self, Done, Known, Refusal};

use super::{Caller, invalid, look, problem, remembered};
use crate::cli::confirm::go_back;
use crate::cli::project::today;
use crate::cli::review::{Judge, Review};
use crate::cli::store::{Desk, Key, refusal, stop};
use crate::serve::moving::publish_head;
use crate::serve::run::now;

/// The key of weir.toml signs; nobody brings one.
const KEY: Key = Key { key: None };

fn base_of(known: Option<&Known>) -> Option<Base> {
    known.map(|known| Base {
        seq: known.head.seq,
        digest: known.head.digest.clone(),
    })
}

fn settled(desk: &Desk, channel: &str) -> Answer<Option<Known>> {
    let settled = desk.channels().settle(channel);
    settled.map(|s| s.known).map_err(|e| problem(&stop(&e)))
}

fn reviewed(
    caller: &Caller,
    desk: &Desk,
    base: Option<&Known>,
    digest: &str,
    accept: Accept,
) -> Answer<Review> {
    let artifact = look::artifact(caller, digest)?;
    let review = Review::of(desk, base, artifact, accept, Judge::ByHand);
    review.map_err(|stop| problem(&stop))
}

pub fn review(caller: &Caller, channel: &str, digest: &str) -> Answer<Shown> {
    let desk = caller.desk("console")?;
    let channel = desk.channel(channel).map_err(|stop| problem(&stop))?;
    let base = settled(&desk, &channel)?;
    let judged = Judged {
        channel: channel.clone(),
        base: base.as_ref().map(|known| known.head.txn.clone()),
        digest: digest.to_owned(),
        settings: fs::read(caller.dir().join(config::FILE_NAME)).unwrap_or_default(),
        lock: fs::read(caller.dir().join(lock::FILE_NAME)).unwrap_or_default(),
    };
    let shown = caller.review.get(judged, || {
        look_at(caller, &desk, channel, base.as_ref(), digest)
    })?;
    Ok(Shown::clone(&shown))
}

/// Everything that a look at a promotion depends on, but for the clock.
#[derive(PartialEq)]
pub struct Judged {
    channel: String,
    /// Name of the write that made the head.
    base: Option<String>,
    digest: String,
    /// weir.toml, and what was read when.
    settings: Vec<u8>,
    lock: Vec<u8>,
}

fn look_at(
    caller: &Caller,
    desk: &Desk,
    channel: String,
    base: Option<&Known>,
    digest: &str,
) -> Answer<Shown> {
    let review = reviewed(caller, desk, base, digest, Accept::default())?;
    let (removals, reparented) = guard::numbers(review.diff.as_ref());
    let is_number = |setting: &str| {
        matches!(
            setting,
            "guard.max_removed" | "guard.max_reparented_percent"
        )
    };
    Ok(Shown {
        blocked: review.trips.iter().any(|trip| !is_number(trip.setting)),
        needs_accept: review.trips.iter().any(|trip| is_number(trip.setting)),
        help: review.trips.iter().map(|trip| trip.help.clone()).collect(),
        plan: Promotion {
            schema: Promotion::SCHEMA.to_owned(),
            channel,
            base: base_of(base),
            digest: review.artifact.digest().to_owned(),
            manifest_sha256: review.manifest_sha256.clone(),
            removals,
            reparented,
            guard: review.trips.iter().map(|t| t.message.clone()).collect(),
        },
    })
}

pub fn promote(caller: &Caller, by: &str, request: &PromoteRequest) -> Answer<Moved> {
    let desk = caller.desk(by)?;
    let channel = desk
        .channel(&request.channel)
        .map_err(|stop| problem(&stop))?;
    let base = settled(&desk, &channel)?;
    if base_of(base.as_ref()) != request.base {
        let why = match &base {
            Some(known) => Refusal::Moved(Box::new(known.head.clone())),
            None => Refusal::BaseGone {
                channel: channel.clone(),
            },
        };
        let said = format!("base-moved: {why}");
        desk.channels()
            .refuse(&channel, Action::Promote, Some(&request.digest), &said);
        return Err(problem(&refusal(&why)));
    }
    let accept = Accept {
        removals: request.accept_removals,
        reparented: request.accept_reparented,
    };
    let review = reviewed(caller, &desk, base.as_ref(), &request.digest, accept)?;
    if review.is_refused(&desk, &channel, base.as_ref()) {
        let all = |text: fn(&guard::Trip) -> &str| {
            let each: Vec<&str> = review.trips.iter().map(text).collect();
            each.join("; ")
        };
        return Err(Problem::Refused {
            word: "guard".to_owned(),
            message: all(|trip| &trip.message),
            help: all(|trip| &trip.help),
        });
    }
    let done = review.promote(
        &desk,
        &channel,
        base.as_ref(),
        &request.reason,
        request.confirm_within_seconds,
        &KEY,
    );
    let done = done.map_err(|stop| problem(&stop))?;
    let undo =
        (done.changed && done.head.parent.is_some()).then(|| format!("weir rollback {channel}"));
    Ok(moved(caller, &desk, done, undo))
}

pub fn confirm(caller: &Caller, by: &str, channel: &str, seq: u64) -> Answer<Moved> {
    let desk = caller.desk(by)?;
    let channel = desk.channel(channel).map_err(|stop| problem(&stop))?;
    seen(&desk, &channel, seq)?;
    let done = desk.act(&channel, Action::Confirm, None, None, |channels| {
        channels.confirm(&channel)
    });
    let done = done.map_err(|stop| problem(&stop))?;
    Ok(moved(
        caller,
        &desk,
        done,
        Some(format!("weir rollback {channel}")),
    ))
}

/// The head is the generation that somebody looked at.
fn seen(desk: &Desk, channel: &str, seq: u64) -> Answer<()> {
    match settled(desk, channel)? {
        Some(known) if known.head.seq != seq => {
            Err(problem(&refusal(&Refusal::Moved(Box::new(known.head)))))
        }
        _ => Ok(()),
    }
}

pub fn rollback(
    caller: &Caller,
    by: &str,
    channel: &str,
    seq: u64,
    to: &Back,
    reason: &str,
) -> Answer<Moved> {
    let desk = caller.desk(by)?;
    let channel = desk.channel(channel).map_err(|stop| problem(&stop))?;
    let (back, wanted) = match to {
        Back::Parent => (channel::Back::Parent, None),
        Back::Digest(digest) => (channel::Back::Digest(digest.clone()), Some(digest.as_str())),
    };
    let came = go_back(&desk, &channel, &back, wanted, Some(seq), reason, &KEY);
    let came = came.map_err(|stop| problem(&stop))?;
    let undo = format!("weir promote {} --to {channel}", channel::short(&came.left));
    Ok(moved(caller, &desk, came.done, Some(undo)))
}

pub fn resume(caller: &Caller, by: &str, channel: &str, reason: &str) -> Answer<Moved> {
    let desk = caller.desk(by)?;
    let channel = desk.channel(channel).map_err(|stop| problem(&stop))?;
    let done = desk.act(&channel, Action::Resume, None, None, |channels| {
        channels.resume(&channel, reason)
    });
    let done = done.map_err(|stop| problem(&stop))?;
    Ok(moved(caller, &desk, done, None))
}

/// A channel that moved: LibreQoS's files follow it, and what it complained about is over.
fn moved(caller: &Caller, desk: &Desk, done: Done, undo: Option<String>) -> Moved {
    let mut notice = done.notice;
    if done.head.channel == desk.project.schedule.channel
        && let Err(stop) = publish_head(desk)
    {
        notice = Some(stop.first_line().to_owned());
    }
    let over = over(&done.head);
    let settled = caller.scheduler.context.book.change(|state| {
        state.issues.retain(|issue| !over.contains(&issue.id));
        if let Some(latest) = &mut state.latest
            && latest.digest == done.head.digest
        {
            latest.waiting = None;
        }
    });
    if let Err(error) = settled {
        notice.get_or_insert(error.to_string());
    }
    caller.changed();
    Moved {
        head: done.head,
        changed: done.changed,
        notice,
        undo,
    }
}

/// Issues that this head ends.
fn over(head: &Head) -> Vec<String> {
    let mut over = Vec::new();
    if head.hold.is_none() {
        over.push(format!("CHANNEL-HELD.{}", head.channel));
        over.push(format!("CHANNEL-EXPIRED.{}", head.channel));
    }
    if head.confirm.is_none() {
        over.push(format!("CHANNEL-PENDING.{}", head.channel));
    }
    over
}

pub fn acknowledge(caller: &Caller, by: &str, what: &Acknowledge) -> Answer<()> {
    if what.id.trim().is_empty() || what.id.len() > 300 {
        return Err(invalid("id", "say what is acknowledged"));
    }
    if what.reason.trim().is_empty() {
        return Err(invalid("reason", "say why; it is shown to everybody"));
    }
    let today = today().map_err(|stop| problem(&stop))?;
    if Date::parse(&what.expires).is_none_or(|last| last.is_over(today)) {
        return Err(invalid(
            "expires",
            "write the last day on which it holds, today or later, as 2026-12-31",
        ));
    }
    let seen = Acknowledgement {
        id: what.id.clone(),
        code: what.code.clone(),
        by: by.to_owned(),
        reason: what.reason.trim().to_owned(),
        time: now(),
        expires: what.expires.clone(),
    };
    let done = caller.scheduler.context.book.change(|state| {
        state.acknowledged.retain(|a| a.id != seen.id);
        state.acknowledged.push(seen);
        state.acknowledged.sort_by(|a, b| a.id.cmp(&b.id));
    });
    caller.changed();
    done.map_err(|e| remembered(&e))
}

pub fn unacknowledge(caller: &Caller, id: &str) -> Answer<()> {
    let taken = caller.scheduler.context.book.change(|state| {
        let before = state.acknowledged.len();
        state.acknowledged.retain(|a| a.id != id);
        before != state.acknowledged.len()
    });
    caller.changed();
    match taken.map_err(|e| remembered(&e))? {
        true => Ok(()),
        false => Err(Problem::NotFound {
            message: "nobody acknowledged that".to_owned(),
        }),
    }
}
