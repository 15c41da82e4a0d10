//! Interfaces, as `netlink-packet-route` reads them.

use netlink_packet_core::NetlinkMessage;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkXdp, XdpAttached};

use super::wire::{Message, Request};
use super::{Error, Socket};

/// Where a program at XDP runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Xdp {
    /// In the driver.
    Native,
    /// Behind it.
    Generic,
    /// In the hardware, or several at once.
    Other,
}

impl Xdp {
    pub fn word(self) -> &'static str {
        match self {
            Xdp::Native => "native",
            Xdp::Generic => "generic",
            Xdp::Other => "other",
        }
    }
}

/// An interface of this network namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub up: bool,
    pub tx_queues: u32,
    pub mtu: u32,
    /// Where a program at XDP of somebody is attached.
    pub xdp: Option<Xdp>,
}

/// All interfaces.
pub fn all(socket: &mut Socket) -> Result<Vec<Link>, Error> {
    let mut request = Request::new(libc::RTM_GETLINK, libc::NLM_F_DUMP as u16);
    // ifinfomsg: of every family, every type, every index
    request.raw(&[0; 16]);
    socket.dump("interfaces", &request, read)
}

fn read(message: &Message<'_>) -> Option<Link> {
    let parsed = NetlinkMessage::<RouteNetlinkMessage>::deserialize(message.whole).ok()?;
    let (_, payload) = parsed.into_parts();
    let netlink_packet_core::NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) =
        payload
    else {
        return None;
    };
    let mut out = Link {
        index: link.header.index,
        name: String::new(),
        up: link.header.flags.contains(LinkFlags::Up),
        tx_queues: 1,
        mtu: 0,
        xdp: None,
    };
    for attribute in link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => out.name = name,
            LinkAttribute::NumTxQueues(n) => out.tx_queues = n,
            LinkAttribute::Mtu(mtu) => out.mtu = mtu,
            LinkAttribute::Xdp(told) => {
                out.xdp = told.iter().find_map(|a| match a {
                    LinkXdp::Attached(XdpAttached::Driver) => Some(Xdp::Native),
                    LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(Xdp::Generic),
                    LinkXdp::Attached(XdpAttached::Hardware | XdpAttached::Multiple) => {
                        Some(Xdp::Other)
                    }
                    _ => None,
                });
            }
            _ => {}
        }
    }
    Some(out)
}
