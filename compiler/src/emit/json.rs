//! JSON with one entry a line, written in parallel: a change of one circuit is a change of one line. Entries are
//! compact; text stays UTF-8, and what JSON must escape is escaped.

use std::fmt::Write as _;

use ipnet::IpNet;
use rayon::prelude::*;
use serde::Serialize;

use crate::id::TreeIx;
use crate::ir::tree::ShapingTree;
use crate::units::Kbps;

/// Entries a thread writes at a time. Fixed, so that the number of threads cannot show.
const CHUNK: usize = 512;

/// Chunks that are in memory beside what they become: enough for as many threads.
const WINDOW: usize = 64;

/// Deepest level that is indented. A tree that the kernel takes has seven; one made to hurt has a hundred
/// thousand, and would otherwise need a square of that in blanks.
const DEEPEST_INDENT: usize = 40;

/// A JSON object, key by key.
pub(super) struct Document {
    out: Vec<u8>,
}

impl Document {
    pub fn new(schema: &str) -> Self {
        let mut document = Document {
            out: Vec::with_capacity(4096),
        };
        document.out.push(b'{');
        document.value("schema", &schema);
        document
    }

    pub fn value(&mut self, key: &str, value: &impl Serialize) {
        push(self.key(key), value);
    }

    /// A list, one entry a line.
    pub fn list<'i, T: Sync, V: Serialize>(
        &mut self,
        key: &str,
        items: &'i [T],
        entry: impl Fn(&'i T) -> V + Sync,
    ) {
        self.lines(key, *b"[]", items, |item, out| push(out, &entry(item)));
    }

    /// An object, one member a line.
    pub fn map<'i, T: Sync, V: Serialize>(
        &mut self,
        key: &str,
        items: &'i [T],
        member: impl Fn(&'i T) -> (&'i str, V) + Sync,
    ) {
        self.lines(key, *b"{}", items, |item, out| {
            let (name, value) = member(item);
            push(out, &name);
            out.push(b':');
            push(out, &value);
        });
    }

    /// A value that is not made of lines.
    pub fn raw(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.key(key));
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"\n}\n");
        self.out
    }

    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"\n  ");
        push(&mut self.out, &key);
        self.out.extend_from_slice(b": ");
        &mut self.out
    }

    fn lines<'i, T: Sync>(
        &mut self,
        key: &str,
        brackets: [u8; 2],
        items: &'i [T],
        write: impl Fn(&'i T, &mut Vec<u8>) + Sync,
    ) {
        let out = self.key(key);
        out.push(brackets[0]);
        if !items.is_empty() {
            in_chunks(out, b",", items, |chunk, out| {
                for (i, item) in chunk.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(b"\n    ");
                    write(item, out);
                }
            });
            out.extend_from_slice(b"\n  ");
        }
        out.push(brackets[1]);
    }
}

/// Appends what `write` makes of each chunk of [`CHUNK`] items, with `between` between them. Chunks are made in
/// parallel, a window of them at a time and in the same buffers again: beside the file itself only a window takes
/// memory.
pub(super) fn in_chunks<'i, T: Sync>(
    out: &mut Vec<u8>,
    between: &[u8],
    items: &'i [T],
    write: impl Fn(&'i [T], &mut Vec<u8>) + Sync,
) {
    let before = out.len();
    let mut buffers = vec![Vec::new(); WINDOW.min(items.len().div_ceil(CHUNK))];
    let mut done = 0;
    for window in items.chunks(CHUNK * WINDOW) {
        let chunks = window.par_chunks(CHUNK);
        let used = chunks.len();
        (chunks.zip(&mut buffers)).for_each(|(chunk, buffer): (&'i [T], &mut Vec<u8>)| {
            buffer.clear();
            write(chunk, buffer);
        });
        let bytes: usize = buffers[..used]
            .iter()
            .map(|b| b.len() + between.len())
            .sum();
        if out.capacity() - out.len() < bytes {
            // Room for all of it at once, as far as can be told by what is there.
            let each = (out.len() - before + bytes) / (done + window.len()) + 1;
            let rest = each * (items.len() - done);
            out.reserve(rest.max(bytes) + rest / 32);
        }
        for (i, buffer) in buffers[..used].iter().enumerate() {
            if done > 0 || i > 0 {
                out.extend_from_slice(between);
            }
            out.extend_from_slice(buffer);
        }
        done += window.len();
    }
}

/// Appends a value, compactly.
pub(super) fn push(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("published types write to memory");
}

/// Appends a rate as exact decimal Mbit/s; see [`Kbps::mbps`].
pub(super) fn push_mbps(out: &mut Vec<u8>, rate: Kbps) {
    let (whole, rest) = (rate.0 / 1000, rate.0 % 1000);
    push(out, &whole);
    if rest != 0 {
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|d| b'0' + d as u8);
        let zeros = digits.iter().rev().take_while(|&&d| d == b'0').count();
        out.push(b'.');
        out.extend_from_slice(&digits[..digits.len() - zeros]);
    }
}

/// Appends a prefix, always with its length.
pub(super) fn push_prefix(out: &mut Vec<u8>, net: &IpNet) {
    match net {
        IpNet::V4(net) => {
            for (i, octet) in net.addr().octets().iter().enumerate() {
                if i > 0 {
                    out.push(b'.');
                }
                push(out, octet);
            }
        }
        IpNet::V6(net) => {
            let mut text = String::with_capacity(40);
            let _ = write!(text, "{}", net.addr());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.push(b'/');
    push(out, &net.prefix_len());
}

/// A prefix as text, always with its length.
pub(super) fn prefix(net: &IpNet) -> String {
    let mut out = Vec::with_capacity(20);
    push_prefix(&mut out, net);
    String::from_utf8(out).expect("digits and dots")
}

pub(super) fn newline(out: &mut Vec<u8>, indent: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * indent.min(DEEPEST_INDENT), b' ');
}

/// A step of a walk over the emitted nodes, parents around their children. Levels count from 0.
pub(super) enum Step {
    Enter {
        at: TreeIx,
        level: usize,
        /// No sibling was before it.
        first: bool,
    },
    Leave {
        at: TreeIx,
        level: usize,
    },
}

/// Walks without recursion: the depth of the tree is the input's.
pub(super) fn walk(tree: &ShapingTree, mut visit: impl FnMut(Step)) {
    let roots: Vec<TreeIx> = tree.roots().collect();
    // For every open level: the siblings, and how many of them were entered.
    let mut open: Vec<(&[TreeIx], usize)> = vec![(&roots, 0)];
    while let Some((siblings, next)) = open.last_mut() {
        let siblings = *siblings;
        if let Some(&at) = siblings.get(*next) {
            let first = *next == 0;
            *next += 1;
            visit(Step::Enter {
                at,
                level: open.len() - 1,
                first,
            });
            open.push((&tree[at].children, 0));
        } else {
            open.pop();
            if let Some((siblings, entered)) = open.last() {
                visit(Step::Leave {
                    at: siblings[entered - 1],
                    level: open.len() - 1,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_they_are_shown() {
        for kbps in [0, 1, 10, 100, 999, 1000, 1001, 1500, 25_250, 10_000_000_000] {
            let mut out = Vec::new();
            push_mbps(&mut out, Kbps(kbps));
            assert_eq!(
                String::from_utf8(out).expect("text"),
                Kbps(kbps).mbps().to_string()
            );
        }
    }

    #[test]
    fn prefixes_are_written_as_they_are_shown() {
        // A mask that one family writes for a host is a network of the other: 2001:db8::/32 is no host.
        for text in [
            "0.0.0.0/0",
            "203.0.113.255/32",
            "2001:db8::/32",
            "2001:db8::/56",
            "::1/128",
        ] {
            let net: IpNet = text.parse().expect("a prefix");
            assert_eq!(prefix(&net), text);
        }
    }

    #[test]
    fn chunks_join_into_one_list() {
        let items: Vec<usize> = (0..CHUNK * (2 * WINDOW + 1) + 1).collect();
        let mut document = Document::new("x/1");
        document.list("numbers", &items, |&n| n);
        document.map("empty", &[] as &[u8], |_| ("", 0));
        let bytes = document.finish();
        let value: serde_json::Value = serde_json::from_slice(&bytes).expect("valid JSON");
        assert_eq!(value["numbers"], serde_json::json!(items));
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.starts_with("{\n  \"schema\": \"x/1\",\n  \"numbers\": [\n    0,\n    1,\n"));
        let last = items.len() - 1;
        assert!(text.ends_with(&format!("    {last}\n  ],\n  \"empty\": {{}}\n}}\n")));
    }
}
