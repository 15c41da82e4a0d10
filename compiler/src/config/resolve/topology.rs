//! `[topology]` and `[rates]`. Whether the nodes that are named exist is for the data to say.

use std::collections::BTreeMap;

use crate::config::check::Check;
use crate::config::file::{self, BurstWord, OvercommitWord};
use crate::config::project::{Metric, Rates, Simplify, Topology};
use crate::config::resolve::CliOverrides;
use crate::config::value::{At, SwitchOrWord};
use crate::ir::tree::Strategy;
use crate::units::{Kbps, Pair, PerMille};

impl Check<'_> {
    pub(super) fn topology(
        &mut self,
        written: &file::Topology,
        overrides: &CliOverrides,
    ) -> Topology {
        let strategy = self.word("topology.strategy", &written.strategy, Strategy::ApSite);
        let wan = self.pair("topology.wan_mbps", &written.wan_mbps);
        let wan_or_default = wan.unwrap_or(Pair::both(Kbps(1_000_000)));
        let generated = self.pair("topology.generated_mbps", &written.generated_mbps);
        let cost = 0..=1_000_000_000;
        Topology {
            strategy: overrides.strategy.unwrap_or(strategy),
            tree: self.word("topology.tree", &written.tree, Metric::Cost),
            root: self.label("topology.root", &written.root),
            peaks: self.label("topology.peaks", &written.peaks),
            promote_to_root: self.labels("topology.promote_to_root", &written.promote_to_root),
            exclude: self.labels("topology.exclude", &written.exclude),
            pin: self.pins(&written.pin),
            max_depth: self.count(
                "topology.max_depth",
                &written.max_depth,
                0,
                0..=u64::from(u16::MAX),
            ) as usize,
            simplify: self.simplify(&written.simplify),
            auto_virtual: self.mbps(
                "topology.auto_virtual_mbps",
                &written.auto_virtual_mbps,
                Kbps::ZERO,
                0,
            ),
            wan: wan_or_default,
            wan_is_set: wan.is_some(),
            link_down_hold: self.count32("topology.link_down_hold", &written.link_down_hold, 3),
            generated: generated.unwrap_or(wan_or_default),
            link_reference: self.mbps(
                "topology.link_reference_mbps",
                &written.link_reference_mbps,
                Kbps(100_000_000),
                1,
            ),
            default_link_cost: self.count(
                "topology.default_link_cost",
                &written.default_link_cost,
                100,
                cost.clone(),
            ),
            membership_cost: self.count(
                "topology.membership_cost",
                &written.membership_cost,
                1,
                cost,
            ),
            prune_empty: written.prune_empty.as_ref().is_none_or(|on| on.value),
        }
    }

    /// Sorted by child; whether the nodes exist is for the data to say.
    fn pins(
        &mut self,
        written: &Option<BTreeMap<At<String>, At<String>>>,
    ) -> Vec<(String, String)> {
        let mut pins = Vec::new();
        for (child, parent) in written.iter().flatten() {
            for id in [child, parent] {
                if id.value.trim().is_empty() {
                    self.problem(
                        Some(&id.span),
                        "`topology.pin` holds an empty id",
                        "write \"child id\" = \"parent id\"",
                    );
                }
            }
            pins.push((child.value.clone(), parent.value.clone()));
        }
        pins
    }

    fn simplify(&mut self, written: &Option<At<SwitchOrWord>>) -> Simplify {
        match written.as_ref().map(|w| (&w.value, &w.span)) {
            None | Some((SwitchOrWord::Switch(false), _)) => Simplify::Off,
            Some((SwitchOrWord::Switch(true), _)) => Simplify::All,
            Some((SwitchOrWord::Word(word), _)) if word == "auto" => Simplify::Auto,
            Some((SwitchOrWord::Word(word), span)) => {
                self.problem(
                    Some(span),
                    format!("`topology.simplify` cannot be \"{word}\""),
                    "write false, true or \"auto\"",
                );
                Simplify::Off
            }
        }
    }

    pub(super) fn rates(&mut self, written: &file::Rates) -> Rates {
        Rates {
            overhead: self.factor("rates.overhead", &written.overhead, PerMille::ONE, 100),
            multiplier: self.factor("rates.multiplier", &written.multiplier, PerMille::ONE, 100),
            commit: self.factor("rates.commit", &written.commit, PerMille(0), 1),
            floor: self.mbps("rates.floor_mbps", &written.floor_mbps, Kbps(100), 1),
            min_floor: self.mbps("rates.min_floor_mbps", &written.min_floor_mbps, Kbps(10), 1),
            default_plan: self.pair("rates.default_plan_mbps", &written.default_plan_mbps),
            add_burst: self.word("rates.burst", &written.burst, BurstWord::Ignore)
                == BurstWord::Add,
            strict: self.word(
                "rates.overcommit",
                &written.overcommit,
                OvercommitWord::Scale,
            ) == OvercommitWord::Strict,
        }
    }
}
