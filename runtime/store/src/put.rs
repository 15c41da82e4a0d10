//! Putting an artifact into the store.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;

use weir_schemas::artifact::{MANIFEST, file};
use weir_schemas::manifest::Manifest;

use crate::artifact::{BUILDS, Damage, Fault, MANIFEST_SUM, manifest, manifest_sum};
use crate::disk::{Lock, doing, read, read_if_there, rename, sha256, sync_dir, write_dir};
use crate::summed::Content;
use crate::{Result, Store, StoreError};

/// What is being written and may be thrown away.
const PARTIAL: &str = ".partial";
/// A complete new description, to be moved into its artifact.
const DESCRIPTION: &str = ".description";

/// An artifact in memory.
#[derive(Clone, Debug)]
pub struct ArtifactFiles<'a> {
    /// Payload digest, lower-case hexadecimal.
    pub digest: &'a str,
    /// Names and bytes, with the manifest, in any order.
    pub files: Vec<(&'a str, Content<'a>)>,
}

/// What putting did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Put {
    pub outcome: Outcome,
    /// Payload digest, lower-case hexadecimal.
    pub digest: String,
    /// The directory of the artifact.
    pub path: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The store had no such payload.
    New,
    /// The payload was there, and another build of it is described now.
    Redescribed,
    /// The very same build was there.
    Existing,
}

impl Outcome {
    /// Whether the payload was not there before.
    pub fn is_new(self) -> bool {
        self == Outcome::New
    }
}

/// An artifact whose files are on the disk, and that nobody sees before it is [kept](Staged::keep). Dropped, it leaves
/// nothing behind. Until then the store is locked.
#[derive(Debug)]
pub struct Staged<'s> {
    store: &'s Store,
    digest: String,
    manifest: Manifest<'static>,
    /// Where its files are; `None` where the store had the payload.
    partial: Option<PathBuf>,
    _lock: Lock,
}

impl Staged<'_> {
    /// Makes it an artifact of the store. `artifact` is the one that was staged.
    pub fn keep(mut self, artifact: &ArtifactFiles<'_>) -> Result<Put> {
        if artifact.digest != self.digest {
            return Err(not(format!(
                "{} was staged, and {} is to be kept",
                self.digest, artifact.digest
            )));
        }
        let path = self.store.artifacts().join(&self.digest);
        let outcome = match &self.partial {
            Some(partial) => {
                rename(partial, &path)?;
                self.partial = None;
                Outcome::New
            }
            None => {
                same_payload(&path, &self.manifest, artifact)?;
                self.store.describe(&path, &self.manifest, artifact)?
            }
        };
        Ok(Put {
            outcome,
            digest: self.digest.clone(),
            path,
        })
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // Room for whoever needs it; what is left is removed by the next writer anyway.
            let _ = fs::remove_dir_all(partial);
        }
    }
}

impl Store {
    /// Stores an artifact. The same payload is stored once; the description of its newest build replaces the one
    /// that is there, which moves to `builds/`.
    pub fn put_artifact(&self, artifact: &ArtifactFiles<'_>) -> Result<Put> {
        self.stage(artifact)?.keep(artifact)
    }

    /// The first half of [`put_artifact`](Store::put_artifact), and nearly all of its time: for whoever has to decide
    /// meanwhile whether it is wanted.
    pub fn stage(&self, artifact: &ArtifactFiles<'_>) -> Result<Staged<'_>> {
        let manifest = check(artifact)?;
        let lock = Lock::exclusive(&self.lock())?;
        recover(self)?;
        let mut staged = Staged {
            store: self,
            digest: artifact.digest.to_owned(),
            manifest,
            partial: None,
            _lock: lock,
        };
        if !self.artifacts().join(artifact.digest).is_dir() {
            let partial = self.tmp().join([artifact.digest, PARTIAL].concat());
            let sum = manifest_sum(artifact.bytes(MANIFEST)?);
            let files = artifact
                .files
                .iter()
                .map(|(n, content)| (*n, content.bytes()));
            let files = files.chain([(MANIFEST_SUM, sum.as_bytes())]);
            write_dir(staged.partial.insert(partial), files)?;
        }
        Ok(staged)
    }

    /// Puts a new description where it differs from the one that is there.
    fn describe(
        &self,
        path: &Path,
        manifest: &Manifest<'_>,
        artifact: &ArtifactFiles<'_>,
    ) -> Result<Outcome> {
        let sum = manifest_sum(artifact.bytes(MANIFEST)?);
        let described: Vec<(&str, &[u8])> = description(manifest)
            .map(|name| match name {
                MANIFEST_SUM => Ok((name, sum.as_bytes())),
                name => Ok((name, artifact.bytes(name)?)),
            })
            .collect::<Result<_>>()?;
        let mut same = true;
        for (name, bytes) in &described {
            same &= read_if_there(&path.join(name))?.as_deref() == Some(*bytes);
        }
        if same {
            return Ok(Outcome::Existing);
        }
        self.keep_description(path)?;
        let complete = self.tmp().join([artifact.digest, DESCRIPTION].concat());
        let partial = complete.with_extension(&PARTIAL[1..]);
        write_dir(&partial, described)?;
        rename(&partial, &complete)?;
        move_description(&complete, path)?;
        Ok(Outcome::Redescribed)
    }

    /// Copies the description that is there to `builds/`. One that was tampered with is worth nothing.
    fn keep_description(&self, path: &Path) -> Result<()> {
        let Ok((old, build)) = manifest(read_if_there(&path.join(MANIFEST))?.as_deref()) else {
            return Ok(());
        };
        let mut files = Vec::new();
        for name in description(&old).filter(|name| *name != MANIFEST_SUM) {
            let Some(bytes) = file(name)
                .map(|_| read_if_there(&path.join(name)))
                .transpose()?
                .flatten()
            else {
                return Ok(());
            };
            let listed = old.description.iter().find(|f| f.name == name);
            if listed.is_some_and(|listed| listed.sha256 != sha256(&bytes)) {
                return Ok(());
            }
            files.push((name, bytes));
        }
        let builds = path.join(BUILDS);
        let kept = builds.join(&build);
        if kept.is_dir() {
            return Ok(());
        }
        if !builds.is_dir() {
            fs::create_dir(&builds).map_err(doing("make", &builds))?;
            sync_dir(path)?;
        }
        let partial = self.tmp().join([&build, PARTIAL].concat());
        write_dir(&partial, files.iter().map(|(n, b)| (*n, b.as_slice())))?;
        rename(&partial, &kept)
    }
}

impl<'a> ArtifactFiles<'a> {
    /// The files are those of their manifest, no more and no less, and they have the digest they claim.
    pub fn check(&self) -> Result<Manifest<'static>> {
        check(self)
    }

    fn bytes(&self, name: &str) -> Result<&'a [u8]> {
        self.content(name).map(Content::bytes)
    }

    fn content(&self, name: &str) -> Result<Content<'a>> {
        self.files
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, content)| *content)
            .ok_or_else(|| not(format!("{name} is missing")))
    }
}

fn not(what: impl Into<String>) -> StoreError {
    StoreError::NotAnArtifact { what: what.into() }
}

/// Names of the describing files as the store keeps them, the manifest last.
fn description<'m>(manifest: &'m Manifest<'_>) -> impl Iterator<Item = &'m str> {
    let listed = manifest.description.iter().map(|f| f.name.as_ref());
    listed.chain([MANIFEST_SUM, MANIFEST])
}

/// The files are those of their manifest, no more and no less, and they have the digest they claim.
fn check(artifact: &ArtifactFiles<'_>) -> Result<Manifest<'static>> {
    let bytes = artifact.bytes(MANIFEST)?;
    let manifest: Manifest<'static> =
        weir_schemas::read(bytes).map_err(|error| not(format!("{MANIFEST}: {error}")))?;
    let computed = sha256(manifest.payload_text().as_bytes());
    if computed != artifact.digest || manifest.digest != artifact.digest {
        return Err(not(format!(
            "the digest is {computed}, and {} was said",
            artifact.digest
        )));
    }
    let listed: Vec<_> = manifest
        .payload
        .iter()
        .chain(&manifest.description)
        .collect();
    for row in &listed {
        if file(&row.name).is_none() {
            return Err(not(format!("{} is no file of an artifact", row.name)));
        }
        artifact.bytes(&row.name)?;
    }
    // One thread a file: they are few, and large.
    let sound: Vec<bool> = thread::scope(|scope| {
        let hashing: Vec<_> = listed
            .iter()
            .map(|row| {
                scope.spawn(|| {
                    artifact
                        .content(&row.name)
                        .is_ok_and(|content| content.sha256() == row.sha256)
                })
            })
            .collect();
        (hashing.into_iter())
            .map(|one| one.join().unwrap_or(false))
            .collect()
    });
    if let Some((row, _)) = listed.iter().zip(sound).find(|(_, sound)| !sound) {
        return Err(not(format!("{} differs from the manifest", row.name)));
    }
    if artifact.files.len() != listed.len() + 1 {
        return Err(not("there are files that the manifest does not list"));
    }
    Ok(manifest)
}

/// The payload that is there is the one given. It has the same digest, so anything else is damage.
fn same_payload(path: &Path, manifest: &Manifest<'_>, artifact: &ArtifactFiles<'_>) -> Result<()> {
    for listed in &manifest.payload {
        let fault = match read_if_there(&path.join(listed.name.as_ref()))? {
            Some(bytes) if bytes == artifact.bytes(&listed.name)? => continue,
            Some(bytes) => Fault::Changed {
                stored: listed.sha256.as_ref().to_owned(),
                found: sha256(&bytes),
            },
            None => Fault::Missing,
        };
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            damage: Damage {
                file: listed.name.as_ref().to_owned(),
                fault,
            },
        });
    }
    Ok(())
}

/// Moves a complete description into its artifact, the manifest last: until then the artifact has the old one.
fn move_description(complete: &Path, path: &Path) -> Result<()> {
    let manifest_bytes = read(&complete.join(MANIFEST))?;
    let manifest: Manifest<'static> =
        weir_schemas::read(&manifest_bytes).map_err(|error| not(format!("{MANIFEST}: {error}")))?;
    for name in description(&manifest) {
        let from = complete.join(name);
        if name == MANIFEST {
            sync_dir(path)?;
        }
        match fs::rename(&from, path.join(name)) {
            // Moved before the crash.
            Err(error) if error.kind() == ErrorKind::NotFound && name != MANIFEST => {}
            moved => moved.map_err(doing("write", &path.join(name)))?,
        }
    }
    sync_dir(path)?;
    fs::remove_dir(complete).map_err(doing("remove", complete))
}

/// Finishes or removes what a process that is gone left in `tmp/`. The caller holds the lock.
pub(crate) fn recover(store: &Store) -> Result<()> {
    let tmp = store.tmp();
    for entry in fs::read_dir(&tmp).map_err(doing("list", &tmp))? {
        let path = entry.map_err(doing("list", &tmp))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let artifact = name
            .strip_suffix(DESCRIPTION)
            .map(|digest| store.artifacts().join(digest))
            .filter(|artifact| artifact.is_dir());
        match artifact {
            // The manifest moves last: without it everything has been moved.
            Some(artifact) if path.join(MANIFEST).is_file() => move_description(&path, &artifact)?,
            _ if path.is_dir() => fs::remove_dir_all(&path).map_err(doing("remove", &path))?,
            _ => fs::remove_file(&path).map_err(doing("remove", &path))?,
        }
    }
    Ok(())
}
