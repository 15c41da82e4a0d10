//! Sites with equipment in them, where a source knows of each piece which site it stands in and which piece feeds it:
//! what hangs on what. Shared by the sources without a link graph; knows no field names, and nothing of metrics or
//! strategies.
//!
//! - A piece fed by one in the same site hangs on that one, else on its site; without a site it hangs on what feeds it.
//! - A site hangs on what feeds its equipment from outside: of several the one nearest to where the chain of feeding
//!   pieces begins, so that a backhaul entered from both ends does not turn the tree round.
//! - A site that nothing feeds is where traffic enters.

use crate::ir::position::Position;
use crate::ir::records::{
    Dangling, NodeKind, NodeRecord, NodeRef, OddField, Origin, RefBy, SourceEvidence, Subject,
    SubjectKind,
};
use crate::units::{Kbps, Pair};

/// A site. Positions are in the order of ids.
pub struct Site {
    /// Of the node.
    pub id: Box<str>,
    pub name: Box<str>,
    pub position: Option<Position>,
    pub origin: Origin,
}

/// A piece of equipment of the network.
pub struct Piece {
    /// Of the node.
    pub id: Box<str>,
    pub name: Box<str>,
    pub kind: NodeKind,
    pub site: Option<u32>,
    pub fed_by: Fed,
    /// Route of what says so, inside the record.
    pub route: String,
    pub capacity: Pair<Option<Kbps>>,
    pub position: Option<Position>,
    pub origin: Origin,
}

/// What feeds a piece.
pub enum Fed {
    Nobody,
    By(u32),
    /// The export does not hold it: its id, and the id its node would have.
    Unknown(Box<str>, Box<str>),
}

/// A chain that never ends.
const ROUND: u32 = u32::MAX;

/// Nodes of the sites and of their equipment.
pub fn nodes(
    sites: Vec<Site>,
    pieces: Vec<Piece>,
    evidence: &mut SourceEvidence,
) -> Vec<NodeRecord> {
    let depth = depths(&pieces);
    let ways = ways_in(&sites, &pieces, &depth);
    let mut nodes = Vec::with_capacity(sites.len() + pieces.len());
    for (piece, depth) in pieces.iter().zip(&depth) {
        let site = piece.site.map(|at| &sites[at as usize]);
        let parent = parent(piece, *depth, &sites, &pieces, &ways, evidence);
        nodes.push(NodeRecord {
            id: piece.id.clone(),
            name: piece.name.clone(),
            kind: piece.kind,
            gateway: parent.is_none() && site.is_none(),
            parent,
            capacity: piece.capacity,
            is_virtual: false,
            position: piece.position,
            origin: piece.origin,
        });
    }
    for (site, way) in sites.into_iter().zip(ways) {
        nodes.push(NodeRecord {
            id: site.id,
            name: site.name,
            kind: NodeKind::Site,
            gateway: way.is_none(),
            parent: way.map(|(_, feeds)| by_id(&pieces[feeds as usize].id, String::new())),
            capacity: Pair::default(),
            is_virtual: false,
            position: site.position,
            origin: site.origin,
        });
    }
    nodes
}

fn by_id(id: &str, route: String) -> NodeRef {
    NodeRef {
        text: id.into(),
        by: RefBy::Id,
        route: route.into(),
    }
}

fn parent(
    piece: &Piece,
    depth: u32,
    sites: &[Site],
    pieces: &[Piece],
    ways: &[Option<(u32, u32)>],
    evidence: &mut SourceEvidence,
) -> Option<NodeRef> {
    let site = piece.site.map(|at| (at as usize, &sites[at as usize]));
    let on_site = |site: &Site| Some(by_id(&site.id, String::new()));
    let subject = || Subject::new(SubjectKind::Node, &piece.id, &piece.name);
    let mut odd = |what: String| {
        evidence.odd_fields.push(OddField {
            place: piece.origin.at(piece.route.clone()),
            subject: subject(),
            what,
            required: false,
        });
    };
    match (&piece.fed_by, site) {
        (Fed::Nobody, site) => site.and_then(|(_, site)| on_site(site)),
        (Fed::Unknown(wanted, _), Some((_, site))) => {
            evidence.dangling.push(Dangling {
                place: piece.origin.at(piece.route.clone()),
                subject: subject(),
                wanted_kind: "equipment",
                wanted: wanted.clone(),
                consequence: "it hangs on its site alone",
            });
            on_site(site)
        }
        // The reference stays, and is reported where references are resolved.
        (Fed::Unknown(_, node), None) => Some(by_id(node, piece.route.clone())),
        (Fed::By(feeds), None) => Some(by_id(&pieces[*feeds as usize].id, piece.route.clone())),
        (Fed::By(_), Some((_, site))) if depth == ROUND => {
            odd(format!(
                "leads round in a circle; left out, it hangs on its site {}",
                site.name
            ));
            on_site(site)
        }
        (Fed::By(feeds), Some((at, site))) => {
            let feeds = &pieces[*feeds as usize];
            if feeds.site == piece.site {
                return Some(by_id(&feeds.id, piece.route.clone()));
            }
            if let Some((_, way)) = ways[at]
                && pieces[way as usize].site != feeds.site
            {
                odd(format!(
                    "is {}, but site {} is fed by {}; left out, it hangs on its site",
                    feeds.name, site.name, pieces[way as usize].name
                ));
            }
            on_site(site)
        }
    }
}

/// Pieces from here to where the chain begins; [`ROUND`] for what runs in a circle or into one.
fn depths(pieces: &[Piece]) -> Vec<u32> {
    const OPEN: u32 = ROUND - 1;
    const ON_PATH: u32 = ROUND - 2;
    let mut depth = vec![OPEN; pieces.len()];
    let mut path: Vec<u32> = Vec::new();
    for start in 0..pieces.len() as u32 {
        let mut at = start;
        // What the first piece of the path that is fed by something known hangs on.
        let mut below = loop {
            match depth[at as usize] {
                OPEN => {}
                ON_PATH => break ROUND,
                known => break known,
            }
            depth[at as usize] = ON_PATH;
            path.push(at);
            match pieces[at as usize].fed_by {
                Fed::By(feeds) => at = feeds,
                Fed::Nobody | Fed::Unknown(..) => {
                    path.pop();
                    depth[at as usize] = 0;
                    break 0;
                }
            }
        };
        while let Some(at) = path.pop() {
            below = below.saturating_add(1);
            depth[at as usize] = below;
        }
    }
    depth
}

/// By site: the piece elsewhere that feeds it, and how deep that one is.
fn ways_in(sites: &[Site], pieces: &[Piece], depth: &[u32]) -> Vec<Option<(u32, u32)>> {
    let mut ways: Vec<Option<(u32, u32)>> = vec![None; sites.len()];
    for piece in pieces {
        let (Some(site), Fed::By(feeds)) = (piece.site, &piece.fed_by) else {
            continue;
        };
        if pieces[*feeds as usize].site == Some(site) {
            continue;
        }
        let way = (depth[*feeds as usize], *feeds);
        let best = &mut ways[site as usize];
        if best.is_none_or(|best| way < best) {
            *best = Some(way);
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::FileId;

    /// Pieces by name: (name, site, fed by). Sites: A, B, C.
    fn tree(pieces: &[(&str, Option<u32>, Option<&str>)]) -> (Vec<String>, Vec<String>) {
        let origin = Origin {
            file: FileId(0),
            len: 0,
            start: 0,
        };
        let sites = ["A", "B", "C"].map(|name| Site {
            id: name.into(),
            name: name.into(),
            position: None,
            origin,
        });
        let made = pieces.iter().map(|(name, site, fed_by)| Piece {
            id: (*name).into(),
            name: (*name).into(),
            kind: NodeKind::Other,
            site: *site,
            fed_by: match fed_by {
                None => Fed::Nobody,
                Some(by) => match pieces.iter().position(|(name, ..)| name == by) {
                    Some(at) => Fed::By(at as u32),
                    None => Fed::Unknown((*by).into(), (*by).into()),
                },
            },
            route: "/parent".into(),
            capacity: Pair::default(),
            position: None,
            origin,
        });
        let mut evidence = SourceEvidence::default();
        let nodes = nodes(sites.into(), made.collect(), &mut evidence);
        let tree = nodes.iter().map(|n| {
            let parent = n.parent.as_ref().map_or("", |p| &p.text);
            format!("{} < {parent}{}", n.id, if n.gateway { "!" } else { "" })
        });
        let odd = evidence.odd_fields.iter();
        let odd = odd.map(|o| format!("{} {}", o.subject.id, o.what));
        let dangling = evidence.dangling.iter();
        let dangling = dangling.map(|d| format!("{} wants {}", d.subject.id, d.wanted));
        (tree.collect(), odd.chain(dangling).collect())
    }

    #[test]
    fn a_site_stands_between_its_equipment_and_what_feeds_it() {
        let (nodes, odd) = tree(&[
            ("router", Some(0), None),
            ("ptp", Some(0), Some("router")),
            ("switch", Some(1), Some("ptp")),
            ("ap", Some(1), Some("switch")),
            ("sector", Some(2), Some("ap")),
        ]);
        assert_eq!(
            nodes,
            [
                "router < A",
                "ptp < router",
                "switch < B",
                "ap < switch",
                "sector < C",
                "A < !",
                "B < ptp",
                "C < ap"
            ]
        );
        assert_eq!(odd, [""; 0]);
    }

    /// Both ends of a backhaul name each other; a switch names the way in.
    #[test]
    fn a_circle_does_not_turn_the_tree_round() {
        let (nodes, odd) = tree(&[
            ("router", Some(0), None),
            ("switch", Some(1), Some("router")),
            ("there", Some(1), Some("back")),
            ("back", Some(2), Some("there")),
            ("ap", Some(2), Some("back")),
        ]);
        assert_eq!(
            nodes,
            [
                "router < A",
                "switch < B",
                "there < B",
                "back < C",
                "ap < C",
                "A < !",
                "B < router",
                "C < there"
            ]
        );
        assert_eq!(odd.len(), 3, "{odd:?}");
        assert_eq!(
            odd[0],
            "there leads round in a circle; left out, it hangs on its site B"
        );
    }

    #[test]
    fn what_is_not_there_and_what_contradicts_is_said() {
        let (nodes, odd) = tree(&[
            ("r1", Some(0), None),
            ("r2", Some(1), None),
            ("ap1", Some(2), Some("r1")),
            ("ap2", Some(2), Some("r2")),
            ("ap3", Some(2), Some("gone")),
            ("stray", None, Some("gone")),
            ("alone", None, None),
            ("behind", None, Some("alone")),
        ]);
        assert_eq!(
            nodes,
            [
                "r1 < A",
                "r2 < B",
                "ap1 < C",
                "ap2 < C",
                "ap3 < C",
                "stray < gone",
                "alone < !",
                "behind < alone",
                "A < !",
                "B < !",
                "C < r1"
            ]
        );
        assert_eq!(
            odd,
            [
                "ap2 is r2, but site C is fed by r1; left out, it hangs on its site",
                "ap3 wants gone"
            ]
        );
    }

    #[test]
    fn a_chain_of_any_length_is_walked_once() {
        let names: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
        let pieces: Vec<Piece> = (0..50_000u32)
            .map(|n| Piece {
                id: names[n as usize].as_str().into(),
                name: Box::default(),
                kind: NodeKind::Other,
                site: None,
                fed_by: if n == 0 { Fed::Nobody } else { Fed::By(n - 1) },
                route: String::new(),
                capacity: Pair::default(),
                position: None,
                origin: Origin {
                    file: FileId(0),
                    len: 0,
                    start: 0,
                },
            })
            .collect();
        assert_eq!(depths(&pieces)[49_999], 49_999);
    }
}
