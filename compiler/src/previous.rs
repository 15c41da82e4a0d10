//! Reading the memory of the previous artifact (`queue-plan.json`) into [`Previous`].
//!
//! Class numbers can be kept only where the target has the same queues and the same kind of interfaces; parents
//! are kept in any case.

use weir_schemas::queue_plan::{Class, Mode, QueuePlan};

use crate::config::project::{Project, ShaperMode};
use crate::ir::previous::{
    LinkDown, Previous, PreviousChoice, PreviousClass, PreviousClasses, Resting,
};
use crate::units::{Kbps, Pair};

/// The queue plan does not read as one; the text says how.
#[derive(Debug, thiserror::Error)]
#[error("queue-plan.json of artifact {digest} cannot be read: {source}")]
pub struct Unreadable {
    digest: String,
    source: weir_schemas::ReadError,
}

/// `digest`: payload digest of the artifact the plan belongs to.
pub fn read(queue_plan: &[u8], digest: &str, project: &Project) -> Result<Previous, Unreadable> {
    let plan: QueuePlan<'_> = weir_schemas::read(queue_plan).map_err(|source| Unreadable {
        digest: digest.to_owned(),
        source,
    })?;
    let unlimited = |k: Option<u64>| k.map_or(Kbps::UNLIMITED, Kbps);
    Ok(Previous {
        digest: digest.to_owned(),
        chosen: plan
            .chosen
            .iter()
            .map(|c| {
                let choice = PreviousChoice {
                    parent: c.parent.as_ref().into(),
                    via: c.via.as_ref().into(),
                    capacity: Pair::new(unlimited(c.kbps[0]), unlimited(c.kbps[1])),
                    cost: c.cost,
                };
                (c.node.as_ref().into(), choice)
            })
            .collect(),
        links_down: plan
            .links_down
            .iter()
            .map(|l| {
                let down = LinkDown {
                    snapshots: l.snapshots,
                    snapshot: l.snapshot.as_ref().into(),
                };
                (l.link.as_ref().into(), down)
            })
            .collect(),
        classes: same_box(&plan, project).then(|| classes(&plan)),
    })
}

fn same_box(plan: &QueuePlan<'_>, project: &Project) -> bool {
    let mode = |stick: bool| if stick { Mode::Stick } else { Mode::Bridge };
    let was = plan.target.shaper.as_ref().map_or(Mode::Bridge, |s| s.mode);
    let is = project
        .target
        .shaper
        .as_ref()
        .is_some_and(|s| matches!(s.mode, ShaperMode::Stick { .. }));
    plan.queues.len() == usize::from(project.target.queues) && was == mode(is)
}

fn classes(plan: &QueuePlan<'_>) -> PreviousClasses {
    let class = |c: &Class<'_>| PreviousClass {
        queue: c.queue,
        minor: c.minor,
        parent: c.parent.as_deref().map(Into::into),
        handle: c.leaf.map_or(Pair::both(0), |[down, up]| {
            Pair::new(down.map_or(0, |l| l.handle), up.map_or(0, |l| l.handle))
        }),
    };
    PreviousClasses {
        by_key: plan
            .classes
            .iter()
            .map(|c| (c.key.as_ref().into(), class(c)))
            .collect(),
        resting: Resting {
            minors: plan
                .resting
                .minors
                .iter()
                .map(|&(queue, minor, left)| ((queue, minor), left))
                .collect(),
            handles: Pair::new(
                plan.resting.download_handles.iter().copied().collect(),
                plan.resting.upload_handles.iter().copied().collect(),
            ),
        },
    }
}
