//! Which files an artifact has, and how its digests are made. Hashing itself is left to the caller.
//!
//! The *payload* is what shapes traffic; it names the artifact. The *description* says where one build of that
//! payload came from and what was found; several builds may share a payload.

use std::fmt::Write as _;

/// A file of an artifact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArtifactFile {
    /// `tree.json`
    pub name: &'static str,
    /// Its format, with a version.
    pub schema: &'static str,
    pub part: Part,
}

/// What a file counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Shapes traffic; in the payload digest.
    Payload,
    /// Describes one build.
    Description,
}

/// The CSV has no place for a version of its own.
pub const SHAPED_DEVICES_SCHEMA: &str = "libreqos.shaped-devices/1";
/// Neither has `network.json`.
pub const NETWORK_SCHEMA: &str = "libreqos.network/1";
/// The number is the version of the kernel side's numbers and layouts (`weir_abi::ABI_VERSION`), which is also in the
/// file itself.
pub const CLASSIFIER_SCHEMA: &str = "weir.classifier/1";

pub const CLASSIFIER: &str = "classifier.bin";
pub const FINDINGS: &str = "findings.json";
pub const MANIFEST: &str = "manifest.json";
pub const NETWORK: &str = "network.json";
pub const PROVENANCE: &str = "provenance.json";
pub const QUEUE_PLAN: &str = "queue-plan.json";
pub const SHAPED_DEVICES: &str = "ShapedDevices.csv";
pub const TREE: &str = "tree.json";

/// Every file, sorted by name as bytes.
pub static FILES: &[ArtifactFile] = &[
    payload(SHAPED_DEVICES, SHAPED_DEVICES_SCHEMA),
    payload(CLASSIFIER, CLASSIFIER_SCHEMA),
    description(
        FINDINGS,
        <crate::findings::Findings<'_> as crate::Published>::SCHEMA,
    ),
    description(
        MANIFEST,
        <crate::manifest::Manifest<'_> as crate::Published>::SCHEMA,
    ),
    payload(NETWORK, NETWORK_SCHEMA),
    description(
        PROVENANCE,
        <crate::provenance::Provenance<'_> as crate::Published>::SCHEMA,
    ),
    payload(
        QUEUE_PLAN,
        <crate::queue_plan::QueuePlan<'_> as crate::Published>::SCHEMA,
    ),
    payload(TREE, <crate::tree::Tree<'_> as crate::Published>::SCHEMA),
];

const fn payload(name: &'static str, schema: &'static str) -> ArtifactFile {
    ArtifactFile {
        name,
        schema,
        part: Part::Payload,
    }
}

const fn description(name: &'static str, schema: &'static str) -> ArtifactFile {
    ArtifactFile {
        name,
        schema,
        part: Part::Description,
    }
}

/// The row of [`FILES`] with this name.
pub fn file(name: &str) -> Option<&'static ArtifactFile> {
    FILES.iter().find(|f| f.name == name)
}

/// The text whose SHA-256 is the payload digest: one line a payload file, sorted by name, then the target and
/// the strategy; every line ends with a line feed.
///
/// ```text
/// file ShapedDevices.csv libreqos.shaped-devices/1 <sha256>
/// file classifier.bin weir.classifier/1 <sha256>
/// file network.json libreqos.network/1 <sha256>
/// file queue-plan.json weir.queue-plan/1 <sha256>
/// file tree.json weir.tree/1 <sha256>
/// target "edge1"
/// strategy ap_site
/// ```
///
/// The target is a JSON string, or `null` when the project declares none. `files` are (name, schema, SHA-256).
pub fn payload_text<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    target: Option<&str>,
    strategy: crate::common::Strategy,
) -> String {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_unstable();
    let mut text = String::new();
    for (name, schema, sha256) in files {
        let _ = writeln!(text, "file {name} {schema} {sha256}");
    }
    let target = serde_json::json!(target);
    let _ = writeln!(text, "target {target}\nstrategy {}", strategy.word());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::Strategy;

    #[test]
    fn files_are_sorted_by_name() {
        assert!(FILES.windows(2).all(|w| w[0].name < w[1].name));
    }

    #[test]
    fn payload_text_is_sorted_and_one_line_each() {
        let files = [("b", "x/1", "22"), ("a", "y/2", "11")];
        assert_eq!(
            payload_text(files, Some("edge\n\"1\""), Strategy::ApSite),
            "file a y/2 11\nfile b x/1 22\ntarget \"edge\\n\\\"1\\\"\"\nstrategy ap_site\n"
        );
        assert!(
            payload_text(files, None, Strategy::Flat).ends_with("target null\nstrategy flat\n")
        );
    }
}
