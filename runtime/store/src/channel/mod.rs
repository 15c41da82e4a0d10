//! Channels: which artifact runs where, who said so, and the way back. Every change is one compare-and-swap of one
//! small file, so a channel has either its old head or its new one, and of many who move it at once one does.
//!
//! ```text
//! promote ------> head (confirmed)
//! promote --confirm-within--> head (pending) --confirm--> head (confirmed)
//!                                   \--time is over--> parent, held
//! rollback -----> an earlier generation, held        resume -----> not held
//! ```
//!
//! Written once over [`Backend`]. It knows nothing of directories and buckets, of what an artifact holds, or of
//! whether it should be promoted: guards are for whoever calls.

mod backend;
mod clock;
pub mod head;
pub mod journal;
mod keep;
mod operate;
pub mod sign;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;

pub use backend::{Backend, Choose, Stored, Swap, Swapped, Tag, Versioned};
pub use clock::{Clock, SystemClock};
pub use keep::KEPT;
pub use operate::{Back, Channels, Done, Known, Promote, Settled};

use weir_schemas::head::Head;

use crate::StoreError;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The outside world. What is there is what was there, unless it says so.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It may not be done. Nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
}

/// What refuses to move a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Not a name that a channel can have.
    BadName(String),
    /// The channel has no head.
    Nothing { channel: String },
    /// Somebody was faster: this is what they made.
    Moved(Box<Head>),
    /// The plan was made when the channel ran nothing, or something else.
    BaseGone { channel: String },
    /// A generation waits for its confirmation.
    Pending(Box<Head>),
    /// There is nothing to confirm.
    NotPending(Box<Head>),
    /// It was too late: the channel is back at this.
    Expired(Box<Head>),
    /// The channel has nothing to go back to.
    NoWayBack { channel: String },
    /// This was never a generation of the channel.
    NotOfChannel { channel: String, wanted: String },
    /// `from` runs something else.
    NotFrom {
        channel: String,
        from: String,
        runs: Option<String>,
    },
    /// What `from` runs is not confirmed yet.
    FromPending { channel: String, from: String },
    /// The channel is held, and this was not asked for by hand.
    Held(Box<Head>),
    /// The channel is not held.
    NotHeld { channel: String },
    /// The artifact is not in the store.
    Gone { digest: String },
}

/// As much of a digest as people compare.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

impl Refusal {
    /// One word for the journal and for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Refusal::BadName(_) => "bad-name",
            Refusal::Nothing { .. } => "no-head",
            Refusal::Moved(_) | Refusal::BaseGone { .. } => "base-moved",
            Refusal::Pending(_) => "pending",
            Refusal::NotPending(_) => "not-pending",
            Refusal::Expired(_) => "expired",
            Refusal::NoWayBack { .. } => "no-way-back",
            Refusal::NotOfChannel { .. } => "not-of-channel",
            Refusal::NotFrom { .. } | Refusal::FromPending { .. } => "not-from",
            Refusal::Held(_) => "held",
            Refusal::NotHeld { .. } => "not-held",
            Refusal::Gone { .. } => "no-artifact",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Refusal::BadName(_) => {
                "a channel is named with letters, digits, `-`, `_` and `.`".to_owned()
            }
            Refusal::Nothing { channel } => {
                format!("promote something first: weir promote DIGEST --to {channel}")
            }
            Refusal::Moved(head) => format!(
                "look at it with `weir log {0}`, and plan again: weir plan {0} DIGEST",
                head.channel
            ),
            Refusal::BaseGone { channel } => format!("plan again: weir plan {channel} DIGEST"),
            Refusal::Pending(head) => format!(
                "keep it with `weir confirm {0}`, or go back with `weir rollback {0}`",
                head.channel
            ),
            Refusal::NotPending(_) => "there is nothing to do: it is confirmed".to_owned(),
            Refusal::Expired(head) => format!(
                "promote it again with more time, and confirm before it is over: the channel is held, \
                 `weir log {}` says since when",
                head.channel
            ),
            Refusal::NoWayBack { channel } => {
                format!("`weir log {channel}` lists its generations")
            }
            Refusal::NotOfChannel { channel, .. } => format!(
                "`weir log {channel}` lists what can be gone back to; what never ran there is promoted, with its \
                 guards: weir promote DIGEST --to {channel}"
            ),
            Refusal::NotFrom { from, .. } => {
                format!("promote it there first: weir promote DIGEST --to {from}")
            }
            Refusal::FromPending { from, .. } => format!("confirm it first: weir confirm {from}"),
            Refusal::Held(head) => format!("release it with `weir resume {}`", head.channel),
            Refusal::NotHeld { .. } => "there is nothing to do".to_owned(),
            Refusal::Gone { .. } => "build it again, or name the store it is in".to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::BadName(name) => write!(f, "{name:?} cannot be the name of a channel"),
            Refusal::Nothing { channel } => write!(f, "channel {channel} runs nothing yet"),
            Refusal::Moved(head) => write!(
                f,
                "channel {} was moved by {} at {}: generation {} is {} ({})",
                head.channel,
                shown(&head.author),
                head.time,
                head.seq,
                short(&head.digest),
                head.action.word()
            ),
            Refusal::BaseGone { channel } => {
                write!(f, "channel {channel} has no head any more")
            }
            Refusal::Pending(head) => write!(
                f,
                "generation {} of channel {} ({}), promoted by {} at {}, waits to be confirmed",
                head.seq,
                head.channel,
                short(&head.digest),
                shown(&head.author),
                head.time
            ),
            Refusal::NotPending(head) => write!(
                f,
                "generation {} of channel {} ({}) does not wait to be confirmed",
                head.seq,
                head.channel,
                short(&head.digest)
            ),
            Refusal::Expired(head) => write!(
                f,
                "it was not confirmed in time: channel {} went back to {} as generation {}",
                head.channel,
                short(&head.digest),
                head.seq
            ),
            Refusal::NoWayBack { channel } => {
                write!(f, "channel {channel} has no such generation to go back to")
            }
            Refusal::NotOfChannel { channel, wanted } => {
                write!(
                    f,
                    "{} never was a generation of channel {channel}",
                    short(wanted)
                )
            }
            Refusal::NotFrom {
                channel,
                from,
                runs,
            } => match runs {
                Some(digest) => write!(
                    f,
                    "channel {channel} takes only what channel {from} runs, and that is {}",
                    short(digest)
                ),
                None => write!(
                    f,
                    "channel {channel} takes only what channel {from} runs, and that runs nothing"
                ),
            },
            Refusal::FromPending { channel, from } => write!(
                f,
                "channel {channel} takes only what channel {from} runs, and that is not confirmed yet"
            ),
            Refusal::Held(head) => {
                let hold = head.hold.as_ref();
                write!(
                    f,
                    "channel {} is held by {}: {}",
                    head.channel,
                    shown(hold.map_or("", |h| &h.author)),
                    shown(hold.map_or("", |h| &h.reason))
                )
            }
            Refusal::NotHeld { channel } => write!(f, "channel {channel} is not held"),
            Refusal::Gone { digest } => {
                write!(f, "artifact {} is not in the store", short(digest))
            }
        }
    }
}

/// What somebody wrote, on one line and without anything that a terminal obeys.
fn shown(text: &str) -> String {
    text.escape_debug().collect()
}
