//! One artifact of a store: reading it, and proving that it is what was stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use weir_schemas::artifact::{MANIFEST, file};
use weir_schemas::manifest::{File, Manifest};

use crate::Result;
use crate::disk::{Lock, doing, read, read_if_there, sha256, sha256_if_there};

/// Descriptions of earlier builds.
pub(crate) const BUILDS: &str = "builds";

/// Files of one artifact that are read at a time.
const MOST_THREADS: usize = 16;

/// The digest of the manifest, as `sha256sum -c` reads it: the manifest lists every file but itself.
pub(crate) const MANIFEST_SUM: &str = "manifest.sha256";

/// The bytes of [`MANIFEST_SUM`].
pub(crate) fn manifest_sum(manifest: &[u8]) -> String {
    sum_line(&sha256(manifest))
}

fn sum_line(digest: &str) -> String {
    format!("{digest}  {MANIFEST}\n")
}

/// An artifact that is in the store.
#[derive(Clone, Debug)]
pub struct Artifact {
    pub(crate) digest: String,
    pub(crate) path: PathBuf,
    pub(crate) lock: PathBuf,
}

impl Artifact {
    /// Payload digest, lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The directory with its files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of one file, as they are; see [`Artifact::verify`].
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let _lock = Lock::shared(&self.lock)?;
        read(&self.path.join(name))
    }

    /// Names of earlier descriptions under `builds/`, sorted.
    pub fn builds(&self) -> Result<Vec<String>> {
        let dir = self.path.join(BUILDS);
        let mut builds = Vec::new();
        if dir.is_dir() {
            for entry in fs::read_dir(&dir).map_err(doing("list", &dir))? {
                let entry = entry.map_err(doing("list", &dir))?;
                builds.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        builds.sort_unstable();
        Ok(builds)
    }

    /// Recomputes every digest and names what is not as it was stored; empty when all of it is.
    pub fn verify(&self) -> Result<Vec<Damage>> {
        self.prove(&[]).map(|proved| proved.damage)
    }

    /// The same, and the bytes of the files named in `keep`: those whose digests were computed, so that what is looked at
    /// is what was proved, and nothing is read twice.
    pub fn prove(&self, keep: &[&str]) -> Result<Proved> {
        let _lock = Lock::shared(&self.lock)?;
        let mut proved = Proved::default();
        let Proved { damage, files } = &mut proved;
        let own = [BUILDS, MANIFEST, MANIFEST_SUM];
        let mut known: BTreeSet<String> = own.into_iter().map(str::to_owned).collect();
        let written = read_if_there(&self.path.join(MANIFEST))?;
        match manifest(written.as_deref()) {
            Err(fault) => damage.push(Damage::new(MANIFEST, fault)),
            Ok((manifest, sum)) => {
                self.verify_sum(&sum, damage)?;
                let computed = sha256(manifest.payload_text().as_bytes());
                if computed != self.digest || manifest.digest != self.digest {
                    damage.push(Damage::new(MANIFEST, Fault::OtherPayload { computed }));
                }
                let listed: Vec<&File<'_>> = manifest
                    .payload
                    .iter()
                    .chain(&manifest.description)
                    .collect();
                known.extend(listed.iter().map(|file| file.name.as_ref().to_owned()));
                files.extend(check_all(&self.path, "", &listed, keep, damage)?);
                if let Some(bytes) = written.filter(|_| keep.contains(&MANIFEST)) {
                    files.insert(MANIFEST.to_owned(), bytes);
                }
                for entry in entries(&self.path)? {
                    if !known.contains(&entry) {
                        damage.push(Damage::new(entry, Fault::Unlisted));
                    }
                }
            }
        }
        for build in self.builds()? {
            self.verify_build(&build, damage)?;
        }
        Ok(proved)
    }

    /// `computed`: the SHA-256 of the manifest as it is.
    fn verify_sum(&self, computed: &str, damage: &mut Vec<Damage>) -> Result<()> {
        let sum = sum_line(computed);
        match read_if_there(&self.path.join(MANIFEST_SUM))? {
            None => damage.push(Damage::new(MANIFEST_SUM, Fault::Missing)),
            Some(stored) if stored == sum.as_bytes() => {}
            Some(stored) => {
                let digest = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
                let fault = Fault::Changed {
                    stored: digest(&String::from_utf8_lossy(&stored)),
                    found: digest(&sum),
                };
                damage.push(Damage::new(MANIFEST, fault));
            }
        }
        Ok(())
    }

    fn verify_build(&self, build: &str, damage: &mut Vec<Damage>) -> Result<()> {
        let prefix = format!("{BUILDS}/{build}/");
        let dir = self.path.join(BUILDS).join(build);
        match manifest(read_if_there(&dir.join(MANIFEST))?.as_deref()) {
            Err(fault) => damage.push(Damage::new(prefix + MANIFEST, fault)),
            Ok((manifest, computed)) => {
                if computed != build {
                    let fault = Fault::Changed {
                        stored: build.to_owned(),
                        found: computed,
                    };
                    damage.push(Damage::new(format!("{prefix}{MANIFEST}"), fault));
                }
                let listed: Vec<&File<'_>> = manifest.description.iter().collect();
                check_all(&dir, &prefix, &listed, &[], damage)?;
            }
        }
        Ok(())
    }
}

/// What [`Artifact::prove`] found.
#[derive(Clone, Default, Debug)]
pub struct Proved {
    /// What is not as it was stored; empty when everything is.
    pub damage: Vec<Damage>,
    /// The files that were to be kept and are there, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A manifest and the digest of its bytes, or what is wrong with it.
pub(crate) fn manifest(
    bytes: Option<&[u8]>,
) -> std::result::Result<(Manifest<'static>, String), Fault> {
    let bytes = bytes.ok_or(Fault::Missing)?;
    match weir_schemas::read::<Manifest<'static>>(bytes) {
        Ok(manifest) => Ok((manifest, sha256(bytes))),
        Err(error) => Err(Fault::Unreadable {
            reason: error.to_string(),
        }),
    }
}

/// Checks the listed files, and gives the bytes of those in `keep`. Damage is told in the order of the list.
fn check_all(
    dir: &Path,
    prefix: &str,
    listed: &[&File<'_>],
    keep: &[&str],
    damage: &mut Vec<Damage>,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut kept = BTreeMap::new();
    // One thread a file: they are few, and large. Who wrote the manifest does not decide how many threads that is.
    for some in listed.chunks(MOST_THREADS) {
        let found: Vec<Result<Checked>> = thread::scope(|scope| {
            let checking: Vec<_> = some
                .iter()
                .map(|file| {
                    let keep = keep.contains(&file.name.as_ref());
                    scope.spawn(move || check(dir, file, keep))
                })
                .collect();
            (checking.into_iter())
                .map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        for (file, found) in some.iter().zip(found) {
            let found = found?;
            if let Some(fault) = found.fault {
                damage.push(Damage::new(format!("{prefix}{}", file.name), fault));
            }
            if let Some(bytes) = found.bytes {
                kept.insert(file.name.as_ref().to_owned(), bytes);
            }
        }
    }
    Ok(kept)
}

/// One file: what is wrong with it, and its bytes where they are to be kept.
struct Checked {
    fault: Option<Fault>,
    bytes: Option<Vec<u8>>,
}

fn check(dir: &Path, listed: &File<'_>, keep: bool) -> Result<Checked> {
    let name = listed.name.as_ref();
    // A manifest is read before it is trusted: it must not lead out of its directory.
    if file(name).is_none() {
        return Ok(Checked {
            fault: Some(Fault::Unknown),
            bytes: None,
        });
    }
    let path = dir.join(name);
    let mut bytes = keep.then(Vec::new);
    let fault = match sha256_if_there(&path, bytes.as_mut())? {
        None => Some(Fault::Missing),
        Some(found) => (found != listed.sha256).then(|| Fault::Changed {
            stored: listed.sha256.as_ref().to_owned(),
            found,
        }),
    };
    let is_missing = fault == Some(Fault::Missing);
    Ok(Checked {
        fault,
        bytes: bytes.filter(|_| !is_missing),
    })
}

fn entries(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(doing("list", dir))? {
        let name = entry.map_err(doing("list", dir))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// A file that is not as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Inside the artifact.
    pub file: String,
    pub fault: Fault,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    Missing,
    /// The manifest does not list it.
    Unlisted,
    /// The manifest lists it, and this Weir does not know such a file.
    Unknown,
    /// Not a manifest this Weir reads.
    Unreadable {
        reason: String,
    },
    Changed {
        stored: String,
        found: String,
    },
    /// A manifest that does not belong to this artifact.
    OtherPayload {
        computed: String,
    },
}

impl Damage {
    fn new(file: impl Into<String>, fault: Fault) -> Self {
        Damage {
            file: file.into(),
            fault,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        match &self.fault {
            Fault::Missing => write!(f, "{file} is missing"),
            Fault::Unlisted => write!(f, "{file} is not in the manifest"),
            Fault::Unknown => write!(f, "{file} is listed, and no file this Weir knows"),
            Fault::Unreadable { reason } => write!(f, "{file} cannot be read: {reason}"),
            Fault::Changed { stored, found } => {
                write!(f, "{file} has SHA-256 {found}, and {stored} was stored")
            }
            Fault::OtherPayload { computed } => {
                write!(f, "{file} describes another artifact, {computed}")
            }
        }
    }
}
