//! IDN003: display names that several emitted nodes share.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::id::TreeIx;
use crate::ir::tree::RenameReason;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "IDN003",
    name: "shared-node-name",
    default: Level::Warning,
    contained: true,
    what: "Several emitted nodes share a display name.",
    why: "The shaper's files need unique names, so some towers are shown as `name [id]`, and a reference by name may pick the wrong one.",
    fix: "Give the nodes different names in the source.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "a1", "name": "Hill", "kind": "ap", "parent": "s1", "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "a1", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "a1", "name": "Hill North", "kind": "ap", "parent": "s1", "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "a1", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let renamed = &stages.tree.evidence.renamed;
    let mut shared: BTreeMap<&str, Vec<TreeIx>> = renamed
        .iter()
        .filter(|(_, why)| *why == RenameReason::Shared)
        .map(|(node, _)| (&*stages.inventory[*node].name, Vec::new()))
        .collect();
    if shared.is_empty() {
        return;
    }
    // The one that keeps the plain name belongs to the finding too.
    for ix in stages.tree.tree_ixs() {
        let name = &*stages.inventory[stages.tree[ix].node].name;
        if let Some(group) = shared.get_mut(name) {
            group.push(ix);
        }
    }
    for (name, mut group) in shared {
        group.sort_by_key(|&ix| stages.tree[ix].node);
        let nodes = || group.iter().map(|&ix| stages.tree[ix].node);
        let shown = group
            .iter()
            .map(|&ix| words::emitted(&stages.tree[ix].name));
        let message = match group.len() {
            1 => format!(
                "{} is shown as {}: another node already has the name",
                stages.nodes(nodes()),
                words::list(shown)
            ),
            n => format!(
                "{} share the name \"{}\": {} are shown as {}",
                words::count(n, "node"),
                words::short(name),
                stages.nodes(nodes()),
                words::list(shown)
            ),
        };
        let draft = Draft::new(message, "give the nodes different names in the source")
            .about_all(nodes().map(|ix| stages.inventory[ix].subject()));
        let labels = group.iter().map(|&ix| {
            let node = &stages.inventory[stages.tree[ix].node];
            Label::new(
                node.origin.whole(),
                format!("shown as {}", words::emitted(&stages.tree[ix].name)),
            )
        });
        out.push(words::at_each(draft, labels));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeIx;
    use crate::ir::records::NodeKind;
    use crate::lint::testing::Fixture;

    /// Nodes with their display name and the name they are emitted under.
    fn messages(nodes: &[(&str, &str, &str)]) -> Vec<String> {
        let mut net = Fixture::new();
        for (id, name, _) in nodes {
            let ix = net.node(id, NodeKind::Site, None, 100, 100);
            net.inventory.nodes[ix.ix()].name = (*name).into();
        }
        net.place_all();
        for (i, (_, name, emitted)) in nodes.iter().enumerate() {
            net.tree.nodes[i].name = (*emitted).into();
            if name != emitted {
                let renamed = (NodeIx::of(i), RenameReason::Shared);
                net.tree.evidence.renamed.push(renamed);
            }
        }
        let drafts = net.run(&RULE);
        drafts.into_iter().map(|d| d.message).collect()
    }

    #[test]
    fn the_one_that_keeps_the_name_is_named_too() {
        let found = messages(&[
            ("a1", "Hill", "Hill [a1]"),
            ("a2", "Lake", "Lake"),
            ("s1", "Hill", "Hill"),
        ]);
        assert_eq!(
            found,
            [
                "2 nodes share the name \"Hill\": sites \"Hill\" (a1) and \"Hill\" (s1) are shown as \"Hill [a1]\" and \"Hill\""
            ]
        );
    }

    #[test]
    fn a_name_taken_by_a_suffix_is_explained() {
        let found = messages(&[("x", "Hill [a1]", "Hill [a1] [x]")]);
        assert_eq!(
            found,
            [
                "site \"Hill [a1]\" (x) is shown as \"Hill [a1] [x]\": another node already has the name"
            ]
        );
    }
}
