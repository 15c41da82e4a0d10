//! The shaping tree as SVG: root on the left, a column a level, a row a leaf, every parent halfway between its
//! first and last child. Nothing overlaps however long a name is, and it is readable in the dark too.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::ir::inventory::Inventory;
use crate::ir::layout::QueueLayout;
use crate::ir::records::NodeKind;
use crate::ir::tree::{ShapingTree, bucket_name};
use crate::report::tree::{buckets, circuits_below, fit, walk};
use crate::report::{Look, counted, plain};
use crate::units::{Kbps, Pair};

const ROW: f64 = 46.0;
const BOX: f64 = 36.0;
const GAP: f64 = 48.0;
const MARGIN: f64 = 24.0;
const TITLE: f64 = 40.0;
/// Width of a character of the boxes' text.
const CHAR: f64 = 6.8;
/// Longest text of a box, in characters.
const LONGEST: usize = 40;

const STYLE: &str = "\
svg{background:#fff;color:#1b1b1b}text{font:12px ui-sans-serif,system-ui,sans-serif;fill:currentColor}\
.title{font-size:16px;font-weight:600}.small{font-size:11px;fill-opacity:.75}\
rect{fill:#f4f6f8;stroke:#7b8794}path{fill:none;stroke:#9aa5b1}\
.site rect{fill:#e3f0ff;stroke:#3a7bd5}.ap rect{fill:#e6f6ea;stroke:#2f8f4e}.root rect{fill:#fff3d6;stroke:#b7791f}\
.bucket rect{stroke-dasharray:5 3}\
@media(prefers-color-scheme:dark){svg{background:#16191d;color:#e6e6e6}rect{fill:#22272e}\
.site rect{fill:#16304f}.ap rect{fill:#153821}.root rect{fill:#4a3714}}";

/// One box.
struct Cell {
    class: &'static str,
    name: String,
    detail: String,
    parent: Option<usize>,
    level: usize,
    /// Middle.
    y: f64,
}

/// The tree under its root. `title` names the project and the strategy.
pub fn svg(
    title: &str,
    wan: Pair<Kbps>,
    inventory: &Inventory,
    tree: &ShapingTree,
    layout: &QueueLayout,
) -> String {
    let mut cells = cells(wan, inventory, tree, layout);
    place(&mut cells);
    let columns = columns(&cells);
    let title = plain(title);
    let width = columns
        .last()
        .map_or(0.0, |(x, w)| x + w + MARGIN)
        .max(title.width() as f64 * 9.0 + 2.0 * MARGIN);
    let height = cells.iter().map(|c| c.y).fold(0.0, f64::max) + BOX / 2.0 + MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         role=\"img\">\n<title>{0}</title>\n<style>{STYLE}</style>\n<text class=\"title\" x=\"{MARGIN}\" y=\"30\">{0}</text>\n",
        escape(&title)
    );
    for cell in &cells {
        let Some(parent) = cell.parent.map(|p| &cells[p]) else {
            continue;
        };
        let (x, w) = columns[parent.level];
        let (from, to) = (x + w, columns[cell.level].0);
        let bend = from + GAP / 2.0;
        let _ = writeln!(
            text,
            "<path d=\"M{from:.1} {:.1}C{bend:.1} {:.1} {bend:.1} {:.1} {to:.1} {:.1}\"/>",
            parent.y, parent.y, cell.y, cell.y
        );
    }
    for cell in &cells {
        let (x, w) = columns[cell.level];
        let top = cell.y - BOX / 2.0;
        let name = fit(
            &cell.name,
            LONGEST,
            Look {
                unicode: true,
                ..Look::PLAIN
            },
        );
        let _ = writeln!(
            text,
            "<g class=\"{}\"><title>{}</title><rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{w:.1}\" height=\"{BOX}\" rx=\"5\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            cell.class,
            escape(&cell.name),
            x + 8.0,
            top + 15.0,
            escape(&name),
            x + 8.0,
            top + 29.0,
            escape(&cell.detail),
        );
    }
    text.push_str("</svg>\n");
    text
}

/// The root, the nodes in their order, the buckets.
fn cells(
    wan: Pair<Kbps>,
    inventory: &Inventory,
    tree: &ShapingTree,
    layout: &QueueLayout,
) -> Vec<Cell> {
    let below = circuits_below(tree);
    let shaped = tree.placed().count();
    let mut cells = vec![Cell {
        class: "root",
        name: "Internet".to_owned(),
        detail: format!("{wan} Mbit/s, {}", counted(shaped, "circuit")),
        parent: None,
        level: 0,
        y: 0.0,
    }];
    // By tree node: its cell.
    let mut cell_of = vec![0; tree.nodes.len()];
    for step in walk(tree) {
        let t = step.node;
        let node = &tree[t];
        let parent = node.parent.map_or(0, |p| cell_of[p.ix()]);
        cell_of[t.ix()] = cells.len();
        let cpu = layout.node_queue.get(t.ix());
        cells.push(Cell {
            class: match inventory[node.node].kind {
                NodeKind::Root => "root",
                NodeKind::Site => "site",
                NodeKind::Ap => "ap",
                NodeKind::Other => "other",
            },
            name: plain(&node.name).into_owned(),
            detail: format!(
                "{} Mbit/s, {}{}",
                node.cap,
                counted(below[t.ix()], "circuit"),
                cpu.map_or(String::new(), |cpu| format!(", cpu {cpu}"))
            ),
            parent: Some(parent),
            level: step.level + 1,
            y: 0.0,
        });
    }
    for (bucket, circuits) in buckets(tree) {
        cells.push(Cell {
            class: "bucket",
            name: bucket_name(bucket),
            detail: format!("{}, cpu {bucket}", counted(circuits, "circuit")),
            parent: Some(0),
            level: 1,
            y: 0.0,
        });
    }
    cells
}

/// Leaves take rows in their order; a parent stands halfway between its first and last child. Children follow
/// their parents in `cells`, and siblings' subtrees do not mix, so one pass each way does it.
fn place(cells: &mut [Cell]) {
    let mut leaf = vec![true; cells.len()];
    for parent in cells.iter().filter_map(|c| c.parent) {
        leaf[parent] = false;
    }
    let mut rows = 0.0;
    for (cell, leaf) in cells.iter_mut().zip(&leaf) {
        if *leaf {
            cell.y = TITLE + BOX / 2.0 + 8.0 + rows * ROW;
            rows += 1.0;
        }
    }
    let mut spans: Vec<Option<(f64, f64)>> = vec![None; cells.len()];
    for i in (0..cells.len()).rev() {
        if let Some((first, last)) = spans[i] {
            cells[i].y = (first + last) / 2.0;
        }
        let y = cells[i].y;
        if let Some(parent) = cells[i].parent {
            let (first, last) = spans[parent].unwrap_or((y, y));
            spans[parent] = Some((first.min(y), last.max(y)));
        }
    }
}

/// Left edge and width of each level: as wide as its longest text.
fn columns(cells: &[Cell]) -> Vec<(f64, f64)> {
    let mut longest: Vec<usize> = Vec::new();
    for cell in cells {
        if longest.len() <= cell.level {
            longest.resize(cell.level + 1, 0);
        }
        let text = cell.name.width().min(LONGEST).max(cell.detail.width());
        longest[cell.level] = longest[cell.level].max(text);
    }
    let mut x = MARGIN;
    longest
        .into_iter()
        .map(|chars| {
            let width = chars as f64 * CHAR + 16.0;
            let column = (x, width);
            x += width + GAP;
            column
        })
        .collect()
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Not characters of XML; control characters are escaped by `plain` already.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
