//! `network.json` into nodes: an object of name -> node, nested through `children`. It is walked once, with a
//! stack of its own, so that order, repeated names and bytes are kept and depth costs nothing.
//!
//! It does not know whether names or ids are unique, which limits bind or what a circuit refers to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::NETWORK;
use crate::id::FileId;
use crate::ir::records::{
    NodeKind, NodeRecord, NodeRef, Quarantined, RefBy, SourceEvidence, Subject, SubjectKind,
    UnreadableFile,
};
use crate::sources::inventory::fields::{
    self, CONTROL, Fields, NOT_UTF8, Number, Unknown, shown, tidy,
};
use crate::sources::inventory::scan::{self, Kind, Member, ScanError, Step};
use crate::sources::rows::short_hash;
use crate::units::{Kbps, MBPS, Pair};

/// Levels of nodes; LibreQoS's own reader refuses a file of more.
const MAX_LEVELS: usize = 64;

/// Keys that say something to us.
const KEYS: [&str; 8] = [
    "downloadBandwidthMbps",
    "uploadBandwidthMbps",
    "type",
    "id",
    "virtual",
    "children",
    "latitude",
    "longitude",
];
/// Keys that other programs put there for themselves.
const PASSED_OVER: [&str; 7] = [
    "name",
    "parent_site",
    "uisp_site",
    "uisp_device",
    "active_attachment_name",
    "downloadBandwidthMbpsMin",
    "uploadBandwidthMbpsMin",
];

const CAPACITY: Number = Number {
    unit: MBPS,
    whole: false,
    required: false,
};

/// A node that is cut out but not read.
struct Draft<'a> {
    name: Cow<'a, str>,
    parent: Option<usize>,
    range: Range<usize>,
    members: Vec<Member<'a>>,
    has_children: bool,
}

/// Where the walk is.
enum Frame {
    /// In an object of nodes, below this one.
    Nodes(Option<usize>),
    /// In a node.
    Node(usize),
}

pub fn read(file: FileId, bytes: &[u8]) -> (Vec<NodeRecord>, SourceEvidence) {
    let mut evidence = SourceEvidence::default();
    let start = scan::after_bom(bytes);
    if let Err(broken) = scan::syntax(&bytes[start..]) {
        let at = start + broken.at;
        let range = at..(at + 1).min(bytes.len());
        evidence
            .unreadable
            .push(unreadable(file, &range, broken.message));
        return (Vec::new(), evidence);
    }
    let top = scan::top(bytes);
    if scan::kind(bytes, top) != Ok(Kind::Object) {
        let message = "the file is not a JSON object of nodes".to_owned();
        evidence
            .unreadable
            .push(unreadable(file, &(top..bytes.len()), message));
        return (Vec::new(), evidence);
    }
    let mut drafts = Vec::new();
    if let Err(error) = walk(file, bytes, top, &mut drafts, &mut evidence) {
        // Valid JSON is always walked to its end; this keeps the reader total.
        let range = error.at.min(bytes.len())..bytes.len();
        evidence
            .unreadable
            .push(unreadable(file, &range, error.what.to_owned()));
        return (Vec::new(), evidence);
    }
    let ids = ids(bytes, &drafts);
    let mut unknown = Unknown::new();
    let nodes = (0..drafts.len())
        .map(|index| {
            node(
                file,
                bytes,
                &drafts,
                &ids,
                index,
                &mut unknown,
                &mut evidence,
            )
        })
        .collect();
    fields::report_unknown(unknown, NETWORK, &mut evidence);
    evidence.read.push((NETWORK, drafts.len() as u64));
    (nodes, evidence)
}

fn unreadable(file: FileId, range: &Range<usize>, message: String) -> UnreadableFile {
    UnreadableFile {
        place: fields::origin(file, range).whole(),
        mandatory: true,
        message,
    }
}

fn walk<'a>(
    file: FileId,
    bytes: &'a [u8],
    top: usize,
    drafts: &mut Vec<Draft<'a>>,
    evidence: &mut SourceEvidence,
) -> Result<(), ScanError> {
    let mut stack = vec![Frame::Nodes(None)];
    let mut at = top + 1;
    let mut quarantine = |range: &Range<usize>, name: &str, reason: String| {
        evidence.quarantined.push(Quarantined {
            place: fields::origin(file, range).whole(),
            collection: NETWORK,
            id: Some(name.into()),
            reason,
        });
    };
    while let Some(frame) = stack.last() {
        let (key, value) = match (scan::step(bytes, at)?, frame) {
            (Step::End(end), frame) => {
                if let Frame::Node(index) = frame {
                    drafts[*index].range.end = end;
                }
                stack.pop();
                at = end;
                continue;
            }
            (Step::Member(key, value), _) => (key, value),
        };
        let kind = scan::kind(bytes, value)?;
        match *frame {
            Frame::Nodes(parent) if kind == Kind::Object => {
                if let Some(parent) = parent {
                    drafts[parent].has_children = true;
                }
                stack.push(Frame::Node(drafts.len()));
                drafts.push(Draft {
                    name: key,
                    parent,
                    range: value..value,
                    members: Vec::new(),
                    has_children: false,
                });
                at = value + 1;
            }
            Frame::Nodes(_) => {
                at = scan::skip(bytes, value)?;
                let reason = format!("is {} where a node belongs", kind.word());
                quarantine(&(value..at), &key, reason);
            }
            // A node and its `children` are two frames.
            Frame::Node(index) if key == "children" && kind == Kind::Object => {
                if stack.len() < 2 * MAX_LEVELS {
                    stack.push(Frame::Nodes(Some(index)));
                    at = value + 1;
                } else {
                    at = scan::skip(bytes, value)?;
                    let reason =
                        format!("has nodes below level {MAX_LEVELS}; none of them is used");
                    quarantine(&(value..at), &drafts[index].name, reason);
                }
            }
            Frame::Node(index) => {
                at = scan::skip(bytes, value)?;
                drafts[index].members.push(Member {
                    key,
                    value: value..at,
                });
            }
        }
    }
    Ok(())
}

/// The id of every node: its own, else one derived from its name, which is what LibreQoS tells such nodes
/// apart by. Where several nodes without an id share a name the whole path tells them apart.
fn ids(bytes: &[u8], drafts: &[Draft<'_>]) -> Vec<Box<str>> {
    let own = |draft: &Draft<'_>| -> Option<Box<str>> {
        let id = fields::id_text(bytes, &draft.members, "id").ok()??.0;
        Some(id.into())
    };
    let own: Vec<Option<Box<str>>> = drafts.iter().map(own).collect();
    let mut nameless: BTreeMap<&str, u32> = BTreeMap::new();
    for (draft, own) in drafts.iter().zip(&own) {
        if own.is_none() {
            *nameless.entry(&draft.name).or_default() += 1;
        }
    }
    own.into_iter()
        .zip(drafts)
        .map(|(own, draft)| match own {
            Some(id) => id,
            None if nameless.get(draft.name.as_ref()) == Some(&1) => derived(&draft.name),
            None => derived(&path(drafts, draft)),
        })
        .collect()
}

fn derived(name: &str) -> Box<str> {
    format!("libreqos:node:{}", short_hash(name.as_bytes())).into()
}

/// Names from the top down to the node, at most [`MAX_LEVELS`], apart by what no name holds.
fn path(drafts: &[Draft<'_>], draft: &Draft<'_>) -> String {
    let mut names = vec![draft.name.as_ref()];
    let mut above = draft.parent;
    while let Some(index) = above {
        names.push(&drafts[index].name);
        above = drafts[index].parent;
    }
    names.reverse();
    names.join("\u{1f}")
}

fn node(
    file: FileId,
    bytes: &[u8],
    drafts: &[Draft<'_>],
    ids: &[Box<str>],
    index: usize,
    unknown: &mut Unknown,
    evidence: &mut SourceEvidence,
) -> NodeRecord {
    let draft = &drafts[index];
    let (tidied, is_tidy) = tidy(&draft.name);
    let name = if tidied.is_empty() {
        ids[index].clone()
    } else {
        tidied
    };
    let origin = fields::origin(file, &draft.range);
    let subject = Subject::new(SubjectKind::Node, &ids[index], &name);
    let mut f = Fields::new(bytes, draft.members.clone(), origin, subject, evidence);
    if !is_tidy {
        f.dirty("", CONTROL);
    }
    if draft.name.contains(char::REPLACEMENT_CHARACTER) {
        f.dirty("", NOT_UTF8);
    }
    if draft.name == "children" {
        let what = "is named `children`, which LibreQoS takes for the children of the node above";
        f.odd("", false, what);
    }
    let known: Vec<&str> = KEYS.into_iter().chain(PASSED_OVER).collect();
    f.keys(&known, "", unknown);
    // Reads it once more for what is odd about it.
    f.text("id", false);
    if let Some((_, kind)) = f.present("children") {
        let what = format!(
            "is {} where an object of nodes belongs; not used",
            kind.word()
        );
        f.odd("/children", true, what);
    }
    let (kind, type_virtual) = kind(&mut f, draft.has_children);
    NodeRecord {
        kind,
        parent: draft.parent.map(|parent| NodeRef {
            text: ids[parent].clone(),
            by: RefBy::Id,
            route: Cow::Borrowed(""),
        }),
        capacity: Pair::new(
            capacity(&mut f, "downloadBandwidthMbps", "/downloadBandwidthMbps"),
            capacity(&mut f, "uploadBandwidthMbps", "/uploadBandwidthMbps"),
        ),
        is_virtual: f.flag("virtual", type_virtual),
        gateway: draft.parent.is_none(),
        position: f.position(),
        origin,
        id: ids[index].clone(),
        name,
    }
}

/// Old files have no `type`: a node that holds nodes is then a site, one that holds none an AP. Text that is
/// neither is some other equipment, as in LibreQoS, which keeps it; `virtual` is the old way to write the flag.
fn kind(f: &mut Fields<'_, '_>, has_children: bool) -> (NodeKind, bool) {
    let guess = if has_children {
        NodeKind::Site
    } else {
        NodeKind::Ap
    };
    let Some(word) = f.text("type", false) else {
        return (guess, false);
    };
    match word.to_ascii_lowercase().as_str() {
        "site" => (NodeKind::Site, false),
        "ap" => (NodeKind::Ap, false),
        "virtual" => (guess, true),
        _ => {
            let what = format!("is {}, not site or ap; read as other", shown(&word));
            f.odd("/type", false, what);
            (NodeKind::Other, false)
        }
    }
}

fn capacity(f: &mut Fields<'_, '_>, key: &str, route: &'static str) -> Option<Kbps> {
    let (value, _) = f.present(key)?;
    f.rate(&value, route, CAPACITY).and_then(Kbps::known)
}
