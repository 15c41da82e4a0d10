//! Hears that somebody changed queueing or interfaces, whoever it was: who read everything once, and has heard of no
//! change since, knows it still.
//!
//! It does not know what changed. What the kernel does not announce, it cannot tell: transmit queues that `ethtool -L`
//! adds or takes away are such a thing.

use std::io;

use netlink_sys::protocols::NETLINK_ROUTE;

use super::Error;

/// `RTNLGRP_LINK` and `RTNLGRP_TC`.
const GROUPS: [u32; 2] = [1, 4];
/// Bytes that may wait. That something came is all that counts, so what does not fit is no loss.
const ROOM: libc::c_int = 64 << 10;
/// Of a message, enough to take it away.
const READ: usize = 1 << 10;

/// Listens in the network namespace it was opened in.
pub struct Watch {
    inner: netlink_sys::Socket,
}

impl Watch {
    pub fn open() -> Result<Self, Error> {
        let mut inner = netlink_sys::Socket::new(NETLINK_ROUTE).map_err(Error::Open)?;
        inner.bind_auto().map_err(Error::Open)?;
        inner.set_rx_buf_sz(ROOM).map_err(Error::Open)?;
        inner.set_non_blocking(true).map_err(Error::Open)?;
        for group in GROUPS {
            inner.add_membership(group).map_err(Error::Open)?;
        }
        Ok(Self { inner })
    }

    /// Whether anything changed since this was last asked, or may have: a message that was lost counts.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        let mut buffer = Vec::with_capacity(READ);
        loop {
            buffer.clear();
            match self.inner.recv(&mut buffer, 0) {
                Ok(_) => changed = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return changed,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => changed = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
        }
    }
}
