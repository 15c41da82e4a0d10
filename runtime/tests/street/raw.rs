//! Sockets that std does not have: frames as they are, with the mark the box gave them, and a TCP connection from a
//! chosen address.

#![expect(
    unsafe_code,
    reason = "system calls that neither std nor rustix offers for these sockets"
)]

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

const SO_RCVMARK: libc::c_int = 75;
const ALL: u16 = (libc::ETH_P_ALL as u16).to_be();

/// All frames of an interface, in and out.
pub struct Raw(OwnedFd);

/// A frame that left or came.
pub struct Frame {
    pub bytes: Vec<u8>,
    /// `skb->mark`
    pub mark: u32,
    /// It left by this interface.
    pub outgoing: bool,
}

impl Raw {
    /// At an interface of this thread's namespace.
    pub fn at(index: u32) -> Raw {
        let address = address(index);
        // SAFETY: no memory is involved but the address, which outlives the call and has the length that is said.
        let fd = unsafe {
            let fd = libc::socket(
                libc::AF_PACKET,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                ALL.into(),
            );
            assert!(fd >= 0, "{}", io::Error::last_os_error());
            let fd = OwnedFd::from_raw_fd(fd);
            let bound = libc::bind(
                fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as u32,
            );
            assert_eq!(bound, 0, "{}", io::Error::last_os_error());
            fd
        };
        let raw = Raw(fd);
        raw.option(SO_RCVMARK, &1i32);
        raw.option(libc::SO_RCVBUFFORCE, &(64i32 << 20));
        let wait = libc::timeval {
            tv_sec: 0,
            tv_usec: 200_000,
        };
        raw.option(libc::SO_RCVTIMEO, &wait);
        raw
    }

    fn option<T>(&self, name: libc::c_int, value: &T) {
        // SAFETY: the value outlives the call and has the length that is said.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                name,
                (&raw const *value).cast(),
                size_of::<T>() as u32,
            )
        };
        assert_eq!(result, 0, "option {name}: {}", io::Error::last_os_error());
    }

    /// Sends a frame as it is.
    pub fn send(&self, frame: &[u8]) {
        // SAFETY: the frame outlives the call.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(sent, frame.len() as isize, "{}", io::Error::last_os_error());
    }

    /// The next frame; `None` when none came for a while.
    pub fn receive(&self) -> Option<Frame> {
        let mut bytes = vec![0u8; 2048];
        let mut control = [0u64; 16];
        // SAFETY: all zero is a value of these structures.
        let (mut from, mut message): (libc::sockaddr_ll, libc::msghdr) =
            unsafe { std::mem::zeroed() };
        let mut part = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        message.msg_name = (&raw mut from).cast();
        message.msg_namelen = size_of::<libc::sockaddr_ll>() as u32;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control);
        // SAFETY: every pointer in the message is to memory that outlives the call and is as long as it says.
        let length = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut message, 0) };
        if length < 0 {
            return None;
        }
        bytes.truncate(length as usize);
        let mut mark = 0;
        // SAFETY: the kernel wrote whole control messages into the buffer, which is alive, and the walk ends with it.
        unsafe {
            let mut header = libc::CMSG_FIRSTHDR(&raw const message);
            while !header.is_null() {
                if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SO_MARK
                {
                    mark = libc::CMSG_DATA(header).cast::<u32>().read_unaligned();
                }
                header = libc::CMSG_NXTHDR(&raw const message, header);
            }
        }
        Some(Frame {
            bytes,
            mark,
            outgoing: from.sll_pkttype == 4,
        })
    }
}

fn address(index: u32) -> libc::sockaddr_ll {
    // SAFETY: all zero is a value of this structure.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ALL;
    address.sll_ifindex = index as i32;
    address
}

/// From here on the kernel notes when each datagram came to this socket.
pub fn stamp_arrivals(socket: &UdpSocket) {
    let on = 1i32;
    // SAFETY: the value outlives the call and has the length that is said.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of::<i32>() as u32,
        )
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// The next datagram, and when the kernel had it: whoever reads late measures right.
pub fn receive_stamped(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Duration)> {
    let mut control = [0u64; 16];
    // SAFETY: all zero is a value of this structure.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: every pointer in the message is to memory that outlives the call and is as long as it says.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let mut came = None;
    // SAFETY: the kernel wrote whole control messages into the buffer, which is alive, and the walk ends with it.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET
                && (*header).cmsg_type == libc::SCM_TIMESTAMPNS
            {
                let time = libc::CMSG_DATA(header)
                    .cast::<libc::timespec>()
                    .read_unaligned();
                came = Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32));
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Ok((length, came.expect("the kernel stamps arrivals")))
}

/// A TCP connection from an address of this namespace.
pub fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType};
    let family = if to.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &SocketAddr::new(from, 0))?;
    rustix::net::connect(&socket, &to)?;
    Ok(TcpStream::from(socket))
}
