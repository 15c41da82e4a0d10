//! Golden stories: for each directory in `golden/`, every file of its artifacts is byte for byte what is in
//! `expected/<variant>/`; of `classifier.bin` that is its listing, which names its digest. `UPDATE_GOLDEN=1 cargo test -p weir-compiler --test golden` rewrites them; review the diff
//! as the change of output that operators will see.
//!
//! A story holds `weir.toml` and `exports/`, or leans on a project in `examples/`; with `previous/` (the manifest and
//! the queue plan of an earlier artifact) it is compiled as that artifact's successor.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use weir_compiler::config::date::Date;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::ir::tree::Strategy;
use weir_compiler::source_map::SourceMap;
use weir_compiler::{Compiled, compile, exports, golden, previous};
use weir_schemas::artifact;
use weir_schemas::manifest::Manifest;

const SWITCH: &str = "UPDATE_GOLDEN=1 cargo test -p weir-compiler --test golden";

struct Story {
    name: &'static str,
    /// The project, when it is not the story's own directory.
    project: Option<&'static str>,
    variants: &'static [Variant],
}

/// One way to compile a story: its directory below `expected/`, the strategy as on the command line, and lines that
/// are added to `[topology]`.
struct Variant(&'static str, Strategy, &'static str);

/// As `--strategy` gives them.
const STRATEGIES: &[Variant] = &[
    Variant("flat", Strategy::Flat, ""),
    Variant("ap_only", Strategy::ApOnly, ""),
    Variant("ap_site", Strategy::ApSite, ""),
    Variant("full", Strategy::Full, ""),
];

/// Sorted by name.
static STORIES: &[Story] = &[
    Story {
        name: "inventory-dirty",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "libreqos-custom",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "link-down",
        project: None,
        variants: &[
            Variant("held", Strategy::Full, ""),
            Variant("moved", Strategy::Full, "link_down_hold = 0"),
        ],
    },
    Story {
        name: "netzur-basin",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "powercode-ridgeline",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "sonar-ridgeline",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "splynx-basin",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "table-no-crm",
        project: Some("examples/no-crm"),
        variants: STRATEGIES,
    },
    Story {
        name: "two-crms",
        project: Some("examples/two-crms"),
        variants: &[
            Variant("ap_site", Strategy::ApSite, ""),
            Variant("full", Strategy::Full, ""),
        ],
    },
    Story {
        name: "uisp-fibre-csv",
        project: None,
        variants: &[
            Variant("ap_site", Strategy::ApSite, ""),
            Variant("full", Strategy::Full, ""),
        ],
    },
    Story {
        name: "uisp-ridgeline",
        project: Some("examples/dirty"),
        variants: STRATEGIES,
    },
    Story {
        name: "uisp-splynx",
        project: None,
        variants: &[
            Variant("ap_site", Strategy::ApSite, ""),
            Variant("full", Strategy::Full, ""),
        ],
    },
    Story {
        name: "uisp-stations",
        project: None,
        variants: &[
            Variant("ap_site", Strategy::ApSite, ""),
            Variant("full", Strategy::Full, ""),
            // After the end of the override that UISP's network half still states.
            Variant("full-ended", Strategy::Full, ""),
        ],
    },
    Story {
        name: "visp-basin",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "wispgate-basin",
        project: None,
        variants: STRATEGIES,
    },
    Story {
        name: "worked-example",
        project: None,
        variants: &[
            Variant("flat", Strategy::Flat, ""),
            Variant("ap_only", Strategy::ApOnly, ""),
            Variant("ap_site", Strategy::ApSite, ""),
            // By cost, the default.
            Variant("full", Strategy::Full, ""),
            Variant("full-declared", Strategy::Full, "tree = \"declared\""),
            Variant("full-hops", Strategy::Full, "tree = \"hops\""),
            Variant("full-simplify", Strategy::Full, "simplify = true"),
            Variant("full-widest", Strategy::Full, "tree = \"widest\""),
        ],
    },
];

/// Story, variant, and the day it is for; the others have none, so that nothing ends in them.
static DAYS: &[(&str, &str, &str)] = &[("uisp-stations", "full-ended", "2027-04-01")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Story {
    fn dir(&self) -> PathBuf {
        root().join("golden").join(self.name)
    }

    fn project(&self) -> PathBuf {
        self.project.map_or_else(|| self.dir(), |p| root().join(p))
    }

    fn compile(&self, variant: &Variant) -> Compiled {
        let Variant(name, strategy, lines) = variant;
        let day = (DAYS.iter()).find(|(story, of, _)| (story, of) == (&self.name, name));
        let overrides = CliOverrides {
            strategy: Some(*strategy),
            target: None,
            as_of: day.and_then(|(_, _, day)| Date::parse(day)),
        };
        let dir = self.project();
        let mut files = SourceMap::default();
        let project = if lines.is_empty() {
            config::load(&dir, &mut files, &overrides)
        } else {
            let written = text(&dir.join(config::FILE_NAME));
            let varied = written.replacen("[topology]\n", &format!("[topology]\n{lines}\n"), 1);
            assert_ne!(varied, written, "{} has no [topology]", self.name);
            config::load_str(&varied, &mut files, &overrides)
        };
        let project = project.unwrap_or_else(|e| panic!("{}, {name}: {e}", self.name));
        let exports = exports::read(&dir, &project.sources, &mut files)
            .unwrap_or_else(|e| panic!("{}, {name}: {e}", self.name));
        let previous = self.dir().join("previous");
        let previous = previous.is_dir().then(|| {
            let manifest = text(&previous.join(artifact::MANIFEST));
            let manifest: serde_json::Value =
                serde_json::from_str(&manifest).expect("previous/manifest.json is JSON");
            let digest = manifest["digest"].as_str().expect("a digest");
            let plan = text(&previous.join(artifact::QUEUE_PLAN));
            previous::read(plan.as_bytes(), digest, &project)
                .expect("previous/queue-plan.json reads")
        });
        compile(&project, &files, &exports, previous.as_ref())
    }

    /// What `expected/` should hold: path below it to bytes.
    fn outputs(&self) -> BTreeMap<String, Vec<u8>> {
        let mut outputs = BTreeMap::new();
        for variant in self.variants {
            let set = self.compile(variant).artifacts;
            // The table as people can review it; its digest is in there and in the manifest.
            let (listing, bytes) = golden::of(&set)
                .into_iter()
                .find(|(name, _)| *name == golden::table::NAME)
                .expect("a listing");
            let bytes = bytes.into_owned();
            outputs.insert(format!("{}/{listing}", variant.0), bytes);
            let others = set.files.into_iter();
            for (file, content) in others.filter(|(file, _)| *file != artifact::CLASSIFIER) {
                outputs.insert(format!("{}/{file}", variant.0), content.bytes().to_vec());
            }
        }
        outputs
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What `expected/` holds: path below it to bytes.
fn expected(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for variant in names(dir) {
        let below = dir.join(&variant);
        for file in names(&below) {
            let bytes = fs::read(below.join(&file)).expect("a file");
            files.insert(format!("{variant}/{file}"), bytes);
        }
    }
    files
}

fn names(dir: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return BTreeSet::new();
    };
    entries
        .map(|e| e.expect("an entry").file_name().into_string())
        .map(|name| name.expect("a name in UTF-8"))
        .collect()
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[test]
fn every_story_is_told_as_it_was() {
    let mut wrong = Vec::new();
    for story in STORIES {
        let dir = story.dir().join("expected");
        let outputs = story.outputs();
        if updating() {
            rewrite(&dir, &outputs);
        }
        let expected = expected(&dir);
        for (path, got) in &outputs {
            let shown = format!("golden/{}/expected/{path}", story.name);
            match expected.get(path) {
                Some(want) if want == got => {}
                Some(want) => wrong.push(format!("{shown} {}", first_difference(want, got))),
                None => wrong.push(format!("{shown} is missing")),
            }
        }
        for path in expected.keys().filter(|path| !outputs.contains_key(*path)) {
            wrong.push(format!(
                "golden/{}/expected/{path} is stale: nothing writes it",
                story.name
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nIf the new output is what it should be: {SWITCH}\nand look at the diff.",
        wrong.join("\n")
    );
}

/// Only what differs is written, so that files keep their times.
fn rewrite(dir: &Path, outputs: &BTreeMap<String, Vec<u8>>) {
    let before = expected(dir);
    for path in before.keys().filter(|path| !outputs.contains_key(*path)) {
        fs::remove_file(dir.join(path)).expect("removed");
        // The directory too, when it was the last file in it.
        let _ = fs::remove_dir(dir.join(path).parent().expect("a directory"));
    }
    for (path, bytes) in outputs {
        if before.get(path) != Some(bytes) {
            let file = dir.join(path);
            fs::create_dir_all(file.parent().expect("a directory")).expect("made");
            fs::write(file, bytes).expect("written");
        }
    }
}

/// "differs in line 3:" and both lines.
fn first_difference(want: &[u8], got: &[u8]) -> String {
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        text.split('\n').map(str::to_owned).collect()
    };
    let (want, got) = (lines(want), lines(got));
    let at = want.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let line = |lines: &[String]| lines.get(at).cloned().unwrap_or("(end of file)".to_owned());
    format!(
        "differs in line {}:\n  expected {}\n  got      {}",
        at + 1,
        line(&want),
        line(&got)
    )
}

#[test]
fn every_directory_in_golden_is_a_story() {
    let told: BTreeSet<String> = STORIES.iter().map(|s| s.name.to_owned()).collect();
    let there: BTreeSet<String> = names(&root().join("golden"))
        .into_iter()
        .filter(|name| root().join("golden").join(name).is_dir())
        .collect();
    assert_eq!(there, told, "list each directory of golden/ in STORIES");
    for story in STORIES {
        let mut parts = names(&story.dir());
        if story.project.is_none() {
            assert!(parts.remove(config::FILE_NAME), "{}", story.name);
            assert!(parts.remove("exports"), "{}", story.name);
        }
        parts.remove("previous");
        parts.remove("expected");
        assert!(parts.is_empty(), "golden/{} holds {parts:?}", story.name);
    }
}

/// A golden artifact proves nothing about a reader that has never been asked to read it.
#[test]
fn every_expected_artifact_reads_as_its_types() {
    if updating() {
        // The other test is writing them; the next run reads them.
        return;
    }
    for story in STORIES {
        for (path, bytes) in expected(&story.dir().join("expected")) {
            let name = path.rsplit('/').next().unwrap_or_default();
            let read = match name {
                artifact::FINDINGS => read::<weir_schemas::findings::Findings<'_>>(&bytes),
                artifact::MANIFEST => read::<Manifest<'_>>(&bytes),
                artifact::PROVENANCE => read::<weir_schemas::provenance::Provenance<'_>>(&bytes),
                artifact::QUEUE_PLAN => read::<weir_schemas::queue_plan::QueuePlan<'_>>(&bytes),
                artifact::TREE => read::<weir_schemas::tree::Tree<'_>>(&bytes),
                _ => Ok(()),
            };
            assert_eq!(read, Ok(()), "golden/{}/expected/{path}", story.name);
        }
    }
}

fn read<T: serde::de::DeserializeOwned + weir_schemas::Published>(
    bytes: &[u8],
) -> Result<(), String> {
    weir_schemas::read::<T>(bytes)
        .map(drop)
        .map_err(|e| e.to_string())
}
