//! An artifact as a diff needs it, from its published files.

use csv::{ByteRecord, ReaderBuilder};
use weir_schemas::artifact;
use weir_schemas::manifest::Manifest;
use weir_schemas::queue_plan::QueuePlan;
use weir_schemas::tree::Tree;
use weir_store::sha256;

/// The files of one artifact, read.
pub struct Artifact {
    /// Payload digest; for files without a manifest, that of the tree.
    pub digest: String,
    /// Absent where only the tree and the plan are at hand.
    pub manifest: Option<Manifest<'static>>,
    pub tree: Tree<'static>,
    pub plan: QueuePlan<'static>,
    /// Names of circuits, sorted by id.
    pub names: Vec<(String, String)>,
}

/// A file of an artifact that does not read as what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Unreadable {
    pub file: &'static str,
    pub reason: String,
}

impl Artifact {
    /// `read` gives the bytes of a file by name; `None` where there is no such file. The manifest and
    /// `ShapedDevices.csv` may be missing: the one names the artifact, the other its circuits.
    pub fn read(
        read: impl Fn(&'static str) -> Result<Option<Vec<u8>>, Unreadable> + Sync,
    ) -> Result<Artifact, Unreadable> {
        let must = |name: &'static str| {
            read(name)?.ok_or_else(|| Unreadable {
                file: name,
                reason: "there is no such file: this is not an artifact".to_owned(),
            })
        };
        let wrong = |file: &'static str| {
            move |error: weir_schemas::ReadError| Unreadable {
                file,
                reason: error.to_string(),
            }
        };
        let manifest = read(artifact::MANIFEST)?
            .map(|bytes| {
                weir_schemas::read::<Manifest<'static>>(&bytes).map_err(wrong(artifact::MANIFEST))
            })
            .transpose()?;
        let (tree, (plan, names)) = rayon::join(
            || {
                let bytes = must(artifact::TREE)?;
                let tree: Tree<'static> =
                    weir_schemas::read(&bytes).map_err(wrong(artifact::TREE))?;
                let digest = match &manifest {
                    Some(manifest) => manifest.digest.as_ref().to_owned(),
                    None => sha256(&bytes),
                };
                Ok((tree, digest))
            },
            || {
                rayon::join(
                    || {
                        let bytes = must(artifact::QUEUE_PLAN)?;
                        weir_schemas::read(&bytes).map_err(wrong(artifact::QUEUE_PLAN))
                    },
                    || read(artifact::SHAPED_DEVICES)?.map_or(Ok(Vec::new()), |csv| names(&csv)),
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

/// Id and name of every circuit, from the first two columns; the rows of a circuit have one name.
fn names(csv: &[u8]) -> Result<Vec<(String, String)>, Unreadable> {
    let wrong = |error: csv::Error| Unreadable {
        file: artifact::SHAPED_DEVICES,
        reason: error.to_string(),
    };
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(csv);
    let mut record = ByteRecord::new();
    let mut names: Vec<(String, String)> = Vec::new();
    while reader.read_byte_record(&mut record).map_err(wrong)? {
        let field = |at| String::from_utf8_lossy(record.get(at).unwrap_or_default());
        let id = field(0);
        if names.last().is_none_or(|(last, _)| *last != id) {
            names.push((id.into_owned(), field(1).into_owned()));
        }
    }
    names.sort();
    names.dedup_by(|a, b| a.0 == b.0);
    Ok(names)
}
