//! What a plan does to the traffic of whom.

use std::collections::{BTreeMap, BTreeSet};

use weir_abi::ClassId;
use weir_schemas::diff::Disruption;

use crate::kernel::Observation;
use crate::seen::{Seen, has_shape, parent};
use crate::steps::{Change, Plan, Step};
use crate::wanted::{Wanted, WantedClass};

impl Plan {
    pub(crate) fn new(
        seen: &Observation,
        wanted: &Wanted,
        previous: Option<&Wanted>,
        unshaped: bool,
        steps: Vec<Step>,
    ) -> Plan {
        let mut changes = Vec::new();
        let mut unchanged = 0;
        let ours = seen.tables.active.is_some();
        for interface in &wanted.interfaces {
            let Some(found) = (seen.interfaces.iter()).find(|i| i.name == interface.name) else {
                continue;
            };
            let seen = Seen::new(found, ours);
            let before = previous.and_then(|previous| previous.interface(&interface.name));
            let before: BTreeMap<&str, &WantedClass> = (before.iter())
                .flat_map(|interface| &interface.classes)
                .map(|class| (class.key.as_str(), class))
                .collect();
            let mut change = |disruption, key: String, what: String| {
                changes.push(Change {
                    // Where all passes unshaped, everybody is met.
                    disruption: if unshaped {
                        Disruption::Rebuild
                    } else {
                        disruption
                    },
                    device: interface.name.clone(),
                    key,
                    what,
                });
            };
            let mut keys: BTreeSet<&str> = BTreeSet::new();
            let mut ids: BTreeSet<ClassId> = BTreeSet::new();
            for class in &interface.classes {
                keys.insert(&class.key);
                ids.insert(class.id);
                let there = (seen.classes.get(&class.id)).filter(|f| parent(f) == class.parent);
                let moved = before.get(class.key.as_str()).filter(|b| b.id != class.id);
                match there {
                    _ if moved.is_some() => {
                        let from = moved.map(|class| class.id).unwrap_or_default();
                        let what = format!("moves from class {from} to {}", class.id);
                        change(Disruption::Move, class.key.clone(), what);
                    }
                    None => {
                        let what = format!("comes, class {}", class.id);
                        change(Disruption::MapOnly, class.key.clone(), what);
                    }
                    Some(found) => {
                        let leaf = seen.leaf(found);
                        let in_place = match (&leaf, &class.leaf) {
                            (Some(a), Some(b)) => a.kind == b.kind && a.handle == b.handle,
                            (a, b) => a == b,
                        };
                        if !in_place {
                            let name = |leaf: Option<&crate::WantedLeaf>| {
                                leaf.map_or("none".to_owned(), |l| l.kind.clone())
                            };
                            let what = format!(
                                "leaf {} becomes {}",
                                name(leaf.as_ref()),
                                name(class.leaf.as_ref())
                            );
                            change(Disruption::Leaf, class.key.clone(), what);
                        } else if !has_shape(found, &class.shape, class.is_circuit())
                            || leaf != class.leaf
                        {
                            let what = format!(
                                "{}..{} becomes {}..{} kbit/s",
                                found.rate_kbps,
                                found.ceil_kbps,
                                class.shape.rate_kbps,
                                class.shape.ceil_kbps
                            );
                            change(Disruption::Rate, class.key.clone(), what);
                        } else if unshaped {
                            let what = format!("class {} stays", class.id);
                            change(Disruption::Rebuild, class.key.clone(), what);
                        } else {
                            unchanged += 1;
                        }
                    }
                }
            }
            for class in before
                .values()
                .filter(|class| !keys.contains(class.key.as_str()))
            {
                let disruption = if class.is_circuit() {
                    Disruption::Leaf
                } else {
                    Disruption::MapOnly
                };
                change(
                    disruption,
                    class.key.clone(),
                    format!("goes, class {} stays for going back", class.id),
                );
            }
        }
        changes.sort_by(|a, b| {
            (b.disruption.cmp(&a.disruption))
                .then_with(|| (&a.device, &a.key).cmp(&(&b.device, &b.key)))
        });
        Plan {
            from: seen.tables.digest().map(str::to_owned),
            to: Some(wanted.digest.clone()),
            steps,
            changes,
            unchanged,
            unshaped,
        }
    }
}
