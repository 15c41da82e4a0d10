//! An artifact, proved: every byte that is going to be used has the digest that names it, the plan can be loaded and
//! holds its rates, tree and plan and address table say the same. What is not proved is not loaded.
//!
//! Files are read once, and what is used is what was hashed. It does not know where the artifact came from, nor what
//! is in the kernel.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::ScopedJoinHandle;

use weir_plan::{Held, Prefixes, Violation};
use weir_schemas::artifact::{CLASSIFIER, MANIFEST, QUEUE_PLAN, TREE};
use weir_schemas::manifest::Manifest;
use weir_schemas::queue_plan::{QueuePlan, Shaper, Target};
use weir_schemas::tree::Tree;
use weir_store::sha256;

/// Most bytes of one file: a million circuits need a quarter of it.
const LARGEST: u64 = 1 << 30;
/// Most bytes that room is made for before they are there.
const ROOM: u64 = 64 << 20;
/// Most bytes of a manifest.
const LARGEST_MANIFEST: u64 = 16 << 20;
/// Violations that are told; there can be as many as classes.
const TOLD: usize = 5;

/// An artifact that may be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proved {
    /// Payload digest, lower-case hexadecimal.
    pub digest: String,
    pub plan: QueuePlan<'static>,
    /// The bytes of `classifier.bin`.
    pub table: Vec<u8>,
    pub circuits: u64,
    pub prefixes: u64,
    /// What it was proved from, as read: for keeping a copy.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

impl Proved {
    /// Keys of circuits by the number the table knows them by: the order of the plan, which has every circuit of the
    /// tree.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.plan.classes.iter().map(|class| class.key.as_ref());
        let circuits = keys.filter(|key| key.starts_with("circuit:"));
        circuits.map(str::to_owned).collect()
    }

    /// The interfaces, downloads first.
    pub fn interfaces(&self) -> Vec<&str> {
        match &self.plan.target.shaper {
            None => Vec::new(),
            Some(s) if s.to_network == s.to_internet => vec![&s.to_network],
            Some(s) => vec![&s.to_network, &s.to_internet],
        }
    }

    pub fn shaper(&self) -> Option<&Shaper<'static>> {
        self.plan.target.shaper.as_ref()
    }

    pub fn target(&self) -> &Target<'static> {
        &self.plan.target
    }
}

/// Why an artifact is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The outside world: trying again may help.
    #[error("cannot read {}: {cause}", .path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{} is larger than any artifact's: {bytes} bytes", .path.display())]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("{} cannot be read: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} has SHA-256 {found}, and its artifact says {stated}", .path.display())]
    Changed {
        path: PathBuf,
        found: String,
        stated: String,
    },
    #[error("{} is the artifact {found}, and {wanted} was asked for", .path.display())]
    OtherPayload {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    #[error("{} lists no {name}; it was built by a Weir that made none, build it again", .path.display())]
    NotListed { path: PathBuf, name: &'static str },
    #[error("the artifact contradicts itself, or could not be enforced: {}", told(.0))]
    Violations(Vec<String>),
    #[error(
        "the artifact names no interfaces: give `[target.*.shaper]` in weir.toml `to_internet` and `to_network`, and \
         build it again"
    )]
    NoInterfaces,
}

impl ArtifactError {
    /// Trying again may help.
    pub fn is_outside(&self) -> bool {
        matches!(self, ArtifactError::Read { .. })
    }
}

fn told(all: &[String]) -> String {
    let mut text = all
        .iter()
        .take(TOLD)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if all.len() > TOLD {
        text.push_str(&format!("; and {} more", all.len() - TOLD));
    }
    text
}

/// Which artifact a directory must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// Payload digest.
    pub digest: Option<&'a str>,
    /// SHA-256 of the manifest: of the newest build, or of an earlier one below `builds/`.
    pub manifest_sha256: Option<&'a str>,
    /// Files that nothing is loaded from may be missing: it is a copy that the runtime keeps.
    pub is_copy: bool,
}

/// The files that a copy has: what is loaded, and what proves it.
pub const USED: [&str; 4] = [CLASSIFIER, MANIFEST, QUEUE_PLAN, TREE];

/// Reads and proves the artifact in a directory.
pub fn prove(dir: &Path, expected: Expected<'_>) -> Result<Proved, ArtifactError> {
    let (manifest_bytes, manifest_path) = manifest_bytes(dir, expected.manifest_sha256)?;
    let unreadable = |path: &Path, reason: String| ArtifactError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let manifest: Manifest<'static> = weir_schemas::read(&manifest_bytes)
        .map_err(|e| unreadable(&manifest_path, e.to_string()))?;
    let digest = sha256(manifest.payload_text().as_bytes());
    let wanted = expected.digest.unwrap_or(&manifest.digest);
    if digest != wanted || manifest.digest != digest {
        return Err(ArtifactError::OtherPayload {
            path: manifest_path,
            found: digest,
            wanted: wanted.to_owned(),
        });
    }
    let mut listed: Vec<Listed<'_>> = Vec::new();
    for file in &manifest.payload {
        // A manifest is text from outside: it must not lead out of its directory.
        let name = file.name.as_ref();
        if !is_plain(name) {
            let shown = name.escape_debug();
            return Err(unreadable(
                &manifest_path,
                format!("it lists `{shown}`, which is no file of an artifact"),
            ));
        }
        let used = USED.into_iter().find(|used| *used == name);
        if used.is_some() || !expected.is_copy {
            listed.push(Listed {
                used,
                path: dir.join(name),
                sha256: &file.sha256,
            });
        }
    }
    let of = |name: &'static str| {
        let found = listed.iter().find(|file| file.used == Some(name));
        found.ok_or_else(|| ArtifactError::NotListed {
            path: manifest_path.clone(),
            name,
        })
    };
    let (plan_file, tree_file, table_file) = (of(QUEUE_PLAN)?, of(TREE)?, of(CLASSIFIER)?);
    let others = || listed.iter().filter(|file| file.used.is_none());
    let tree_bytes = OnceLock::new();
    // Reading two texts of megabytes is most of it, and two threads have about as much to do: the tree takes as long as plan and table.
    let (tree, (plan, table)) = std::thread::scope(|scope| {
        let beside = scope.spawn(|| (PlanText::read(plan_file), TableImage::read(table_file)));
        let tree = TreeText::read(tree_file, &tree_bytes);
        (tree, joined(beside))
    });
    let (plan, tree, table) = (plan?, tree?, table?);
    let (prefixes, others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| others().try_for_each(|file| file.read().map(drop)));
        (agree(&plan, &tree, &table), joined(others))
    });
    others?;
    let prefixes = prefixes?;
    let circuits = tree.says.circuits.len() as u64;
    drop(tree);
    let tree_bytes = tree_bytes.into_inner().unwrap_or_default();
    let (plan_bytes, plan) = (plan.bytes, plan.says);
    let shaper = plan.target.shaper.as_ref();
    let shaper = shaper.ok_or(ArtifactError::NoInterfaces)?;
    for name in [&shaper.to_internet, &shaper.to_network] {
        if !is_interface(name) {
            return Err(ArtifactError::Violations(vec![format!(
                "`{}` is no name of an interface",
                name.escape_debug()
            )]));
        }
    }
    Ok(Proved {
        digest,
        circuits,
        prefixes,
        plan,
        files: vec![
            (MANIFEST, manifest_bytes),
            (CLASSIFIER, table.bytes.clone()),
            (QUEUE_PLAN, plan_bytes),
            (TREE, tree_bytes),
        ],
        table: table.bytes,
    })
}

/// A file of the payload.
struct Listed<'m> {
    /// `None`: nothing is loaded from it.
    used: Option<&'static str>,
    path: PathBuf,
    sha256: &'m str,
}

impl Listed<'_> {
    fn unreadable(&self, reason: &dyn Display) -> ArtifactError {
        ArtifactError::Unreadable {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }

    /// Its bytes, which have the digest that the manifest states.
    fn read(&self) -> Result<Vec<u8>, ArtifactError> {
        let bytes = read(&self.path, LARGEST)?;
        let found = sha256(&bytes);
        match found == self.sha256 {
            true => Ok(bytes),
            false => Err(ArtifactError::Changed {
                path: self.path.clone(),
                found,
                stated: self.sha256.to_owned(),
            }),
        }
    }
}

/// The plan, and what is wrong with it by itself.
struct PlanText {
    bytes: Vec<u8>,
    says: QueuePlan<'static>,
    violations: Vec<Violation>,
}

impl PlanText {
    fn read(file: &Listed<'_>) -> Result<PlanText, ArtifactError> {
        let bytes = file.read()?;
        let says: QueuePlan<'static> =
            weir_schemas::read(&bytes).map_err(|e| file.unreadable(&e))?;
        let violations = weir_plan::verify(&says);
        Ok(PlanText {
            bytes,
            says,
            violations,
        })
    }
}

/// The tree, its prefixes, and what is wrong with it by itself. Nothing of it is kept but its bytes.
struct TreeText<'b> {
    says: Tree<'b>,
    prefixes: Prefixes,
    violations: Vec<Violation>,
}

impl<'b> TreeText<'b> {
    fn read(
        file: &Listed<'_>,
        bytes: &'b OnceLock<Vec<u8>>,
    ) -> Result<TreeText<'b>, ArtifactError> {
        let read = file.read()?;
        let says = Tree::read(bytes.get_or_init(|| read)).map_err(|e| file.unreadable(&e))?;
        let (prefixes, violations) = Prefixes::of(&says);
        Ok(TreeText {
            says,
            prefixes,
            violations,
        })
    }
}

/// The address table, and what it holds if it is one.
struct TableImage {
    bytes: Vec<u8>,
    held: Result<Held, Vec<Violation>>,
}

impl TableImage {
    fn read(file: &Listed<'_>) -> Result<TableImage, ArtifactError> {
        let bytes = file.read()?;
        let held = Held::read(&bytes);
        Ok(TableImage { bytes, held })
    }
}

/// What a thread found; where it panicked, so does this one.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Plan, tree and table beside each other, and what is wrong with each by itself; gives the number of prefixes.
fn agree(plan: &PlanText, tree: &TreeText<'_>, table: &TableImage) -> Result<u64, ArtifactError> {
    let agreement = weir_plan::verify_agreement(&tree.says, &plan.says);
    let table = match &table.held {
        Ok(held) => held.judge(&tree.says, &tree.prefixes, &plan.says),
        Err(violations) => Err(violations.clone()),
    };
    let (summary, of_table) = match table {
        Ok(summary) => (Some(summary), Vec::new()),
        Err(violations) => (None, violations),
    };
    let violations: Vec<String> = (plan.violations.iter())
        .chain(&agreement)
        .chain(&tree.violations)
        .chain(&of_table)
        .map(ToString::to_string)
        .collect();
    match summary {
        Some(summary) if violations.is_empty() => {
            Ok(summary.prefixes.into_iter().map(u64::from).sum())
        }
        _ => Err(ArtifactError::Violations(violations)),
    }
}

/// The manifest that is meant: the newest, or the one of that digest among earlier builds.
fn manifest_bytes(dir: &Path, wanted: Option<&str>) -> Result<(Vec<u8>, PathBuf), ArtifactError> {
    let newest = dir.join(MANIFEST);
    let bytes = read(&newest, LARGEST_MANIFEST)?;
    let Some(wanted) = wanted else {
        return Ok((bytes, newest));
    };
    let found = sha256(&bytes);
    if found == wanted {
        return Ok((bytes, newest));
    }
    let changed = |path: &Path, found: String| ArtifactError::Changed {
        path: path.to_owned(),
        found,
        stated: wanted.to_owned(),
    };
    if !is_digest(wanted) {
        return Err(changed(&newest, found));
    }
    let earlier = dir.join("builds").join(wanted).join(MANIFEST);
    match read(&earlier, LARGEST_MANIFEST) {
        Ok(bytes) if sha256(&bytes) == wanted => Ok((bytes, earlier)),
        Ok(bytes) => Err(changed(&earlier, sha256(&bytes))),
        Err(_) => Err(changed(&newest, found)),
    }
}

fn read(path: &Path, largest: u64) -> Result<Vec<u8>, ArtifactError> {
    let cannot = |cause| ArtifactError::Read {
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(cannot)?;
    // Room for all of it at once, as far as the file says; it need not be true.
    let stated = file.metadata().map_or(0, |about| about.len());
    let mut bytes = Vec::with_capacity(stated.min(ROOM) as usize + 1);
    // One more than may be: the size that is stated may change while it is read.
    let length = file
        .take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    match length as u64 > largest {
        true => Err(ArtifactError::TooLarge {
            path: path.to_owned(),
            bytes: length as u64,
        }),
        false => Ok(bytes),
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// What the kernel takes as a name (`dev_valid_name`), and no path can be made of.
fn is_interface(name: &str) -> bool {
    (1..16).contains(&name.len())
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"/:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for good in ["queue-plan.json", "ShapedDevices.csv", "classifier.bin"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\0", "ä"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
        for good in ["eth0", "enp1s0f0np0", "bond0.100", "wan@x"] {
            assert!(is_interface(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "sixteen-letters!", "a b", "a:b", "ä"] {
            assert!(!is_interface(bad), "{bad:?}");
        }
    }

    use std::fs;

    use crate::fixture::{Recipe, circuit};

    fn recipe() -> Recipe {
        Recipe {
            to_network: "lan0",
            to_internet: "wan0",
            queues: 2,
            circuits: vec![
                circuit("a", 10, 0, [5_000, 1_000]),
                circuit("b", 11, 1, [20_000, 2_000]),
            ],
        }
    }

    #[test]
    fn an_artifact_proves_and_says_what_it_holds() {
        let dir = tempfile::tempdir().expect("a directory");
        let digest = recipe().write(dir.path());
        let proved = prove(dir.path(), Expected::default()).expect("proves");
        assert_eq!(proved.digest, digest);
        assert_eq!((proved.circuits, proved.prefixes), (2, 2));
        assert_eq!(proved.interfaces(), ["lan0", "wan0"]);
        assert_eq!(proved.keys(), ["circuit:a", "circuit:b"]);
        let other = "0".repeat(64);
        let error = prove(
            dir.path(),
            Expected {
                digest: Some(&other),
                ..Expected::default()
            },
        );
        assert!(matches!(error, Err(ArtifactError::OtherPayload { .. })));
    }

    /// Any bit of any file that is used: refused, and the file is named.
    #[test]
    fn no_changed_byte_is_loaded() {
        let dir = tempfile::tempdir().expect("a directory");
        let digest = recipe().write(dir.path());
        let expected = Expected {
            digest: Some(&digest),
            ..Expected::default()
        };
        for name in USED
            .into_iter()
            .chain(["ShapedDevices.csv", "network.json"])
        {
            let path = dir.path().join(name);
            let good = fs::read(&path).expect("a file");
            // Every byte of the small ones, some of the table.
            let step = (good.len() / 400).max(1);
            for at in (0..good.len()).step_by(step) {
                let mut bad = good.clone();
                bad[at] ^= 1 << (at % 8);
                fs::write(&path, &bad).expect("writes");
                let proved = prove(dir.path(), expected);
                // A manifest holds text that nothing is loaded from; its own digest is in the head.
                let harmless = name == MANIFEST && proved.is_ok();
                assert!(harmless || proved.is_err(), "{name}, byte {at}");
                if let Err(error) = proved {
                    let text = error.to_string();
                    let dir = dir.path().to_string_lossy();
                    assert!(text.contains(&*dir), "{text}");
                }
            }
            fs::write(&path, &good[..good.len() - 1]).expect("writes");
            assert!(prove(dir.path(), expected).is_err(), "{name}, cut");
            fs::remove_file(&path).expect("removes");
            assert!(prove(dir.path(), expected).is_err(), "{name}, missing");
            fs::write(&path, &good).expect("writes");
        }
        let sum = sha256(&fs::read(dir.path().join(MANIFEST)).expect("a file"));
        let with = |manifest_sha256| Expected {
            manifest_sha256: Some(manifest_sha256),
            ..expected
        };
        assert!(prove(dir.path(), with(&sum)).is_ok());
        assert!(prove(dir.path(), with(&digest)).is_err());
    }

    /// Files that are whole and do not belong together.
    #[test]
    fn a_table_of_another_artifact_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        recipe().write(dir.path());
        let mut other = recipe();
        other.circuits[1].host = 12;
        let proved = prove(dir.path(), Expected::default()).expect("proves");
        let (_, files) = other.files();
        let bytes = |name| &files.iter().find(|(n, _)| *n == name).expect("one").1;
        let says: Tree<'_> = Tree::read(bytes(TREE)).expect("a tree");
        let (prefixes, violations) = Prefixes::of(&says);
        let tree = TreeText {
            says,
            prefixes,
            violations,
        };
        let plan = |recipe: &Recipe| PlanText {
            bytes: Vec::new(),
            says: recipe.plan(),
            violations: Vec::new(),
        };
        let table = |bytes: &[u8]| TableImage {
            bytes: bytes.to_owned(),
            held: Held::read(bytes),
        };
        let (own, others) = (table(&proved.table), table(bytes(CLASSIFIER)));
        assert!(agree(&plan(&recipe()), &tree, &own).is_err());
        assert!(agree(&plan(&other), &tree, &own).is_err());
        assert!(agree(&plan(&other), &tree, &others).is_ok());
    }
}
