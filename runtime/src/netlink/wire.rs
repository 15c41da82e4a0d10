//! Netlink messages as bytes: requests are written into one buffer, answers are walked without copying.
//!
//! Nothing here panics on what the kernel sends: an attribute that does not fit its message ends the walk.

/// Bytes of `nlmsghdr`.
pub const HEADER: usize = 16;
/// Bytes of `tcmsg`.
pub const TCMSG: usize = 20;

/// Set in the type of an attribute that holds others, by newer parts of the kernel.
const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;

/// One request: header, fixed part, attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// `flags` without `NLM_F_REQUEST`, which every request has.
    pub fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&(flags | libc::NLM_F_REQUEST as u16).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes }
    }

    /// A request about traffic control: `tcmsg` follows the header.
    pub fn tc(kind: u16, flags: u16, index: u32, handle: u32, parent: u32, info: u32) -> Self {
        let mut request = Self::new(kind, flags);
        request.bytes.extend_from_slice(&[0; 4]);
        for word in [index, handle, parent, info] {
            request.bytes.extend_from_slice(&word.to_ne_bytes());
        }
        request
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// An attribute of bytes as they are.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = (4 + value.len()) as u16;
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    pub fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.attribute(kind, &[value])
    }

    pub fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    pub fn u64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Text with the zero byte that ends it.
    pub fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// An attribute that holds what `fill` adds.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        fill(self);
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    /// What follows the header: for comparison with recorded bytes.
    pub fn body(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    /// Appends the whole message with its number; `ack` asks for an answer also when all is well.
    pub(super) fn write(&self, into: &mut Vec<u8>, sequence: u32, ack: bool) {
        let at = into.len();
        into.extend_from_slice(&self.bytes);
        into[at..at + 4].copy_from_slice(&(self.bytes.len() as u32).to_ne_bytes());
        into[at + 8..at + 12].copy_from_slice(&sequence.to_ne_bytes());
        if ack {
            let flags = u16_at(into, at + 6).unwrap_or(0) | libc::NLM_F_ACK as u16;
            into[at + 6..at + 8].copy_from_slice(&flags.to_ne_bytes());
        }
    }
}

/// One message of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
    pub port: u32,
    pub body: &'a [u8],
    /// With its header, as crates want it.
    pub whole: &'a [u8],
}

/// The messages of one datagram.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(bytes, 0)? as usize;
        if length < HEADER || length > bytes.len() {
            return None;
        }
        let whole = &bytes[..length];
        bytes = &bytes[aligned(length).min(bytes.len())..];
        Some(Message {
            kind: u16_at(whole, 4)?,
            flags: u16_at(whole, 6)?,
            sequence: u32_at(whole, 8)?,
            port: u32_at(whole, 12)?,
            body: &whole[HEADER..],
            whole,
        })
    })
}

/// The attributes in `bytes`: type and value.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)?;
        if length < 4 || length > bytes.len() {
            return None;
        }
        let value = &bytes[4..length];
        bytes = &bytes[aligned(length).min(bytes.len())..];
        Some((kind & !NESTED & TYPE_MASK, value))
    })
}

/// `tcmsg` of an answer about traffic control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcMessage<'a> {
    pub index: u32,
    pub handle: u32,
    pub parent: u32,
    pub info: u32,
    pub attributes: &'a [u8],
}

impl<'a> TcMessage<'a> {
    pub fn read(body: &'a [u8]) -> Option<Self> {
        Some(Self {
            index: u32_at(body, 4)?,
            handle: u32_at(body, 8)?,
            parent: u32_at(body, 12)?,
            info: u32_at(body, 16)?,
            attributes: body.get(TCMSG..)?,
        })
    }
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Text up to its zero byte; what is no UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes from their hexadecimal form.
    pub fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal"))
            .collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let mut request = Request::tc(36, 0x600, 3, 0x10000, 0x7fff_0001, 0);
        request.text(1, "htb");
        request.nest(2, |r| {
            r.u32(7, 9).u64(8, u64::MAX).u8(9, 1);
        });
        let mut bytes = Vec::new();
        request.write(&mut bytes, 77, true);
        request.write(&mut bytes, 78, false);
        let all: Vec<Message<'_>> = messages(&bytes).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].kind, all[0].sequence, all[1].sequence),
            (36, 77, 78)
        );
        assert_eq!(all[0].flags & 4, 4);
        assert_eq!(all[1].flags & 4, 0);
        let tc = TcMessage::read(all[1].body).expect("tcmsg");
        assert_eq!((tc.index, tc.handle, tc.parent), (3, 0x10000, 0x7fff_0001));
        let attributes_: Vec<_> = attributes(tc.attributes).collect();
        assert_eq!(text(attributes_[0].1), "htb");
        let inner: Vec<_> = attributes(attributes_[1].1)
            .map(|(k, v)| (k, v.len()))
            .collect();
        assert_eq!(inner, [(7, 4), (8, 8), (9, 1)]);
    }

    #[test]
    fn no_bytes_make_a_walk_panic_or_run_on() {
        let mut request = Request::tc(36, 0, 3, 1, 2, 0);
        request.text(1, "htb").nest(2, |r| {
            r.u32(7, 9);
        });
        let mut bytes = Vec::new();
        request.write(&mut bytes, 1, false);
        for cut in 0..bytes.len() {
            for message in messages(&bytes[..cut]) {
                assert!(attributes(message.body).count() <= message.body.len());
            }
            for flip in 0..8 {
                let mut hurt = bytes.clone();
                hurt[cut] ^= 1 << flip;
                for message in messages(&hurt) {
                    if let Some(tc) = TcMessage::read(message.body) {
                        for (_, value) in attributes(tc.attributes) {
                            assert!(attributes(value).count() <= value.len());
                        }
                    }
                }
            }
        }
    }
}
