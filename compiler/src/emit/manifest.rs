//! `manifest.json` (`weir.manifest/1`): what the artifact is made of and from, and the digest that names it.
//! Made last, as it holds the digests of the other files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ipnet::IpNet;
use weir_schemas::Published as _;
use weir_schemas::artifact::{self, Part};
use weir_schemas::common;
use weir_schemas::manifest::{
    Counts, File, FindingCounts, Fit, InputFile, Inputs, Manifest, Memory, Source, Target, Tool,
    Usage,
};
use weir_store::Summed;

use crate::config::date::Date;
use crate::config::project::FailOn;
use crate::emit::view::View;
use crate::emit::{queue_plan, sha256};
use crate::exports::Export;
use crate::finding::{Finding, Level};
use crate::fit;
use crate::ir::overlay::Why;
use crate::ir::records::{LeafKind, NodeKind};
use crate::ir::tree::PlacedCircuit;
use crate::lint::rule::Stages;
use crate::units::{Kbps, Pair};

/// The bytes of the manifest, and the payload digest.
pub(super) fn emit(
    view: &View<'_>,
    findings: &[Finding],
    emitted: &[(&'static str, Summed)],
    previous: Option<&str>,
) -> (Vec<u8>, String) {
    let project = view.stages.project;
    let fail_on = match project.lint.fail_on {
        FailOn::Error => Some(Level::Error),
        FailOn::Warning => Some(Level::Warning),
        FailOn::Never => None,
    };
    let (counts, fit) = rayon::join(|| counts(view), || fit(view.stages));
    let mut manifest = Manifest {
        schema: Cow::Borrowed(Manifest::SCHEMA),
        digest: Cow::Borrowed(""),
        payload: files(emitted, Part::Payload),
        description: files(emitted, Part::Description),
        tool: Tool {
            name: Cow::Borrowed("weir"),
            version: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
        },
        project: Cow::Borrowed(&project.name),
        previous: previous.map(Cow::Borrowed),
        strategy: view.stages.tree.strategy.into(),
        target: Target {
            name: project.target.name.as_deref().map(Cow::Borrowed),
            queues: project.target.queues,
        },
        inputs: Inputs {
            config_sha256: Cow::Borrowed(&project.digest),
            sources: view
                .stages
                .exports
                .exports
                .iter()
                .map(|export| source(view.stages, export))
                .collect(),
            overrides_sha256: project.overrides.digest.as_deref().map(Cow::Borrowed),
            as_of: deciding_day(view.stages).map(|day| Cow::Owned(day.to_string())),
            peaks: view.stages.exports.peaks.map(|id| {
                let file = view.stages.files.file(id);
                InputFile {
                    path: Cow::Borrowed(&file.path),
                    collection: Cow::Borrowed("peaks"),
                    page: None,
                    sha256: Cow::Borrowed(&file.digest),
                }
            }),
        },
        counts,
        fit,
        findings: finding_counts(findings),
        fail_on: fail_on.map(Into::into),
        failing: fail_on
            .is_some_and(|level| findings.iter().any(|f| f.is_open() && f.level >= level)),
    };
    let digest = sha256(manifest.payload_text().as_bytes());
    manifest.digest = Cow::Borrowed(&digest);
    let mut bytes = serde_json::to_vec_pretty(&manifest).expect("published types write to memory");
    bytes.push(b'\n');
    (bytes, digest)
}

fn files<'a>(emitted: &'a [(&'static str, Summed)], part: Part) -> Vec<File<'a>> {
    emitted
        .iter()
        .filter_map(|(name, file)| {
            let row = artifact::file(name).expect("every emitted file has its row");
            (row.part == part).then(|| File {
                name: Cow::Borrowed(name),
                schema: Cow::Borrowed(row.schema),
                bytes: file.bytes().len() as u64,
                sha256: Cow::Borrowed(file.sha256()),
            })
        })
        .collect()
}

fn source<'a>(stages: &Stages<'a>, export: &'a Export) -> Source<'a> {
    let source = &stages.project.sources[export.source];
    Source {
        name: Cow::Borrowed(&source.name),
        kind: Cow::Borrowed(source.kind.word()),
        files: export
            .files
            .iter()
            .map(|entry| {
                let file = stages.files.file(entry.file);
                InputFile {
                    path: Cow::Borrowed(&file.path),
                    collection: Cow::Borrowed(&entry.collection),
                    page: entry.page,
                    sha256: Cow::Borrowed(&file.digest),
                }
            })
            .collect(),
    }
}

fn counts(view: &View<'_>) -> Counts {
    let inventory = view.stages.inventory;
    let devices = || view.placed.iter().flat_map(|p| &p.circuit.devices);
    let prefixes = || devices().flat_map(|d| &d.addresses);
    let ipv4 = prefixes().filter(|net| matches!(net, IpNet::V4(_))).count() as u64;
    let total = |rate: fn(&PlacedCircuit) -> Pair<Kbps>| {
        let sum: Pair<Kbps> = view.placed.iter().map(|p| rate(p.place)).sum();
        sum.array()
    };
    let mut omitted: BTreeMap<common::OmitReason, u64> = common::OmitReason::ALL
        .into_iter()
        // The only one that an operator asks for: it is counted where there is one.
        .filter(|reason| *reason != common::OmitReason::Excluded)
        .map(|r| (r, 0))
        .collect();
    for reason in inventory.circuits.iter().filter_map(|c| c.omitted) {
        *omitted.entry(reason.into()).or_default() += 1;
    }
    let (nodes_by_kind, nodes_by_level) = nodes(view);
    let (classes, leaves) = queue_plan::size(view);
    Counts {
        circuits: inventory.circuits.len() as u64,
        shaped: view.placed.len() as u64,
        omitted,
        nodes_by_kind,
        nodes_by_level,
        buckets: view.buckets.len() as u64,
        devices: devices().count() as u64,
        prefixes_ipv4: ipv4,
        prefixes_ipv6: prefixes().count() as u64 - ipv4,
        classes,
        leaf_qdiscs: [leaves.down, leaves.up],
        max_kbps: total(|p| p.max),
        min_kbps: total(|p| p.min),
    }
}

fn fit(stages: &Stages<'_>) -> Fit {
    let target = &stages.project.target;
    let fit = fit::Fit::of(stages);
    let usage = |used: usize, limit: usize| Usage::of(used as u64, Some(limit as u64));
    let (busiest_queue, load) = fit.busiest();
    let fullest = fit.classes.iter().copied().max().unwrap_or(0);
    Fit {
        class_minors: usage(fullest, weir_abi::MAX_MINORS),
        leaf_handles: [fit.handles.down, fit.handles.up]
            .map(|used| usage(used, weir_abi::MAX_LEAF_HANDLES)),
        memory_bytes: Usage::of(fit.memory(), fit::memory_to_spare(target)),
        memory: Memory {
            classes: fit.class_bytes(),
            cake: fit.leaves.bytes(LeafKind::Cake),
            fq_codel: fit.leaves.bytes(LeafKind::FqCodel),
            none: fit.leaves.bytes(LeafKind::None),
        },
        addresses: usage(fit.addresses, fit::ADDRESSES),
        prefix_lengths: fit::Fit::lengths(stages).map(|of| usage(of.len(), fit::LENGTHS)),
        levels: usage(fit.levels, fit::LEVELS),
        core_kbps: Usage::of(load.0, Some(target.core.0)),
        busiest_queue,
        balance_percent: fit.balance_percent(),
    }
}

/// The day of the build, when it is past an expiry. Before that the same files come out on every day.
fn deciding_day(stages: &Stages<'_>) -> Option<Date> {
    let day = stages.project.as_of;
    let unapplied = &stages.inventory.evidence.overlay.unapplied;
    let mut rates = stages.sources.iter().flat_map(|s| &s.temporary_rates);
    let over = unapplied.iter().any(|u| u.why == Why::Expired)
        || rates.any(|rate| rate.over)
        || (stages.project.lint.suppress.iter()).any(|s| s.is_expired(day));
    day.filter(|_| over)
}

/// Emitted nodes per kind, and per level.
fn nodes(view: &View<'_>) -> (BTreeMap<common::NodeKind, u64>, Vec<u64>) {
    let tree = view.stages.tree;
    let mut by_kind: BTreeMap<common::NodeKind, u64> =
        [NodeKind::Site, NodeKind::Ap, NodeKind::Other]
            .into_iter()
            .map(|kind| (kind.into(), 0))
            .collect();
    let mut by_level: Vec<u64> = Vec::new();
    // Parents stand before their children.
    let mut levels: Vec<usize> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let kind = view.stages.inventory[node.node].kind;
        *by_kind.entry(kind.into()).or_default() += 1;
        let level = node.parent.map_or(0, |parent| levels[parent.ix()] + 1);
        if by_level.len() <= level {
            by_level.resize(level + 1, 0);
        }
        by_level[level] += 1;
        levels.push(level);
    }
    (by_kind, by_level)
}

fn finding_counts(findings: &[Finding]) -> FindingCounts<'_> {
    let open = || findings.iter().filter(|f| f.is_open());
    let of = |level: Level| open().filter(|f| f.level == level).count() as u64;
    let mut by_code: BTreeMap<Cow<'_, str>, u64> = BTreeMap::new();
    for finding in open() {
        *by_code.entry(Cow::Borrowed(finding.rule.code)).or_default() += 1;
    }
    FindingCounts {
        error: of(Level::Error),
        warning: of(Level::Warning),
        info: of(Level::Info),
        by_code,
        suppressed: (findings.len() - open().count()) as u64,
    }
}
