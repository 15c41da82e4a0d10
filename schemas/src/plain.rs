//! Reads the large files the way Weir writes them: keys in their order, one record a line, texts borrowed from the file.
//!
//! A reader here either gives what serde would give, or gives up without a word: what is written in any other way (keys
//! in another order, keys of a newer Weir, blanks inside a record) and what is wrong is read by serde, which also says
//! what is wrong. It knows nothing of what records mean.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::queue_plan::{
    Chosen, Class, Leaf, LeafQdisc, LinkDown, Qdiscs, QueuePlan, Shaper, Target,
};
use crate::tree::{Tree, TreeCircuit, TreeDevice, TreeNode};
use crate::{Published, ReadError};

/// Levels of nodes that are followed here. serde takes 128 levels of brackets, of which a node has two.
const LEVELS: usize = 32;

/// Bytes of a record, roughly, to make room at once for as many as there can be.
const RECORD: usize = 192;

impl<'a> Tree<'a> {
    /// Reads `tree.json`. As [`crate::read`], but texts are borrowed from `bytes` where the file is written as ours are.
    pub fn read(bytes: &'a [u8]) -> Result<Tree<'a>, ReadError> {
        match plain(bytes, tree) {
            Some(tree) => Ok(tree),
            None => crate::read_any(bytes),
        }
    }
}

impl<'a> QueuePlan<'a> {
    /// Reads `queue-plan.json`. As [`crate::read`], but texts are borrowed from `bytes` where the file is written as ours
    /// are.
    pub fn read(bytes: &'a [u8]) -> Result<QueuePlan<'a>, ReadError> {
        match QueuePlan::read_plain(bytes) {
            Some(plan) => Ok(plan),
            None => crate::read_any(bytes),
        }
    }

    pub(crate) fn read_plain(bytes: &'a [u8]) -> Option<QueuePlan<'a>> {
        plain(bytes, queue_plan)
    }

    /// The same, for keeping when the bytes are gone.
    pub fn into_owned(self) -> QueuePlan<'static> {
        QueuePlan {
            schema: owned(self.schema),
            target: target(self.target),
            queues: self.queues,
            classes: self.classes.into_iter().map(kept_class).collect(),
            chosen: self.chosen.into_iter().map(kept_choice).collect(),
            links_down: self.links_down.into_iter().map(kept_link).collect(),
            resting: self.resting,
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn target(target: Target<'_>) -> Target<'static> {
    Target {
        name: target.name.map(owned),
        queues: target.queues,
        shaper: target.shaper.map(|shaper| Shaper {
            mode: shaper.mode,
            to_internet: owned(shaper.to_internet),
            to_network: owned(shaper.to_network),
            internet_vlan: shaper.internet_vlan,
            network_vlan: shaper.network_vlan,
        }),
        qdiscs: Qdiscs {
            cake: owned(target.qdiscs.cake),
            fq_codel: owned(target.qdiscs.fq_codel),
        },
        leaf_fallback: target.leaf_fallback.into_iter().map(owned).collect(),
    }
}

fn kept_class(class: Class<'_>) -> Class<'static> {
    Class {
        key: owned(class.key),
        parent: class.parent.map(owned),
        queue: class.queue,
        minor: class.minor,
        rate_kbps: class.rate_kbps,
        ceil_kbps: class.ceil_kbps,
        quantum: class.quantum,
        burst_bytes: class.burst_bytes,
        leaf: class.leaf,
    }
}

fn kept_choice(chosen: Chosen<'_>) -> Chosen<'static> {
    Chosen {
        node: owned(chosen.node),
        parent: owned(chosen.parent),
        via: owned(chosen.via),
        kbps: chosen.kbps,
        cost: chosen.cost,
    }
}

fn kept_link(down: LinkDown<'_>) -> LinkDown<'static> {
    LinkDown {
        link: owned(down.link),
        snapshots: down.snapshots,
        snapshot: owned(down.snapshot),
    }
}

/// What `read` makes of all of it.
fn plain<'a, T>(bytes: &'a [u8], read: impl Fn(&mut Plain<'a>) -> Option<T>) -> Option<T> {
    let mut plain = Plain {
        text: std::str::from_utf8(bytes).ok()?,
        at: 0,
    };
    let value = read(&mut plain)?;
    plain.space();
    plain.rest().is_empty().then_some(value)
}

fn tree<'a>(plain: &mut Plain<'a>) -> Option<Tree<'a>> {
    let schema = plain.schema(Tree::SCHEMA)?;
    plain.key("strategy")?;
    let strategy = plain.value()?;
    plain.key("emitted")?;
    let emitted = plain.list(0, |plain| node(plain, LEVELS))?;
    plain.key("buckets")?;
    let buckets = plain.members(0, |plain| plain.list(8, Plain::text))?;
    plain.key("circuits")?;
    let circuits = plain.members(plain.rest().len() / RECORD, circuit)?;
    plain.key("omitted")?;
    let omitted = plain.value()?;
    plain.space();
    plain.take("}")?;
    Some(Tree {
        schema,
        strategy,
        emitted,
        buckets,
        circuits,
        omitted,
    })
}

fn node<'a>(plain: &mut Plain<'a>, levels: usize) -> Option<TreeNode<'a>> {
    let below = levels.checked_sub(1)?;
    plain.take(r#"{"id":"#)?;
    let id = plain.text()?;
    plain.take(r#","name":"#)?;
    let name = plain.text()?;
    plain.take(r#","kind":"#)?;
    let kind = plain.value()?;
    plain.take(r#","cap_kbps":"#)?;
    let cap_kbps = plain.pair()?;
    plain.take(r#","rate_kbps":"#)?;
    let rate_kbps = plain.pair()?;
    plain.take(r#","htb_rate_kbps":"#)?;
    let htb_rate_kbps = plain.pair()?;
    plain.take(r#","cpu":"#)?;
    let cpu = plain.number()?;
    plain.take(r#","circuits":"#)?;
    let circuits = plain.list(0, Plain::text)?;
    plain.take(r#","children":"#)?;
    let children = plain.list(0, |plain| node(plain, below))?;
    plain.take("}")?;
    Some(TreeNode {
        id,
        name,
        kind,
        cap_kbps,
        rate_kbps,
        htb_rate_kbps,
        cpu,
        circuits,
        children,
    })
}

fn circuit<'a>(plain: &mut Plain<'a>) -> Option<TreeCircuit<'a>> {
    plain.take(r#"{"parent":"#)?;
    let parent = plain.text()?;
    plain.take(r#","max_kbps":"#)?;
    let max_kbps = plain.pair()?;
    plain.take(r#","min_kbps":"#)?;
    let min_kbps = plain.pair()?;
    plain.take(r#","devices":"#)?;
    let devices = plain.list(1, device)?;
    plain.take("}")?;
    Some(TreeCircuit {
        parent,
        max_kbps,
        min_kbps,
        devices,
    })
}

fn device<'a>(plain: &mut Plain<'a>) -> Option<TreeDevice<'a>> {
    plain.take(r#"{"id":"#)?;
    let id = plain.text()?;
    plain.take(r#","ipv4":"#)?;
    let ipv4 = plain.list(1, Plain::text)?;
    plain.take(r#","ipv6":"#)?;
    let ipv6 = plain.list(1, Plain::text)?;
    plain.take("}")?;
    Some(TreeDevice { id, ipv4, ipv6 })
}

fn queue_plan<'a>(plain: &mut Plain<'a>) -> Option<QueuePlan<'a>> {
    let schema = plain.schema(QueuePlan::SCHEMA)?;
    plain.key("target")?;
    let target = plain.value()?;
    plain.key("queues")?;
    let queues = plain.value()?;
    plain.key("classes")?;
    let classes = plain.list(plain.rest().len() / RECORD, class)?;
    plain.key("chosen")?;
    let chosen = plain.value()?;
    plain.key("links_down")?;
    let links_down = plain.value()?;
    plain.key("resting")?;
    let resting = plain.value()?;
    plain.space();
    plain.take("}")?;
    Some(QueuePlan {
        schema,
        target,
        queues,
        classes,
        chosen,
        links_down,
        resting,
    })
}

fn class<'a>(plain: &mut Plain<'a>) -> Option<Class<'a>> {
    plain.take(r#"{"key":"#)?;
    let key = plain.text()?;
    plain.take(r#","parent":"#)?;
    let parent = plain.or_null(Plain::text)?;
    plain.take(r#","queue":"#)?;
    let queue = plain.number()?;
    plain.take(r#","minor":"#)?;
    let minor = plain.number()?;
    plain.take(r#","rate_kbps":"#)?;
    let rate_kbps = plain.pair()?;
    plain.take(r#","ceil_kbps":"#)?;
    let ceil_kbps = plain.pair()?;
    plain.take(r#","quantum":"#)?;
    let quantum = plain.pair()?;
    let burst_bytes = match plain.take(r#","burst_bytes":"#) {
        Some(()) => plain.or_null(Plain::pair)?,
        None => None,
    };
    let leaf = match plain.take(r#","leaf":"#) {
        Some(()) => plain.or_null(leaves)?,
        None => None,
    };
    plain.take("}")?;
    Some(Class {
        key,
        parent,
        queue,
        minor,
        rate_kbps,
        ceil_kbps,
        quantum,
        burst_bytes,
        leaf,
    })
}

fn leaves(plain: &mut Plain<'_>) -> Option<[Option<Leaf>; 2]> {
    plain.take("[")?;
    let download = plain.or_null(leaf)?;
    plain.take(",")?;
    let upload = plain.or_null(leaf)?;
    plain.take("]")?;
    Some([download, upload])
}

fn leaf(plain: &mut Plain<'_>) -> Option<Leaf> {
    plain.take(r#"{"qdisc":""#)?;
    let qdisc = match plain.take("cake") {
        Some(()) => LeafQdisc::Cake,
        None => {
            plain.take("fq_codel")?;
            LeafQdisc::FqCodel
        }
    };
    plain.take(r#"","handle":"#)?;
    let handle = plain.number()?;
    plain.take("}")?;
    Some(Leaf { qdisc, handle })
}

/// A place in a file. What is taken moves it; where `None` is given it may be anywhere, but for [`Plain::take`].
struct Plain<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Plain<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Exactly this; it stays where it is if something else is there.
    #[inline]
    fn take(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
        })
    }

    /// Blanks and line ends between records.
    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.rest().first() {
            self.at += 1;
        }
    }

    /// The beginning of a file.
    fn schema(&mut self, schema: &'static str) -> Option<Cow<'a, str>> {
        self.take("{")?;
        self.space();
        self.take(r#""schema": ""#)?;
        self.take(schema)?;
        self.take("\"")?;
        Some(Cow::Borrowed(schema))
    }

    /// The next key of the file itself.
    fn key(&mut self, name: &str) -> Option<()> {
        self.take(",")?;
        self.space();
        self.take("\"")?;
        self.take(name)?;
        self.take("\": ")
    }

    /// Anything, by serde.
    fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let rest = self.text.get(self.at..)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value)
    }

    /// A text. One with escapes in it is serde's.
    #[inline]
    fn text(&mut self) -> Option<Cow<'a, str>> {
        let is = self.rest().strip_prefix(b"\"")?;
        let length = unescaped(is);
        match is.get(length)? {
            b'"' => {
                let start = self.at + 1;
                self.at = start + length + 1;
                Some(Cow::Borrowed(&self.text[start..start + length]))
            }
            b'\\' => self.value().map(Cow::Owned),
            _ => None,
        }
    }

    #[inline]
    fn number<N: TryFrom<u64>>(&mut self) -> Option<N> {
        let rest = self.rest();
        let (mut number, mut length) = (0u64, 0);
        while let Some(digit @ b'0'..=b'9') = rest.get(length) {
            let digit = u64::from(digit - b'0');
            number = number.checked_mul(10)?.checked_add(digit)?;
            length += 1;
        }
        // No number begins with a zero but zero itself.
        if length == 0 || (length > 1 && rest[0] == b'0') {
            return None;
        }
        self.at += length;
        N::try_from(number).ok()
    }

    #[inline]
    fn pair<N: TryFrom<u64>>(&mut self) -> Option<[N; 2]> {
        self.take("[")?;
        let download = self.number()?;
        self.take(",")?;
        let upload = self.number()?;
        self.take("]")?;
        Some([download, upload])
    }

    #[inline]
    fn or_null<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.take("null") {
            Some(()) => Some(None),
            None => read(self).map(Some),
        }
    }

    #[inline]
    fn list<T>(
        &mut self,
        room: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut items = Vec::new();
        self.items(["[", "]"], |plain| {
            if items.is_empty() {
                items.reserve_exact(room);
            }
            items.push(read(plain)?);
            Some(())
        })?;
        Some(items)
    }

    /// Of a key that is there twice the last value counts, as in any map that is read.
    fn members<T>(
        &mut self,
        room: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<BTreeMap<Cow<'a, str>, T>> {
        let mut members = Vec::with_capacity(room);
        self.items(["{", "}"], |plain| {
            let key = plain.text()?;
            plain.take(":")?;
            members.push((key, read(plain)?));
            Some(())
        })?;
        // At once, because they are sorted as a rule.
        Some(members.into_iter().collect())
    }

    #[inline]
    fn items(
        &mut self,
        [open, close]: [&str; 2],
        mut read: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        self.space();
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            read(self)?;
            self.space();
            if self.take(",").is_none() {
                return self.take(close);
            }
            self.space();
        }
    }
}

/// Bytes up to the first that is a quote, a backslash or a control character; eight at a time.
#[inline]
fn unescaped(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // The lowest byte that is marked is marked rightly.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marked = (below(word, 0x20) | is(word, b'"') | is(word, b'\\')) & HIGHS;
        if marked != 0 {
            return at * 8 + (marked.trailing_zeros() / 8) as usize;
        }
    }
    let stops = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    let last = words.len() * 8;
    last + rest.iter().position(stops).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::fs;
    use std::path::{Path, PathBuf};

    use serde::de::DeserializeOwned;

    use super::*;

    const TREE: &str = r#"{
  "schema": "weir.tree/1",
  "strategy": "full",
  "emitted": [
    {"id":"a","name":"Çà \"x\" \u0007","kind":"site","cap_kbps":[10,0],"rate_kbps":[1,2],"htb_rate_kbps":[3,4],"cpu":7,"circuits":["c1"],"children":[
      {"id":"b","name":"b","kind":"ap","cap_kbps":[1,18446744073709551615],"rate_kbps":[1,2],"htb_rate_kbps":[3,4],"cpu":65535,"circuits":[],"children":[]}
    ]}
  ],
  "buckets": {
    "q\n":["c2","c\u00e9"],
    "z":[]
  },
  "circuits": {
    "c1":{"parent":"a","max_kbps":[1,2],"min_kbps":[3,4],"devices":[{"id":"d","ipv4":["192.0.2.1/32","192.0.2.2/32"],"ipv6":[]}]},
    "c2":{"parent":"q\n","max_kbps":[1,2],"min_kbps":[0,4],"devices":[]}
  },
  "omitted": {
    "c9":"suspended"
  }
}
"#;

    const PLAN: &str = r#"{
  "schema": "weir.queue-plan/1",
  "target": {"name":null,"queues":2,"shaper":{"mode":"stick","to_internet":"e","to_network":"e","internet_vlan":3},"qdiscs":{"cake":"cake","fq_codel":"fq_codel"},"leaf_fallback":["fq_codel"]},
  "queues": [
    {"queue":0,"majors":[1,2],"load_kbps":83}
  ],
  "classes": [
    {"key":"circuit:\u00e9 eight","parent":"node:a","queue":0,"minor":6,"rate_kbps":[1,2],"ceil_kbps":[3,4],"quantum":[1522,4294967295],"burst_bytes":[0,9],"leaf":[{"qdisc":"cake","handle":256},{"qdisc":"fq_codel","handle":257}]},
    {"key":"circuit:2","parent":"node:a","queue":0,"minor":7,"rate_kbps":[1,2],"ceil_kbps":[3,4],"quantum":[5,6],"leaf":[null,null]},
    {"key":"node:a","parent":null,"queue":0,"minor":5,"rate_kbps":[1,2],"ceil_kbps":[3,4],"quantum":[5,6]}
  ],
  "chosen": [
    {"node":"a","parent":"@root","via":"member:a","kbps":[null,3],"cost":7}
  ],
  "links_down": [],
  "resting": {"minors":[[0,9,1]],"download_handles":[],"upload_handles":[[300,2]]}
}
"#;

    /// Whatever is read here, serde reads the same. Gives whether it was read here.
    fn agree<'a, T>(bytes: &'a [u8], read: impl Fn(&mut Plain<'a>) -> Option<T>) -> bool
    where
        T: Published + DeserializeOwned + PartialEq + Debug,
    {
        let Some(found) = plain(bytes, read) else {
            return false;
        };
        let text = || String::from_utf8_lossy(bytes);
        match crate::read_any::<T>(bytes) {
            Ok(want) => assert_eq!(found, want, "{}", text()),
            Err(error) => panic!("{error}: {}", text()),
        }
        true
    }

    /// Every byte replaced, removed and doubled: most of it is wrong then, and some of it means something else.
    fn mutated(text: &str, agree: impl Fn(&[u8]) -> bool) {
        assert!(agree(text.as_bytes()), "as it is");
        let mut read = 0;
        for at in 0..text.len() {
            for byte in *b"\"\\,:[]{} \n\t0917.-eEntu\x00\x1f\x7f\xc3\xff" {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                read += usize::from(agree(&bytes));
            }
            let (head, tail) = text.as_bytes().split_at(at);
            read += usize::from(agree(&[head, &tail[1..]].concat()));
            read += usize::from(agree(&[head, &tail[..1], tail].concat()));
            let blank = tail.trim_ascii().is_empty();
            assert_eq!(agree(head), blank, "cut short at {at}");
        }
        assert!(read > 1000, "texts and numbers may be anything: {read}");
    }

    #[test]
    fn what_is_read_plainly_is_what_serde_reads() {
        mutated(TREE, |bytes| agree::<Tree<'_>>(bytes, tree));
        mutated(PLAN, |bytes| agree::<QueuePlan<'_>>(bytes, queue_plan));
        let plan = QueuePlan::read(PLAN.as_bytes()).expect("reads");
        assert_eq!(plan.clone().into_owned(), plan);
        assert_eq!(QueuePlan::plain(PLAN.as_bytes()).as_ref(), Some(&plan));
    }

    #[test]
    fn texts_are_borrowed_and_what_is_written_otherwise_is_read_too() {
        let read = Tree::read(TREE.as_bytes()).expect("reads");
        let ids = read
            .circuits
            .keys()
            .all(|id| matches!(id, Cow::Borrowed(_)));
        assert!(ids, "{read:?}");
        let value: serde_json::Value = serde_json::from_str(TREE).expect("JSON");
        let other = serde_json::to_vec(&value).expect("JSON");
        assert!(plain(&other, tree).is_none());
        assert_eq!(Tree::read(&other).expect("reads"), read);
        let twice = TREE.replacen(r#""c2":{"#, r#""c1":{"#, 1);
        let read = Tree::read(twice.as_bytes()).expect("reads");
        assert_eq!(read.circuits["c1"].parent, "q\n", "the last one counts");
        let error = Tree::read(PLAN.as_bytes()).expect_err("another file");
        assert!(error.to_string().contains("weir.queue-plan/1"), "{error}");
        let odd = TREE.replace(r#""cpu":7"#, r#""cpu":65536"#);
        let error = Tree::read(odd.as_bytes()).expect_err("too large");
        assert!(error.to_string().contains("65536"), "{error}");
    }

    /// However deep: it ends, and serde has the last word.
    #[test]
    fn no_depth_is_too_much() {
        let node = TREE.lines().nth(4).expect("a node").trim();
        for levels in [30, 60, 100_000] {
            let end = r#"{"schema""#.len();
            let nested = format!("{}{}", node.repeat(levels), "]}".repeat(levels));
            let text = format!(
                r#"{}: "weir.tree/1", "strategy": "full", "emitted": [{nested}], "buckets": {{}}, "circuits": {{}}, "omitted": {{}}}}"#,
                &TREE.replace("\n  ", "")[..end]
            );
            let read = Tree::read(text.as_bytes());
            assert_eq!(read.is_ok(), levels < 64, "{levels}");
            assert_eq!(plain(text.as_bytes(), tree).is_some(), levels < LEVELS);
        }
    }

    /// Files as the compiler writes them are read here: a slow way would give the same, and nobody would notice.
    #[test]
    fn files_of_the_golden_projects_are_read_plainly() {
        fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => walk(&path, found),
                    false => found.push(path),
                }
            }
        }
        let mut files = Vec::new();
        walk(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden"),
            &mut files,
        );
        let mut read = [0, 0];
        for path in files
            .iter()
            .filter(|path| path.iter().any(|part| part == "expected"))
        {
            let bytes = fs::read(path).expect("it reads");
            let name = path.file_name().and_then(|name| name.to_str());
            let (at, is_plain) = match name {
                Some("tree.json") => (0, agree::<Tree<'_>>(&bytes, tree)),
                Some("queue-plan.json") => (1, agree::<QueuePlan<'_>>(&bytes, queue_plan)),
                _ => continue,
            };
            assert!(is_plain, "{} is not read plainly", path.display());
            read[at] += 1;
        }
        assert!(read[0] > 10 && read[1] > 10, "{read:?}");
    }

    #[test]
    fn where_a_text_ends_is_found_wherever_it_is() {
        for length in 0..40 {
            for stop in [b'"', b'\\', 0, 0x1f] {
                let mut text = vec![b'!'; length];
                text[..length.min(9)].fill(0xff);
                text.push(stop);
                text.extend([b'"', b'x', 0x80, 0x20, 0x7f, 0, b'"', b'\\', 1]);
                assert_eq!(unescaped(&text), length, "{stop:#x}");
            }
            assert_eq!(unescaped(&vec![b' '; length]), length);
        }
    }
}
