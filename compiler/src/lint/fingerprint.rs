//! What makes a finding the same finding in another build: its rule, the ids it is about, the field it stands in, and
//! the fact where a rule finds several things about the same ids. Lines, messages, rates and display names are not in it.

use std::borrow::Cow;

use rayon::prelude::*;
use rustc_hash::{FxBuildHasher, FxHashMap};
use sha2::{Digest, Sha256};

use crate::finding::Finding;

/// Part of every fingerprint: another way to make them is another number.
pub const VERSION: &str = "weir.fingerprint/1";

/// Bytes of the digest that are kept: two digits each.
const BYTES: usize = 16;

/// Fills in the fingerprints of sorted findings. Findings that nothing tells apart are counted.
pub(super) fn sign(findings: &mut [Finding]) {
    let mut digests: Vec<[u8; BYTES]> = findings
        .par_iter()
        .map(|finding| digest(finding, 0))
        .collect();
    let mut seen: FxHashMap<[u8; BYTES], u32> =
        FxHashMap::with_capacity_and_hasher(digests.len(), FxBuildHasher);
    for (finding, digested) in findings.iter().zip(&mut digests) {
        let count = seen.entry(*digested).or_default();
        if *count > 0 {
            *digested = digest(finding, *count);
        }
        *count += 1;
    }
    findings
        .par_iter_mut()
        .zip(&digests)
        .for_each(|(finding, digest)| finding.fingerprint = hex(digest));
}

fn digest(finding: &Finding, count: u32) -> [u8; BYTES] {
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
    match count {
        0 => part("0"),
        n => part(&n.to_string()),
    }
    let mut subjects: Vec<(&str, &str)> = finding
        .subjects
        .iter()
        .map(|s| (s.kind.word(), &*s.id))
        .collect();
    subjects.sort_unstable();
    subjects.dedup();
    for (kind, id) in subjects {
        part(kind);
        part(id);
    }
    let mut kept = [0; BYTES];
    kept.copy_from_slice(&hash.finalize()[..BYTES]);
    kept
}

fn hex(digest: &[u8; BYTES]) -> String {
    let mut text = String::with_capacity(2 * BYTES);
    for byte in digest {
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
