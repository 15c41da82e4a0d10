//! Why a swap is not begun: what was found, and what to do.

use std::fmt;

use weir_abi::ClassId;

use crate::kernel::Device;

/// A swap that must not be begun. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// At least one; all that were found.
    pub reasons: Vec<Refusal>,
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A box with the wrong plan has one reason for each class.
        const TOLD: usize = 20;
        f.write_str("the swap is refused, and nothing was changed")?;
        for reason in self.reasons.iter().take(TOLD) {
            write!(f, "\n- {reason}")?;
        }
        if let Some(more) = self.reasons.len().checked_sub(TOLD).filter(|n| *n > 0) {
            write!(f, "\n- and {more} more")?;
        }
        Ok(())
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{device}: there is no such interface: check `[target.*.shaper]`, or bring it back")]
    NoInterface { device: Device },
    #[error(
        "{device}: it has {has} tx queues, and the plan uses {needs}: build for fewer CPU queues, or raise them with `ethtool -L`"
    )]
    TxQueues {
        device: Device,
        has: u32,
        needs: u32,
    },
    #[error(
        "{device}: {kind} {handle:x}: {place} was not made by Weir and is in the way; if nobody needs it: tc qdisc del dev {device} {place}"
    )]
    Foreign {
        device: Device,
        kind: String,
        handle: u16,
        /// As `tc` takes it: `root`, `parent 7fff:1`.
        place: String,
    },
    #[error(
        "{device}: HTB {major:x} hangs elsewhere or is another one, and cannot be moved while it shapes: allow traffic to pass unshaped for the time of the swap, or detach first"
    )]
    Structure { device: Device, major: u16 },
    #[error(
        "{device}: class {id} ({key}) is to hang under {wants}, and the class of that number hangs under {has} and shapes now: HTB cannot move a class; build with the artifact that runs as `--previous`, which gives it another number, or allow traffic to pass unshaped for the time of the swap"
    )]
    Renumber {
        device: Device,
        key: String,
        id: ClassId,
        has: String,
        wants: String,
    },
    #[error(
        "{device}: leaf {handle:x} is to be at class {id} ({key}), and is at {at}, which shapes now: build with the artifact that runs as `--previous`, or allow traffic to pass unshaped for the time of the swap"
    )]
    LeafHandle {
        device: Device,
        key: String,
        id: ClassId,
        handle: u16,
        at: ClassId,
    },
    #[error(
        "{device}: under class {id} the classes of both generations do not fit: it has less than 1 kbit/s for each; allow traffic to pass unshaped for the time of the swap"
    )]
    NoRoom { device: Device, id: ClassId },
    #[error(
        "no slot is free for the table: {used} generations are loaded; remove those that are kept for going back"
    )]
    NoSlot { used: usize },
}

impl Refusal {
    /// A swap that may let traffic pass unshaped would not be refused for this.
    pub fn yields_to_bypass(&self) -> bool {
        matches!(
            self,
            Refusal::Structure { .. }
                | Refusal::Renumber { .. }
                | Refusal::LeafHandle { .. }
                | Refusal::NoRoom { .. }
        )
    }
}
