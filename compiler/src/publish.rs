//! Publishing to LibreQoS: what may be done with the two files that are in its directory already. A file that is
//! neither the one that was published last nor the one that is wanted was edited, and is never lost.
//!
//! Two renames are not one, so the state names what is being written before the first of them: after a crash in
//! between, both kinds of files are known as ours. This decides only; nothing here touches a disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_schemas::artifact;

use crate::config::project::Overwrite;

/// The files, in the order in which they become visible: LibreQoS looks for parents in the first.
pub const FILES: [&str; 2] = [artifact::NETWORK, artifact::SHAPED_DEVICES];

/// Beside them: what was published last.
pub const STATE_FILE: &str = ".weir-published.json";
const SCHEMA: &str = "weir.published/1";

/// What was published last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    schema: String,
    #[serde(flatten)]
    pub pair: Pair,
    /// What was about to replace it; nothing, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writing: Option<Pair>,
}

/// The two files of an artifact.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Pair {
    /// Payload digest.
    pub artifact: String,
    /// SHA-256 by file.
    pub files: BTreeMap<String, String>,
}

impl State {
    /// It is all there.
    pub fn done(pair: Pair) -> State {
        State {
            schema: SCHEMA.to_owned(),
            pair,
            writing: None,
        }
    }

    /// `next` is about to replace what was there.
    pub fn writing(before: Option<State>, next: Pair) -> State {
        State {
            writing: Some(next),
            ..before.unwrap_or_else(|| State::done(Pair::default()))
        }
    }

    /// `None` for what is no state of this version: then nothing is known to be ours.
    pub fn read(bytes: &[u8]) -> Option<State> {
        let state: State = serde_json::from_slice(bytes).ok()?;
        (state.schema == SCHEMA).then_some(state)
    }
}

/// What a file in the directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Was {
    Absent,
    /// As it was published.
    Published,
    /// As it is to be.
    Wanted,
    /// Somebody else wrote it.
    Edited,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Everything is as it is to be.
    Nothing,
    /// The files are; what is known of them is not.
    Record,
    Replace,
    /// The mode forbids it.
    Refuse,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// In the order of [`FILES`].
    pub was: [Was; 2],
    pub action: Action,
    /// An interrupted run left one file of each: this one repairs it.
    pub repairs: bool,
}

/// `there`: SHA-256 of the files that are there, in the order of [`FILES`].
pub fn decide(
    state: Option<&State>,
    there: &[Option<String>; 2],
    wanted: &Pair,
    mode: Overwrite,
) -> Decision {
    let writing = state.and_then(|s| s.writing.as_ref());
    let is = |pair: &Pair, at: usize| {
        there[at].is_some() && pair.files.get(FILES[at]) == there[at].as_ref()
    };
    let was = [0, 1].map(|at| {
        let ours = |pair: Option<&Pair>| pair.is_some_and(|pair| is(pair, at));
        match &there[at] {
            None => Was::Absent,
            Some(_) if is(wanted, at) => Was::Wanted,
            Some(_) if ours(state.map(|s| &s.pair)) || ours(writing) => Was::Published,
            Some(_) => Was::Edited,
        }
    });
    let known = state.is_some_and(|s| s.writing.is_none() && s.pair == *wanted);
    let whole = |pair: &Pair| is(pair, 0) && is(pair, 1);
    let repairs =
        writing.is_some_and(|pair| !whole(pair) && !state.is_some_and(|state| whole(&state.pair)));
    let edited = was.contains(&Was::Edited);
    let forbidden = match mode {
        Overwrite::Always => false,
        Overwrite::WhenUnedited => edited,
        // What an interrupted run left is nothing to keep.
        Overwrite::Never => edited || (was.contains(&Was::Published) && !repairs),
    };
    Decision {
        action: match was == [Was::Wanted; 2] {
            true if known => Action::Nothing,
            true => Action::Record,
            false if forbidden => Action::Refuse,
            false => Action::Replace,
        },
        was,
        repairs,
    }
}

/// What an edited file is kept as.
pub fn edited_name(name: &str, digest: &str) -> String {
    format!("{name}.edited-{}", digest.get(..8).unwrap_or(digest))
}

/// What the file before this one is kept as.
pub fn previous_name(name: &str) -> String {
    format!("{name}.previous")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(word: &str) -> Pair {
        let file = |name: &str| (name.to_owned(), word.to_owned());
        Pair {
            artifact: word.to_owned(),
            files: FILES.map(file).into_iter().collect(),
        }
    }

    fn there(network: &str, devices: &str) -> [Option<String>; 2] {
        [network, devices].map(|word| (!word.is_empty()).then(|| word.to_owned()))
    }

    #[test]
    fn every_mode_decides_for_every_pair() {
        use Action::{Nothing, Record, Refuse, Replace};
        let published = State::done(pair("old"));
        let halfway = State::writing(Some(published.clone()), pair("mid"));
        let current = State::done(pair("new"));
        for (state, network, devices, want) in [
            (None, "", "", [Replace; 3]),
            (None, "theirs", "theirs", [Replace, Refuse, Refuse]),
            (None, "new", "new", [Record; 3]),
            (Some(&published), "old", "old", [Replace, Replace, Refuse]),
            (Some(&published), "old", "mine", [Replace, Refuse, Refuse]),
            (Some(&published), "mine", "old", [Replace, Refuse, Refuse]),
            (Some(&published), "", "", [Replace; 3]),
            (Some(&published), "new", "mine", [Replace, Refuse, Refuse]),
            (Some(&current), "new", "new", [Nothing; 3]),
            (Some(&current), "new", "", [Replace; 3]),
            // Stopped before, between and after the two renames.
            (Some(&halfway), "old", "old", [Replace, Replace, Refuse]),
            (Some(&halfway), "mid", "old", [Replace; 3]),
            (Some(&halfway), "mid", "", [Replace; 3]),
            (Some(&halfway), "mid", "mid", [Replace, Replace, Refuse]),
            (Some(&halfway), "new", "new", [Record; 3]),
            (Some(&halfway), "mid", "mine", [Replace, Refuse, Refuse]),
        ] {
            let modes = [Overwrite::Always, Overwrite::WhenUnedited, Overwrite::Never];
            let got = modes
                .map(|mode| decide(state, &there(network, devices), &pair("new"), mode).action);
            assert_eq!(got, want, "{state:?} {network} {devices}");
        }
    }

    #[test]
    fn only_a_mixed_pair_is_repaired() {
        let halfway = State::writing(Some(State::done(pair("old"))), pair("mid"));
        for (network, devices, repairs) in [
            ("old", "old", false),
            ("mid", "old", true),
            ("mid", "mid", false),
        ] {
            let found = decide(
                Some(&halfway),
                &there(network, devices),
                &pair("new"),
                Overwrite::Always,
            );
            assert_eq!(found.repairs, repairs, "{network} {devices}");
        }
    }

    #[test]
    fn a_state_reads_as_it_was_written_and_nothing_else_does() {
        for state in [
            State::done(pair("a")),
            State::writing(None, pair("b")),
            State::writing(Some(State::done(pair("a"))), pair("b")),
        ] {
            let bytes = serde_json::to_vec(&state).expect("JSON");
            assert_eq!(State::read(&bytes), Some(state));
        }
        for bytes in [
            &b""[..],
            b"{}",
            br#"{"schema":"weir.published/2","artifact":"a","files":{}}"#,
        ] {
            assert_eq!(State::read(bytes), None);
        }
    }
}
