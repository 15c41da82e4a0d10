//! The single acts that change the kernel. Each is one request to it, or one file written into its tables, and says
//! all that is needed to do it; whoever acts decides nothing.

use weir_abi::ClassId;

use crate::kernel::{Active, Device, Parent, Program};
use crate::wanted::{Shape, WantedLeaf};

/// An act. All of queueing is of `device`.
///
/// None of the acts may do more than it says: adding fails where the thing exists, changing and removing where it
/// does not, and nothing is made as a side effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Makes `mq` with handle 7fff: the root qdisc, in place of the kernel's default (handle 0).
    AddMq { device: Device },
    /// Removes that root, and whatever hangs under it; the kernel puts its default there.
    RemoveMq { device: Device },
    /// Makes an HTB with [`crate::kernel::HTB_OPTIONS`] in place of a default qdisc (handle 0): at the root, or
    /// under a tx queue, `Parent::Class(7fff:queue + 1)`.
    AddHtb {
        device: Device,
        major: u16,
        parent: Parent,
    },
    /// Removes it with every class and leaf in it.
    RemoveHtb {
        device: Device,
        major: u16,
        parent: Parent,
    },

    /// Makes a class; `parent` `None` = a root class of its HTB.
    AddClass {
        device: Device,
        id: ClassId,
        parent: Option<ClassId>,
        shape: Shape,
    },
    /// Gives a class another shape where it stands; queued packets stay. `parent` is the one it has.
    ChangeClass {
        device: Device,
        id: ClassId,
        parent: Option<ClassId>,
        shape: Shape,
    },
    /// Removes a class without children, with its leaf.
    RemoveClass { device: Device, id: ClassId },

    /// Gives a class a leaf in place of the kernel's own pfifo (handle 0). What is queued there is lost.
    AddLeaf {
        device: Device,
        class: ClassId,
        leaf: WantedLeaf,
    },
    /// Gives the leaf with this kind and handle other arguments; queued packets stay. Arguments that are not named
    /// go back to their defaults.
    ChangeLeaf {
        device: Device,
        class: ClassId,
        leaf: WantedLeaf,
    },
    /// Puts a leaf in place of an explicit one of another kind or handle. What is queued is lost.
    ReplaceLeaf {
        device: Device,
        class: ClassId,
        leaf: WantedLeaf,
    },
    /// Removes the leaf with this handle; HTB puts its pfifo there. What is queued is lost.
    RemoveLeaf {
        device: Device,
        class: ClassId,
        handle: u16,
    },

    /// Writes the address table of the generation that is brought in, its counters and its `Meta` into a slot that
    /// is not active. Makes the maps where there are none, with nothing active.
    LoadTable { slot: u32, digest: String },
    /// Empties a slot that is not active.
    ClearSlot { slot: u32 },
    /// Tells the programs of a box on a stick its VLANs, `[internet, network]`.
    SetVlans { vlans: [u16; 2] },
    /// Attaches this build's program to the egress, pinned, in one step in place of another one of ours. Makes the
    /// maps where there are none, with nothing active.
    Attach { device: Device, program: Program },
    /// Detaches our program from the egress.
    Detach { device: Device },
    /// Writes the word that every packet reads. The only act that changes how packets are classified.
    Flip { to: Active },
    /// Waits until no program runs any more that read the word before this.
    Barrier,
    /// Waits until nothing is queued in these classes, or not much longer than the executor's deadline. Changes
    /// nothing; executors do it with their own clock.
    Drain {
        device: Device,
        classes: Vec<ClassId>,
    },
}
