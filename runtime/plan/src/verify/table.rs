//! The address table of an artifact against its tree and its queue plan: what the kernel will do with a packet is
//! what people were shown.
//!
//! First the image is proved to be a table (`weir_abi::table::check`: from then on a lookup gives the longest of its
//! prefixes). What is left is to compare two sets: the prefixes it holds with where each leads to, and those of
//! `tree.json` with the class that `queue-plan.json` gives to their circuit. It is not known here how a table is built.

use std::cmp::Ordering;
use std::collections::HashMap;

use weir_abi::table::{self, Entry, Table, check, entries, from_bytes};
use weir_schemas::queue_plan::{Class, Mode, QueuePlan};
use weir_schemas::tree::Tree;

use super::prefix::Prefix;
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
    let mut report = Report::default();
    let image = match from_bytes(bytes) {
        Ok(image) => image,
        Err(fault) => {
            report.add(Kind::Table, KEY, format!("cannot be used: {fault}"));
            return report.0;
        }
    };
    let summary = match check(&image) {
        Ok(summary) => summary,
        Err(fault) => {
            report.add(Kind::Table, KEY, format!("cannot be used: {fault}"));
            return report.0;
        }
    };
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
    queues(plan, &image, summary.queues, &mut report);
    prefixes(tree, plan, &image, &mut report);
    report.0
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

/// What a prefix should lead to. `None`: the tree and the plan do not agree, which is told elsewhere.
type Want = Option<Entry>;

fn prefixes(tree: &Tree<'_>, plan: &QueuePlan<'_>, image: &[table::Page], report: &mut Report) {
    let ids: Vec<&str> = tree.circuits.keys().map(AsRef::as_ref).collect();
    let want = wanted(tree, plan);
    let mut held: Vec<(table::Prefix, Entry)> = entries(image).collect();
    // `check` has found no prefix twice.
    held.sort_unstable_by_key(|(prefix, _)| *prefix);

    let mut wrong = 0;
    let mut tell = |key: String, message: String| {
        wrong += 1;
        if wrong <= TOLD {
            report.add(Kind::Table, key, message);
        }
    };
    let of = |circuit: usize| match ids.get(circuit) {
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
    let mut held = held.into_iter().peekable();
    for (prefix, at, want) in want {
        while let Some(other) = held.next_if(|(other, _)| *other < prefix) {
            let (key, message) = stranger(other);
            tell(key, message);
        }
        let has = held.next_if(|(other, _)| other.cmp(&prefix) == Ordering::Equal);
        let Some(want) = want else {
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

/// Every prefix of the tree once, sorted, with the number of its circuit.
fn wanted(tree: &Tree<'_>, plan: &QueuePlan<'_>) -> Vec<(table::Prefix, usize, Want)> {
    let classes: Vec<(&str, &Class<'_>)> = plan
        .classes
        .iter()
        .filter_map(|class| Some((class.key.strip_prefix("circuit:")?, class)))
        .collect();
    // In any plan that verifies they are sorted, as circuits are: then the two are walked side by side.
    let sorted = classes.is_sorted_by(|(a, _), (b, _)| a < b);
    let by_id: HashMap<&str, &Class<'_>> = match sorted {
        true => HashMap::new(),
        false => classes.iter().copied().collect(),
    };
    let mut rest = classes.as_slice();
    let mut class_of = |id: &str| {
        if !sorted {
            return by_id.get(id).copied();
        }
        while let [(key, _), after @ ..] = rest
            && *key < id
        {
            rest = after;
        }
        let (key, class) = rest.first()?;
        (*key == id).then_some(*class)
    };
    let mut wanted = Vec::with_capacity(tree.circuits.len() * 2);
    for (at, (id, circuit)) in tree.circuits.iter().enumerate() {
        let want = class_of(id).map(|class| Entry {
            minor: class.minor,
            queue: class.queue,
            // A table holds fewer circuits than this can count.
            circuit: u32::try_from(at).unwrap_or(u32::MAX),
        });
        let texts =
            (circuit.devices.iter()).flat_map(|device| device.ipv4.iter().chain(&device.ipv6));
        wanted.extend(
            texts
                .filter_map(|text| Prefix::parse(text))
                .map(|prefix| (prefix.in_table(), at, want)),
        );
    }
    wanted.sort_unstable_by_key(|(prefix, at, _)| (*prefix, *at));
    wanted.dedup_by(|other, first| {
        let same = other.0 == first.0;
        if same && other.1 != first.1 {
            first.2 = None;
        }
        same
    });
    wanted
}
