//! Versions of the product beside each other: what an older one kept is read and goes on, and what a newer one wrote
//! is refused by its name, with what to do, and left as it is.
//!
//! `runtime/store/tests/data/kept-1` is a project and its store as version 0.1 left them. It is never written anew: a
//! change that breaks it breaks what operators have. A new format adds a directory beside it.

mod lab;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use lab::WEIR;
use sha2::{Digest as _, Sha256};
use weir_schemas::manifest::Manifest;

/// What the channel runs in what is kept, and ran before.
const RUNS: &str = "95ec886c8dda1adf7c1c9e495fb146e3f65cde3e1858b0705325f8c264c29fcd";
const BEFORE: &str = "49bd430df26b80511fd412a5c3c6deea9affb2b6b86cc80a5cf8f2159720197d";

/// A project as an older version left it.
struct Kept(tempfile::TempDir);

impl Kept {
    fn new() -> Kept {
        let dir = tempfile::tempdir().expect("a directory");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/store/tests/data/kept-1");
        copy(&from.join("project"), dir.path());
        copy(&from.join("store"), &dir.path().join(".weir/store"));
        // Its snapshot grows older every day, and how old is not what these tests ask: `tests/ages.rs` does.
        let settings = dir.path().join("weir.toml");
        let text = fs::read_to_string(&settings).expect("settings");
        fs::write(&settings, text + "\n[guard]\nmax_source_age = \"5000w\"\n").expect("written");
        Kept(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn artifact(&self, digest: &str) -> PathBuf {
        self.path(".weir/store/artifacts").join(digest)
    }

    fn weir(&self, args: &str) -> Output {
        std::process::Command::new(&*WEIR)
            .args(args.split_whitespace())
            .current_dir(self.0.path())
            .env_clear()
            .env("CRM_PASSWORD", "not used offline")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("weir runs")
    }

    /// What it said, on one line, after it ended with this code.
    #[track_caller]
    fn ends(&self, args: &str, code: i32) -> String {
        let output = self.weir(args);
        let said = lab::text(&output.stdout) + &lab::text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "weir {args}\n{said}");
        let words: Vec<&str> = said
            .split(|c: char| c.is_whitespace() || c == '│' || c == '|')
            .filter(|word| !word.is_empty())
            .collect();
        words.join(" ")
    }

    /// Another text in a file, which must be there.
    fn replace(&self, name: &str, from: &str, to: &str) {
        let path = self.path(name);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{name} does not say {from}");
        fs::write(path, text.replacen(from, to, 1)).expect("written");
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut open = vec![self.0.path().to_owned()];
        while let Some(at) = open.pop() {
            for entry in fs::read_dir(at).expect("listed") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.insert(path.clone(), fs::read(path).expect("read"));
                }
            }
        }
        files
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[test]
fn what_an_older_version_kept_is_read_and_goes_on() {
    let kept = Kept::new();
    let before: BTreeMap<PathBuf, Vec<u8>> = [RUNS, BEFORE]
        .iter()
        .flat_map(|digest| {
            kept.files()
                .into_iter()
                .filter(|(p, _)| p.starts_with(kept.artifact(digest)))
        })
        .collect();
    kept.ends("verify", 0);
    let status = kept.ends("status", 0);
    assert!(status.contains(&RUNS[..12]), "{status}");
    let log = kept.ends("log --format json", 0);
    assert_eq!(log.matches("\"outcome\"").count(), 4, "{log}");
    kept.ends(&format!("show {BEFORE}"), 0);
    kept.ends(&format!("diff {RUNS} {BEFORE}"), 0);
    // From the snapshot that the old lock names, after the old plan.
    kept.ends("check", 0);
    kept.ends("build", 0);
    assert!(
        kept.ends("publish", 0).contains("no change"),
        "the old state is read"
    );
    // The channel goes on where it was: a way back over the old history, and forward.
    kept.ends("rollback production", 0);
    assert!(kept.ends("status", 0).contains("generation 4"));
    kept.ends("resume production", 0);
    kept.ends("publish", 0);
    kept.ends(&format!("promote {RUNS} --to production"), 0);
    kept.ends("gc", 0);
    kept.ends("verify", 0);
    let after = kept.files();
    for (path, bytes) in before {
        if after.get(&path) == Some(&bytes) {
            continue;
        }
        // A build that a later version describes in other words (its limits, its own name): the payload stays, and what
        // it was described as stays beside it. The sum of the manifest is in its name there.
        let name = path.file_name().expect("a name");
        let builds = path.with_file_name("builds");
        let described = |kept: &[u8]| {
            let mut of = after.iter().filter(|(p, _)| p.starts_with(&builds));
            of.any(|(p, bytes)| p.file_name() == Some(name) && bytes == kept)
        };
        let kept_as = match name.to_str() {
            Some("manifest.json" | "findings.json" | "provenance.json") => described(&bytes),
            Some("manifest.sha256") => {
                let sum = lab::text(&bytes);
                let sum = sum.split_whitespace().next().expect("a sum");
                builds.join(sum).is_dir()
            }
            _ => false,
        };
        assert!(kept_as, "{} changed", path.display());
    }
}

/// Another machine: its zone, its language and its number of threads are in no byte of an artifact.
#[test]
fn no_place_on_earth_shows() {
    let kept = Kept::new();
    let build = |env: &[(&str, &str)], out: &str| {
        let output = std::process::Command::new(&*WEIR)
            .args(["build", "--as-of", "2026-11-30", "--out", out])
            .current_dir(kept.0.path())
            .env_clear()
            .envs(env.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("weir runs");
        assert!(output.status.success(), "{}", lab::text(&output.stderr));
        let dir = kept.path(out);
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(dir)
            .expect("an artifact")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path.file_name().expect("a name").to_string_lossy();
                (name.into_owned(), fs::read(&path).expect("read"))
            })
            .collect();
        files.sort();
        files
    };
    let want = build(&[], "here");
    assert!(want.len() >= 8, "{} files", want.len());
    let places: [(&str, &[(&str, &str)]); 4] = [
        (
            "east",
            &[("TZ", "Pacific/Kiritimati"), ("LC_ALL", "tr_TR.UTF-8")],
        ),
        ("west", &[("TZ", "Etc/GMT+12"), ("LANG", "ar_EG.UTF-8")]),
        ("one", &[("RAYON_NUM_THREADS", "1"), ("USER", "somebody")]),
        ("many", &[("RAYON_NUM_THREADS", "13"), ("HOME", "/nowhere")]),
    ];
    for (name, env) in places {
        let got = build(env, name);
        for ((file, want), (_, got)) in want.iter().zip(&got) {
            assert!(want == got, "{file} differs with {env:?}");
        }
        assert_eq!(want.len(), got.len());
    }
}

/// Each file of a newer version, each command that reads it, the code, and how the two versions are named.
#[test]
fn what_a_newer_version_wrote_is_refused_by_name_and_left_as_it_is() {
    const HEAD: &str = ".weir/store/heads/production.json";
    let promote = format!("promote {BEFORE} --to production");
    let verify = format!("verify {BEFORE}");
    let manifest = format!(".weir/store/artifacts/{BEFORE}/manifest.json");
    let snapshot = "52cce3ba68b9ddc4c67743d0896b6c0a2c4996c0ea8e29ef82006df696768379";
    let export = format!(".weir/store/snapshots/{snapshot}/export.json");
    type Row<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, i32)], &'a str);
    let rows: &[Row<'_>] = &[
        (
            HEAD,
            "weir.head/1",
            "weir.head/2",
            &[
                ("status", 1),
                ("verify", 6),
                (&promote, 1),
                ("rollback production", 1),
                ("build", 1),
                ("publish", 1),
            ],
            "this is weir.head/2, and this Weir reads weir.head/1: use the Weir that wrote it, or a newer one",
        ),
        (
            &manifest,
            "weir.manifest/1",
            "weir.manifest/2",
            &[(&verify, 6), (&promote, 4)],
            "this is weir.manifest/2, and this Weir reads weir.manifest/1: use the Weir that wrote it, or a newer one",
        ),
        (
            "weir.lock",
            "version = 1",
            "version = 2",
            &[("check", 2), ("build", 2)],
            "weir.lock has version 2, and this Weir reads 1: use the Weir that wrote it, or a newer one",
        ),
        (
            &export,
            "weir.export/1",
            "weir.export/2",
            &[("check", 5), ("build", 5)],
            "this is weir.export/2, and this Weir reads weir.export/1: use the Weir that wrote it, or a newer one",
        ),
        (
            "export/inventory.json",
            "weir.inventory/1",
            "weir.inventory/2",
            &[("check", 5), ("build", 5)],
            "`weir.inventory/2`, and only `weir.inventory/1` can be read",
        ),
    ];
    for (file, old, new, commands, words) in rows {
        let kept = Kept::new();
        kept.replace(file, old, new);
        let before = kept.files();
        for (command, code) in *commands {
            let said = kept.ends(command, *code);
            assert!(said.contains(words), "weir {command} with {new}: {said}");
        }
        // What was refused may be written down; all else is as it was.
        for (path, bytes) in before {
            if !path.ends_with("journal/production.log") {
                let now = fs::read(&path).expect("still there");
                assert!(now == bytes, "{} was changed", path.display());
            }
        }
    }
}

/// An entry that a newer version added is no damage, and says what it is; nothing is removed on what is left.
#[test]
fn an_entry_of_a_newer_version_is_named_in_the_journal() {
    let kept = Kept::new();
    let path = kept.path(".weir/store/journal/production.log");
    let mut journal = fs::read_to_string(&path).expect("a journal");
    let last = journal.lines().last().expect("an entry").to_owned();
    let (sum, json) = last.split_once(' ').expect("a checksum");
    let newer = json.replacen("weir.journal/1", "weir.journal/2", 1);
    let sum = sha256(format!("{sum} {newer}").as_bytes());
    journal.push_str(&format!("{sum} {newer}\n"));
    fs::write(&path, &journal).expect("written");
    let words = "line 5 is weir.journal/2, and this Weir reads weir.journal/1: use the Weir that wrote it, or a newer one";
    for (command, code) in [("log", 6), ("verify", 6), ("gc", 1)] {
        let said = kept.ends(command, code);
        assert!(said.contains(words), "weir {command}: {said}");
    }
    // Traffic goes on: the head is what counts.
    kept.ends("status", 0);
    kept.ends(&format!("promote {BEFORE} --to production"), 0);
    kept.ends("rollback production", 0);
    // And the newer version finds its entry where it was.
    let after = fs::read_to_string(&path).expect("a journal");
    assert!(after.starts_with(&journal), "{after}");
}

/// A whole artifact of a newer version, with every digest right: what is in it decides, file by file.
#[test]
fn an_artifact_of_a_newer_version_is_not_promoted_compared_or_followed() {
    for (file, old, new) in [
        ("queue-plan.json", "weir.queue-plan/1", "weir.queue-plan/2"),
        ("tree.json", "weir.tree/1", "weir.tree/2"),
    ] {
        let kept = Kept::new();
        let digest = newer(&kept, file, old, new);
        let words = format!(
            "this is {new}, and this Weir reads {old}: use the Weir that wrote it, or a newer one"
        );
        let commands = [
            (format!("diff {RUNS} {digest}"), 1),
            (format!("build --previous {digest}"), 2),
        ];
        for (command, code) in commands {
            let said = kept.ends(&command, code);
            assert!(said.contains(&words), "weir {command}: {said}");
        }
        let promote = kept.weir(&format!("promote {digest} --to production"));
        let said = lab::text(&promote.stderr);
        assert_ne!(promote.status.code(), Some(0), "{said}");
        assert!(said.contains(new), "{said}");
        assert!(kept.ends("status", 0).contains(&RUNS[..12]));
    }
}

/// Writes an artifact whose file is of a newer format, as the newer version would have; gives its digest.
fn newer(kept: &Kept, file: &str, old: &str, new: &str) -> String {
    let from = kept.artifact(BEFORE);
    let text = fs::read_to_string(from.join(file)).expect("a file");
    let text = text.replacen(old, new, 1);
    assert!(text.contains(new), "{file} is {old}");
    let bytes = fs::read(from.join("manifest.json")).expect("a manifest");
    let mut manifest: Manifest<'_> = weir_schemas::read(&bytes).expect("a manifest");
    for listed in manifest.payload.iter_mut().filter(|f| f.name == file) {
        listed.sha256 = sha256(text.as_bytes()).into();
        listed.bytes = text.len() as u64;
        listed.schema = new.into();
    }
    let digest = sha256(manifest.payload_text().as_bytes());
    manifest.digest = digest.clone().into();
    let to = kept.artifact(&digest);
    copy(&from, &to);
    fs::write(to.join(file), text).expect("written");
    let mut text = serde_json::to_string_pretty(&manifest).expect("JSON");
    text.push('\n');
    fs::write(
        to.join("manifest.sha256"),
        format!("{}  manifest.json\n", sha256(text.as_bytes())),
    )
    .expect("written");
    fs::write(to.join("manifest.json"), text).expect("written");
    digest
}
