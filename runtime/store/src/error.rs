//! What can go wrong with a store, and what to do about it.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use crate::artifact::Damage;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The outside world.
    #[error("cannot {action} {}: {cause}{}", .path.display(), hint(.cause))]
    Io {
        action: &'static str,
        path: PathBuf,
        cause: Error,
    },
    #[error(
        "{reference} is not the digest of an artifact: at least 4 of its 64 hexadecimal digits are needed"
    )]
    BadReference { reference: String },
    #[error(
        "no artifact {reference} in {}: build it, or name another store with `store.url` in weir.toml",
        .store.display()
    )]
    NotFound { reference: String, store: PathBuf },
    #[error("{reference} is the beginning of several digests, write more digits: {}", .candidates.join(", "))]
    Ambiguous {
        reference: String,
        candidates: Vec<String>,
    },
    /// What was given is not an artifact; nothing was written.
    #[error(
        "these files are not an artifact: {what}; nothing was stored, and this is a defect of the program"
    )]
    NotAnArtifact { what: String },
    #[error(
        "the head of channel {channel} cannot be trusted: {reason}; `weir log {channel}` says what it ran, and \
         restoring the file from a copy of the store puts it right"
    )]
    DamagedHead { channel: String, reason: String },
    /// There is no head, and there was one.
    #[error(
        "the head of channel {channel} is gone: its journal says that generation {seq}, {digest}, runs there; \
         `weir log {channel}` says what it ran, and restoring the file from a copy of the store puts it right"
    )]
    LostHead {
        channel: String,
        seq: u64,
        digest: String,
    },
    #[error(
        "the journal of channel {channel} is damaged ({fault}): what it no longer says may still be needed, so \
         nothing is removed"
    )]
    DamagedJournal { channel: String, fault: String },
    #[error("the release cannot be signed: {0}; nothing was changed")]
    Unsigned(String),
    /// What happened, in a line that stands alone.
    #[error("{0}")]
    Unknown(String),
    /// What is there is not what was stored.
    #[error(
        "the artifact in {} was changed after it was stored: {damage}; move this directory away and build again",
        .path.display()
    )]
    Damaged { path: PathBuf, damage: Damage },
}

fn hint(cause: &Error) -> &'static str {
    match cause.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; give this user the right to write there, or name another store with `store.url` in weir.toml"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; nothing was changed: make room and do it again"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "; a file stands where a directory of the store belongs: move it away"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_do() {
        for (kind, want) in [
            (ErrorKind::PermissionDenied, "give this user the right"),
            (ErrorKind::ReadOnlyFilesystem, "name another store"),
            (ErrorKind::StorageFull, "make room"),
            (ErrorKind::NotADirectory, "move it away"),
        ] {
            let text = StoreError::Io {
                action: "write",
                path: "store/tmp".into(),
                cause: kind.into(),
            }
            .to_string();
            assert!(text.starts_with("cannot write store/tmp: "), "{text}");
            assert!(text.contains(want), "{text}");
        }
    }
}
