//! The network as a picture. `dot` and `mermaid` show every claim about how traffic can flow and which of them
//! became the tree; `svg` shows the shaping tree itself, drawn here so that no other tool is needed.

mod svg;

pub use svg::svg;

use std::fmt::Write;

use petgraph::graph::DiGraph;

use crate::ir::graph::{Choice, Edge, GENERATED_ROOT, Vertex, Via};
use crate::ir::inventory::{Inventory, Link, Node};
use crate::ir::records::{LinkState, NodeKind};
use crate::report::{counted, plain};
use crate::units::{Kbps, Pair};

/// The link graph with the chosen tree in it, ready to be written in some language.
#[derive(Debug)]
pub struct Picture {
    title: String,
    nodes: Vec<Dot>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Dot {
    /// Name, then kind and id, then capacity, then circuits: whatever there is.
    lines: Vec<String>,
    kind: NodeKind,
    hidden: bool,
}

#[derive(Debug)]
struct Line {
    from: usize,
    to: usize,
    label: String,
    stroke: Stroke,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stroke {
    /// Parent to child in the chosen tree.
    Chosen,
    /// Could carry traffic, was not chosen.
    Rival,
    /// Down or planned.
    Idle,
}

impl Picture {
    pub fn of(
        title: &str,
        inventory: &Inventory,
        graph: &DiGraph<Vertex, Edge>,
        choice: &[Option<Choice>],
    ) -> Picture {
        let mut circuits = vec![0_usize; inventory.nodes.len()];
        let shaped = inventory.circuits.iter().filter(|c| c.omitted.is_none());
        for node in shaped.filter_map(|c| c.attach) {
            circuits[node.ix()] += 1;
        }
        let mut nodes: Vec<Dot> = inventory
            .nodes
            .iter()
            .zip(&circuits)
            .map(|(node, circuits)| dot_of(node, *circuits))
            .collect();
        // The generated root is drawn when something hangs on it.
        let generated = nodes.len();
        let place = |vertex: Vertex| match vertex {
            Vertex::GeneratedRoot => generated,
            Vertex::Node(node) => node.ix(),
        };
        let mut lines = Vec::new();
        let mut used = vec![false; inventory.links.len()];
        for (child, choice) in choice.iter().enumerate() {
            let Some(choice) = choice else { continue };
            if let Via::Link(link) | Via::Declared(Some(link)) = choice.via {
                used[link.ix()] = true;
            }
            lines.push(Line {
                from: place(choice.parent),
                to: child,
                label: label(via(choice.via, inventory), choice.capacity),
                stroke: Stroke::Chosen,
            });
        }
        for (link, _) in inventory.links.iter().zip(used).filter(|(_, used)| !used) {
            lines.push(unused(link));
        }
        // Memberships and gateways that lost; links are there already.
        for edge in graph.edge_indices() {
            let (Some((from, to)), Some(edge)) =
                (graph.edge_endpoints(edge), graph.edge_weight(edge))
            else {
                continue;
            };
            if matches!(edge.via, Via::Link(_) | Via::Declared(_)) {
                continue;
            }
            let Vertex::Node(child) = graph[to] else {
                continue;
            };
            // A membership counts both ways; its way up is no rival for the parent.
            let wrong_way = matches!(edge.via, Via::Member(node) if node != child);
            let chosen = choice
                .get(child.ix())
                .and_then(Option::as_ref)
                .is_some_and(|c| c.parent == graph[from] && c.via == edge.via);
            if !wrong_way && !chosen {
                lines.push(Line {
                    from: place(graph[from]),
                    to: child.ix(),
                    label: label(via(edge.via, inventory), edge.capacity),
                    stroke: Stroke::Rival,
                });
            }
        }
        if lines
            .iter()
            .any(|l| l.from == generated || l.to == generated)
        {
            nodes.push(Dot {
                lines: vec![GENERATED_ROOT.to_owned()],
                kind: NodeKind::Root,
                hidden: true,
            });
        }
        Picture {
            title: plain(title).into_owned(),
            nodes,
            lines,
        }
    }

    /// For Graphviz: `weir graph --format dot | dot -Tsvg > network.svg`.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph weir {\n");
        let _ = writeln!(
            text,
            "  graph [rankdir=LR, label={}, labelloc=t, fontname=\"sans-serif\"];",
            quoted(&self.title)
        );
        text.push_str("  node [shape=box, fontname=\"sans-serif\", fontsize=11];\n");
        text.push_str("  edge [fontname=\"sans-serif\", fontsize=9];\n");
        for (i, node) in self.nodes.iter().enumerate() {
            let shape = match node.kind {
                NodeKind::Root => ", shape=doubleoctagon",
                NodeKind::Site => ", shape=box3d",
                NodeKind::Ap => ", shape=box, style=rounded",
                NodeKind::Other => ", shape=ellipse",
            };
            let hidden = if node.hidden {
                ", color=gray, fontcolor=gray40"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  n{i} [label={}{shape}{hidden}];",
                quoted(&node.lines.join("\n"))
            );
        }
        for line in &self.lines {
            let style = match line.stroke {
                Stroke::Chosen => "penwidth=1.6",
                Stroke::Rival => "style=dashed, dir=none, constraint=false",
                Stroke::Idle => {
                    "style=dotted, dir=none, constraint=false, color=gray, fontcolor=gray40"
                }
            };
            let _ = writeln!(
                text,
                "  n{} -> n{} [label={}, {style}];",
                line.from,
                line.to,
                quoted(&line.label)
            );
        }
        text.push_str("}\n");
        text
    }

    /// For Markdown: a `mermaid` block in a pull request or a wiki draws it.
    pub fn mermaid(&self) -> String {
        let mut text = format!("---\ntitle: {}\n---\nflowchart LR\n", yaml(&self.title));
        for (i, node) in self.nodes.iter().enumerate() {
            let (open, close) = match node.kind {
                NodeKind::Root => ("{{", "}}"),
                NodeKind::Site => ("[", "]"),
                NodeKind::Ap => ("(", ")"),
                NodeKind::Other => ("([", "])"),
            };
            let label: Vec<String> = node.lines.iter().map(|l| entity(l)).collect();
            let _ = writeln!(text, "  n{i}{open}\"{}\"{close}", label.join("<br/>"));
        }
        for line in &self.lines {
            let (plain, labelled) = match line.stroke {
                Stroke::Chosen => ("-->", "-->"),
                Stroke::Rival => ("-.-", "-.-"),
                Stroke::Idle => ("-.-x", "-.-x"),
            };
            let label: Vec<String> = line.label.lines().map(entity).collect();
            let _ = if label.is_empty() {
                writeln!(text, "  n{} {plain} n{}", line.from, line.to)
            } else {
                writeln!(
                    text,
                    "  n{} {labelled}|\"{}\"| n{}",
                    line.from,
                    label.join("<br/>"),
                    line.to
                )
            };
        }
        let hidden: Vec<String> = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, n)| n.hidden)
            .map(|(i, _)| format!("n{i}"))
            .collect();
        if !hidden.is_empty() {
            text.push_str("  classDef hidden stroke-dasharray: 4 3,color:#777777;\n");
            let _ = writeln!(text, "  class {} hidden;", hidden.join(","));
        }
        text
    }
}

fn dot_of(node: &Node, circuits: usize) -> Dot {
    let mut lines = vec![plain(&node.name).into_owned()];
    if node.id == node.name {
        lines.push(node.kind.word().to_owned());
    } else {
        lines.push(format!("{} {}", node.kind.word(), plain(&node.id)));
    }
    if node.capacity.down.is_some() || node.capacity.up.is_some() {
        lines.push(capacity(node.capacity.or_unlimited()));
    }
    if circuits > 0 {
        lines.push(counted(circuits, "circuit"));
    }
    Dot {
        lines,
        kind: node.kind,
        hidden: node.hidden.is_some(),
    }
}

fn unused(link: &Link) -> Line {
    let state = match link.state {
        LinkState::Up => "",
        LinkState::Down => "down, ",
        LinkState::Planned => "planned, ",
    };
    let both = Pair::new(link.ab, link.ba).or_unlimited();
    Line {
        from: link.a.ix(),
        to: link.b.ix(),
        label: format!("{}\n{state}{}", plain(&link.id), capacity(both)),
        stroke: match link.state {
            LinkState::Up => Stroke::Rival,
            LinkState::Down | LinkState::Planned => Stroke::Idle,
        },
    }
}

/// What a chosen edge stands for, in a word or by its link's id.
fn via(via: Via, inventory: &Inventory) -> String {
    match via {
        Via::Link(link) => {
            let link = &inventory[link];
            // A link of the previous tree is not given up at once.
            let down = if link.state == LinkState::Up {
                ""
            } else {
                " (down, held)"
            };
            format!("{}{down}", plain(&link.id))
        }
        Via::Member(_) => "member".to_owned(),
        Via::Gateway => "gateway".to_owned(),
        Via::Pin => "pin".to_owned(),
        Via::Declared(Some(link)) => format!("{} (down), as declared", plain(&inventory[link].id)),
        Via::Declared(None) => "as declared".to_owned(),
        Via::Island => "island".to_owned(),
    }
}

fn label(what: String, limits: Pair<Kbps>) -> String {
    if limits == Pair::UNLIMITED {
        what
    } else {
        format!("{what}\n{}", capacity(limits))
    }
}

fn capacity(pair: Pair<Kbps>) -> String {
    if pair == Pair::UNLIMITED {
        "no known limit".to_owned()
    } else {
        format!("{pair} Mbit/s")
    }
}

/// A quoted string of the DOT language; line breaks become `\n` of a label.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Text inside a quoted Mermaid label: what Markdown (a list at the start too), HTML or Mermaid could read is an
/// entity.
fn entity(text: &str) -> String {
    let mut safe = String::new();
    let mut number = true;
    for c in text.chars() {
        let list = number && matches!(c, '.' | ')' | '-' | '+');
        number &= c.is_ascii_digit();
        if !list && (c.is_alphanumeric() || " .,:/()+-@=".contains(c)) {
            safe.push(c);
        } else {
            let _ = write!(safe, "#{};", u32::from(c));
        }
    }
    safe
}

/// A double-quoted YAML string.
fn yaml(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
