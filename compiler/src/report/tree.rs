//! The shaping tree as text: one line a node, with what it may carry, what is promised below it, who hangs there
//! and which CPU queue does the work.

use unicode_width::UnicodeWidthStr;

use crate::id::TreeIx;
use crate::ir::inventory::Inventory;
use crate::ir::layout::QueueLayout;
use crate::ir::tree::{Parent, ShapingTree, bucket_name};
use crate::report::{Look, Tone, counted, plain, thousands};

/// Levels that are drawn as such; deeper nodes are indented no further.
const DRAWN: usize = 24;

struct Row {
    /// Branches, then the name.
    branch: String,
    name: String,
    /// Kind and id, shown weaker.
    about: String,
    cells: [String; 5],
}

const HEAD: [&str; 5] = ["cap Mbit/s", "guaranteed", "circuits", "own", "cpu"];

/// The tree, with its buckets last and what is not in it below.
pub fn text(inventory: &Inventory, tree: &ShapingTree, layout: &QueueLayout, look: Look) -> String {
    let rows = rows(inventory, tree, layout, look);
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(cell.len());
        }
    }
    let numbers: usize = widths.iter().map(|w| w + 2).sum();
    let most = look.width.saturating_sub(numbers).max(24);
    let names = rows
        .iter()
        .map(Row::width)
        .max()
        .unwrap_or(0)
        .clamp(4, most);
    let mut text = String::new();
    let head: String = HEAD
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("  {cell:>width$}"))
        .collect();
    text.push_str(&look.paint(Tone::Quiet, &format!("{:names$}{head}", "node")));
    text.push('\n');
    for row in &rows {
        text.push_str(&row.label(names, look));
        for (cell, width) in row.cells.iter().zip(widths) {
            text.push_str(&format!("  {cell:>width$}"));
        }
        let end = text.trim_end().len();
        text.truncate(end);
        text.push('\n');
    }
    if rows.is_empty() {
        text.push_str("no circuits are shaped\n");
    }
    let omitted = inventory.circuits.iter().filter(|c| c.omitted.is_some());
    match omitted.count() {
        0 => {}
        n => text.push_str(&format!(
            "{} not shaped; `weir check` names them\n",
            if n == 1 {
                "1 circuit is".to_owned()
            } else {
                format!("{} are", counted(n, "circuit"))
            }
        )),
    }
    text
}

fn rows(inventory: &Inventory, tree: &ShapingTree, layout: &QueueLayout, look: Look) -> Vec<Row> {
    let below = circuits_below(tree);
    let mut rows = Vec::new();
    // By level: whether a later sibling still follows on it.
    let mut open: Vec<bool> = Vec::new();
    for Step {
        node: t,
        level,
        last,
    } in walk(tree)
    {
        let node = &tree[t];
        open.truncate(level);
        open.push(!last);
        let source = &inventory[node.node];
        let mut about = source.kind.word().to_owned();
        if source.id != node.name {
            about.push(' ');
            about.push_str(&plain(&source.id));
        }
        rows.push(Row {
            branch: branch(&open, look),
            name: plain(&node.name).into_owned(),
            about,
            cells: [
                node.cap.to_string(),
                node.guarantee.to_string(),
                thousands(below[t.ix()] as u64),
                own(node.circuits.len()),
                layout
                    .node_queue
                    .get(t.ix())
                    .map(u16::to_string)
                    .unwrap_or_default(),
            ],
        });
    }
    for (bucket, circuits) in buckets(tree) {
        let guarantee = tree.evidence.bucket_guarantee.get(usize::from(bucket));
        rows.push(Row {
            branch: String::new(),
            name: bucket_name(bucket),
            about: "no place in the tree".to_owned(),
            cells: [
                tree.evidence.bucket_cap.to_string(),
                guarantee.map(ToString::to_string).unwrap_or_default(),
                thousands(circuits as u64),
                own(circuits),
                bucket.to_string(),
            ],
        });
    }
    rows
}

fn own(circuits: usize) -> String {
    match circuits {
        0 => "-".to_owned(),
        n => thousands(n as u64),
    }
}

/// By tree node: circuits on it and under it.
pub(crate) fn circuits_below(tree: &ShapingTree) -> Vec<usize> {
    let mut below: Vec<usize> = tree.nodes.iter().map(|n| n.circuits.len()).collect();
    for t in tree.tree_ixs().rev() {
        if let Some(parent) = tree[t].parent {
            below[parent.ix()] += below[t.ix()];
        }
    }
    below
}

/// Buckets that hold circuits, and how many.
pub(crate) fn buckets(tree: &ShapingTree) -> Vec<(u16, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for (_, circuit) in tree.placed() {
        if let Parent::Bucket(bucket) = circuit.parent {
            *counts.entry(bucket).or_insert(0) += 1;
        }
    }
    counts.into_iter().collect()
}

/// A node as it is met going through the tree.
pub(crate) struct Step {
    pub node: TreeIx,
    /// From 0 at the top.
    pub level: usize,
    /// No sibling follows.
    pub last: bool,
}

/// Every node once, each followed by what is below it.
pub(crate) fn walk(tree: &ShapingTree) -> impl Iterator<Item = Step> {
    let roots: Vec<TreeIx> = tree.roots().collect();
    let mut todo: Vec<Step> = Vec::new();
    push_siblings(&mut todo, &roots, 0);
    std::iter::from_fn(move || {
        let step = todo.pop()?;
        push_siblings(&mut todo, &tree[step.node].children, step.level + 1);
        Some(step)
    })
}

fn push_siblings(todo: &mut Vec<Step>, siblings: &[TreeIx], level: usize) {
    let steps = siblings.iter().enumerate().map(|(i, node)| Step {
        node: *node,
        level,
        last: i + 1 == siblings.len(),
    });
    todo.extend(steps.rev());
}

/// The lines from the parents to a node. Top-level nodes have none.
fn branch(open: &[bool], look: Look) -> String {
    let (through, end, tee, gap) = if look.unicode {
        ("│  ", "└─ ", "├─ ", "   ")
    } else {
        ("|  ", "`- ", "|- ", "   ")
    };
    let Some((own, above)) = open.get(1..).unwrap_or_default().split_last() else {
        return String::new();
    };
    let mut branch = String::new();
    for open in above.iter().take(DRAWN) {
        branch.push_str(if *open { through } else { gap });
    }
    branch.push_str(if *own { tee } else { end });
    branch
}

impl Row {
    fn width(&self) -> usize {
        self.branch.width() + self.name.width() + 1 + self.about.width()
    }

    /// Branch, name and what it is, in exactly `width` columns.
    fn label(&self, width: usize, look: Look) -> String {
        let room = width.saturating_sub(self.branch.width()).max(4);
        let name = fit(&self.name, room, look);
        let rest = room.saturating_sub(name.width() + 1);
        let about = if rest >= self.about.width().min(6) {
            fit(&self.about, rest, look)
        } else {
            String::new()
        };
        let used =
            self.branch.width() + name.width() + usize::from(!about.is_empty()) + about.width();
        let mut label = look.paint(Tone::Quiet, &self.branch).into_owned();
        label.push_str(&name);
        if !about.is_empty() {
            label.push(' ');
            label.push_str(&look.paint(Tone::Quiet, &about));
        }
        label.push_str(&" ".repeat(width.saturating_sub(used)));
        label
    }
}

/// Text cut to a number of columns.
pub(crate) fn fit(text: &str, columns: usize, look: Look) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mark = if look.unicode { "…" } else { "~" };
    let mut cut = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > columns {
            break;
        }
        cut.push(c);
    }
    cut.push_str(mark);
    cut
}
