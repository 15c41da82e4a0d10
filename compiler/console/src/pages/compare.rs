//! All strategies side by side, with what promoting or leaving out a node would do: the what-if of tree and CPU plan.

use serde::Serialize;
use weir_schemas::manifest::Usage;

use super::{Link, to_node};
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show};
use crate::engine::Answer;
use crate::eyes::Eyes;
use crate::index::Index;
use crate::show::{Both, Bytes, Count, Rate, tame};

#[derive(Serialize, Debug, Default)]
pub struct ComparePage {
    /// It is being worked out; what is shown, if anything, is from before.
    pub working: bool,
    pub target: Option<String>,
    pub configured: &'static str,
    pub circuits: Count,
    pub nodes: Count,
    pub plans: Vec<PlanColumn>,
    pub recommended: Option<&'static str>,
    /// What speaks for it. Empty for viewers.
    pub reasons: Vec<String>,
}
drawn!(ComparePage, "compare.html");

#[derive(Serialize, Debug)]
pub struct PlanColumn {
    pub strategy: &'static str,
    pub configured: bool,
    pub recommended: bool,
    /// Why it would be refused; for viewers how many reasons there are.
    pub refused: Vec<String>,
    pub nodes: Count,
    pub levels: u64,
    pub shaped: Count,
    pub held: Count,
    pub lost: Count,
    pub can_bind: Count,
    pub exceed: Both<Rate>,
    pub worst: Vec<Lost>,
    pub classes: Count,
    pub minors: Used,
    pub memory: Bytes,
    pub memory_percent: Option<u64>,
    pub guarantee_permille: u64,
    pub scaled: Count,
    pub balance_percent: u64,
    pub core: Rate,
    pub churn: Option<Churn>,
    pub errors: Count,
    pub warnings: Count,
    pub infos: Count,
    pub suggestions: Vec<SuggestionRow>,
}

#[derive(Serialize, Debug)]
pub struct Used {
    pub used: Count,
    pub limit: Option<Count>,
}

#[derive(Serialize, Debug)]
pub struct Lost {
    #[serde(flatten)]
    pub link: Link,
    pub cap: Both<Rate>,
    pub exceed: Both<Rate>,
}

#[derive(Serialize, Debug)]
pub struct Churn {
    pub changed: Count,
    pub without_reason: Count,
    pub reparented: Count,
}

#[derive(Serialize, Debug)]
pub struct SuggestionRow {
    pub about: Link,
    pub setting: String,
    pub nodes: Vec<Link>,
    pub balance_before: u64,
    pub balance_after: u64,
    pub core_before: Rate,
    pub core_after: Rate,
}

fn used(usage: Usage) -> Used {
    Used {
        used: Count(usage.used),
        limit: usage.limit.map(Count),
    }
}

fn node(index: Option<&Index>, eyes: &Eyes, id: &str) -> Link {
    let at = index.and_then(|index| index.node_at(id).map(|at| &index.nodes[at]));
    to_node(eyes, id, at.map_or(id, |node| &node.name))
}

pub fn compare(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let (compare, working) = app.compare()?;
    let Some(compare) = compare else {
        let page = ComparePage {
            working,
            ..ComparePage::default()
        };
        return show(app, ask, "Strategies side by side", &page);
    };
    let index = app.shown("", &app.project()?.channel).ok().flatten();
    let index = index.as_deref();
    let recommended = compare.recommended.as_ref().map(|r| r.strategy);
    let plans = compare.strategies.iter().map(|plan| PlanColumn {
        strategy: plan.strategy.word(),
        configured: plan.strategy == compare.configured,
        recommended: Some(plan.strategy) == recommended,
        refused: plan
            .refused
            .iter()
            .map(|why| eyes.said(why).unwrap_or_else(|| "a limit".to_owned()))
            .collect(),
        nodes: Count(plan.nodes),
        levels: plan.levels.used,
        shaped: Count(plan.shaped),
        held: Count(plan.limits.held),
        lost: Count(plan.limits.lost),
        can_bind: Count(plan.limits.can_bind),
        exceed: Both::rates(plan.limits.exceed_kbps),
        worst: plan
            .limits
            .worst
            .iter()
            .take(3)
            .map(|lost| Lost {
                link: to_node(&eyes, &lost.node, &lost.name),
                cap: Both::rates(lost.cap_kbps),
                exceed: Both::rates(lost.exceed_kbps),
            })
            .collect(),
        classes: Count(plan.classes),
        minors: used(plan.class_minors),
        memory: Bytes(plan.memory_bytes.used),
        memory_percent: plan
            .memory_bytes
            .limit
            .map(|limit| crate::show::percent(plan.memory_bytes.used, limit)),
        guarantee_permille: plan.guarantees.worst_permille,
        scaled: Count(plan.guarantees.scaled),
        balance_percent: plan.balance_percent,
        core: Rate(plan.core_kbps.used),
        churn: plan.churn.map(|churn| Churn {
            changed: Count(churn.changed),
            without_reason: Count(churn.without_reason),
            reparented: Count(churn.reparented_circuits),
        }),
        errors: Count(plan.errors),
        warnings: Count(plan.warnings),
        infos: Count(plan.infos),
        suggestions: plan
            .suggestions
            .iter()
            .take(5)
            .map(|s| SuggestionRow {
                about: node(index, &eyes, &s.about),
                setting: tame(&s.setting),
                nodes: s
                    .nodes
                    .iter()
                    .take(8)
                    .map(|id| node(index, &eyes, id))
                    .collect(),
                balance_before: s.before.balance_percent,
                balance_after: s.after.balance_percent,
                core_before: Rate(s.before.core_kbps),
                core_after: Rate(s.after.core_kbps),
            })
            .collect(),
    });
    let reasons = compare.recommended.iter().flat_map(|r| &r.reasons);
    let page = ComparePage {
        working,
        target: compare.target.as_deref().map(tame),
        configured: compare.configured.word(),
        circuits: Count(compare.circuits),
        nodes: Count(compare.nodes),
        plans: plans.collect(),
        recommended: recommended.map(|r| r.word()),
        reasons: reasons.filter_map(|r| eyes.said(r)).collect(),
    };
    show(app, ask, "Strategies side by side", &page)
}
