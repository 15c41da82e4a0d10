//! A flipped bit anywhere is found, and its file is named: in every file of a stored artifact, in a head, in a journal
//! and in a snapshot.
//!
//! The store is one that an earlier version wrote (`tests/data/kept-1`). Some of the bytes here; `WEIR_DRILL=1` for
//! each of them. `WEIR_FLIP_STORE` names another store, of which `WEIR_FLIPS` random bytes are tried.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use weir_store::channel::{Channels, SystemClock};
use weir_store::{Artifact, Store};

/// A prime, so that it meets every column of every table in some file.
const STRIDE: usize = 61;

fn stride() -> usize {
    match std::env::var_os("WEIR_DRILL") {
        Some(_) => 1,
        None => STRIDE,
    }
}

/// How much was tried, for a drill that adds it up.
fn figure(what: &str, n: usize) {
    if let Some(path) = std::env::var_os("WEIR_FIGURES") {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut f| writeln!(f, "{what} {n}"))
            .expect("the file of figures is written");
    }
}

/// A copy of the store that is kept, to break.
fn kept() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kept-1/store");
    copy(&from, dir.path());
    let store = Store::open(dir.path()).expect("a store");
    (dir, store)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir_all(&to).expect("made");
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("listed");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Flips a bit of so many bytes of a file, one after the other, and asks each time what is said about it; `None` is
/// that nobody noticed. Which bit goes round with the bytes.
fn flip(path: &Path, at: impl Iterator<Item = usize>, said: impl Fn() -> Option<String>) -> usize {
    let good = fs::read(path).expect("read");
    assert!(said().is_none(), "{}: {:?}", path.display(), said());
    // A sum that was flipped is told as the file that it is of.
    let name = path.file_stem().expect("a name").to_string_lossy();
    let mut tried = 0;
    for at in at.take_while(|at| *at < good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at / stride() % 8);
        fs::write(path, &bad).expect("written");
        let what = format!("{}, byte {at}", path.display());
        let said = said().unwrap_or_else(|| panic!("{what}: nobody noticed"));
        assert!(said.contains(name.as_ref()), "{what}: {said}");
        tried += 1;
    }
    fs::write(path, &good).expect("written");
    tried
}

fn damage(artifact: &Artifact) -> Option<String> {
    let damage = artifact.verify().expect("read");
    let said: Vec<String> = damage.iter().map(ToString::to_string).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

#[test]
fn in_an_artifact() {
    let (_dir, store) = kept();
    let mut tried = 0;
    for digest in store.list().expect("a list") {
        let artifact = store.get(&digest).expect("found");
        for path in files(artifact.path()) {
            tried += flip(&path, (0..).step_by(stride()), || damage(&artifact));
        }
    }
    figure("flipped bytes", tried);
    assert!(tried > 500, "{tried}");
}

#[test]
fn in_a_head() {
    let (dir, store) = kept();
    let path = dir.path().join("heads/production.json");
    let channels = Channels {
        backend: &store,
        author: "drill".to_owned(),
        sign: None,
        clock: &SystemClock,
    };
    let tried = flip(&path, 0.., || {
        let error = channels.head("production").err()?.to_string();
        // The file is named after the channel.
        error
            .contains("the head of channel production cannot be trusted")
            .then(|| format!("production.json: {error}"))
    });
    figure("flipped bytes", tried);
    assert!(tried > 500, "{tried}");
}

#[test]
fn in_a_journal() {
    let (dir, store) = kept();
    let path = dir.path().join("journal/production.log");
    let channels = Channels {
        backend: &store,
        author: "drill".to_owned(),
        sign: None,
        clock: &SystemClock,
    };
    let lines = channels.journal("production").expect("read").entries.len();
    let length = fs::read(&path).expect("read").len();
    let tried = flip(&path, (0..).step_by(stride()), || {
        let journal = channels.journal("production").expect("read");
        let fault = journal.faults.first()?;
        // Only the end of the last line can be lost unnoticed but for the line: the next writer brings it back.
        assert!(
            journal.is_damaged() || journal.whole < length && journal.entries.len() + 1 == lines
        );
        Some(format!("production.log: {fault}"))
    });
    figure("flipped bytes", tried);
    assert!(tried > 50, "{tried}");
}

#[test]
fn in_a_snapshot() {
    let (_dir, store) = kept();
    let mut tried = 0;
    for snapshot in store.snapshots().expect("a list") {
        for path in files(snapshot.path()) {
            // It also says when and how long, which nothing is built from.
            if path.ends_with("export.json") {
                continue;
            }
            tried += flip(&path, (0..).step_by(stride()), || {
                snapshot.verify().err().map(|e| e.to_string())
            });
        }
    }
    figure("flipped bytes", tried);
    assert!(tried > 10, "{tried}");
}

/// Of a large artifact, as many as are asked for.
#[test]
fn at_random_in_a_large_artifact() {
    let Some(root) = std::env::var_os("WEIR_FLIP_STORE") else {
        return;
    };
    let flips: usize = std::env::var("WEIR_FLIPS")
        .ok()
        .and_then(|n| n.parse().ok())
        .expect("WEIR_FLIPS is how many bytes to flip");
    let store = Store::open(PathBuf::from(root)).expect("a store");
    let mut tried = 0;
    for digest in store.list().expect("a list") {
        let artifact = store.get(&digest).expect("found");
        let files = files(artifact.path());
        let sizes: Vec<u64> = files
            .iter()
            .map(|path| fs::metadata(path).expect("there").len())
            .collect();
        let all: u64 = sizes.iter().sum();
        let mut state = 1u64;
        for _ in 0..flips {
            // A byte of all of them, so that the larger file is met more often.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mut at = (state >> 11) % all;
            let mut file = 0;
            while at >= sizes[file] {
                at -= sizes[file];
                file += 1;
            }
            tried += flip_once(&files[file], at as usize, &artifact);
        }
    }
    figure("flipped bytes of a large artifact", tried);
    assert!(tried >= flips, "{tried}");
}

/// In place, for files that are too large to be written anew each time.
fn flip_once(path: &Path, at: usize, artifact: &Artifact) -> usize {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).expect("read");
    file.write_all_at(&[byte[0] ^ (1 << (at % 8))], at as u64)
        .expect("written");
    let what = format!("{}, byte {at}", path.display());
    let said = damage(artifact).unwrap_or_else(|| panic!("{what}: nobody noticed"));
    let name = path.file_stem().expect("a name").to_string_lossy();
    assert!(said.contains(name.as_ref()), "{what}: {said}");
    file.write_all_at(&byte, at as u64).expect("written");
    1
}
