//! An artifact as a diff needs it, from its published files.

use weir_schemas::artifact;
use weir_schemas::manifest::Manifest;
use weir_schemas::queue_plan::QueuePlan;
use weir_schemas::tree::Tree;
use weir_store::sha256;

use super::Names;

/// The bytes of the files of one artifact.
pub struct Files {
    manifest: Option<Vec<u8>>,
    tree: Option<Vec<u8>>,
    plan: Option<Vec<u8>>,
    devices: Option<Vec<u8>>,
}

/// The files of one artifact, read. Texts are borrowed from [`Files`].
pub struct Artifact<'a> {
    /// Payload digest; for files without a manifest, that of the tree.
    pub digest: String,
    /// Absent where only the tree and the plan are at hand.
    pub manifest: Option<Manifest<'static>>,
    pub tree: Tree<'a>,
    pub plan: QueuePlan<'a>,
    /// Names of circuits.
    pub names: Names<'a>,
}

/// A file of an artifact that does not read as what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Unreadable {
    pub file: &'static str,
    pub reason: String,
}

impl Files {
    /// Names of the files that are asked for.
    pub const READ: [&'static str; 4] = [
        artifact::MANIFEST,
        artifact::TREE,
        artifact::QUEUE_PLAN,
        artifact::SHAPED_DEVICES,
    ];

    /// `read` gives the bytes of a file by name; `None` where there is no such file. The manifest and
    /// `ShapedDevices.csv` may be missing: the one names the artifact, the other its circuits.
    pub fn read(
        read: impl Fn(&'static str) -> Result<Option<Vec<u8>>, Unreadable> + Sync,
    ) -> Result<Files, Unreadable> {
        let manifest = read(artifact::MANIFEST)?;
        let (tree, (plan, devices)) = rayon::join(
            || read(artifact::TREE),
            || {
                rayon::join(
                    || read(artifact::QUEUE_PLAN),
                    || read(artifact::SHAPED_DEVICES),
                )
            },
        );
        Ok(Files {
            manifest,
            tree: tree?,
            plan: plan?,
            devices: devices?,
        })
    }

    /// Of files that are at hand already; `take` gives them by name.
    pub fn of(mut take: impl FnMut(&str) -> Option<Vec<u8>>) -> Files {
        Files {
            manifest: take(artifact::MANIFEST),
            tree: take(artifact::TREE),
            plan: take(artifact::QUEUE_PLAN),
            devices: take(artifact::SHAPED_DEVICES),
        }
    }

    /// What they say.
    pub fn artifact(&self) -> Result<Artifact<'_>, Unreadable> {
        fn must<'b>(
            bytes: &'b Option<Vec<u8>>,
            file: &'static str,
        ) -> Result<&'b [u8], Unreadable> {
            bytes.as_deref().ok_or_else(|| Unreadable {
                file,
                reason: "there is no such file: this is not an artifact".to_owned(),
            })
        }
        let wrong = |file: &'static str| {
            move |error: weir_schemas::ReadError| Unreadable {
                file,
                reason: error.to_string(),
            }
        };
        let manifest = (self.manifest.as_deref())
            .map(|bytes| {
                weir_schemas::read::<Manifest<'static>>(bytes).map_err(wrong(artifact::MANIFEST))
            })
            .transpose()?;
        let (tree, (plan, names)) = rayon::join(
            || {
                let bytes = must(&self.tree, artifact::TREE)?;
                let tree = Tree::read(bytes).map_err(wrong(artifact::TREE))?;
                let digest = match &manifest {
                    Some(manifest) => manifest.digest.as_ref().to_owned(),
                    None => sha256(bytes),
                };
                Ok((tree, digest))
            },
            || {
                rayon::join(
                    || {
                        let bytes = must(&self.plan, artifact::QUEUE_PLAN)?;
                        QueuePlan::read(bytes).map_err(wrong(artifact::QUEUE_PLAN))
                    },
                    || {
                        let csv = self.devices.as_deref().unwrap_or_default();
                        Names::read(csv).map_err(|error| Unreadable {
                            file: artifact::SHAPED_DEVICES,
                            reason: error.to_string(),
                        })
                    },
                )
            },
        );
        let (tree, digest) = tree?;
        Ok(Artifact {
            digest,
            manifest,
            tree,
            plan: plan?,
            names: names?,
        })
    }
}
