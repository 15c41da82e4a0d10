//! `network.json`: the emitted nodes, nested, keyed by their unique names, for LibreQoS and for people.
//! Capacities are exact decimals; `{}` where the strategy emits no nodes.

use crate::emit::json::{Step, newline, push, push_mbps, walk};
use crate::ir::inventory::Inventory;
use crate::ir::tree::ShapingTree;

pub(super) fn emit(tree: &ShapingTree, inventory: &Inventory) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + tree.nodes.len() * 256);
    out.push(b'{');
    walk(tree, |step| match step {
        Step::Enter { at, level, first } => {
            let node = &tree[at];
            let source = &inventory[node.node];
            let indent = 2 * level + 1;
            if !first {
                out.push(b',');
            }
            newline(&mut out, indent);
            push(&mut out, &node.name);
            out.extend_from_slice(b": {");
            for (key, rate) in [
                ("downloadBandwidthMbps", node.cap.down),
                ("uploadBandwidthMbps", node.cap.up),
            ] {
                field(&mut out, indent, key);
                push_mbps(&mut out, rate);
                out.push(b',');
            }
            field(&mut out, indent, "type");
            push(&mut out, source.kind.word());
            out.push(b',');
            field(&mut out, indent, "id");
            push(&mut out, &source.id);
            out.push(b',');
            field(&mut out, indent, "children");
            out.push(b'{');
        }
        Step::Leave { at, level } => {
            let indent = 2 * level + 1;
            if !tree[at].children.is_empty() {
                newline(&mut out, indent + 1);
            }
            out.push(b'}');
            newline(&mut out, indent);
            out.push(b'}');
        }
    });
    out.extend_from_slice(if tree.nodes.is_empty() {
        b"}\n"
    } else {
        b"\n}\n"
    });
    out
}

fn field(out: &mut Vec<u8>, indent: usize, key: &str) {
    newline(out, indent + 1);
    push(out, key);
    out.extend_from_slice(b": ");
}
