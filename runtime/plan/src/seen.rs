//! An observed interface, indexed, and which of it is ours.

use std::collections::{BTreeMap, BTreeSet};

use weir_abi::{ClassId, MQ_HANDLE, is_usable_major};

use crate::kernel::{ClassSeen, HTB_OPTIONS, Interface, Parent, QdiscSeen, burst_ticks};
use crate::wanted::{Shape, WantedLeaf};

/// What is at the root of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Root<'a> {
    /// What the kernel put there, or nothing.
    Default,
    /// Our `mq`.
    Mq,
    /// Our HTB, where there is one tx queue.
    Htb(u16),
    Foreign(&'a QdiscSeen),
}

pub(crate) struct Seen<'a> {
    pub interface: &'a Interface,
    pub root: Root<'a>,
    /// Our HTBs: major to where it hangs.
    pub htbs: BTreeMap<u16, Parent>,
    /// Classes in our HTBs.
    pub classes: BTreeMap<ClassId, &'a ClassSeen>,
    pub children: BTreeMap<ClassId, Vec<ClassId>>,
    /// Explicit qdiscs by handle, ours or not.
    pub handles: BTreeMap<u16, &'a QdiscSeen>,
}

impl<'a> Seen<'a> {
    /// `ours`: our maps are there. They are made before any qdisc and stay behind it, so without them a qdisc is
    /// somebody else's, whatever its handle.
    pub fn new(interface: &'a Interface, ours: bool) -> Seen<'a> {
        let (root, htbs) = roots(interface, ours);
        let classes: BTreeMap<ClassId, &ClassSeen> = (interface.classes.iter())
            .filter(|class| htbs.contains_key(&class.id.major()))
            .map(|class| (class.id, class))
            .collect();
        let mut children: BTreeMap<ClassId, Vec<ClassId>> = BTreeMap::new();
        for class in classes.values() {
            if let Some(parent) = parent(class) {
                children.entry(parent).or_default().push(class.id);
            }
        }
        let handles = (interface.qdiscs.iter())
            .filter(|q| q.handle != 0)
            .map(|q| (q.handle, q))
            .collect();
        Seen {
            interface,
            root,
            htbs,
            classes,
            children,
            handles,
        }
    }

    /// Without these HTBs, and all in them.
    pub fn without(mut self, majors: &BTreeSet<u16>) -> Seen<'a> {
        let gone = |id: &ClassId| majors.contains(&id.major());
        self.htbs.retain(|major, _| !majors.contains(major));
        self.classes.retain(|id, _| !gone(id));
        self.children.retain(|id, _| !gone(id));
        self.handles.retain(|handle, qdisc| {
            !majors.contains(handle) && !matches!(qdisc.parent, Parent::Class(id) if gone(&id))
        });
        self
    }

    /// What hangs under a tx queue of our `mq`, or at the root.
    pub fn at(&self, parent: Parent) -> Option<&'a QdiscSeen> {
        (self.interface.qdiscs.iter()).find(|q| q.parent == parent && q.handle != 0)
    }

    /// The explicit leaf of a class.
    pub fn leaf(&self, class: &ClassSeen) -> Option<WantedLeaf> {
        let qdisc = self.handles.get(&class.leaf)?;
        (qdisc.parent == Parent::Class(class.id)).then(|| WantedLeaf {
            kind: qdisc.kind.clone(),
            handle: qdisc.handle,
            arguments: qdisc.options.clone(),
        })
    }

    pub fn has_children(&self, id: ClassId) -> bool {
        self.children.get(&id).is_some_and(|c| !c.is_empty())
    }

    /// These classes and everything below them, children before parents.
    pub fn subtrees(&self, tops: &BTreeSet<ClassId>) -> Vec<ClassId> {
        let mut found = BTreeSet::new();
        let mut next: Vec<ClassId> = (tops.iter().copied())
            .filter(|id| self.classes.contains_key(id))
            .collect();
        while let Some(id) = next.pop() {
            if found.insert(id) {
                next.extend(self.children.get(&id).into_iter().flatten());
            }
        }
        let mut ordered: Vec<(usize, ClassId)> =
            found.into_iter().map(|id| (self.depth(id), id)).collect();
        ordered.sort_by_key(|&(depth, id)| (std::cmp::Reverse(depth), id));
        ordered.into_iter().map(|(_, id)| id).collect()
    }

    /// Classes above it. The kernel has no more than [`weir_abi::MAX_HTB_DEPTH`] in a chain.
    pub fn depth(&self, id: ClassId) -> usize {
        let mut at = id;
        for depth in 0..weir_abi::MAX_HTB_DEPTH {
            match self.classes.get(&at).and_then(|class| parent(class)) {
                Some(above) => at = above,
                None => return depth,
            }
        }
        weir_abi::MAX_HTB_DEPTH
    }
}

/// What is at the root of an interface, and our HTBs: major to where it hangs. `ours`: see [`Seen::new`].
pub(crate) fn roots(interface: &Interface, ours: bool) -> (Root<'_>, BTreeMap<u16, Parent>) {
    let at_root = (interface.qdiscs.iter()).find(|q| q.parent == Parent::Root);
    let root = match at_root {
        None => Root::Default,
        Some(q) if q.handle == 0 => Root::Default,
        Some(q) if ours && q.kind == "mq" && q.handle == MQ_HANDLE => Root::Mq,
        Some(q) if ours && is_our_htb(q) => Root::Htb(q.handle),
        Some(q) => Root::Foreign(q),
    };
    let htbs: BTreeMap<u16, Parent> = match root {
        Root::Htb(major) => [(major, Parent::Root)].into(),
        Root::Mq => (interface.qdiscs.iter())
            .filter(|q| is_our_htb(q) && under_mq(q.parent))
            .map(|q| (q.handle, q.parent))
            .collect(),
        Root::Default | Root::Foreign(_) => BTreeMap::new(),
    };
    (root, htbs)
}

fn is_our_htb(qdisc: &QdiscSeen) -> bool {
    qdisc.kind == "htb" && is_usable_major(qdisc.handle) && qdisc.options == HTB_OPTIONS
}

fn under_mq(parent: Parent) -> bool {
    matches!(parent, Parent::Class(id) if id.major() == MQ_HANDLE)
}

/// The class above; `None` for a root class.
pub(crate) fn parent(class: &ClassSeen) -> Option<ClassId> {
    match class.parent {
        Parent::Class(id) if id.minor() != 0 => Some(id),
        _ => None,
    }
}

/// The shape that gives such a class.
pub(crate) fn shape(class: &ClassSeen) -> Shape {
    let mut shape = Shape {
        rate_kbps: class.rate_kbps,
        ceil_kbps: class.ceil_kbps,
        quantum: class.quantum,
        burst: 0,
    };
    if shape.ticks() != (class.buffer, class.cbuffer) {
        // The largest number of bytes that takes no longer. `burst_ticks` gives the same ticks for it.
        let bytes = u128::from(class.buffer) * 64 * u128::from(class.rate_kbps.max(1)) * 125;
        shape.burst = u64::try_from(bytes / 1_000_000_000).unwrap_or(u64::MAX);
        debug_assert!(
            burst_ticks(class.rate_kbps, shape.burst) <= class.buffer,
            "{class:?}"
        );
    }
    shape
}

/// Whether a class has this shape. `quantum`: it counts.
pub(crate) fn has_shape(class: &ClassSeen, wanted: &Shape, quantum: bool) -> bool {
    class.rate_kbps == wanted.rate_kbps
        && class.ceil_kbps == wanted.ceil_kbps
        && (class.buffer, class.cbuffer) == wanted.ticks()
        && (!quantum || class.quantum == wanted.quantum)
}
