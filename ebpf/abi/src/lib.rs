//! What Weir's eBPF programs and its user space share: the numbers that name HTB classes and leaf qdiscs, the
//! kernel's limits on them, and the address table. Compiler and runtime take every such number from here, so a
//! plan that was built can be loaded.
//!
//! It knows nothing of rates, files or netlink. Without the feature `build` it allocates nothing, and this is how
//! the eBPF programs use it.

#![no_std]

#[cfg(any(feature = "build", test))]
extern crate alloc;

pub mod maps;
pub mod table;

use core::fmt;

/// Version of everything the kernel side and user space agree on. It changes when a number or a layout in this
/// crate changes its meaning; a runtime loads only artifacts of its own version.
pub const ABI_VERSION: u32 = 1;

/// Classes in one chain from a root class of HTB to a leaf class, both included.
/// Source: `TC_HTB_MAXDEPTH` in `linux/pkt_sched.h`; a ninth is refused with "tree is too deep".
pub const MAX_HTB_DEPTH: usize = 8;

/// First minor a plan may use. 0 is the qdisc itself; 1 and 2 are kept for the runtime's own classes.
pub const FIRST_MINOR: u16 = 0x3;
/// Last minor a plan may use. 0xffff is refused as the parent of a qdisc.
pub const LAST_MINOR: u16 = 0xfffe;
/// Classes a plan may put into one HTB: what `FIRST_MINOR..=LAST_MINOR` holds less one, so that even in a full
/// queue one class can move to a fresh number (HTB cannot re-parent a class, only replace it).
pub const MAX_MINORS: usize = 65_531;

/// Highest major of an HTB qdisc. Leaf handles start at [`FIRST_LEAF_HANDLE`], so the two never meet on an
/// interface.
pub const LAST_MAJOR: u16 = 0x7f;
/// Majors that are never used. `dev->qdisc_hash` has 16 buckets (`hash_min(handle, 4)`); the pfifo that HTB
/// gives to a class without an explicit leaf has handle 0 and sits in bucket 0, and so do these majors. Finding
/// such a qdisc walks every default leaf of the interface: a rate change then took 111 us instead of 0.7 us with
/// 8,000 classes (Linux 6.18).
pub const RESERVED_MAJORS: [u16; 8] = [2, 21, 42, 63, 82, 84, 103, 124];
/// HTB qdiscs one interface can hold with the majors above.
pub const MAX_MAJORS: usize = LAST_MAJOR as usize - RESERVED_MAJORS.len();

/// Handle (major) of the `mq` root qdisc, under which the HTB of every CPU queue hangs.
pub const MQ_HANDLE: u16 = 0x7fff;

/// First explicit handle of a leaf qdisc.
pub const FIRST_LEAF_HANDLE: u16 = 0x100;
/// Last explicit handle of a leaf qdisc. 0xffff belongs to ingress and clsact (`TC_H_INGRESS`).
pub const LAST_LEAF_HANDLE: u16 = 0xfffe;
/// Leaf qdiscs a plan may put on one interface. The kernel holds 65,279 explicit handles from 0x100 up and then
/// says ENOSPC; the rest is room for the qdiscs of a swap.
pub const MAX_LEAF_HANDLES: usize = 65_000;

const _: () = assert!(MAX_MINORS <= (LAST_MINOR - FIRST_MINOR) as usize);
const _: () = assert!(FIRST_LEAF_HANDLE > LAST_MAJOR && MQ_HANDLE > LAST_MAJOR);
const _: () = assert!(nth_leaf_handle(MAX_LEAF_HANDLES - 1).is_some());

/// The name of a traffic class as the kernel writes it: major in the high half, minor in the low half.
/// A packet whose `skb->priority` is this number is put into that class without a filter.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ClassId(pub u32);

impl ClassId {
    /// No class: the packet is not shaped.
    pub const NONE: ClassId = ClassId(0);

    pub const fn new(major: u16, minor: u16) -> Self {
        ClassId((major as u32) << 16 | minor as u32)
    }

    pub const fn major(self) -> u16 {
        (self.0 >> 16) as u16
    }

    pub const fn minor(self) -> u16 {
        self.0 as u16
    }

    /// Whether a plan may name a class so: both halves are in their ranges and the major is not reserved.
    pub const fn is_usable(self) -> bool {
        is_usable_major(self.major()) && self.minor() >= FIRST_MINOR && self.minor() <= LAST_MINOR
    }
}

impl fmt::Display for ClassId {
    /// As `tc` writes it: hexadecimal, `1:1a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{:x}", self.major(), self.minor())
    }
}

/// Whether an HTB of a plan may have this major.
pub const fn is_usable_major(major: u16) -> bool {
    let mut i = 0;
    while i < RESERVED_MAJORS.len() {
        if RESERVED_MAJORS[i] == major {
            return false;
        }
        i += 1;
    }
    major != 0 && major <= LAST_MAJOR
}

/// The n-th usable major, counted from 0: 1, 3, 4, ... `None` from [`MAX_MAJORS`] on.
pub const fn nth_major(n: usize) -> Option<u16> {
    let mut left = n;
    let mut major = 1;
    while major <= LAST_MAJOR {
        if is_usable_major(major) {
            if left == 0 {
                return Some(major);
            }
            left -= 1;
        }
        major += 1;
    }
    None
}

/// The n-th leaf handle, counted from 0: 0x100, 0x101, ... without [`MQ_HANDLE`]. `None` when the kernel has no
/// such handle; a plan stops earlier, at [`MAX_LEAF_HANDLES`].
pub const fn nth_leaf_handle(n: usize) -> Option<u16> {
    const BEFORE_MQ: usize = (MQ_HANDLE - FIRST_LEAF_HANDLE) as usize;
    const ALL: usize = (LAST_LEAF_HANDLE - FIRST_LEAF_HANDLE) as usize;
    if n >= ALL {
        return None;
    }
    let skip = if n >= BEFORE_MQ { 1 } else { 0 };
    Some(FIRST_LEAF_HANDLE + n as u16 + skip)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn class_ids_pack_as_the_kernel_does() {
        let id = ClassId::new(0x7f, 0xfffe);
        assert_eq!(id.0, 0x007f_fffe);
        assert_eq!((id.major(), id.minor()), (0x7f, 0xfffe));
        assert_eq!(id.to_string(), "7f:fffe");
        assert_eq!(size_of::<ClassId>(), 4);
        assert_eq!(ClassId::default(), ClassId::NONE);
    }

    #[test]
    fn a_plan_names_only_classes_the_kernel_takes() {
        for (major, minor, want) in [
            (1, 3, true),
            (1, 0xfffe, true),
            (0x7f, 3, true),
            (0, 3, false),
            (2, 3, false),
            (0x80, 3, false),
            (1, 2, false),
            (1, 0xffff, false),
        ] {
            assert_eq!(
                ClassId::new(major, minor).is_usable(),
                want,
                "{major}:{minor}"
            );
        }
    }

    #[test]
    fn majors_are_all_usable_ones_in_order() {
        let majors: Vec<u16> = (0..).map_while(nth_major).collect();
        assert_eq!(majors.len(), MAX_MAJORS);
        assert_eq!(MAX_MAJORS, 119);
        assert_eq!(majors[..4], [1, 3, 4, 5]);
        assert_eq!(majors.last(), Some(&LAST_MAJOR));
        assert!(majors.is_sorted());
        assert!(majors.iter().all(|m| !RESERVED_MAJORS.contains(m)));
    }

    /// `hash_min(handle, 4)` of a 32-bit handle: times the golden ratio, the upper four bits.
    #[test]
    fn the_reserved_majors_are_those_of_hash_bucket_0() {
        let bucket_0: Vec<u16> = (1..=LAST_MAJOR)
            .filter(|&m| (u32::from(m) << 16).wrapping_mul(0x61C8_8647) >> 28 == 0)
            .collect();
        assert_eq!(bucket_0, RESERVED_MAJORS);
    }

    #[test]
    fn leaf_handles_meet_neither_majors_nor_mq() {
        let handles: Vec<u16> = (0..).map_while(nth_leaf_handle).collect();
        assert!(handles.len() >= MAX_LEAF_HANDLES);
        assert_eq!(handles.first(), Some(&FIRST_LEAF_HANDLE));
        assert_eq!(handles.last(), Some(&LAST_LEAF_HANDLE));
        assert!(handles.windows(2).all(|w| w[0] < w[1]));
        assert!(!handles.contains(&MQ_HANDLE));
    }
}
