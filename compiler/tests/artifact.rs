//! The whole compiler on the worked example: what its artifact promises, with every strategy.

use std::collections::BTreeMap;

use weir_compiler::testing::Memory;
use weir_compiler::{Compiled, previous};
use weir_schemas::artifact;
use weir_schemas::manifest::Manifest;
use weir_schemas::queue_plan::QueuePlan;
use weir_store::Store;

const STRATEGIES: [&str; 4] = ["flat", "ap_only", "ap_site", "full"];

fn project(strategy: &str) -> Memory {
    let inventory = include_bytes!("../../golden/worked-example/exports/inventory.json");
    let config = format!("[topology]\nstrategy = \"{strategy}\"\nwan_mbps = 2000\n");
    Memory::new("inventory", &[("inventory.json", inventory)], &config).expect("a project")
}

fn plan(compiled: &Compiled) -> QueuePlan<'static> {
    let bytes = compiled.artifacts.file(artifact::QUEUE_PLAN);
    weir_schemas::read(bytes.expect("a plan")).expect("reads as its type")
}

#[test]
fn a_build_that_follows_itself_changes_nothing() {
    for strategy in STRATEGIES {
        let project = project(strategy);
        let first = project.compile(None);
        let bytes = first.artifacts.file(artifact::QUEUE_PLAN).expect("a plan");
        let before = previous::read(bytes, &first.artifacts.digest, &project.project);
        let again = project.compile(Some(&before.expect("a plan")));
        assert_eq!(again.artifacts.digest, first.artifacts.digest, "{strategy}");

        let manifest = again.artifacts.file(artifact::MANIFEST).expect("written");
        let manifest: Manifest<'_> = weir_schemas::read(manifest).expect("reads as its type");
        assert_eq!(manifest.previous, Some(first.artifacts.digest.into()));
    }
}

#[test]
fn the_store_proves_what_is_built() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("a store");
    for strategy in STRATEGIES {
        let artifacts = project(strategy).compile(None).artifacts;
        store.put_artifact(&artifacts.as_files()).expect("stored");
    }
    let digests = store.list().expect("a list");
    assert_eq!(digests.len(), STRATEGIES.len());
    for digest in digests {
        let found = store.get(&digest).expect("found");
        assert_eq!(found.verify().expect("verified"), []);
    }
}

/// HTB holds the ceiling of a class only while the rates below it fit its own rate, and a class only borrows what
/// its ceiling lets it: the plan must never ask for more.
#[test]
fn rates_fit_under_every_class() {
    for strategy in STRATEGIES {
        let compiled = project(strategy).compile(None);
        let plan = plan(&compiled);
        let classes: BTreeMap<_, _> = plan.classes.iter().map(|c| (&c.key, c)).collect();
        let mut below: BTreeMap<_, [u64; 2]> = BTreeMap::new();
        for class in &plan.classes {
            assert!(
                weir_abi::ClassId::new(
                    plan.queues[usize::from(class.queue)].majors[0],
                    class.minor
                )
                .is_usable()
            );
            let Some(parent) = &class.parent else {
                assert_eq!(class.rate_kbps, class.ceil_kbps, "{strategy} {}", class.key);
                continue;
            };
            let above = classes[parent];
            assert_eq!(above.queue, class.queue, "{strategy} {}", class.key);
            let sum = below.entry(parent).or_default();
            for (direction, sum) in sum.iter_mut().enumerate() {
                *sum += class.rate_kbps[direction];
                assert!(class.ceil_kbps[direction] <= above.ceil_kbps[direction]);
                assert!(*sum <= above.rate_kbps[direction], "{strategy} {parent}");
            }
        }
    }
}
