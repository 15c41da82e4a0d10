//! Writing what was compiled: each file of the artifact as exact bytes. The same stages give the same bytes on
//! any machine and with any number of threads; nothing is decided here that shapes traffic, except the weight
//! of a class (`queue_plan`).
//!
//! It knows nothing of CRMs, of the store or of how findings look on a terminal. [`write()`] is the only function
//! that touches the disk.

mod classifier;
mod findings;
mod json;
mod manifest;
mod network;
mod provenance;
mod queue_plan;
mod shaped_devices;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod view;

pub use classifier::fault as table_fault;
pub use findings::{
    location as published_location, published as published_finding, subject as published_subject,
};

use std::io::Write as _;
use std::path::Path;
use std::{fs, io};

use rayon::prelude::*;
use weir_schemas::artifact;
/// Lower-case hexadecimal.
pub use weir_store::sha256;
use weir_store::{ArtifactFiles, Summed};

use crate::emit::queue_plan::Change;
use crate::emit::view::View;
use crate::finding::Finding;
use crate::lint::rule::Stages;

/// The files of an artifact, as exact bytes, sorted by name.
#[derive(Clone, Debug, Default)]
pub struct ArtifactSet {
    pub files: Vec<(&'static str, Summed)>,
    /// Payload digest (`docs/artifacts.md`), lower-case hex.
    pub digest: String,
}

impl ArtifactSet {
    /// The bytes of one file.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, file)| file.bytes())
    }

    /// As the store takes them.
    pub fn as_files(&self) -> ArtifactFiles<'_> {
        ArtifactFiles {
            digest: &self.digest,
            files: self
                .files
                .iter()
                .map(|(name, file)| (*name, file.into()))
                .collect(),
        }
    }
}

/// How one file is made.
type Emitter = fn(&View<'_>, &[Finding]) -> Vec<u8>;

/// Every file but the manifest. To add one: a type in `weir-schemas`, a row in its table of files, a module here, and its
/// line. Threads halve the list, and each file is followed by its digest, which one thread works out alone: in either
/// half the largest come first, so that what is left at the end is small.
static EMITTERS: &[(&str, Emitter)] = &[
    (artifact::PROVENANCE, |view, _| provenance::emit(view)),
    (artifact::SHAPED_DEVICES, |view, _| {
        shaped_devices::emit(view)
    }),
    (artifact::CLASSIFIER, |view, _| classifier::emit(view)),
    (artifact::TREE, |view, _| tree::emit(view)),
    (artifact::QUEUE_PLAN, |view, _| {
        queue_plan::emit(view, Change::None)
    }),
    (artifact::FINDINGS, findings::emit),
    (artifact::NETWORK, |view, _| {
        network::emit(view.stages.tree, view.stages.inventory)
    }),
];

/// `previous`: payload digest of the artifact this build follows.
pub fn emit(stages: &Stages<'_>, findings: &[Finding], previous: Option<&str>) -> ArtifactSet {
    let view = View::new(stages);
    let mut files: Vec<(&'static str, Summed)> = EMITTERS
        .par_iter()
        .map(|&(name, emitter)| (name, Summed::of(emitter(&view, findings))))
        .collect();
    files.sort_unstable_by_key(|(name, _)| *name);
    let (mut manifest, mut digest) = manifest::emit(&view, findings, &files, previous);
    // A change lets freed numbers rest one change less. Whether this is one shows only now.
    let ages = stages.layout.resting != stages.layout.resting_unchanged;
    if ages && previous.is_some_and(|p| p != digest) {
        for (_, file) in (files.iter_mut()).filter(|(name, _)| *name == artifact::QUEUE_PLAN) {
            *file = Summed::of(queue_plan::emit(&view, Change::Some));
        }
        (manifest, digest) = manifest::emit(&view, findings, &files, previous);
    }
    files.push((artifact::MANIFEST, Summed::of(manifest)));
    files.sort_unstable_by_key(|(name, _)| *name);
    ArtifactSet { files, digest }
}

/// Writes the files into a directory, which is made if need be. Each file is replaced whole; the manifest comes
/// last, so a reader that starts from it finds what it lists.
pub fn write(set: &ArtifactSet, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let (manifest, others): (Vec<_>, Vec<_>) = set
        .files
        .iter()
        .partition(|(name, _)| *name == artifact::MANIFEST);
    for (name, content) in others.into_iter().chain(manifest) {
        let partial = dir.join(format!(".{name}.partial"));
        let write = || {
            let mut file = fs::File::create(&partial)?;
            file.write_all(content.bytes())?;
            file.sync_all()?;
            fs::rename(&partial, dir.join(name))
        };
        if let Err(error) = write() {
            // On a full disk it would only be in the way.
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
    }
    // The renames are on the disk when the directory is.
    fs::File::open(dir)?.sync_all()
}
