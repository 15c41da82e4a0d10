//! Which artifacts may go. Everything that is not certainly useless stays.
//!
//! It does not know how artifacts are removed.

use std::collections::BTreeSet;

use weir_schemas::head::Head;

use super::Stored;
use super::journal::Journal;

/// Generations of each channel, and newest artifacts of the store, that are always kept.
pub const KEPT: usize = 50;

/// The digests that may go: neither pinned, nor among the newest `keep` of the store, nor what a channel runs, ran
/// before, waits for or may return to, nor among the last `keep` artifacts of a channel.
pub(super) fn collectable(
    stored: &[Stored],
    channels: &[(Head, Journal)],
    keep: usize,
) -> Vec<String> {
    let keep = keep.max(KEPT);
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    for (head, journal) in channels {
        needed.insert(&head.digest);
        needed.extend(head.parent.as_ref().map(|parent| parent.digest.as_str()));
        let heads = journal.entries.iter().rev().filter_map(|e| e.head.as_ref());
        let mut recent: BTreeSet<&str> = BTreeSet::new();
        for head in heads {
            if recent.len() < keep || recent.contains(head.digest.as_str()) {
                recent.insert(&head.digest);
            }
        }
        needed.extend(recent);
    }
    let mut newest: Vec<&Stored> = stored.iter().collect();
    newest.sort_by(|a, b| (b.stored, &b.digest).cmp(&(a.stored, &a.digest)));
    newest
        .into_iter()
        .skip(keep)
        .filter(|s| !s.pinned && !needed.contains(s.digest.as_str()))
        .map(|s| s.digest.clone())
        .collect()
}
