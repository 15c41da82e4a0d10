//! The store from outside: what is put can be found, proved, and survives what processes do to each other.

mod conformance;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use conformance::Built;
use tempfile::TempDir;
use weir_schemas::artifact;
use weir_store::{ArtifactFiles, Damage, Fault, Outcome, Put, Store, StoreError};

impl Built {
    fn put(&self, store: &Store) -> Result<Put, StoreError> {
        store.put_artifact(&self.as_files())
    }
}

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path().join("store")).expect("a store");
    (dir, store)
}

fn leftovers(store: &Store) -> usize {
    fs::read_dir(store.root().join("tmp"))
        .expect("tmp/")
        .count()
}

/// Writes over a stored file, which nobody may do.
fn tamper(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("removed");
    fs::write(path, bytes).expect("written");
}

#[test]
fn what_is_put_is_found_by_digest_and_by_its_beginning() {
    let (_dir, store) = store();
    let one = Built::new("one", "first");
    let put = one.put(&store).expect("stored");
    assert_eq!(put.outcome, Outcome::New);
    assert_eq!(put.path, store.root().join("artifacts").join(&one.digest));
    Built::new("two", "first").put(&store).expect("stored");
    assert_eq!(store.list().expect("a list").len(), 2);

    for reference in [
        one.digest.clone(),
        one.digest[..4].to_owned(),
        format!("sha256:{}", one.digest.to_uppercase()),
    ] {
        let found = store.get(&reference).expect("found");
        assert_eq!(found.digest(), one.digest);
        for (name, bytes) in &one.files {
            assert_eq!(&found.read(name).expect("read"), bytes);
        }
        assert_eq!(found.verify().expect("verified"), []);
    }
    assert_eq!(leftovers(&store), 0);
}

#[test]
fn references_that_name_nothing_or_too_much_say_so() {
    let (_dir, store) = store();
    for name in ["a", "b"] {
        let digest = ["0".repeat(63).as_str(), name].concat();
        fs::create_dir(store.root().join("artifacts").join(digest)).expect("made");
    }
    let said = |reference: &str| store.get(reference).expect_err("refused").to_string();
    assert!(said("0000").contains("write more digits: 0000"));
    assert!(said("1234").starts_with("no artifact 1234 in "));
    for bad in ["000", "../../x", "production", &"0".repeat(65)] {
        assert!(
            said(bad).contains("is not the digest of an artifact"),
            "{bad}"
        );
    }
}

#[test]
fn the_same_build_is_stored_once() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    built.put(&store).expect("stored");
    let again = built.put(&store).expect("stored");
    assert_eq!(again.outcome, Outcome::Existing);
    let found = store.get(&built.digest).expect("found");
    assert_eq!(found.builds().expect("listed"), Vec::<String>::new());
}

#[test]
fn another_build_of_the_same_payload_keeps_the_description_it_replaces() {
    let (_dir, store) = store();
    let builds = ["first", "second", "third"].map(|build| Built::new("one", build));
    let outcomes = builds
        .each_ref()
        .map(|built| built.put(&store).expect("stored").outcome);
    assert_eq!(
        outcomes,
        [Outcome::New, Outcome::Redescribed, Outcome::Redescribed]
    );

    let [first, second, third] = &builds;
    let found = store.get(&first.digest).expect("found");
    assert_eq!(
        found.read(artifact::MANIFEST).expect("read"),
        third.file(artifact::MANIFEST)
    );
    let mut kept = vec![
        first.manifest_sha256.clone(),
        second.manifest_sha256.clone(),
    ];
    kept.sort_unstable();
    assert_eq!(found.builds().expect("listed"), kept);
    let old = format!("builds/{}/{}", first.manifest_sha256, artifact::FINDINGS);
    assert_eq!(
        found.read(&old).expect("read"),
        first.file(artifact::FINDINGS)
    );
    assert_eq!(found.verify().expect("verified"), []);
    assert_eq!(leftovers(&store), 0);
}

#[test]
fn many_writers_at_once_make_one_artifact() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let puts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let store = Store::open(store.root()).expect("a store");
                    built.put(&store).expect("stored").outcome
                })
            })
            .collect();
        puts.into_iter()
            .map(|put| put.join().expect("no panic"))
            .collect()
    });
    let new = outcomes.iter().filter(|outcome| outcome.is_new()).count();
    assert_eq!((new, outcomes.len()), (1, 8));
    assert!(!outcomes.contains(&Outcome::Redescribed));
    let found = store.get(&built.digest).expect("found");
    assert_eq!(found.verify().expect("verified"), []);
}

#[test]
fn what_a_dead_writer_left_is_removed_by_the_next_open() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    let partial = store
        .root()
        .join("tmp")
        .join(format!("{}.partial", built.digest));
    fs::create_dir(&partial).expect("made");
    fs::write(partial.join("tree.json"), b"half of it").expect("written");

    let store = Store::open(store.root()).expect("a store");
    assert_eq!(leftovers(&store), 0);
    assert!(store.list().expect("a list").is_empty());
    assert_eq!(built.put(&store).expect("stored").outcome, Outcome::New);
}

#[test]
fn what_a_living_writer_makes_is_left_alone() {
    let (_dir, store) = store();
    let partial = store.root().join("tmp").join("x.partial");
    fs::create_dir(&partial).expect("made");
    let lock = fs::File::open(store.root().join("lock")).expect("a lock");
    lock.lock().expect("locked");
    Store::open(store.root()).expect("a store");
    assert!(partial.is_dir());
    lock.unlock().expect("unlocked");
    Store::open(store.root()).expect("a store");
    assert!(!partial.exists());
}

/// Every state a crash can leave while a description is replaced: 0 to 4 of its files are moved.
#[test]
fn a_description_whose_replacement_was_interrupted_is_completed() {
    let order = [
        artifact::FINDINGS,
        artifact::PROVENANCE,
        "manifest.sha256",
        artifact::MANIFEST,
    ];
    let bytes = |built: &Built, name: &str| match name {
        "manifest.sha256" => format!("{}  manifest.json\n", built.manifest_sha256).into_bytes(),
        name => built.file(name).to_vec(),
    };
    for moved in 0..=order.len() {
        let (_dir, store) = store();
        let (old, new) = (Built::new("one", "old"), Built::new("one", "new"));
        let path = old.put(&store).expect("stored").path;
        let complete = store
            .root()
            .join("tmp")
            .join(format!("{}.description", old.digest));
        fs::create_dir(&complete).expect("made");
        for (i, name) in order.into_iter().enumerate() {
            if i < moved {
                tamper(&path.join(name), &bytes(&new, name));
            } else {
                fs::write(complete.join(name), bytes(&new, name)).expect("written");
            }
        }

        let store = Store::open(store.root()).expect("a store");
        let found = store.get(&old.digest).expect("found");
        assert_eq!(found.verify().expect("verified"), [], "{moved} moved");
        assert_eq!(
            found.read(artifact::MANIFEST).expect("read"),
            new.file(artifact::MANIFEST)
        );
        assert_eq!(leftovers(&store), 0);
    }
}

#[test]
fn verify_names_every_file_that_was_touched() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    let path = built.put(&store).expect("stored").path;
    tamper(&path.join(artifact::TREE), b"{}");
    fs::remove_file(path.join(artifact::NETWORK)).expect("removed");
    fs::write(path.join("notes.txt"), b"mine").expect("written");

    let found = store.get(&built.digest).expect("found");
    let damage = found.verify().expect("verified");
    let named: Vec<&str> = damage.iter().map(|d| d.file.as_str()).collect();
    assert_eq!(named, [artifact::NETWORK, artifact::TREE, "notes.txt"]);
    assert_eq!(damage[0].fault, Fault::Missing);
    assert!(matches!(damage[1].fault, Fault::Changed { .. }));
    assert_eq!(damage[2].to_string(), "notes.txt is not in the manifest");
}

#[test]
fn a_manifest_that_does_not_belong_is_noticed() {
    let (_dir, store) = store();
    let (one, two) = (Built::new("one", "first"), Built::new("two", "first"));
    let path = one.put(&store).expect("stored").path;
    tamper(&path.join(artifact::MANIFEST), two.file(artifact::MANIFEST));
    let found = store.get(&one.digest).expect("found");
    let damage = found.verify().expect("verified");
    assert!(damage.contains(&Damage {
        file: artifact::MANIFEST.to_owned(),
        fault: Fault::OtherPayload {
            computed: two.digest.clone()
        }
    }));

    tamper(&path.join(artifact::MANIFEST), b"not JSON");
    let damage = found.verify().expect("verified");
    assert!(matches!(damage[0].fault, Fault::Unreadable { .. }));
}

#[test]
fn a_changed_payload_is_not_taken_for_the_one_that_is_put() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    let path = built.put(&store).expect("stored").path;
    tamper(&path.join(artifact::QUEUE_PLAN), b"{}");
    let error = built.put(&store).expect_err("refused");
    assert!(matches!(error, StoreError::Damaged { .. }));
    assert!(error.to_string().contains("queue-plan.json has SHA-256"));
    assert!(
        error
            .to_string()
            .ends_with("move this directory away and build again")
    );
}

#[test]
fn files_that_are_no_artifact_are_refused_and_nothing_is_written() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    type Spoil = fn(&mut ArtifactFiles<'_>);
    let spoils: [(&str, Spoil); 4] = [
        ("is missing", |a| {
            a.files.retain(|(n, _)| *n != artifact::TREE);
        }),
        ("differs from the manifest", |a| {
            a.files.iter_mut().for_each(|(n, b)| {
                if *n == artifact::TREE {
                    *b = b"{}".as_slice().into();
                }
            });
        }),
        ("the manifest does not list", |a| {
            a.files.push(("../x", b"".as_slice().into()))
        }),
        ("was said", |a| a.digest = "00"),
    ];
    for (want, spoil) in spoils {
        let mut files = built.as_files();
        spoil(&mut files);
        let error = store.put_artifact(&files).expect_err("refused").to_string();
        assert!(error.contains(want), "{error}");
        assert!(store.list().expect("a list").is_empty());
        assert_eq!(leftovers(&store), 0);
    }
}

#[test]
fn what_is_staged_is_seen_by_nobody_before_it_is_kept() {
    let (_dir, store) = store();
    let (one, two) = (Built::new("one", "first"), Built::new("two", "first"));
    let staged = store.stage(&one.as_files()).expect("staged");
    assert!(store.list().expect("a list").is_empty());
    drop(staged);
    assert_eq!(leftovers(&store), 0);

    // Another artifact than the one that was staged is not stored by it.
    let staged = store.stage(&one.as_files()).expect("staged");
    let error = staged.keep(&two.as_files()).expect_err("refused");
    assert!(error.to_string().contains("is to be kept"), "{error}");
    assert!(store.list().expect("a list").is_empty());
    assert_eq!(leftovers(&store), 0);

    let staged = store.stage(&one.as_files()).expect("staged");
    let put = staged.keep(&one.as_files()).expect("kept");
    assert_eq!(put.outcome, Outcome::New);
    let again = store.stage(&one.as_files()).expect("staged");
    let put = again.keep(&one.as_files()).expect("kept");
    assert_eq!(put.outcome, Outcome::Existing);
    let stored = store.get(&one.digest).expect("found");
    assert_eq!(stored.verify().expect("verified"), []);
    assert_eq!(leftovers(&store), 0);
}

#[test]
fn a_store_that_may_only_be_read_is_read_and_says_why_it_is_not_written() {
    let (_dir, store) = store();
    let (one, two) = (Built::new("one", "first"), Built::new("two", "first"));
    one.put(&store).expect("stored");
    let tmp = store.root().join("tmp");
    let writable = |mode: u32, dir: &Path| {
        fs::set_permissions(dir, fs::Permissions::from_mode(mode)).expect("mode set");
    };
    writable(0o555, &tmp);
    writable(0o555, store.root());
    let put = two.put(&store);
    let reopened = Store::open(store.root());
    writable(0o755, &tmp);
    writable(0o755, store.root());

    let reopened = reopened.expect("a store to read");
    let found = reopened.get(&one.digest).expect("found");
    assert_eq!(found.verify().expect("verified"), []);
    // The mode stops everybody but root.
    if let Err(error) = put {
        let text = error.to_string();
        assert!(text.starts_with("cannot "), "{text}");
        assert!(
            text.contains("give this user the right to write there"),
            "{text}"
        );
    }
}

#[test]
fn a_file_where_the_store_belongs_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("store");
    fs::write(&file, b"").expect("written");
    let text = Store::open(&file).expect_err("refused").to_string();
    assert!(text.contains("move it away"), "{text}");
}

/// Every bit of every byte of an artifact, every cut, every missing file.
#[test]
fn nothing_in_an_artifact_can_change_unseen() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    let path = built.put(&store).expect("stored").path;
    let found = store.get(&built.digest).expect("found");
    let names: Vec<String> = fs::read_dir(&path)
        .expect("listed")
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert!(names.contains(&"manifest.sha256".to_owned()));
    for name in names {
        let file = path.join(&name);
        let good = fs::read(&file).expect("read");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            tamper(&file, &bad);
            assert_ne!(found.verify().expect("verified"), [], "{name}, byte {at}");
        }
        for cut in [0, 1, good.len() / 2, good.len() - 1] {
            tamper(&file, &good[..cut]);
            assert_ne!(found.verify().expect("verified"), [], "{name} cut at {cut}");
        }
        fs::remove_file(&file).expect("removed");
        assert_ne!(found.verify().expect("verified"), [], "{name} missing");
        fs::write(&file, &good).expect("written");
        assert_eq!(found.verify().expect("verified"), [], "{name} is back");
    }
}

/// What is proved and what is looked at are the same bytes.
#[test]
fn proving_keeps_the_bytes_that_were_proved() {
    let (_dir, store) = store();
    let built = Built::new("one", "first");
    let path = built.put(&store).expect("stored").path;
    let found = store.get(&built.digest).expect("found");
    let keep = [
        "tree.json",
        "manifest.json",
        "provenance.json",
        "nothing.json",
    ];
    let proved = found.prove(&keep).expect("proved");
    assert_eq!(proved.damage, []);
    let names: Vec<&str> = proved.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["manifest.json", "provenance.json", "tree.json"]);
    for (name, bytes) in &proved.files {
        assert_eq!(bytes, built.file(name), "{name}");
    }
    assert!(found.prove(&[]).expect("proved").files.is_empty());

    tamper(&path.join("tree.json"), b"another");
    fs::remove_file(path.join("provenance.json")).expect("removed");
    let proved = found.prove(&keep).expect("proved");
    let damaged: Vec<&str> = proved.damage.iter().map(|d| d.file.as_str()).collect();
    assert_eq!(damaged, ["tree.json", "provenance.json"]);
    assert_eq!(proved.files["tree.json"], b"another");
    assert!(!proved.files.contains_key("provenance.json"));
    assert_eq!(found.verify().expect("verified"), proved.damage);
}

/// Files of two artifacts swapped: each is whole, and neither is what was stored.
#[test]
fn files_of_another_artifact_are_noticed() {
    let (_dir, store) = store();
    let (one, two) = (Built::new("one", "first"), Built::new("two", "second"));
    let path = one.put(&store).expect("stored").path;
    two.put(&store).expect("stored");
    let found = store.get(&one.digest).expect("found");
    for (name, _) in &one.files {
        tamper(&path.join(name), two.file(name));
        assert_ne!(found.verify().expect("verified"), [], "{name}");
        tamper(&path.join(name), one.file(name));
    }
    assert_eq!(found.verify().expect("verified"), []);
}

/// The suite that every store has to pass.
#[test]
fn a_directory_does_what_a_store_must() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path().join("store")).expect("a store");
    conformance::conforms(&store);
}

/// `WEIR_DRILL=1` runs as many rounds as the promise says.
#[test]
fn of_sixteen_who_promote_at_once_one_wins() {
    let rounds = match std::env::var_os("WEIR_DRILL") {
        Some(_) => 200,
        None => 10,
    };
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path().join("store")).expect("a store");
    conformance::only_one_of_many_wins(&store, "production", 16, rounds);
}
