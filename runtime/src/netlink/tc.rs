//! Requests about qdiscs and classes, and what the kernel answers about them.

use weir_abi::ClassId;
use weir_plan::kernel::{Parent, Stats};

use super::htb::{self, Class};
use super::leaf::Leaf;
use super::wire::{self, Message, Request, TcMessage};
use super::{Error, Socket, stats};

const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
const REPLACE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_REPLACE) as u16;

const ROOT: u32 = 0xffff_ffff;
const INGRESS: u32 = 0xffff_fff1;

/// Attributes of every message about traffic control.
const KIND: u16 = 1;
const OPTIONS: u16 = 2;
const STATS2: u16 = 7;

/// As `tcmsg` holds it.
pub fn parent_word(parent: Parent) -> u32 {
    match parent {
        Parent::Root => ROOT,
        Parent::Ingress => INGRESS,
        Parent::Class(id) => id.0,
    }
}

fn parent_of(word: u32) -> Parent {
    match word {
        ROOT => Parent::Root,
        INGRESS => Parent::Ingress,
        other => Parent::Class(ClassId(other)),
    }
}

/// `major:0`
pub fn handle_word(major: u16) -> u32 {
    u32::from(major) << 16
}

fn qdisc(kind: u16, flags: u16, index: u32, handle: u16, parent: Parent) -> Request {
    Request::tc(
        kind,
        flags,
        index,
        handle_word(handle),
        parent_word(parent),
        0,
    )
}

/// `mq` at the root of an interface, in place of the kernel's own qdisc there; refused where another with a handle
/// is.
pub fn add_mq(index: u32, handle: u16) -> Request {
    let mut request = qdisc(libc::RTM_NEWQDISC, CREATE, index, handle, Parent::Root);
    request.text(KIND, "mq");
    request
}

/// An HTB below `parent`, in place of the kernel's own qdisc there; refused where another with a handle is, unless
/// `replace`.
pub fn add_htb(index: u32, handle: u16, parent: Parent, replace: bool) -> Request {
    let flags = if replace { REPLACE } else { CREATE };
    let mut request = qdisc(libc::RTM_NEWQDISC, flags, index, handle, parent);
    request.text(KIND, "htb").nest(OPTIONS, htb::write_qdisc);
    request
}

/// A `pfifo` in place of whatever is below a tx queue of `mq`. Taking an HTB away there would leave nothing, and
/// the kernel drops every packet of a queue that has nothing (`mq_graft` puts `noop` in its place).
pub fn stand_in(index: u32, handle: u16, parent: Parent) -> Request {
    let mut request = qdisc(libc::RTM_NEWQDISC, REPLACE, index, handle, parent);
    request.text(KIND, "pfifo");
    request
}

/// A leaf below a class. `replace`: in place of another leaf there, whose packets are lost.
pub fn add_leaf(index: u32, handle: u16, parent: ClassId, leaf: &Leaf, replace: bool) -> Request {
    let flags = if replace { REPLACE } else { CREATE };
    let mut request = qdisc(
        libc::RTM_NEWQDISC,
        flags,
        index,
        handle,
        Parent::Class(parent),
    );
    request
        .text(KIND, leaf.kind())
        .nest(OPTIONS, |r| leaf.write_new(r));
    request
}

/// Other options for a leaf that is there; its packets stay.
pub fn change_leaf(index: u32, handle: u16, parent: ClassId, leaf: &Leaf, mtu: u32) -> Request {
    let mut request = qdisc(libc::RTM_NEWQDISC, 0, index, handle, Parent::Class(parent));
    request
        .text(KIND, leaf.kind())
        .nest(OPTIONS, |r| leaf.write_change(r, mtu));
    request
}

/// Takes a qdisc away with everything below it. Its parent must be named with it: so the request says which one it
/// means, and fails when something else is there.
pub fn delete_qdisc(index: u32, handle: u16, parent: Parent) -> Request {
    qdisc(libc::RTM_DELQDISC, 0, index, handle, parent)
}

/// A class of HTB. A root class has its qdisc as its parent, minor 0.
pub fn add_class(index: u32, id: ClassId, parent: ClassId, class: &Class) -> Request {
    class_request(libc::RTM_NEWTCLASS, CREATE, index, id, parent, class)
}

/// Other rates for a class that is there; packets and place stay. The kernel ignores another parent.
pub fn change_class(index: u32, id: ClassId, parent: ClassId, class: &Class) -> Request {
    class_request(libc::RTM_NEWTCLASS, 0, index, id, parent, class)
}

fn class_request(
    kind: u16,
    flags: u16,
    index: u32,
    id: ClassId,
    parent: ClassId,
    class: &Class,
) -> Request {
    let mut request = Request::tc(kind, flags, index, id.0, parent.0, 0);
    request.text(KIND, "htb").nest(OPTIONS, |r| class.write(r));
    request
}

/// Takes a class away; refused while it has children.
pub fn delete_class(index: u32, id: ClassId) -> Request {
    Request::tc(libc::RTM_DELTCLASS, 0, index, id.0, 0, 0)
}

/// A qdisc as the kernel tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Qdisc {
    pub index: u32,
    pub kind: String,
    pub handle: u16,
    pub parent: Parent,
    /// `TCA_OPTIONS` as it is.
    pub options: Vec<u8>,
    pub stats: Stats,
}

/// A class of HTB as the kernel tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassTold {
    pub id: ClassId,
    pub parent: Parent,
    pub class: Class,
    /// Handle of the leaf; 0 for an inner class and for the kernel's own leaf.
    pub leaf: u16,
    pub stats: Stats,
}

/// All qdiscs of an interface, but for the leaves that HTB makes by itself.
pub fn qdiscs(socket: &mut Socket, index: u32) -> Result<Vec<Qdisc>, Error> {
    let request = Request::tc(libc::RTM_GETQDISC, libc::NLM_F_DUMP as u16, index, 0, 0, 0);
    socket.dump("qdiscs", &request, |message| {
        let qdisc = read_qdisc(message)?;
        // The kernel lists those of all interfaces.
        (qdisc.index == index).then_some(qdisc)
    })
}

fn read_qdisc(message: &Message<'_>) -> Option<Qdisc> {
    if message.kind != libc::RTM_NEWQDISC {
        return None;
    }
    let tc = TcMessage::read(message.body)?;
    let mut out = Qdisc {
        index: tc.index,
        kind: String::new(),
        handle: (tc.handle >> 16) as u16,
        parent: parent_of(tc.parent),
        options: Vec::new(),
        stats: Stats::default(),
    };
    for (kind, value) in wire::attributes(tc.attributes) {
        match kind {
            KIND => out.kind = wire::text(value),
            OPTIONS => out.options = value.to_vec(),
            STATS2 => out.stats = stats::read(value),
            _ => {}
        }
    }
    Some(out)
}

/// The HTB classes of an interface: all, or those of one HTB.
pub fn classes(
    socket: &mut Socket,
    index: u32,
    major: Option<u16>,
) -> Result<Vec<ClassTold>, Error> {
    let parent = major.map_or(0, handle_word);
    let request = Request::tc(
        libc::RTM_GETTCLASS,
        libc::NLM_F_DUMP as u16,
        index,
        0,
        parent,
        0,
    );
    socket.dump("classes", &request, read_class)
}

fn read_class(message: &Message<'_>) -> Option<ClassTold> {
    if message.kind != libc::RTM_NEWTCLASS {
        return None;
    }
    let tc = TcMessage::read(message.body)?;
    let mut class = None;
    let mut htb = false;
    let mut seen = Stats::default();
    for (kind, value) in wire::attributes(tc.attributes) {
        match kind {
            KIND => htb = value == b"htb\0",
            OPTIONS => class = Class::read(value),
            STATS2 => seen = stats::read(value),
            _ => {}
        }
    }
    if !htb {
        return None;
    }
    Some(ClassTold {
        id: ClassId(tc.handle),
        parent: parent_of(tc.parent),
        class: class?,
        leaf: (tc.info >> 16) as u16,
        stats: seen,
    })
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::hex;
    use super::*;

    /// Bodies of what `tc` of iproute2 6.1 sent for the command beside each.
    #[test]
    fn requests_are_what_tc_sends() {
        let leaf = Leaf::parse("fq_codel", "").expect("no options");
        for (request, flags, body) in [
            // qdisc add dev v0 root handle 7fff: mq
            (
                add_mq(3, 0x7fff),
                0x601,
                "00000000030000000000ff7fffffffff00000000070001006d710000",
            ),
            // qdisc add dev v0 parent 7fff:1 handle 1: htb default 0
            (
                add_htb(3, 1, Parent::Class(ClassId::new(0x7fff, 1)), false),
                0x601,
                "0000000003000000000001000100ff7f0000000008000100687462001c000200\
                 18000200030000000a000000000000000000000000000000",
            ),
            // qdisc add dev v0 parent 1:3 handle 100: fq_codel
            (
                add_leaf(3, 0x100, ClassId::new(1, 3), &leaf, false),
                0x601,
                "00000000030000000000000103000100000000000d00010066715f636f64656c0000000004000200",
            ),
            // qdisc del dev v0 parent 1:3 handle 100:
            (
                delete_qdisc(3, 0x100, Parent::Class(ClassId::new(1, 3))),
                1,
                "0000000003000000000000010300010000000000",
            ),
            // class del dev v0 classid 1:4
            (
                delete_class(3, ClassId::new(1, 4)),
                1,
                "0000000003000000040001000000000000000000",
            ),
        ] {
            assert_eq!(request.body(), hex(body));
            let mut bytes = Vec::new();
            request.write(&mut bytes, 0, false);
            assert_eq!(wire::u16_at(&bytes, 6), Some(flags));
        }
    }
}
