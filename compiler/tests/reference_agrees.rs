//! The compiler against the reference implementation: thousands of random networks with random settings go through
//! the real readers of `inventory.json` and `weir.toml`, and `tree.json` must say what the reference says.

mod reference;

use std::fmt::Write as _;

use rayon::prelude::*;
use reference::random::case;
use reference::{Settings, Simplify, Suspended, reference_tree};
use serde_json::Value;
use weir_compiler::config::project::{Metric, SuspendedPolicy};
use weir_compiler::testing::Memory;
use weir_schemas::artifact;

const CASES: u64 = 3000;

#[test]
fn the_compiler_agrees_with_the_reference() {
    let outcomes: Vec<Outcome> = (0..CASES).into_par_iter().map(compare).collect();
    let differing: Vec<&str> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Differs(how) => Some(how.as_str()),
            _ => None,
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{} of {CASES} cases differ; the first:\n\n{}",
        differing.len(),
        differing[..differing.len().min(3)].join("\n\n")
    );
    let skipped = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::NotExpressible))
        .count();
    assert!(
        skipped * 20 < outcomes.len(),
        "{skipped} of {CASES} cases have settings that weir.toml cannot express"
    );
}

enum Outcome {
    Same,
    NotExpressible,
    Differs(String),
}

fn compare(seed: u64) -> Outcome {
    let (inventory, settings) = case(seed);
    if !expressible(&settings) {
        return Outcome::NotExpressible;
    }
    let (json, config) = (inventory.to_string(), weir_toml(&settings));
    let files: &[(&str, &[u8])] = &[("inventory.json", json.as_bytes())];
    let compiled = match Memory::new("inventory", files, &config) {
        Ok(memory) => memory.compile(None),
        Err(error) => panic!("seed {seed}: {error}\n{config}"),
    };
    // Whatever the network, what is emitted can be loaded, or it is said what the operator can change.
    for refusal in &compiled.refused {
        assert!(
            !refusal.help.contains("mistake in Weir"),
            "seed {seed}: {}\n{config}",
            refusal.message
        );
    }
    let tree = compiled.artifacts.file(artifact::TREE).expect("a tree");
    let got: Value = serde_json::from_slice(tree).expect("JSON");
    let mut differences = Vec::new();
    differ(
        "",
        &reference_tree(&inventory, &settings),
        &got,
        &mut differences,
    );
    if differences.is_empty() {
        return Outcome::Same;
    }
    differences.truncate(8);
    Outcome::Differs(format!(
        "seed {seed}:\n  {}\nwith\n{config}",
        differences.join("\n  ")
    ))
}

/// A rate or a capacity of 0 is refused by `weir.toml`.
fn expressible(settings: &Settings) -> bool {
    let pairs = [
        Some(settings.wan_kbps),
        settings.generated_kbps,
        settings.default_plan_kbps,
    ];
    let rates = [
        settings.link_reference_kbps,
        settings.floor_kbps,
        settings.min_floor_kbps,
        settings.slow_kbps,
    ];
    pairs
        .into_iter()
        .flatten()
        .flatten()
        .chain(rates)
        .all(|kbps| kbps > 0)
}

/// The settings as an operator writes them.
fn weir_toml(settings: &Settings) -> String {
    let metric = match settings.metric {
        reference::Metric::Cost => Metric::Cost,
        reference::Metric::Hops => Metric::Hops,
        reference::Metric::Widest => Metric::Widest,
        reference::Metric::Declared => Metric::Declared,
    };
    let simplify = match settings.simplify {
        Simplify::Off => "false",
        Simplify::On => "true",
        Simplify::Auto => "\"auto\"",
    };
    let suspended = match settings.suspended {
        Suspended::Keep => SuspendedPolicy::Keep,
        Suspended::Slow => SuspendedPolicy::Slow,
        Suspended::Drop => SuspendedPolicy::Drop,
    };
    let mut text = String::from("[topology]\n");
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    line("strategy", quoted(settings.strategy.key()));
    line("tree", quoted(metric.word()));
    if let Some(root) = &settings.root {
        line("root", quoted(root));
    }
    line("wan_mbps", pair(settings.wan_kbps));
    if let Some(generated) = settings.generated_kbps {
        line("generated_mbps", pair(generated));
    }
    line(
        "link_reference_mbps",
        thousandths(settings.link_reference_kbps),
    );
    line("default_link_cost", settings.default_link_cost.to_string());
    line("membership_cost", settings.membership_cost.to_string());
    line("promote_to_root", list(&settings.promote_to_root));
    line("exclude", list(&settings.exclude));
    line("auto_virtual_mbps", thousandths(settings.auto_virtual_kbps));
    line("prune_empty", settings.prune_empty.to_string());
    line("simplify", simplify.to_owned());
    line("max_depth", settings.max_depth.to_string());
    for (child, parent) in &settings.pin {
        line(&format!("pin.{}", quoted(child)), quoted(parent));
    }
    line(
        "\n[rates]\noverhead",
        thousandths(settings.overhead_per_mille),
    );
    line("multiplier", thousandths(settings.multiplier_per_mille));
    line("commit", thousandths(settings.commit_per_mille));
    line("floor_mbps", thousandths(settings.floor_kbps));
    line("min_floor_mbps", thousandths(settings.min_floor_kbps));
    if let Some(plan) = settings.default_plan_kbps {
        line("default_plan_mbps", pair(plan));
    }
    line("\n[suspended]\npolicy", quoted(word(suspended)));
    line("slow_mbps", thousandths(settings.slow_kbps));
    line("\n[addresses]\nallow", list(&settings.allow));
    line("ignore", list(&settings.ignore));
    line("\n[target.box]\nqueues", settings.queues.to_string());
    text
}

fn word(policy: SuspendedPolicy) -> &'static str {
    match policy {
        SuspendedPolicy::Keep => "keep",
        SuspendedPolicy::Slow => "slow",
        SuspendedPolicy::Drop => "drop",
    }
}

/// kbit/s as Mbit/s, thousandths as a factor: all three decimals.
fn thousandths(value: u64) -> String {
    format!("{}.{:03}", value / 1000, value % 1000)
}

fn pair(kbps: [u64; 2]) -> String {
    format!("[{}, {}]", thousandths(kbps[0]), thousandths(kbps[1]))
}

/// JSON's strings are TOML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn list<T: ToString>(entries: &[T]) -> String {
    let entries: Vec<String> = entries.iter().map(|e| quoted(&e.to_string())).collect();
    format!("[{}]", entries.join(", "))
}

/// Where two trees differ.
fn differ(place: &str, want: &Value, got: &Value, differences: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            let mut keys: Vec<&String> = want.keys().chain(got.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let [want, got] = [want, got].map(|v| v.get(key).unwrap_or(&Value::Null));
                differ(&format!("{place}/{key}"), want, got, differences);
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (at, (want, got)) in want.iter().zip(got).enumerate() {
                differ(&format!("{place}/{at}"), want, got, differences);
            }
        }
        _ if want != got => {
            differences.push(format!(
                "{place}: the reference has {want}, the compiler {got}"
            ));
        }
        _ => {}
    }
}
