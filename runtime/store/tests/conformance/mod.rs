//! What every store must do, whatever it is made of. One suite: a directory, a bucket in memory and a bucket behind a
//! server run the same tests.
//!
//! It does not know how a store is made or broken.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::sync::Barrier;

use weir_schemas::Published as _;
use weir_schemas::artifact::{self, MANIFEST, Part, SHAPED_DEVICES};
use weir_schemas::common::{OmitReason, Strategy};
use weir_schemas::export::{self, EXPORT, Export};
use weir_schemas::manifest::{Counts, File, FindingCounts, Fit, Inputs, Manifest, Target, Tool};
use weir_store::channel::{
    Back, Backend, ChannelError, Channels, Known, Promote, Refusal, SystemClock,
};
use weir_store::{ArtifactFiles, Outcome, Store, mirror, sha256};

/// An artifact whose payload is made of `payload`, and its description of `build`.
pub struct Built {
    pub digest: String,
    pub manifest_sha256: String,
    pub files: Vec<(String, Vec<u8>)>,
}

impl Built {
    pub fn new(payload: &str, build: &str) -> Built {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut rows = |part: Part, seed: &str| -> Vec<File<'static>> {
            let rows = artifact::FILES.iter().filter(|f| f.part == part);
            rows.filter(|f| f.name != MANIFEST)
                .map(|f| {
                    let bytes = format!("{} of {seed}\n", f.name).into_bytes();
                    let row = File {
                        name: f.name.into(),
                        schema: f.schema.into(),
                        bytes: bytes.len() as u64,
                        sha256: sha256(&bytes).into(),
                    };
                    files.push((f.name.to_owned(), bytes));
                    row
                })
                .collect()
        };
        let mut manifest = Manifest {
            schema: Manifest::SCHEMA.into(),
            digest: Cow::Borrowed(""),
            payload: rows(Part::Payload, payload),
            description: rows(Part::Description, build),
            tool: Tool {
                name: "weir".into(),
                version: "0.0.0".into(),
            },
            project: "lakeside".into(),
            previous: None,
            strategy: Strategy::ApSite,
            target: Target {
                name: None,
                queues: 16,
            },
            inputs: Inputs {
                config_sha256: "".into(),
                sources: Vec::new(),
                overrides_sha256: None,
                as_of: None,
                peaks: None,
            },
            fit: Fit::default(),
            counts: Counts {
                circuits: 0,
                shaped: 0,
                omitted: OmitReason::ALL.into_iter().map(|r| (r, 0)).collect(),
                nodes_by_kind: Default::default(),
                nodes_by_level: Vec::new(),
                buckets: 0,
                devices: 0,
                prefixes_ipv4: 0,
                prefixes_ipv6: 0,
                classes: 0,
                leaf_qdiscs: [0, 0],
                max_kbps: [0, 0],
                min_kbps: [0, 0],
            },
            findings: FindingCounts {
                error: 0,
                warning: 0,
                info: 0,
                by_code: Default::default(),
                suppressed: 0,
            },
            fail_on: None,
            failing: false,
        };
        let digest = sha256(manifest.payload_text().as_bytes());
        manifest.digest = digest.clone().into();
        let bytes = serde_json::to_vec(&manifest).expect("a manifest");
        let manifest_sha256 = sha256(&bytes);
        files.push((MANIFEST.to_owned(), bytes));
        Built {
            digest,
            manifest_sha256,
            files,
        }
    }

    pub fn as_files(&self) -> ArtifactFiles<'_> {
        let files = self.files.iter();
        ArtifactFiles {
            digest: &self.digest,
            files: files
                .map(|(n, b)| (n.as_str(), b.as_slice().into()))
                .collect(),
        }
    }

    pub fn file(&self, name: &str) -> &[u8] {
        let found = self.files.iter().find(|(n, _)| n == name);
        &found.expect("a file of the artifact").1
    }
}

pub fn channels(backend: &dyn Backend) -> Channels<'_> {
    Channels {
        backend,
        clock: &SystemClock,
        author: "ops@noc".to_owned(),
        sign: None,
    }
}

pub fn promote(
    backend: &dyn Backend,
    base: Option<&Known>,
    channel: &str,
    built: &Built,
) -> Result<weir_store::channel::Done, ChannelError> {
    channels(backend).promote(
        base,
        &Promote {
            channel,
            digest: &built.digest,
            manifest_sha256: &built.manifest_sha256,
            reason: "a test",
            ..Promote::default()
        },
    )
}

fn settled(backend: &dyn Backend, channel: &str) -> Option<Known> {
    channels(backend).settle(channel).expect("settled").known
}

/// All of it, on an empty store.
pub fn conforms(store: &(dyn Backend + Sync)) {
    artifacts_are_whole_and_found(store);
    snapshots_are_kept_and_come_back(store);
    heads_move_only_from_what_was_read(store);
    journals_are_whole(store);
    boxes_say_what_they_run(store);
    only_one_of_many_wins(store, "race", 8, 5);
    many_who_store_the_same_store_it_once(store);
}

fn artifacts_are_whole_and_found(store: &dyn Backend) {
    assert_eq!(store.artifacts().expect("listed"), []);
    let first = Built::new("a", "1");
    let again = Built::new("a", "2");
    assert_eq!(store.put(&first.as_files()).expect("put"), Outcome::New);
    assert_eq!(
        store.put(&first.as_files()).expect("put"),
        Outcome::Existing
    );
    assert_eq!(first.digest, again.digest);
    assert_eq!(
        store.put(&again.as_files()).expect("put"),
        Outcome::Redescribed
    );
    let stored = store.artifacts().expect("listed");
    assert_eq!(stored.len(), 1);
    assert_eq!(
        (stored[0].digest.as_str(), stored[0].pinned),
        (first.digest.as_str(), false)
    );
    assert!(stored[0].stored > 1_700_000_000_000_000_000);
    for (name, bytes) in &again.files {
        let found = store.artifact_file(&again.digest, name).expect("read");
        assert_eq!(found.as_ref(), Some(bytes), "{name}");
    }
    let builds = store.builds(&first.digest).expect("builds");
    assert_eq!(
        builds,
        [first.manifest_sha256.clone(), again.manifest_sha256.clone()]
    );
    let old = format!("builds/{}/{MANIFEST}", first.manifest_sha256);
    let found = store.artifact_file(&first.digest, &old).expect("read");
    assert_eq!(found.as_deref(), Some(first.file(MANIFEST)));
    // Names out of a manifest or a request reach nothing else.
    for bad in [
        "../x",
        "lock",
        "builds/x/manifest.json",
        "",
        "index.json",
        "builds/../manifest.json",
    ] {
        assert_eq!(
            store.artifact_file(&first.digest, bad).expect("read"),
            None,
            "{bad}"
        );
    }
    let nobody = "0".repeat(64);
    assert_eq!(store.artifact_file(&nobody, MANIFEST).expect("read"), None);
    assert_eq!(store.builds(&nobody).expect("builds"), [""; 0]);
    // What is no artifact is not taken.
    let mut bad = Built::new("b", "1");
    bad.files[0].1.push(b'!');
    store.put(&bad.as_files()).expect_err("not an artifact");
    assert_eq!(store.artifacts().expect("listed").len(), 1);
    store.pin(&first.digest, true).expect("pinned");
    assert!(store.artifacts().expect("listed")[0].pinned);
    store.pin(&first.digest, false).expect("unpinned");
    store.pin(&first.digest, false).expect("it was not");
    assert!(!store.artifacts().expect("listed")[0].pinned);
}

/// A snapshot of a directory is kept once, whole, and a directory elsewhere gets it back.
fn snapshots_are_kept_and_come_back(store: &dyn Backend) {
    let dir = tempfile::tempdir().expect("a directory");
    let open = |name: &str| Store::open(dir.path().join(name)).expect("a store");
    let (recorded, elsewhere) = (open("recorded"), open("elsewhere"));
    let files = [("sites.json".to_owned(), b"[{}]".to_vec())];
    let mut export = Export {
        schema: Export::SCHEMA.to_owned(),
        kind: "uisp".to_owned(),
        instance: "https://uisp.example".to_owned(),
        digest: String::new(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        finished: "2026-01-01T00:00:01Z".to_owned(),
        complete: true,
        files: vec![export::File {
            name: files[0].0.clone(),
            collection: "sites".to_owned(),
            page: None,
            method: "GET".to_owned(),
            request: "/sites".to_owned(),
            status: 200,
            time: "2026-01-01T00:00:00Z".to_owned(),
            records: 1,
            received: 4,
            sha256: sha256(&files[0].1),
            complete: true,
        }],
        missing: Vec::new(),
    };
    export.digest = sha256(export.digest_text().as_bytes());
    let json = serde_json::to_vec(&export).expect("JSON");
    let (snapshot, _) = recorded
        .put_snapshot(&export, &json, &files)
        .expect("stored");
    let digest = snapshot.digest();
    let none = mirror::snapshot(store, &elsewhere, digest).expect("asked");
    assert!(!none, "it is not there yet");
    assert_eq!(store.snapshot_file(digest, EXPORT).expect("asked"), None);
    for _ in 0..2 {
        store.keep_snapshot(&snapshot).expect("kept");
    }
    for name in ["sites.json", EXPORT, "other.json", "../sites.json"] {
        let there = std::fs::read(snapshot.path().join(name)).ok();
        assert_eq!(
            store.snapshot_file(digest, name).expect("asked"),
            there,
            "{name}"
        );
    }
    assert!(mirror::snapshot(store, &elsewhere, digest).expect("copied"));
    let copy = elsewhere.snapshot(digest).expect("there");
    assert_eq!(copy.verify().expect("whole"), export);
}

fn heads_move_only_from_what_was_read(store: &dyn Backend) {
    let channel = "production";
    let [a, b, c] = ["a", "b", "c"].map(|payload| Built::new(payload, "1"));
    for built in [&b, &c] {
        store.put(&built.as_files()).expect("put");
    }
    assert_eq!(store.channels().expect("listed"), [""; 0]);
    assert!(store.head(channel).expect("read").is_none());
    let missing = Built::new("missing", "1");
    let gone = promote(store, None, channel, &missing);
    assert!(matches!(
        gone,
        Err(ChannelError::Refused(Refusal::Gone { .. }))
    ));
    assert!(
        store.head(channel).expect("read").is_none(),
        "nothing was written"
    );
    promote(store, None, channel, &a).expect("promoted");
    let first = settled(store, channel).expect("a head");
    // Somebody who knew of no head.
    let late = promote(store, None, channel, &c);
    assert!(matches!(
        late,
        Err(ChannelError::Refused(Refusal::Moved(_)))
    ));
    promote(store, Some(&first), channel, &b).expect("promoted");
    // Somebody who knew the first one.
    let late = promote(store, Some(&first), channel, &c);
    assert!(matches!(
        late,
        Err(ChannelError::Refused(Refusal::Moved(_)))
    ));
    let second = settled(store, channel).expect("a head");
    assert_eq!((second.head.seq, &second.head.digest), (2, &b.digest));
    // Back to the first artifact is no state that was there before: who knew that one is refused.
    let (known, to) = channels(store)
        .way_back(channel, &Back::Parent)
        .expect("a way back");
    channels(store).rollback(&known, &to, "").expect("back");
    let third = settled(store, channel).expect("a head");
    assert_eq!(third.head.digest, a.digest);
    assert_ne!(third.tag, first.tag);
    for stale in [&first, &second] {
        let late = promote(store, Some(stale), channel, &c);
        assert!(matches!(
            late,
            Err(ChannelError::Refused(Refusal::Moved(_)))
        ));
    }
    assert_eq!(store.channels().expect("listed"), [channel]);
    store.flush(channel).expect("flushed");
    store.head("../x").expect_err("not a name");
}

fn journals_are_whole(store: &dyn Backend) {
    let journal = channels(store).journal("production").expect("read");
    assert_eq!(journal.faults, []);
    let heads: Vec<u64> = journal
        .entries
        .iter()
        .filter_map(|e| Some(e.head.as_ref()?.seq))
        .collect();
    assert_eq!(heads, [1, 2, 3]);
    // The same head is written down once.
    let last = journal.entries.last().expect("an entry").clone();
    store.append(&last).expect("appended");
    let again = channels(store).journal("production").expect("read");
    assert_eq!(again.entries.len(), journal.entries.len());
    assert!(
        store
            .journal_end("production")
            .expect("read")
            .ends_with(b"\n")
    );
    assert_eq!(store.journal("lab").expect("read"), b"");
    assert_eq!(store.journals().expect("listed"), ["production"]);
}

fn boxes_say_what_they_run(store: &dyn Backend) {
    assert_eq!(store.statuses("production").expect("listed"), []);
    store.put_status("production", "edge2", b"{}").expect("put");
    store
        .put_status("production", "edge1", b"{\"x\":1}")
        .expect("put");
    store
        .put_status("production", "edge2", b"{\"x\":2}")
        .expect("put");
    let found = store.statuses("production").expect("listed");
    let want = [
        ("edge1".to_owned(), b"{\"x\":1}".to_vec()),
        ("edge2".to_owned(), b"{\"x\":2}".to_vec()),
    ];
    assert_eq!(found, want);
    assert_eq!(store.statuses("lab").expect("listed"), []);
    store
        .put_status("production", "../x", b"")
        .expect_err("not a name");
}

/// Many read the same head and promote at once: one wins each round, the others are told who did, and history is one
/// line without gaps.
pub fn only_one_of_many_wins(
    store: &(dyn Backend + Sync),
    channel: &str,
    racers: usize,
    rounds: usize,
) {
    let all: Vec<Built> = (0..racers)
        .map(|n| Built::new(&format!("race {n}"), "1"))
        .collect();
    for built in &all {
        store.put(&built.as_files()).expect("put");
    }
    let mut ran = Vec::new();
    for round in 0..rounds {
        let base = settled(store, channel);
        let barrier = Barrier::new(racers);
        let won: Vec<String> = std::thread::scope(|scope| {
            let racing: Vec<_> = all
                .iter()
                // Who would promote what runs already has nothing to win.
                .map(|built| {
                    let (base, barrier) = (base.as_ref(), &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        match promote(store, base, channel, built) {
                            Ok(done) => done.changed.then(|| built.digest.clone()),
                            Err(ChannelError::Refused(
                                Refusal::Moved(_) | Refusal::BaseGone { .. },
                            )) => None,
                            Err(error) => panic!("round {round}: {error}"),
                        }
                    })
                })
                .collect();
            racing
                .into_iter()
                .filter_map(|one| one.join().expect("no panic"))
                .collect()
        });
        assert_eq!(won.len(), 1, "round {round} has {} winners", won.len());
        let head = settled(store, channel).expect("a head").head;
        assert_eq!(
            (head.seq, &head.digest),
            (round as u64 + 1, &won[0]),
            "round {round}"
        );
        ran.push(won[0].clone());
    }
    let journal = channels(store).journal(channel).expect("read");
    assert_eq!(journal.faults, []);
    let heads: Vec<_> = journal
        .entries
        .iter()
        .filter_map(|e| e.head.as_ref())
        .collect();
    let digests: Vec<String> = heads.iter().map(|h| h.digest.clone()).collect();
    assert_eq!(digests, ran);
    for pair in heads.windows(2) {
        assert_eq!(pair[1].replaced.as_ref(), Some(&pair[0].txn));
    }
    // How much was tried, for a drill that adds it up.
    if let Some(path) = std::env::var_os("WEIR_FIGURES") {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut f| writeln!(f, "races of {racers} threads {rounds}"))
            .expect("the file of figures is written");
    }
}

fn many_who_store_the_same_store_it_once(store: &(dyn Backend + Sync)) {
    let before = store.artifacts().expect("listed").len();
    let built: Vec<Built> = (0..6).map(|n| Built::new("many", &n.to_string())).collect();
    std::thread::scope(|scope| {
        for built in &built {
            scope.spawn(|| store.put(&built.as_files()).expect("put"));
        }
    });
    let digest = &built[0].digest;
    assert_eq!(store.artifacts().expect("listed").len(), before + 1);
    let builds: BTreeSet<String> = store.builds(digest).expect("builds").into_iter().collect();
    let want: BTreeSet<String> = built.iter().map(|b| b.manifest_sha256.clone()).collect();
    assert_eq!(builds, want);
    let bytes = store.artifact_file(digest, SHAPED_DEVICES).expect("read");
    assert_eq!(bytes.as_deref(), Some(built[0].file(SHAPED_DEVICES)));
}
