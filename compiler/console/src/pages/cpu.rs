//! CPU plan: what each CPU queue is to carry, which subtree weighs on it, and what it carries now.

use serde::Serialize;

use super::tree::live;
use super::{Link, channel, to_node};
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show};
use crate::engine::Answer;
use crate::show::{Count, Digest, Rate, percent};

#[derive(Serialize, Debug, Default)]
pub struct CpuPage {
    pub digest: Option<Digest>,
    pub queues: Vec<QueueRow>,
    /// The fullest in percent of the mean.
    pub worst_percent_of_mean: u64,
    pub mean: Rate,
    /// Queue and heaviest subtree of the fullest.
    pub pinned: Option<Pinned>,
    /// What a core shapes by the target's word, and how much of that the busiest is expected to.
    pub core: Option<Core>,
    pub live_text: String,
    pub live: bool,
}
drawn!(CpuPage, "cpu.html");

#[derive(Serialize, Debug)]
pub struct QueueRow {
    pub queue: u16,
    /// Sum of what is sold, both directions.
    pub planned: Rate,
    /// Of the fullest.
    pub percent: u64,
    pub circuits: Count,
    pub classes: Count,
    /// The heaviest subtrees on it.
    pub subtrees: Vec<Subtree>,
    pub more: Count,
    /// What flows now, both directions.
    pub live: Option<Rate>,
    pub live_percent: u64,
    pub worst: bool,
}

#[derive(Serialize, Debug)]
pub struct Subtree {
    #[serde(flatten)]
    pub link: Link,
    pub sold: Rate,
    /// Of the queue.
    pub percent: u64,
}

#[derive(Serialize, Debug)]
pub struct Pinned {
    pub queue: u16,
    pub subtree: Subtree,
}

#[derive(Serialize, Debug)]
pub struct Core {
    pub queue: u16,
    pub expected: Rate,
    pub limit: Rate,
    pub percent: u64,
}

/// Subtrees named for each queue.
const NAMED: usize = 3;

pub fn cpu(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let Some(index) = app.shown(ask.get("artifact"), &channel)? else {
        return show(app, ask, "CPU Plan", &CpuPage::default());
    };
    let (classes, live_text) = live(app, &index);
    let fullest = index.queues.iter().map(|q| q.load_kbps).max().unwrap_or(0);
    let all: u64 = index.queues.iter().map(|q| q.load_kbps).sum();
    let mean = all / (index.queues.len() as u64).max(1);
    let mut worst_seen = false;
    let rows: Vec<QueueRow> = index
        .queues
        .iter()
        .map(|queue| {
            let subtree = |at: &usize| {
                let node = &index.nodes[*at];
                Subtree {
                    link: to_node(&eyes, &node.id, &node.name),
                    sold: Rate(node.weight()),
                    percent: percent(node.weight(), queue.load_kbps),
                }
            };
            let flowing = classes.as_ref().map(|classes| {
                let roots = queue.roots.iter().map(|at| &index.nodes[*at].key);
                let of = roots.filter_map(|key| classes.get(key));
                Rate(of.map(|c| c.kbps[0].saturating_add(c.kbps[1])).sum())
            });
            let worst = queue.load_kbps == fullest && fullest > 0 && !worst_seen;
            worst_seen |= worst;
            QueueRow {
                queue: queue.queue,
                planned: Rate(queue.load_kbps),
                percent: percent(queue.load_kbps, fullest),
                circuits: Count(queue.circuits),
                classes: Count(queue.classes),
                subtrees: queue.roots.iter().take(NAMED).map(subtree).collect(),
                more: Count::of(queue.roots.len().saturating_sub(NAMED)),
                live: flowing,
                live_percent: percent(flowing.unwrap_or_default().0, fullest),
                worst,
            }
        })
        .collect();
    let fit = &index.manifest.fit;
    let worst = index.queues.iter().find(|q| q.load_kbps == fullest);
    let pinned = worst.and_then(|queue| {
        let node = &index.nodes[*queue.roots.first()?];
        Some(Pinned {
            queue: queue.queue,
            subtree: Subtree {
                link: to_node(&eyes, &node.id, &node.name),
                sold: Rate(node.weight()),
                percent: percent(node.weight(), queue.load_kbps),
            },
        })
    });
    let page = CpuPage {
        digest: Some(Digest(index.digest.clone())),
        worst_percent_of_mean: percent(fullest, mean),
        mean: Rate(mean),
        pinned: pinned.filter(|_| fullest > 0),
        core: fit.core_kbps.limit.map(|limit| Core {
            queue: fit.busiest_queue,
            expected: Rate(fit.core_kbps.used),
            limit: Rate(limit),
            percent: percent(fit.core_kbps.used, limit),
        }),
        queues: rows,
        live: classes.is_some(),
        live_text,
    };
    show(app, ask, "CPU Plan", &page)
}
