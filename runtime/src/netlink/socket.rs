//! A route netlink socket: batches of requests, of which each gets its own verdict, and dumps that are whole.
//!
//! The kernel works through a batch while it is sent and goes on after a refusal, so every refusal is collected by
//! its sequence number; only the last request asks for an answer. It knows nothing of what the requests mean.

use std::io;

use netlink_sys::protocols::NETLINK_ROUTE;
use rustix::net::sockopt;

use super::wire::{self, Message, Request};
use super::{Error, Refusal};

/// Most requests in one datagram. All may be refused, and the refusals must fit the receive buffer: one takes up
/// to about a kilobyte of it.
const BATCH: usize = 128;
/// Bytes of one datagram at most, well under the default send buffer.
const DATAGRAM: usize = 64 << 10;
/// Receive buffer: holds the refusals of a batch several times over.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The kernel fills dumps in pieces of 32 KiB at most.
const READ: usize = 128 << 10;
/// How often a dump that was disturbed is begun again.
const TRIES: u32 = 20;

/// `NLMSGERR_ATTR_MSG`
const ATTRIBUTE_TEXT: u16 = 1;

/// What became of one request of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Done,
    Refused(Refusal),
    /// The kernel's answer got lost: done or refused, only reading back tells.
    Unknown,
}

impl Verdict {
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Verdict::Refused(refusal) => Some(refusal),
            Verdict::Done | Verdict::Unknown => None,
        }
    }
}

/// A socket of the network namespace it was opened in.
pub struct Socket {
    inner: netlink_sys::Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub fn open() -> Result<Self, Error> {
        let mut inner = netlink_sys::Socket::new(NETLINK_ROUTE).map_err(Error::Open)?;
        inner.bind_auto().map_err(Error::Open)?;
        // Refusals in words, and without the request they are about: it is known by its number.
        inner.set_ext_ack(true).map_err(Error::Open)?;
        inner.set_cap_ack(true).map_err(Error::Open)?;
        // Beyond the limit of an ordinary socket where that is allowed; a smaller buffer only means that an
        // answer may get lost, which is noticed.
        if sockopt::set_socket_recv_buffer_size_force(&inner, RECEIVE_BUFFER).is_err() {
            inner
                .set_rx_buf_sz(RECEIVE_BUFFER as libc::c_int)
                .map_err(Error::Open)?;
        }
        Ok(Self {
            inner,
            sequence: 0,
            buffer: Vec::with_capacity(READ),
        })
    }

    /// Sends all requests in order and tells what became of each. A refusal does not stop the rest.
    pub fn batch(&mut self, requests: &[Request]) -> Result<Vec<Verdict>, Error> {
        let mut verdicts = Vec::with_capacity(requests.len());
        let mut rest = requests;
        while !rest.is_empty() {
            let mut bytes = 0;
            let count = rest
                .iter()
                .take(BATCH)
                .take_while(|r| {
                    bytes += r.len();
                    bytes <= DATAGRAM
                })
                .count()
                .max(1);
            let (now, later) = rest.split_at(count);
            self.datagram(now, &mut verdicts)?;
            rest = later;
        }
        Ok(verdicts)
    }

    fn datagram(&mut self, requests: &[Request], verdicts: &mut Vec<Verdict>) -> Result<(), Error> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(requests.iter().map(Request::len).sum());
        for (i, request) in requests.iter().enumerate() {
            self.sequence = self.sequence.wrapping_add(1);
            request.write(&mut bytes, self.sequence, i + 1 == requests.len());
        }
        let last = self.sequence;
        let from = verdicts.len();
        verdicts.resize(from + requests.len(), Verdict::Done);
        self.send(&bytes)?;
        let mut lost = false;
        loop {
            match self.receive() {
                Ok(()) => {}
                // Some answers did not fit. The last one is among the lost ones unless it follows.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    lost = true;
                    if self.nothing_waits() {
                        break;
                    }
                    continue;
                }
                Err(error) => return Err(Error::Receive(error)),
            }
            let mut done = false;
            for message in wire::messages(&self.buffer) {
                if message.kind != libc::NLMSG_ERROR as u16 {
                    continue;
                }
                let place = message.sequence.wrapping_sub(first) as usize;
                if place >= requests.len() {
                    continue;
                }
                if let Some(refusal) = refusal(&message) {
                    verdicts[from + place] = Verdict::Refused(refusal);
                }
                done |= message.sequence == last;
            }
            if done {
                break;
            }
        }
        if lost {
            for verdict in &mut verdicts[from..] {
                if *verdict == Verdict::Done {
                    *verdict = Verdict::Unknown;
                }
            }
        }
        Ok(())
    }

    /// Whether no answer waits: all answers of a datagram are there when it has been sent.
    fn nothing_waits(&self) -> bool {
        let mut byte = Vec::with_capacity(1);
        self.inner
            .recv(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT)
            .is_err()
    }

    /// One request alone.
    pub fn one(&mut self, what: &'static str, request: &Request) -> Result<(), Error> {
        match self.batch(std::slice::from_ref(request))?.pop() {
            Some(Verdict::Refused(refusal)) => Err(Error::Refused { what, refusal }),
            Some(Verdict::Unknown) => Err(Error::Malformed {
                what,
                detail: "the answer got lost".to_owned(),
            }),
            Some(Verdict::Done) | None => Ok(()),
        }
    }

    /// Asks for a list and reads it whole: where it changed meanwhile, or a piece got lost, it is asked for again.
    /// `each` turns a message into a value, or passes it over.
    pub fn dump<T>(
        &mut self,
        what: &'static str,
        request: &Request,
        mut each: impl FnMut(&Message<'_>) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        for _ in 0..TRIES {
            if let Some(all) = self.try_dump(what, request, &mut each)? {
                return Ok(all);
            }
        }
        Err(Error::Interrupted { what, times: TRIES })
    }

    fn try_dump<T>(
        &mut self,
        what: &'static str,
        request: &Request,
        each: &mut impl FnMut(&Message<'_>) -> Option<T>,
    ) -> Result<Option<Vec<T>>, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let mut bytes = Vec::with_capacity(request.len());
        request.write(&mut bytes, sequence, false);
        self.send(&bytes)?;
        let mut all = Vec::new();
        let mut whole = true;
        loop {
            match self.receive() {
                Ok(()) => {}
                // The kernel goes on with a dump as it is read, so the end still comes.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    whole = false;
                    continue;
                }
                Err(error) => return Err(Error::Receive(error)),
            }
            for message in wire::messages(&self.buffer) {
                if message.sequence != sequence {
                    continue;
                }
                whole &= message.flags & libc::NLM_F_DUMP_INTR as u16 == 0;
                match i32::from(message.kind) {
                    libc::NLMSG_DONE => {
                        let code = wire::u32_at(message.body, 0).unwrap_or(0) as i32;
                        if code < 0 {
                            let refusal = Refusal {
                                errno: -code,
                                text: String::new(),
                            };
                            return Err(Error::Refused { what, refusal });
                        }
                        return Ok(whole.then_some(all));
                    }
                    libc::NLMSG_ERROR => {
                        return match refusal(&message) {
                            Some(refusal) => Err(Error::Refused { what, refusal }),
                            None => Ok(whole.then_some(all)),
                        };
                    }
                    _ => all.extend(each(&message)),
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        loop {
            match self.inner.send(bytes, 0) {
                Ok(sent) if sent == bytes.len() => return Ok(()),
                Ok(sent) => {
                    let source = io::Error::other(format!("only {sent} went out"));
                    return Err(Error::Send {
                        bytes: bytes.len(),
                        source,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Send {
                        bytes: bytes.len(),
                        source,
                    });
                }
            }
        }
    }

    /// One datagram of the kernel into the buffer.
    fn receive(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            match self.inner.recv(&mut self.buffer, libc::MSG_TRUNC) {
                Ok(length) if length > self.buffer.len() => {
                    let have = self.buffer.len();
                    return Err(io::Error::other(format!(
                        "{length} bytes where {have} were expected"
                    )));
                }
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What an answer of type `NLMSG_ERROR` says; `None` when it says that all is well.
fn refusal(message: &Message<'_>) -> Option<Refusal> {
    let code = wire::u32_at(message.body, 0)? as i32;
    if code == 0 {
        return None;
    }
    // Code, then the header of the request (with its body where the kernel did not cap it), then attributes.
    let request = wire::u32_at(message.body, 4)? as usize;
    let capped = message.flags & NLM_F_CAPPED != 0;
    let skip = 4 + if capped {
        wire::HEADER
    } else {
        (request + 3) & !3
    };
    let text = message
        .body
        .get(skip..)
        .into_iter()
        .flat_map(wire::attributes)
        .find(|(kind, _)| *kind == ATTRIBUTE_TEXT)
        .map(|(_, value)| wire::text(value).trim().to_owned())
        .unwrap_or_default();
    Some(Refusal { errno: -code, text })
}

const NLM_F_CAPPED: u16 = 0x100;
