//! The address table of an artifact against its tree and its queue plan: what the kernel will do with a packet is
//! what people were shown.
//!
//! First the image is proved to be a table (`weir_abi::table::check`: from then on a lookup gives the longest of its
//! prefixes). What is left is to compare two sets: the prefixes it holds with where each leads to, and those of
//! `tree.json` with the class that `queue-plan.json` gives to their circuit. It is not known here how a table is built.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use weir_abi::table::{self, Entry, Summary, Table, check, entries, from_bytes};
use weir_schemas::queue_plan::{Class, Mode, QueuePlan};
use weir_schemas::tree::Tree;

use super::prefix::Prefixes;
use super::{Kind, Report, Violation};

/// Differences that are told one by one; a table of another network differs in all.
const TOLD: usize = 8;
const KEY: &str = "table";

/// Transmit queues, `[download, upload]`, that the HTBs of a CPU queue hang under. On a bridge the directions have
/// an interface each and the queue its own number on both; on a stick uploads have the second half of one interface.
/// `None` for more than there can be.
pub fn tx_queues(plan: &QueuePlan<'_>, queue: u16) -> Option<[u16; 2]> {
    let stick = (plan.target.shaper.as_ref()).is_some_and(|shaper| shaper.mode == Mode::Stick);
    let above = match stick {
        true => u16::try_from(plan.queues.len()).ok()?,
        false => 0,
    };
    Some([queue, queue.checked_add(above)?])
}

/// Everything in which the address table differs from the other two files of its artifact. What is wrong with those,
/// alone or together, is for [`verify`](super::verify) and [`verify_artifact`](super::verify_artifact), and is not
/// said again. `bytes` are those of `classifier.bin`.
pub fn verify_table(tree: &Tree<'_>, plan: &QueuePlan<'_>, bytes: &[u8]) -> Vec<Violation> {
    judge_table(tree, plan, bytes).err().unwrap_or_default()
}

/// The same, and what the table says of itself where nothing is wrong.
pub fn judge_table(
    tree: &Tree<'_>,
    plan: &QueuePlan<'_>,
    bytes: &[u8],
) -> Result<Summary, Vec<Violation>> {
    Held::read(bytes)?.judge(tree, &Prefixes::of(tree).0, plan)
}

/// An address table that is one: what it holds, before it is known whether that is what it should hold.
pub struct Held {
    image: Vec<table::Page>,
    summary: Summary,
    /// Sorted by prefix.
    entries: Vec<(table::Prefix, Entry)>,
}

impl Held {
    /// The bytes of `classifier.bin`, proved to be a table.
    pub fn read(bytes: &[u8]) -> Result<Held, Vec<Violation>> {
        let checked = from_bytes(bytes).and_then(|image| Ok((check(&image)?, image)));
        let (summary, image) = checked.map_err(|fault| {
            let mut report = Report::default();
            report.add(Kind::Table, KEY, format!("cannot be used: {fault}"));
            report.0
        })?;
        let mut held: Vec<(table::Prefix, Entry)> = entries(&image).collect();
        // `check` has found no prefix twice.
        held.sort_unstable_by_key(|(prefix, _)| *prefix);
        Ok(Held {
            image,
            summary,
            entries: held,
        })
    }

    /// As [`judge_table`]; `prefixes` are those of the tree.
    pub fn judge(
        &self,
        tree: &Tree<'_>,
        prefixes: &Prefixes,
        plan: &QueuePlan<'_>,
    ) -> Result<Summary, Vec<Violation>> {
        let mut report = Report::default();
        let summary = self.summary;
        if summary.circuits as usize != tree.circuits.len() {
            report.add(
                Kind::Table,
                KEY,
                format!(
                    "counts {} circuits, and the tree shapes {}",
                    summary.circuits,
                    tree.circuits.len()
                ),
            );
        }
        queues(plan, &self.image, summary.queues, &mut report);
        self::prefixes(tree, prefixes, plan, &self.entries, &mut report);
        match report.0.is_empty() {
            true => Ok(summary),
            false => Err(report.0),
        }
    }
}

/// A packet's class is the major of its queue and the minor of its circuit.
fn queues(plan: &QueuePlan<'_>, image: &[table::Page], held: u32, report: &mut Report) {
    if held as usize != plan.queues.len() {
        report.add(
            Kind::Table,
            KEY,
            format!(
                "has {held} CPU queues, and the plan has {}",
                plan.queues.len()
            ),
        );
    }
    let Some(table) = Table::open(image) else {
        return;
    };
    for queue in &plan.queues {
        let want = tx_queues(plan, queue.queue).map(|[tx_down, tx_up]| table::Queue {
            major_down: queue.majors[0],
            major_up: queue.majors[1],
            tx_down,
            tx_up,
        });
        let Some(has) = table.queue(queue.queue) else {
            continue;
        };
        if want != Some(has) {
            report.add(
                Kind::Table,
                format!("queue:{}", queue.queue),
                format!(
                    "has majors {:x} and {:x} in the plan, and in the address table {:x} and {:x} on the transmit \
                     queues {} and {}",
                    queue.majors[0],
                    queue.majors[1],
                    has.major_down,
                    has.major_up,
                    has.tx_down,
                    has.tx_up
                ),
            );
        }
    }
}

fn prefixes(
    tree: &Tree<'_>,
    prefixes: &Prefixes,
    plan: &QueuePlan<'_>,
    held: &[(table::Prefix, Entry)],
    report: &mut Report,
) {
    let wanted = wanted(tree, plan);
    // Only where something is wrong.
    let ids: OnceCell<Vec<&str>> = OnceCell::new();
    let ids = || ids.get_or_init(|| tree.circuits.keys().map(AsRef::as_ref).collect());

    let mut wrong = 0;
    let mut tell = |key: String, message: String| {
        wrong += 1;
        if wrong <= TOLD {
            report.add(Kind::Table, key, message);
        }
    };
    let of = |circuit: usize| match ids().get(circuit) {
        Some(id) => format!("circuit:{id}"),
        None => format!("circuit number {circuit}"),
    };
    let class = |entry: Entry| format!("minor {:x} of CPU queue {}", entry.minor, entry.queue);
    let stranger = |(prefix, entry): (table::Prefix, Entry)| {
        (
            of(entry.circuit as usize),
            format!("has {prefix} in the address table and not in the tree"),
        )
    };
    let mut held = held.iter().copied().peekable();
    for (prefix, at) in prefixes.each() {
        while let Some(other) = held.next_if(|(other, _)| *other < prefix) {
            let (key, message) = stranger(other);
            tell(key, message);
        }
        let has = held.next_if(|(other, _)| other.cmp(&prefix) == Ordering::Equal);
        // Without a circuit or a class the tree and the plan do not agree, which is told elsewhere.
        let Some((at, want)) = at.and_then(|at| Some((at, wanted[at]?))) else {
            continue;
        };
        match has {
            None => tell(
                of(at),
                format!("has {prefix} in the tree and not in the address table"),
            ),
            Some((_, has)) if has != want => tell(
                of(at),
                format!(
                    "has {prefix}, which leads to {} as {}, and its class is {}",
                    class(has),
                    of(has.circuit as usize),
                    class(want)
                ),
            ),
            Some(_) => {}
        }
    }
    for other in held {
        let (key, message) = stranger(other);
        tell(key, message);
    }
    if wrong > TOLD {
        report.add(
            Kind::Table,
            KEY,
            format!("differs in {} more prefixes", wrong - TOLD),
        );
    }
}

/// By circuit: what its prefixes should lead to. `None`: it has no class.
fn wanted(tree: &Tree<'_>, plan: &QueuePlan<'_>) -> Vec<Option<Entry>> {
    let circuits = || {
        let named = |class| Some((class_id(class)?, class));
        plan.classes.iter().filter_map(named)
    };
    // In any plan that verifies they are sorted, as circuits are: then the two are walked side by side.
    let sorted = circuits().is_sorted_by(|(a, _), (b, _)| a < b);
    let by_id: HashMap<&str, &Class<'_>> = match sorted {
        true => HashMap::new(),
        false => circuits().collect(),
    };
    let mut rest = circuits().peekable();
    let mut class_of = |id: &str| {
        if !sorted {
            return by_id.get(id).copied();
        }
        while rest.next_if(|(key, _)| *key < id).is_some() {}
        rest.next_if(|(key, _)| *key == id).map(|(_, class)| class)
    };
    let entry = |(at, id): (usize, &str)| {
        class_of(id).map(|class| Entry {
            minor: class.minor,
            queue: class.queue,
            // A table holds fewer circuits than this can count.
            circuit: u32::try_from(at).unwrap_or(u32::MAX),
        })
    };
    let ids = tree.circuits.keys().map(AsRef::as_ref);
    ids.enumerate().map(entry).collect()
}

fn class_id<'p>(class: &'p Class<'_>) -> Option<&'p str> {
    class.key.strip_prefix("circuit:")
}
