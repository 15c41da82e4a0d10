//! What is in the kernel, in the words of plans: interfaces, qdiscs, classes, programs and tables.
//!
//! Only reads. What it tells of a leaf's options is their one spelling, so that it can be compared with what a plan
//! wants as text.

use std::collections::BTreeSet;

use weir_abi::{LAST_MAJOR, MQ_HANDLE};
use weir_plan::kernel::{ClassSeen, HTB_OPTIONS, Interface, Parent, QdiscSeen};

use crate::netlink::htb;
use crate::netlink::leaf::Leaf;
use crate::netlink::link::Link;
use crate::netlink::tc::{self, ClassTold, Qdisc};
use crate::netlink::{Error, Socket};

/// What a qdisc's options are told as that no plan can want.
const OTHER: &str = "with options of its own";

/// Handle of the `pfifo` that stands in for the HTB of a major which was taken away, see [`tc::stand_in`]: between
/// the majors of HTBs and the handles of leaves, so it meets neither.
pub const fn stand_in_handle(major: u16) -> u16 {
    LAST_MAJOR + 1 + (major & LAST_MAJOR)
}

/// Whether a qdisc is such a stand-in. It counts as the kernel's own.
pub fn is_stand_in(qdisc: &Qdisc) -> bool {
    qdisc.kind == "pfifo"
        && qdisc.handle > LAST_MAJOR
        && qdisc.handle <= 2 * LAST_MAJOR + 1
        && matches!(qdisc.parent, Parent::Class(id) if id.major() == MQ_HANDLE)
}

/// An interface and all that queues on it. `program` is left to whoever knows programs.
pub fn interface(socket: &mut Socket, name: &str, link: Option<&Link>) -> Result<Interface, Error> {
    let Some(link) = link else {
        return Ok(Interface {
            name: name.to_owned(),
            index: None,
            up: false,
            tx_queues: 0,
            qdiscs: Vec::new(),
            classes: Vec::new(),
            program: None,
        });
    };
    let mut qdiscs: Vec<QdiscSeen> = tc::qdiscs(socket, link.index)?
        .into_iter()
        .map(|q| qdisc(q, link.mtu))
        .collect();
    qdiscs.sort_by_key(|q| (q.parent, q.handle));
    let mut classes: Vec<ClassSeen> = tc::classes(socket, link.index, None)?
        .into_iter()
        .map(class)
        .collect();
    classes.sort_by_key(|c| c.id);
    Ok(Interface {
        name: name.to_owned(),
        index: Some(link.index),
        up: link.up,
        tx_queues: link.tx_queues,
        qdiscs,
        classes,
        program: None,
    })
}

/// Whether a qdisc is the root or right below `mq`: no leaf of a class.
pub fn is_above(qdisc: &QdiscSeen) -> bool {
    match qdisc.parent {
        Parent::Root => true,
        Parent::Ingress => false,
        Parent::Class(id) => id.major() == MQ_HANDLE,
    }
}

/// An interface with the classes of some of its HTBs, and without its qdiscs.
pub fn classes(
    socket: &mut Socket,
    name: &str,
    link: Option<&Link>,
    majors: &BTreeSet<u16>,
) -> Result<Interface, Error> {
    let mut interface = Interface {
        name: name.to_owned(),
        index: link.map(|l| l.index),
        up: link.is_some_and(|l| l.up),
        tx_queues: link.map_or(0, |l| l.tx_queues),
        qdiscs: Vec::new(),
        classes: Vec::new(),
        program: None,
    };
    if let Some(link) = link {
        for major in majors {
            let told = tc::classes(socket, link.index, Some(*major))?;
            interface.classes.extend(told.into_iter().map(class));
        }
        interface.classes.sort_by_key(|c| c.id);
    }
    Ok(interface)
}

fn qdisc(told: Qdisc, mtu: u32) -> QdiscSeen {
    let handle = if is_stand_in(&told) { 0 } else { told.handle };
    let options = match told.kind.as_str() {
        "htb" => match htb::Qdisc::read(&told.options) {
            Some(htb::Qdisc { default: 0, .. }) => HTB_OPTIONS.to_owned(),
            Some(htb) => format!("default {:x}", htb.default),
            None => OTHER.to_owned(),
        },
        kind @ ("cake" | "fq_codel") => match Leaf::read(kind, &told.options, mtu) {
            Some(leaf) => leaf.text(mtu),
            None => OTHER.to_owned(),
        },
        _ => String::new(),
    };
    QdiscSeen {
        kind: told.kind,
        handle,
        parent: told.parent,
        options,
        stats: told.stats,
    }
}

fn class(told: ClassTold) -> ClassSeen {
    ClassSeen {
        id: told.id,
        parent: told.parent,
        rate_kbps: htb::kbps(told.class.rate),
        ceil_kbps: htb::kbps(told.class.ceil),
        quantum: told.class.quantum,
        buffer: told.class.buffer,
        cbuffer: told.class.cbuffer,
        leaf: told.leaf,
        stats: told.stats,
    }
}

#[cfg(test)]
mod tests {
    use weir_abi::{FIRST_LEAF_HANDLE, nth_major};

    use super::*;

    #[test]
    fn stand_ins_meet_neither_majors_nor_leaves() {
        let mut seen: Vec<u16> = (0..).map_while(nth_major).map(stand_in_handle).collect();
        assert!(
            seen.iter()
                .all(|h| *h > LAST_MAJOR && *h < FIRST_LEAF_HANDLE)
        );
        let all = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}
