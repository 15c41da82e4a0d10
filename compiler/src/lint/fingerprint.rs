//! What makes a finding the same finding in another build: its rule, the ids it is about, the field it stands in, and
//! the fact where a rule finds several things about the same ids. Lines, messages, rates and display names are not in it.

use std::borrow::Cow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use crate::finding::Finding;

/// Part of every fingerprint: another way to make them is another number.
pub const VERSION: &str = "weir.fingerprint/1";

/// Fills in the fingerprints of sorted findings. Findings that nothing tells apart are counted.
pub(super) fn sign(findings: &mut [Finding]) {
    let bases: Vec<String> = findings
        .par_iter()
        .map(|finding| digest(finding, 0))
        .collect();
    let mut seen: FxHashMap<String, u32> = FxHashMap::default();
    for (finding, base) in findings.iter_mut().zip(bases) {
        let count = seen.entry(base.clone()).or_default();
        finding.fingerprint = match *count {
            0 => base,
            n => digest(finding, n),
        };
        *count += 1;
    }
}

fn digest(finding: &Finding, count: u32) -> String {
    let mut subjects: Vec<(&str, &str)> = finding
        .subjects
        .iter()
        .map(|s| (s.kind.word(), &*s.id))
        .collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut hash = Sha256::new();
    // Every part with its length, so that no two lists of parts are one text.
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part(VERSION);
    part(finding.rule.code);
    part(&field(finding));
    part(&finding.fact);
    part(&count.to_string());
    for (kind, id) in subjects {
        part(kind);
        part(id);
    }
    let digest = hash.finalize();
    let mut text = String::with_capacity(32);
    for byte in &digest[..16] {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
        }
    }
    text
}

/// The field of the first place, without positions in lists: those move when a line is added.
pub fn field(finding: &Finding) -> Cow<'_, str> {
    let Some(first) = finding.places.first() else {
        return Cow::Borrowed("");
    };
    let route = first.place.route.as_ref();
    let numbered = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !route.split(['/', '.']).any(numbered) {
        return Cow::Borrowed(route);
    }
    let separator = if route.starts_with('/') { '/' } else { '.' };
    let parts: Vec<&str> = route
        .split(separator)
        .map(|part| if numbered(part) { "*" } else { part })
        .collect();
    Cow::Owned(parts.join(&separator.to_string()))
}
