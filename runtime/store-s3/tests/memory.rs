//! The suite that every store has to pass, on objects in memory whose conditional writes hold; and what only a bucket
//! can go through: requests that fail after they were done, uploads that were interrupted, collecting beside others.

#[path = "../../store/tests/conformance/mod.rs"]
mod conformance;

use std::sync::Arc;

use conformance::{Built, channels, promote};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use weir_store::Outcome;
use weir_store::channel::Backend as _;
use weir_store_s3::{S3Store, Verdict};

fn store() -> (S3Store, Arc<InMemory>) {
    let objects = Arc::new(InMemory::new());
    let store = S3Store::over(
        Arc::clone(&objects) as Arc<dyn ObjectStore>,
        "isp/weir",
        3600,
    )
    .expect("a store");
    (store, objects)
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(work)
}

#[test]
fn a_bucket_does_what_a_store_must() {
    conformance::conforms(&store().0);
}

#[test]
fn without_a_prefix_it_is_the_same() {
    let objects = Arc::new(InMemory::new());
    conformance::conforms(&S3Store::over(objects, "", 3600).expect("a store"));
}

#[test]
fn memory_holds_what_a_probe_asks_for() {
    let (store, objects) = store();
    let verdict = store.probe(8, 5, 5).expect("probed");
    assert_eq!(verdict, Verdict::Holds { races: 10 });
    let left: Vec<_> =
        wait(futures::TryStreamExt::try_collect(objects.list(None))).expect("listed");
    assert_eq!(left, [], "the probe cleans up");
}

/// What was stored, pinned or promoted in the last hour stays, whatever is chosen.
#[test]
fn what_was_touched_is_not_collected() {
    let (store, _) = store();
    let built = Built::new("a", "1");
    store.put(&built.as_files()).expect("put");
    let removed = store.collect(&mut |all| Ok(all.iter().map(|s| s.digest.clone()).collect()));
    assert_eq!(removed.expect("collected"), [""; 0]);
    assert_eq!(store.artifacts().expect("listed").len(), 1);
}

/// Objects left below the artifacts.
fn left(objects: &InMemory) -> Vec<String> {
    let below = Path::from("isp/weir/artifacts");
    let all: Vec<object_store::ObjectMeta> = wait(futures::TryStreamExt::try_collect(
        objects.list(Some(&below)),
    ))
    .expect("listed");
    all.into_iter()
        .map(|meta| meta.location.to_string())
        .collect()
}

/// A store whose leases are over at once: only the order of steps protects anything.
fn without_lease() -> (S3Store, Arc<InMemory>) {
    let objects = Arc::new(InMemory::new());
    let shared = Arc::clone(&objects) as Arc<dyn ObjectStore>;
    (
        S3Store::over(shared, "isp/weir", -1000).expect("a store"),
        objects,
    )
}

#[test]
fn what_is_collected_is_gone_and_can_be_stored_again() {
    let (store, objects) = without_lease();
    let (gone, kept) = (Built::new("a", "1"), Built::new("b", "1"));
    for built in [&gone, &kept] {
        store.put(&built.as_files()).expect("put");
    }
    promote(&store, None, "production", &kept).expect("promoted");
    let removed = store
        .collect(&mut |_| Ok(vec![gone.digest.clone()]))
        .expect("collected");
    assert_eq!(removed, std::slice::from_ref(&gone.digest));
    let stored: Vec<String> = store
        .artifacts()
        .expect("listed")
        .into_iter()
        .map(|s| s.digest)
        .collect();
    assert_eq!(stored, std::slice::from_ref(&kept.digest));
    let of_gone: Vec<String> = left(&objects)
        .into_iter()
        .filter(|key| key.contains(&gone.digest))
        .collect();
    assert_eq!(of_gone.len(), 1, "only its index is left: {of_gone:?}");
    assert_eq!(
        store
            .artifact_file(&gone.digest, "manifest.json")
            .expect("read"),
        None
    );
    let base = channels(&store)
        .settle("production")
        .expect("settled")
        .known;
    let refused = promote(&store, base.as_ref(), "production", &gone).expect_err("gone");
    assert!(
        refused.to_string().contains("not in the store"),
        "{refused}"
    );
    // The same artifact again, whole.
    assert_eq!(store.put(&gone.as_files()).expect("put"), Outcome::New);
    for (name, bytes) in &gone.files {
        assert_eq!(
            store
                .artifact_file(&gone.digest, name)
                .expect("read")
                .as_ref(),
            Some(bytes)
        );
    }
    promote(&store, base.as_ref(), "production", &gone).expect("promoted");
}

/// Somebody promotes, stores or pins an artifact between the choice and the removal: it stays.
#[test]
fn who_wants_an_artifact_while_it_is_collected_gets_it() {
    type Wants = fn(&S3Store, &Built);
    let promotes: Wants = |store, built| {
        promote(store, None, "production", built).expect("promoted");
    };
    let stores: Wants = |store, built| {
        assert_eq!(
            store.put(&built.as_files()).expect("put"),
            Outcome::Existing
        );
    };
    let pins: Wants = |store, built| store.pin(&built.digest, true).expect("pinned");
    for wants in [promotes, stores, pins] {
        let (store, _) = without_lease();
        let built = Built::new("a", "1");
        store.put(&built.as_files()).expect("put");
        let removed = store.collect(&mut |all| {
            wants(&store, &built);
            Ok(all.iter().map(|s| s.digest.clone()).collect())
        });
        assert_eq!(removed.expect("collected"), [""; 0]);
        for (name, bytes) in &built.files {
            assert_eq!(
                store
                    .artifact_file(&built.digest, name)
                    .expect("read")
                    .as_ref(),
                Some(bytes)
            );
        }
    }
}

/// Collecting stopped after it said that an artifact is gone: the next one removes the files.
#[test]
fn an_interrupted_collecting_is_finished_by_the_next() {
    let (store, objects) = without_lease();
    let (gone, other) = (Built::new("a", "1"), Built::new("b", "1"));
    store.put(&gone.as_files()).expect("put");
    let files: Vec<(Path, bytes::Bytes)> = left(&objects)
        .into_iter()
        .filter(|key| !key.ends_with("index.json"))
        .map(|key| {
            let path = Path::from(key);
            let bytes = wait(async {
                objects
                    .get(&path)
                    .await
                    .expect("got")
                    .bytes()
                    .await
                    .expect("bytes")
            });
            (path, bytes)
        })
        .collect();
    store
        .collect(&mut |_| Ok(vec![gone.digest.clone()]))
        .expect("collected");
    for (path, bytes) in files {
        wait(objects.put(&path, bytes.into())).expect("put");
    }
    assert!(left(&objects).len() > 1);
    store.put(&other.as_files()).expect("put");
    store
        .collect(&mut |_| Ok(vec![other.digest.clone()]))
        .expect("collected");
    assert_eq!(left(&objects).len(), 2, "two indexes");
}

/// Files are named by their bytes, and others under that name are told.
#[test]
fn a_changed_or_missing_object_is_told() {
    let (store, objects) = store();
    let built = Built::new("a", "1");
    store.put(&built.as_files()).expect("put");
    promote(&store, None, "production", &built).expect("promoted");
    let all: Vec<object_store::ObjectMeta> = wait(futures::TryStreamExt::try_collect(
        objects.list(Some(&Path::from("isp/weir/artifacts"))),
    ))
    .expect("listed");
    let mut told = 0;
    for meta in &all {
        let path = &meta.location;
        let good = wait(async {
            objects
                .get(path)
                .await
                .expect("got")
                .bytes()
                .await
                .expect("bytes")
        });
        let mut bad = good.to_vec();
        bad[0] ^= 1;
        for other in [Some(bad), None] {
            match other {
                Some(bad) => {
                    wait(objects.put(path, bad.into())).expect("put");
                }
                None => wait(objects.delete(path)).expect("deleted"),
            }
            let read = |name: &str| store.artifact_file(&built.digest, name);
            let all_good = built.files.iter().all(|(name, bytes)| {
                // An index that is gone is an artifact that is gone.
                matches!(read(name), Ok(Some(found)) if found == *bytes)
            });
            assert!(!all_good, "{path} was changed, and nobody noticed");
            told += 1;
            wait(objects.put(path, good.clone().into())).expect("put");
        }
    }
    assert_eq!(told, 2 * (built.files.len() + 1));
    // Storing it again puts back what is missing.
    let file = all
        .iter()
        .find(|m| !m.location.as_ref().ends_with("index.json"))
        .expect("a file");
    wait(objects.delete(&file.location)).expect("deleted");
    assert_eq!(
        store.put(&built.as_files()).expect("put"),
        Outcome::Existing
    );
    for (name, bytes) in &built.files {
        let found = store.artifact_file(&built.digest, name).expect("read");
        assert_eq!(found.as_ref(), Some(bytes));
    }
}

/// A line of the journal that was changed or removed is noticed, and the others are read.
#[test]
fn a_changed_journal_is_noticed() {
    let (store, objects) = store();
    let builds = ["a", "b", "c"].map(|payload| Built::new(payload, "1"));
    for built in &builds {
        store.put(&built.as_files()).expect("put");
        let base = channels(&store)
            .settle("production")
            .expect("settled")
            .known;
        promote(&store, base.as_ref(), "production", built).expect("promoted");
    }
    let second = Path::from("isp/weir/journal/production/000000000002");
    let good = wait(async {
        objects
            .get(&second)
            .await
            .expect("got")
            .bytes()
            .await
            .expect("bytes")
    });
    let mut bad = good.to_vec();
    bad[80] ^= 1;
    wait(objects.put(&second, bad.into())).expect("put");
    let journal = channels(&store).journal("production").expect("read");
    assert!(journal.is_damaged());
    assert_eq!(journal.last_head().expect("a head").seq, 3);
    wait(objects.delete(&second)).expect("deleted");
    assert!(
        channels(&store)
            .journal("production")
            .expect("read")
            .is_damaged()
    );
    wait(objects.put(&second, good.into())).expect("put");
    assert!(
        !channels(&store)
            .journal("production")
            .expect("read")
            .is_damaged()
    );
}
