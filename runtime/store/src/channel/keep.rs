//! Which artifacts may go. Everything that is not certainly useless stays.
//!
//! It does not know how artifacts are removed.

use std::collections::BTreeSet;

use weir_schemas::head::Head;

use super::journal::Journal;
use super::{ChannelError, Channels, Stored};
use crate::StoreError;

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

impl Channels<'_> {
    /// Removes artifacts that nobody needs, and gives their digests. A channel that cannot be read stops it: what
    /// cannot be read cannot be known to be useless.
    pub fn collect(&self, keep: usize, dry_run: bool) -> Result<Vec<String>, ChannelError> {
        self.collected(keep, usize::MAX, dry_run)
    }

    /// The same, but no more than `most` at once: the oldest of them.
    pub fn collect_some(&self, keep: usize, most: usize) -> Result<Vec<String>, ChannelError> {
        self.collected(keep, most, false)
    }

    fn collected(
        &self,
        keep: usize,
        most: usize,
        dry_run: bool,
    ) -> Result<Vec<String>, ChannelError> {
        let mut chosen = Vec::new();
        let mut stopped = None;
        let mut choose = |stored: &[Stored]| {
            let mut channels = Vec::new();
            let mut names = self.backend.channels()?;
            names.extend(self.backend.journals()?);
            names.sort_unstable();
            names.dedup();
            for channel in names {
                let known = match self.head(&channel) {
                    Ok(Some(known)) => known,
                    Ok(None) => continue,
                    Err(error) => {
                        stopped = Some(error);
                        return Ok(Vec::new());
                    }
                };
                let journal = self.journal(&channel)?;
                if journal.is_damaged() {
                    stopped = Some(ChannelError::Store(StoreError::DamagedJournal {
                        channel,
                        fault: journal.faults[0].to_string(),
                    }));
                    return Ok(Vec::new());
                }
                channels.push((known.head, journal));
            }
            chosen = collectable(stored, &channels, keep);
            // The newest come first.
            chosen.drain(..chosen.len().saturating_sub(most));
            Ok(if dry_run { Vec::new() } else { chosen.clone() })
        };
        let removed = self.backend.collect(&mut choose)?;
        if let Some(error) = stopped {
            return Err(error);
        }
        Ok(if dry_run { chosen } else { removed })
    }
}
