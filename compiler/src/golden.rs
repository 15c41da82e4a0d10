//! Golden files: what a project is expected to shape, kept beside it in version control, against what it shapes now.
//!
//! The files are those of the payload, byte for byte: they hold everything that reaches a shaper and nothing that
//! changes by itself (no version, time, finding or input), with one subscriber or node a line. The address table, which
//! nobody can review as it is, is kept as a listing that starts with its digest ([`table`]). It knows published files
//! only, and not where they are kept.

pub mod table;

use std::borrow::Cow;

use weir_schemas::artifact::{self, payload_text};
use weir_schemas::diff::Diff;

use crate::diff::{Artifact, Files, Unreadable, diff};
use crate::emit::{ArtifactSet, sha256};

/// Directory of a project.
pub const DIR: &str = "golden";
/// Below it, with the files of an artifact whose numbers the build keeps.
pub const PREVIOUS: &str = "previous";

/// The files, sorted by name: the payload.
pub fn files() -> impl Iterator<Item = &'static str> {
    payload().map(|f| kept_as(f.name))
}

fn payload() -> impl Iterator<Item = &'static artifact::ArtifactFile> {
    let payload = |f: &&artifact::ArtifactFile| f.part == artifact::Part::Payload;
    artifact::FILES.iter().filter(payload)
}

/// The name under which a file of an artifact is kept.
fn kept_as(name: &'static str) -> &'static str {
    match name {
        artifact::CLASSIFIER => table::NAME,
        name => name,
    }
}

/// What is kept of an artifact: name and bytes, sorted by name.
pub fn of(set: &ArtifactSet) -> Vec<(&'static str, Cow<'_, [u8]>)> {
    payload()
        .map(|f| {
            let bytes = set.file(f.name).unwrap_or_default();
            let bytes = match f.name {
                artifact::CLASSIFIER => {
                    let tree = set.file(artifact::TREE).unwrap_or_default();
                    Cow::Owned(table::listing(bytes, tree).into_bytes())
                }
                _ => Cow::Borrowed(bytes),
            };
            (kept_as(f.name), bytes)
        })
        .collect()
}

/// The golden files as they are; `None` for one that is not there.
pub type Kept = Vec<(&'static str, Option<Vec<u8>>)>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    Equal,
    Missing,
    Differs {
        /// The first line that does, from 1, as it is kept and as it is built; empty where the file is over.
        line: usize,
        kept: String,
        built: String,
    },
    /// The same lines with other ends.
    LineEnds,
}

pub struct Comparison {
    pub files: Vec<(&'static str, State)>,
    /// What the difference means for subscribers; why that cannot be told.
    pub diff: Result<Diff, Unreadable>,
}

impl Comparison {
    pub fn is_equal(&self) -> bool {
        self.files.iter().all(|(_, state)| *state == State::Equal)
    }
}

/// Compares what is kept with what was built.
pub fn compare(kept: &Kept, built: &ArtifactSet) -> Comparison {
    let old = |name: &str| {
        let found = kept.iter().find(|(n, _)| *n == name);
        found.and_then(|(_, bytes)| bytes.as_deref())
    };
    let built = of(built);
    let new = |name: &str| {
        let found = built.iter().find(|(n, _)| *n == name);
        found.map(|(_, bytes)| bytes.as_ref())
    };
    let files = files()
        .map(|name| (name, state(old(name), new(name).unwrap_or_default())))
        .collect();
    let (before, after) = (bytes(old), bytes(new));
    let both = read(&before, old).and_then(|old| Ok((old, read(&after, new)?)));
    Comparison {
        files,
        diff: both.map(|(old, new)| diff(&old, &new)),
    }
}

fn bytes<'b>(file: impl Fn(&str) -> Option<&'b [u8]>) -> Files {
    // A manifest would bring its own digest, and the golden files have none.
    Files::of(|name| match name {
        artifact::MANIFEST => None,
        name => file(name).map(<[u8]>::to_vec),
    })
}

fn read<'f, 'b>(
    files: &'f Files,
    file: impl Fn(&str) -> Option<&'b [u8]>,
) -> Result<Artifact<'f>, Unreadable> {
    let mut read = files.artifact()?;
    let listed: Vec<(&str, &str, String)> = self::payload()
        .filter_map(|f| {
            let bytes = file(kept_as(f.name))?;
            let digest = match f.name {
                artifact::CLASSIFIER => table::digest(bytes)?,
                _ => sha256(bytes),
            };
            Some((f.name, f.schema, digest))
        })
        .collect();
    let listed = listed.iter().map(|(n, s, d)| (*n, *s, d.as_str()));
    let target = read.plan.target.name.as_deref();
    read.digest = sha256(payload_text(listed, target, read.tree.strategy).as_bytes());
    Ok(read)
}

fn state(kept: Option<&[u8]>, built: &[u8]) -> State {
    let Some(kept) = kept else {
        return State::Missing;
    };
    if kept == built {
        return State::Equal;
    }
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().map(str::to_owned).collect()
    };
    let (kept, built) = (lines(kept), lines(built));
    if kept == built {
        return State::LineEnds;
    }
    let at = kept.iter().zip(&built).take_while(|(a, b)| a == b).count();
    let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
    State::Differs {
        line: at + 1,
        kept: line(&kept),
        built: line(&built),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Memory;

    const INVENTORY: &str = r#"{ "schema": "weir.inventory/1",
  "nodes": [ { "id": "a1", "name": "Hill", "kind": "ap", "gateway": true, "kbps": [500000, 500000] } ],
  "circuits": [ { "id": "c1", "name": "Jo", "attach": "a1", "plan_kbps": [100000, 20000],
                  "devices": [ { "id": "d1", "ips": ["100.64.0.2"] } ] } ] }"#;

    fn build(inventory: &str) -> ArtifactSet {
        let files = [("inventory.json", inventory.as_bytes())];
        let memory = Memory::new("inventory", &files, "[topology]\nwan_mbps = 1000\n");
        memory.expect("a project").compile(None).artifacts
    }

    fn keep(set: &ArtifactSet) -> Kept {
        let kept = of(set).into_iter();
        kept.map(|(name, bytes)| (name, Some(bytes.into_owned())))
            .collect()
    }

    #[test]
    fn what_is_kept_is_what_names_the_artifact() {
        let set = build(INVENTORY);
        let same = compare(&keep(&set), &set);
        assert!(same.is_equal());
        let diff = same.diff.expect("it reads");
        assert_eq!(
            (&diff.from.digest, &diff.to.digest),
            (&set.digest, &set.digest)
        );
        assert_eq!(diff.counts.total(), 0);
    }

    #[test]
    fn a_difference_is_told_by_file_and_by_subscriber() {
        let old = build(INVENTORY);
        let new = build(&INVENTORY.replace("100000, 20000", "50000, 20000"));
        let found = compare(&keep(&old), &new);
        assert!(!found.is_equal());
        let (_, csv) = &found.files[0];
        let State::Differs {
            line: 2,
            kept,
            built,
        } = csv
        else {
            panic!("{csv:?}");
        };
        assert!(kept.contains(",100,20,") && built.contains(",50,20,"));
        assert_eq!(found.diff.expect("it reads").counts.rerated, 1);
    }

    /// What no subscriber feels is a difference all the same.
    #[test]
    fn every_byte_counts_and_line_ends_are_named() {
        let set = build(INVENTORY);
        for (at, name) in files().enumerate() {
            let mut kept = keep(&set);
            let text = String::from_utf8(kept[at].1.take().expect("bytes")).expect("UTF-8");
            kept[at].1 = Some(text.replace('\n', "\r\n").into_bytes());
            let found = compare(&kept, &set);
            assert_eq!(found.files[at], (name, State::LineEnds));
            assert!(!found.is_equal());
            kept[at].1 = Some(format!("{text}\n{{}}").into_bytes());
            let found = compare(&kept, &set);
            assert!(matches!(found.files[at].1, State::Differs { .. }), "{name}");
            kept[at].1 = None;
            let found = compare(&kept, &set);
            assert_eq!(found.files[at], (name, State::Missing));
            assert!(!found.is_equal());
        }
    }
}
