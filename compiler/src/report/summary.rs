//! What a build came to, in a dozen lines somebody can judge: is everybody there, does it hang where it should, is
//! it more than the network can carry, is the work spread over the CPUs.

use std::collections::BTreeMap;

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::finding::Finding;
use crate::ir::inventory::{Inventory, OmitReason};
use crate::ir::layout::QueueLayout;
use crate::ir::records::NodeKind;
use crate::ir::tree::{BucketReason, ShapingTree};
use crate::lint::rule::Stages;
use crate::report::{Aside, Look, Tally, Tone, counted, mbps, plain, thousands};
use crate::units::Pair;

/// Columns of the whole block.
const WIDTH: usize = 80;
/// Columns of the names on the left.
const NAMES: usize = 14;

/// The figures; also the `summary` of the machine formats. Rates are kbit/s, [download, upload].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Summary {
    pub project: String,
    pub strategy: &'static str,
    /// The declared target, if there is one.
    pub target: Option<String>,
    pub sources: Vec<SourceSummary>,
    #[serde(flatten)]
    pub counts: Counts,
    pub wan_kbps: [u64; 2],
    pub findings: Levels,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SourceSummary {
    pub name: String,
    pub kind: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Levels {
    pub error: usize,
    pub warning: usize,
    pub info: usize,
    /// In no other count.
    pub suppressed: usize,
    /// In the baseline, and in no other count.
    pub known: usize,
}

/// What the tree and the layout hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    pub circuits: usize,
    pub shaped: usize,
    /// Circuits left out, by reason.
    pub omitted: BTreeMap<&'static str, usize>,
    /// Shaped circuits that hang in a generated parent node, by reason.
    pub unparented: BTreeMap<&'static str, usize>,
    /// Nodes of the sources.
    pub known_nodes: usize,
    /// Emitted nodes, by kind.
    pub nodes: BTreeMap<&'static str, usize>,
    /// Emitted nodes, by level from the top.
    pub levels: Vec<usize>,
    /// Sum of circuit maxima.
    pub sold_kbps: [u64; 2],
    /// Sum of circuit minima.
    pub guaranteed_kbps: [u64; 2],
    /// What each CPU queue was given, both directions: circuit maxima, or measured peaks where they are known.
    pub queue_load_kbps: Vec<u64>,
}

impl Summary {
    pub fn of(stages: &Stages<'_>, findings: &[Finding]) -> Summary {
        let project = stages.project;
        let tally = Tally::of(findings);
        let aside = Aside::of(findings);
        let sources = project.sources.iter().map(|source| SourceSummary {
            name: source.name.clone(),
            kind: source.kind.word(),
        });
        Summary {
            project: project.name.clone(),
            strategy: stages.tree.strategy.word(),
            target: project.target.name.clone(),
            sources: sources.collect(),
            counts: Counts::of(stages.inventory, stages.tree, stages.layout),
            wan_kbps: project.topology.wan.array(),
            findings: Levels {
                error: tally.errors,
                warning: tally.warnings,
                info: tally.infos,
                suppressed: aside.suppressed,
                known: aside.known,
            },
        }
    }

    /// Name and value, one under the other, in 80 columns.
    pub fn text(&self, look: Look) -> String {
        let mut text = look.paint(Tone::Strong, &plain(&self.project)).into_owned();
        text.push_str(&format!(", strategy {}", self.strategy));
        match &self.target {
            Some(target) => text.push_str(&format!(", target {}\n", plain(target))),
            None => text.push_str(", no target declared\n"),
        }
        for (name, value) in self.rows() {
            push_row(&mut text, name, &value);
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let counts = &self.counts;
        let mut rows = Vec::new();
        let mut circuits = format!(
            "{}, {} shaped",
            thousands(counts.circuits as u64),
            thousands(counts.shaped as u64)
        );
        if !counts.omitted.is_empty() {
            circuits.push_str(&format!("; not shaped: {}", listed(&counts.omitted)));
        }
        rows.push(("circuits", circuits));
        if !counts.unparented.is_empty() {
            let total: usize = counts.unparented.values().sum();
            let value = format!(
                "{}: {}",
                thousands(total as u64),
                listed(&counts.unparented)
            );
            rows.push(("unparented", value));
        }
        rows.push(("nodes", self.nodes()));
        rows.push(("sold", self.sold()));
        rows.push((
            "guaranteed",
            format!("{} Mbit/s", mbps(counts.guaranteed_kbps)),
        ));
        rows.push(("CPU queues", self.balance()));
        let tally = Tally {
            errors: self.findings.error,
            warnings: self.findings.warning,
            infos: self.findings.info,
        };
        let aside = Aside {
            suppressed: self.findings.suppressed,
            known: self.findings.known,
        };
        rows.push(("findings", format!("{tally}{aside}")));
        rows
    }

    fn nodes(&self) -> String {
        let counts = &self.counts;
        let emitted: usize = counts.levels.iter().sum();
        if emitted == 0 {
            return format!("none of {}", thousands(counts.known_nodes as u64));
        }
        let kinds: Vec<String> = counts
            .nodes
            .iter()
            .map(|(kind, n)| format!("{} {kind}", thousands(*n as u64)))
            .collect();
        let levels: Vec<String> = counts.levels.iter().map(|n| thousands(*n as u64)).collect();
        format!(
            "{} of {}: {}; by level from the top {}",
            thousands(emitted as u64),
            thousands(counts.known_nodes as u64),
            kinds.join(", "),
            levels.join(" + ")
        )
    }

    fn sold(&self) -> String {
        let sold = self.counts.sold_kbps;
        let times = [0, 1].map(|d| ratio(sold[d], self.wan_kbps[d]));
        format!(
            "{} Mbit/s, {}/{} times the WAN of {}",
            mbps(sold),
            times[0],
            times[1],
            mbps(self.wan_kbps)
        )
    }

    fn balance(&self) -> String {
        let load = &self.counts.queue_load_kbps;
        let sum: u64 = load.iter().fold(0, |a, b| a.saturating_add(*b));
        let most = load.iter().copied().max().unwrap_or(0);
        if sum == 0 {
            return format!("{}, no load", load.len());
        }
        // max / mean = max * n / sum
        let scaled = u128::from(most) * load.len() as u128;
        format!(
            "{}, the fullest has {} times the mean",
            load.len(),
            hundredths(scaled, u128::from(sum))
        )
    }
}

impl Counts {
    pub fn of(inventory: &Inventory, tree: &ShapingTree, layout: &QueueLayout) -> Counts {
        let mut counts = Counts {
            circuits: inventory.circuits.len(),
            known_nodes: inventory.nodes.len(),
            queue_load_kbps: layout.weights().to_vec(),
            ..Counts::default()
        };
        for reason in inventory.circuits.iter().filter_map(|c| c.omitted) {
            *counts.omitted.entry(OmitReason::word(reason)).or_default() += 1;
        }
        let (mut sold, mut guaranteed) = (Pair::ZERO, Pair::ZERO);
        for (_, circuit) in tree.placed() {
            counts.shaped += 1;
            sold += circuit.max;
            guaranteed += circuit.min;
            if let Some(reason) = circuit.bucket_reason {
                *counts.unparented.entry(bucket_word(reason)).or_default() += 1;
            }
        }
        counts.sold_kbps = sold.array();
        counts.guaranteed_kbps = guaranteed.array();
        let mut levels: Vec<usize> = Vec::with_capacity(tree.nodes.len());
        for node in &tree.nodes {
            let kind: NodeKind = inventory[node.node].kind;
            *counts.nodes.entry(kind.word()).or_default() += 1;
            let level = node.parent.map_or(0, |p| levels[p.ix()] + 1);
            levels.push(level);
            if counts.levels.len() <= level {
                counts.levels.resize(level + 1, 0);
            }
            counts.levels[level] += 1;
        }
        counts
    }
}

/// Why a circuit hangs in a bucket, for programs.
pub(crate) fn bucket_word(reason: BucketReason) -> &'static str {
    match reason {
        BucketReason::Flat => "flat",
        BucketReason::NoParent => "no-parent",
        BucketReason::RootAttached => "root-attached",
        BucketReason::NoStrategyParent => "no-strategy-parent",
    }
}

/// A reason as it reads after a number.
fn said(reason: &'static str) -> &'static str {
    match reason {
        "flat" => "in a strategy without nodes",
        "no-parent" => "without a known parent",
        "root-attached" => "attached to the root",
        "no-strategy-parent" => "below no node that the strategy emits",
        other => other,
    }
}

/// `9 no-plan, 5 no-address`
fn listed(counts: &BTreeMap<&'static str, usize>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(reason, n)| format!("{} {}", thousands(*n as u64), said(reason)))
        .collect();
    parts.join(", ")
}

fn ratio(a: u64, b: u64) -> String {
    match b {
        0 => "?".to_owned(),
        b => hundredths(u128::from(a), u128::from(b)),
    }
}

/// `a / b` with two places, rounded half up; `b` is not zero.
fn hundredths(a: u128, b: u128) -> String {
    let scaled = (a * 200 + b) / (b * 2);
    format!("{}.{:02}", scaled / 100, scaled % 100)
}

/// `  name    value`, the value wrapped under itself.
pub fn push_row(text: &mut String, name: &str, value: &str) {
    let mut line = format!("  {name:NAMES$}");
    let start = line.width();
    for word in words(value) {
        if line.width() + 1 + word.width() > WIDTH && line.width() > start {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(start);
        }
        if line.width() > start {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// What to type next: a line each and never wrapped, so that it can be copied.
pub fn push_commands(text: &mut String, commands: &[String]) {
    for (i, command) in commands.iter().enumerate() {
        let name = if i == 0 { "next" } else { "" };
        text.push_str(&format!("  {name:NAMES$}{command}\n"));
    }
}

/// Words between blanks; `1 204` is one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let grouped = move |at: usize| at > 0 && digit(at - 1) && (1..=3).all(|i| digit(at + i));
    let mut start = 0;
    let breaks = text.match_indices(' ').map(|(at, _)| at);
    breaks
        .filter(move |at| !grouped(*at))
        .chain([text.len()])
        .map(move |at| &text[std::mem::replace(&mut start, at + 1)..at])
}

/// "3 files of 1 source"
pub fn inputs(files: usize, sources: usize) -> String {
    format!(
        "{} of {}",
        counted(files, "file"),
        counted(sources, "source")
    )
}
