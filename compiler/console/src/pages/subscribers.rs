//! Subscribers: found by name, id, address (longest match) or MAC, a page at a time.

use serde::Serialize;

use super::{Link, channel, find_node, to_circuit, to_node};
use crate::app::App;
use crate::ask::{Ask, Pages, Reply, drawn, show};
use crate::engine::{Answer, Problem};
use crate::eyes::Eyes;
use crate::index::{Circuit, Found, Index, Query};
use crate::show::{Both, Count, Digest, Rate, tame};

#[derive(Serialize, Debug, Default)]
pub struct SubscribersPage {
    pub digest: Option<Digest>,
    pub query: String,
    /// What the query was taken for: `name or id`, `address`, `MAC`, `pseudonym`; empty for none.
    pub taken_for: &'static str,
    pub state: String,
    pub node: Option<Link>,
    #[serde(skip)]
    pub node_id: String,
    #[serde(skip)]
    pub artifact: String,
    pub rows: Vec<Row>,
    pub pages: Pages,
    /// Where nobody has the address: the nearest prefixes.
    pub nearest: Vec<Near>,
}
drawn!(SubscribersPage, "subscribers.html");

#[derive(Serialize, Debug)]
pub struct Row {
    #[serde(flatten)]
    pub link: Link,
    pub id: String,
    /// The same, fit to be looked at.
    #[serde(skip)]
    pub shown_id: String,
    pub shaped: bool,
    /// Why it is not shaped; empty when it is.
    pub why: &'static str,
    pub parent: Option<Link>,
    pub max: Both<Rate>,
    pub min: Both<Rate>,
    pub addresses: Vec<String>,
    pub more_addresses: Count,
    pub found: Found,
}

/// A prefix beside an address that nobody has.
#[derive(Serialize, Debug)]
pub struct Near {
    pub prefix: String,
    pub owner: Link,
}

const ROWS: usize = 50;
const ADDRESSES: usize = 3;

pub fn row(index: &Index, eyes: &Eyes, circuit: &Circuit) -> Row {
    let shaped = circuit.shaped.as_ref();
    let total = circuit.prefixes().count();
    Row {
        link: to_circuit(eyes, &circuit.id, &circuit.name),
        shown_id: tame(&eyes.circuit_id(&circuit.id)),
        id: eyes.circuit_id(&circuit.id),
        shaped: shaped.is_some(),
        why: circuit.omitted_word().unwrap_or(""),
        parent: shaped.map(|s| {
            let node = s.node.map(|at| index.nodes[at].name.as_str());
            to_node(eyes, &s.parent, node.unwrap_or(&s.parent))
        }),
        max: Both::rates(shaped.map(|s| s.max_kbps).unwrap_or_default()),
        min: Both::rates(shaped.map(|s| s.min_kbps).unwrap_or_default()),
        addresses: circuit
            .prefixes()
            .take(ADDRESSES)
            .map(|p| eyes.address(host(p)))
            .collect(),
        more_addresses: Count::of(total.saturating_sub(ADDRESSES)),
        found: index.found_about_circuit(&circuit.id),
    }
}

/// A prefix of one address is that address.
pub fn host(prefix: &str) -> &str {
    match prefix.split_once('/') {
        Some((host, "32")) if !host.contains(':') => host,
        Some((host, "128")) => host,
        _ => prefix,
    }
}

pub fn near(index: &Index, eyes: &Eyes, address: std::net::IpAddr) -> Vec<Near> {
    let near = index.known().nearest(address);
    near.into_iter()
        .map(|(net, circuit)| {
            let circuit = &index.circuits[circuit];
            Near {
                prefix: eyes.address(&net.to_string()),
                owner: to_circuit(eyes, &circuit.id, &circuit.name),
            }
        })
        .collect()
}

pub fn subscribers(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let Some(index) = app.shown(ask.get("artifact"), &channel)? else {
        return show(app, ask, "Subscribers", &SubscribersPage::default());
    };
    let typed = ask.get("q");
    let query = Query::parse(typed);
    let mut nearest = Vec::new();
    let everybody = || (0..index.circuits.len()).collect::<Vec<usize>>();
    let (found, taken_for): (Vec<usize>, &str) = match (&query, eyes.is_operator()) {
        (Query::Nothing, _) => (everybody(), ""),
        // Whoever may not see a name, address or MAC may not ask for one either.
        (_, false) => {
            let typed = typed.trim();
            let mut all = everybody();
            let names = index.pseudonyms(&eyes);
            all.retain(|at| names[*at].contains(typed));
            (all, "pseudonym")
        }
        (Query::Address(net), true) => {
            let holder = index.known().holder(*net).map(|(circuit, _)| circuit);
            let mut found: Vec<usize> = holder.into_iter().collect();
            for circuit in index.known().inside(*net) {
                if !found.contains(&circuit) {
                    found.push(circuit);
                }
            }
            if found.is_empty() {
                nearest = near(&index, &eyes, net.network());
            }
            (found, "address")
        }
        (Query::Mac(digits), true) => (index.known().with_mac(digits).to_vec(), "MAC"),
        (Query::Text(text), true) => {
            let mut all = everybody();
            all.retain(|at| index.circuits[*at].holds(text));
            (all, "name or id")
        }
    };
    let node = match ask.get("node") {
        "" => None,
        shown => Some(find_node(&index, &eyes, shown).ok_or(Problem::NotFound {
            message: "there is no such node in this artifact".to_owned(),
        })?),
    };
    let below = node.map(|at| at..index.nodes[at].end);
    let state = match ask.get("state") {
        state @ ("shaped" | "unshaped" | "found") => state,
        _ => "",
    };
    let wanted = |at: &usize| {
        let circuit = &index.circuits[*at];
        let place = circuit.shaped.as_ref().and_then(|s| s.node);
        let here = below
            .as_ref()
            .is_none_or(|range| place.is_some_and(|p| range.contains(&p)));
        let fits = match state {
            "shaped" => circuit.shaped.is_some(),
            "unshaped" => circuit.shaped.is_none(),
            "found" => index.found_about_circuit(&circuit.id).total() > 0,
            _ => true,
        };
        here && fits
    };
    let found: Vec<usize> = found.into_iter().filter(wanted).collect();
    let (pages, range) = Pages::of(ask, found.len(), ROWS);
    let rows = found[range]
        .iter()
        .map(|at| row(&index, &eyes, &index.circuits[*at]));
    let page = SubscribersPage {
        digest: Some(Digest(index.digest.clone())),
        query: tame(typed),
        taken_for,
        state: state.to_owned(),
        node: node.map(|at| to_node(&eyes, &index.nodes[at].id, &index.nodes[at].name)),
        node_id: node.map_or(String::new(), |at| eyes.node_id(&index.nodes[at].id)),
        artifact: ask.get("artifact").to_owned(),
        rows: rows.collect(),
        pages,
        nearest,
    };
    show(app, ask, "Subscribers", &page)
}
