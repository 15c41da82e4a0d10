//! Circuit rates before they meet the tree (topology.md 1.7).

use crate::config::project::{Project, SuspendedPolicy};
use crate::ir::inventory::Circuit;
use crate::ir::records::ServiceState;
use crate::units::{Kbps, Pair, muldiv};

/// Fills missing directions of the plan from `rates.default_plan_mbps`.
pub(super) fn plan(project: &Project, source: Pair<Option<Kbps>>) -> Pair<Option<Kbps>> {
    let known = source.map(|p| p.filter(|k| k.0 != 0));
    match project.rates.default_plan {
        Some(default) => known.zip(default, |plan, default| plan.or(Some(default))),
        None => known,
    }
}

/// A burst volume as the rate that `rates.burst = "add"` counts: the bytes in one second, 1024 bit to the
/// kbit/s. That is what the interface of the source shows (12 800 000 bytes = "12500 kB" = 100 Mbit/s) and how
/// LibreQoS reads it (`uisp_site.rs`: v * 8 / 1000 / 1024).
pub fn burst_rate(bytes: u64) -> Kbps {
    Kbps(bytes.saturating_mul(8) / 1024)
}

/// (max, min) per direction for a circuit with a plan.
pub(super) fn rates(project: &Project, circuit: &Circuit) -> (Pair<Kbps>, Pair<Kbps>) {
    let rates = &project.rates;
    if circuit.state == ServiceState::Suspended && project.suspended.policy == SuspendedPolicy::Slow
    {
        let slow = Pair::both(project.suspended.slow);
        return (slow, slow);
    }
    let direction = |plan: Option<Kbps>, burst: Kbps, bytes: u64, commit: Kbps| -> (Kbps, Kbps) {
        let plan = plan.unwrap_or_default();
        let extra = if rates.add_burst {
            burst_rate(bytes)
        } else {
            Kbps::ZERO
        };
        let peak = plan + burst + extra;
        let max = rates
            .floor
            .max(muldiv(peak, rates.overhead))
            .max(muldiv(peak, rates.multiplier));
        let committed = match commit {
            Kbps(0) => muldiv(plan, rates.commit),
            stated => stated,
        };
        (max, max.min(rates.min_floor.max(committed)))
    };
    let down = direction(
        circuit.plan.down,
        circuit.burst.down,
        circuit.burst_bytes.down,
        circuit.commit.down,
    );
    let up = direction(
        circuit.plan.up,
        circuit.burst.up,
        circuit.burst_bytes.up,
        circuit.commit.up,
    );
    (Pair::new(down.0, up.0), Pair::new(down.1, up.1))
}
