//! Flow Globe: where sampled traffic goes, by the operator's own map of addresses. The picture is drawn here; nothing
//! is fetched from anywhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;
use weir_schemas::runtime::SampledFlow;

use super::{Link, channel, find_circuit, find_node, to_circuit, to_node};
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show};
use crate::engine::{Answer, Problem};
use crate::eyes::Eyes;
use crate::geo::Place;
use crate::index::Index;
use crate::live::Silent;
use crate::show::{Both, Bytes, Count, Time, percent, tame};
use crate::world::{View, World};

#[derive(Serialize, Debug, Default)]
pub struct GlobePage {
    /// Why there are no flows; empty when there are.
    pub silent: String,
    /// Why nothing can be placed on the map; empty when it can.
    pub no_map: String,
    pub databases: Vec<String>,
    pub time: Option<Time>,
    /// Every n-th packet is sampled.
    pub sample_every: u32,
    pub flows: Count,
    /// Estimated from the samples.
    pub bytes: Both<Bytes>,
    pub only: Option<Link>,
    pub countries: Vec<CountryRow>,
    pub networks: Vec<NetworkRow>,
    pub talkers: Vec<Talker>,
    pub top: Vec<FlowRow>,
    #[serde(skip)]
    pub map: Map,
}
drawn!(GlobePage, "globe.html");

#[derive(Serialize, Debug)]
pub struct CountryRow {
    pub code: String,
    pub name: String,
    pub flows: Count,
    pub bytes: Both<Bytes>,
    pub percent: u64,
}

#[derive(Serialize, Debug)]
pub struct NetworkRow {
    pub asn: u32,
    pub organization: String,
    pub flows: Count,
    pub bytes: Both<Bytes>,
    pub percent: u64,
}

#[derive(Serialize, Debug)]
pub struct Talker {
    #[serde(flatten)]
    pub link: Link,
    pub flows: Count,
    pub bytes: Both<Bytes>,
    pub percent: u64,
}

#[derive(Serialize, Debug)]
pub struct FlowRow {
    pub subscriber: String,
    pub circuit: Option<Link>,
    pub remote: String,
    pub port: u16,
    pub protocol: String,
    pub place: String,
    pub bytes: Both<Bytes>,
    pub seconds_ago: u64,
}

/// The picture.
#[derive(Debug, Default)]
pub struct Map {
    pub flat: bool,
    pub width: u32,
    pub height: u32,
    pub land: String,
    pub borders: String,
    pub graticule: String,
    pub spots: Vec<Spot>,
    /// Addresses that turn it or change its kind.
    pub west: String,
    pub east: String,
    pub north: String,
    pub south: String,
    pub other: String,
}

#[derive(Debug)]
pub struct Spot {
    pub x: String,
    pub y: String,
    pub r: String,
    pub title: String,
}

/// What was added up.
#[derive(Clone, Copy, Default)]
struct Sum {
    flows: u64,
    bytes: [u64; 2],
}

impl Sum {
    fn add(&mut self, flow: &SampledFlow, times: u64) {
        self.flows += 1;
        for way in [0, 1] {
            let estimate = flow.bytes[way].saturating_mul(times);
            self.bytes[way] = self.bytes[way].saturating_add(estimate);
        }
    }

    fn all(self) -> u64 {
        self.bytes[0].saturating_add(self.bytes[1])
    }
}

/// The greatest first.
fn ranked<K: Ord>(sums: BTreeMap<K, Sum>) -> Vec<(K, Sum)> {
    let mut ranked: Vec<(K, Sum)> = sums.into_iter().collect();
    ranked.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.all()));
    ranked
}

const COUNTRIES: usize = 25;
const NETWORKS: usize = 25;
const TALKERS: usize = 15;
const TOP: usize = 25;

/// Flows that are wanted: all, those of a circuit, or those below a node.
enum Only {
    All,
    Circuit(String),
    Node(std::ops::Range<usize>),
}

impl Only {
    fn has(&self, index: Option<&Index>, flow: &SampledFlow) -> bool {
        let id = flow
            .circuit
            .as_deref()
            .and_then(|key| key.strip_prefix("circuit:"));
        match self {
            Only::All => true,
            Only::Circuit(wanted) => id == Some(wanted),
            Only::Node(range) => index
                .zip(id)
                .and_then(|(index, id)| index.circuit(id)?.shaped.as_ref()?.node)
                .is_some_and(|at| range.contains(&at)),
        }
    }
}

fn only(ask: &Ask, eyes: &Eyes, index: Option<&Index>) -> Answer<(Only, Option<Link>)> {
    let none = || Problem::NotFound {
        message: "there is no such subscriber or node in what runs".to_owned(),
    };
    let asked = (ask.get("circuit"), ask.get("node"));
    let index = match asked {
        ("", "") => return Ok((Only::All, None)),
        _ => index.ok_or_else(none)?,
    };
    match asked {
        ("", node) => {
            let at = find_node(index, eyes, node).ok_or_else(none)?;
            let node = &index.nodes[at];
            let link = to_node(eyes, &node.id, &node.name);
            Ok((Only::Node(at..node.end), Some(link)))
        }
        (circuit, _) => {
            let circuit = find_circuit(index, eyes, circuit).ok_or_else(none)?;
            let link = to_circuit(eyes, &circuit.id, &circuit.name);
            Ok((Only::Circuit(circuit.id.clone()), Some(link)))
        }
    }
}

pub fn globe(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let index = app.shown("", &channel)?;
    let (only, link) = only(ask, &eyes, index.as_deref())?;
    let mut page = GlobePage {
        databases: app.geo.names.clone(),
        only: link,
        no_map: match app.geo.is_empty() {
            false => String::new(),
            true => "There is no map of addresses: without a MaxMind database (MMDB) of your own, countries and \
                     networks are not known. `weir serve --mmdb FILE` takes GeoLite2, DB-IP or any other in that \
                     format; nothing is looked up over the network."
                .to_owned(),
        },
        ..GlobePage::default()
    };
    let flows = match app.runtime.flows() {
        Err(Silent::None) => {
            page.silent =
                "There is no runtime on this machine, and only the runtime sees flows.".to_owned();
            None
        }
        Err(Silent::Failed(_)) => {
            page.silent = "The runtime does not answer.".to_owned();
            None
        }
        Ok(flows) if flows.sample_every == 0 => {
            page.silent = "Sampling of flows is switched off in the runtime.".to_owned();
            None
        }
        Ok(flows) => Some(flows),
    };
    let mut places: BTreeMap<String, (Sum, (f64, f64))> = BTreeMap::new();
    if let Some(flows) = flows {
        let wanted = flows.flows.iter().filter(|f| only.has(index.as_deref(), f));
        fill(
            app,
            &eyes,
            index.as_deref(),
            &mut page,
            wanted,
            flows.sample_every,
            &mut places,
        );
        page.time = Some(Time(flows.time.clone()));
        page.sample_every = flows.sample_every;
    }
    page.map = map(ask, &places);
    show(app, ask, "Flow Globe", &page)
}

fn fill<'a>(
    app: &App,
    eyes: &Eyes,
    index: Option<&Index>,
    page: &mut GlobePage,
    flows: impl Iterator<Item = &'a SampledFlow>,
    sample_every: u32,
    places: &mut BTreeMap<String, (Sum, (f64, f64))>,
) {
    let times = u64::from(sample_every);
    let mut total = Sum::default();
    let mut countries: BTreeMap<String, Sum> = BTreeMap::new();
    let mut networks: BTreeMap<(u32, String), Sum> = BTreeMap::new();
    let mut talkers: BTreeMap<String, Sum> = BTreeMap::new();
    for flow in flows {
        total.add(flow, times);
        let place = flow.remote.parse::<IpAddr>().map(|a| app.geo.place(a));
        let place = place.unwrap_or_default();
        if let Some(code) = &place.country {
            countries.entry(code.clone()).or_default().add(flow, times);
        }
        if let Some(asn) = place.asn {
            let name = tame(place.organization.as_deref().unwrap_or(""));
            networks.entry((asn, name)).or_default().add(flow, times);
        }
        if let Some(id) = flow
            .circuit
            .as_deref()
            .and_then(|k| k.strip_prefix("circuit:"))
        {
            talkers.entry(id.to_owned()).or_default().add(flow, times);
        }
        let country = place
            .country
            .as_deref()
            .and_then(|c| World::get().country(c));
        if let Some(at) = place.at.or(country.map(|(at, _)| at)) {
            let spot = format!("{:.0} {:.0} {}", at.0, at.1, named(&place));
            let (sum, point) = places.entry(spot).or_default();
            sum.add(flow, times);
            *point = at;
        }
        if page.top.len() < TOP {
            page.top.push(flow_row(eyes, index, flow, &place, times));
        }
    }
    let all = total.all();
    page.flows = Count(total.flows);
    page.bytes = total.bytes.map(Bytes).into();
    let countries = ranked(countries).into_iter().take(COUNTRIES);
    page.countries = countries
        .map(|(code, sum)| CountryRow {
            name: country_name(&code),
            code,
            flows: Count(sum.flows),
            bytes: sum.bytes.map(Bytes).into(),
            percent: percent(sum.all(), all),
        })
        .collect();
    let networks = ranked(networks).into_iter().take(NETWORKS);
    page.networks = networks
        .map(|((asn, organization), sum)| NetworkRow {
            asn,
            organization,
            flows: Count(sum.flows),
            bytes: sum.bytes.map(Bytes).into(),
            percent: percent(sum.all(), all),
        })
        .collect();
    let talkers = ranked(talkers).into_iter().take(TALKERS);
    page.talkers = talkers
        .map(|(id, sum)| {
            let name = index.and_then(|i| i.circuit(&id)).map(|c| c.name.as_str());
            Talker {
                link: to_circuit(eyes, &id, name.unwrap_or(&id)),
                flows: Count(sum.flows),
                bytes: sum.bytes.map(Bytes).into(),
                percent: percent(sum.all(), all),
            }
        })
        .collect();
}

fn country_name(code: &str) -> String {
    let known = World::get().country(code);
    known.map_or(code, |(_, name)| name).to_owned()
}

fn named(place: &Place) -> String {
    place
        .country
        .as_deref()
        .map_or_else(String::new, country_name)
}

fn flow_row(
    eyes: &Eyes,
    index: Option<&Index>,
    flow: &SampledFlow,
    place: &Place,
    times: u64,
) -> FlowRow {
    let id = flow
        .circuit
        .as_deref()
        .and_then(|k| k.strip_prefix("circuit:"));
    let network = place.asn.map(|asn| match place.organization.as_deref() {
        Some(name) => format!("AS{asn} {}", tame(name)),
        None => format!("AS{asn}"),
    });
    let parts = [Some(named(place)).filter(|n| !n.is_empty()), network];
    FlowRow {
        subscriber: eyes.address(&flow.subscriber),
        circuit: id.map(|id| {
            let name = index.and_then(|i| i.circuit(id)).map(|c| c.name.as_str());
            to_circuit(eyes, id, name.unwrap_or(id))
        }),
        remote: eyes.address(&flow.remote),
        port: flow.remote_port,
        protocol: match flow.protocol {
            1 => "ICMP".to_owned(),
            6 => "TCP".to_owned(),
            17 => "UDP".to_owned(),
            58 => "ICMPv6".to_owned(),
            other => format!("IP {other}"),
        },
        place: parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
        bytes: flow.bytes.map(|b| Bytes(b.saturating_mul(times))).into(),
        seconds_ago: flow.seconds_ago,
    }
}

fn map(ask: &Ask, places: &BTreeMap<String, (Sum, (f64, f64))>) -> Map {
    let number = |name: &str, otherwise: i32, most: i32| -> i32 {
        let asked = ask.get(name).parse::<i32>().unwrap_or(otherwise);
        asked.clamp(-most, most)
    };
    let flat = ask.get("map") == "flat";
    // Where most of the traffic goes faces whoever looks.
    let busiest = places.values().max_by_key(|(sum, _)| sum.all());
    let (lon, lat) = busiest.map_or((-30.0, 30.0), |(_, at)| *at);
    #[expect(clippy::cast_possible_truncation, reason = "degrees")]
    let (lon, lat) = (
        number("lon", lon as i32, 540),
        number("lat", lat as i32, 80),
    );
    let lon = (lon + 540).rem_euclid(360) - 180;
    let view = match flat {
        true => View::Flat,
        false => View::Globe((f64::from(lon), f64::from(lat))),
    };
    let turn = |lon: i32, lat: i32| {
        let (lon, lat) = ((lon + 540).rem_euclid(360) - 180, lat.clamp(-80, 80));
        let mut ask = ask.clone();
        ask.query.retain(|(name, _)| name != "lon" && name != "lat");
        ask.query.push(("lon".to_owned(), lon.to_string()));
        ask.with("lat", &lat.to_string())
    };
    let most = busiest.map_or(1, |(sum, _)| sum.all()).max(1);
    let world = World::get();
    let mut spots: Vec<(u64, Spot)> = places
        .iter()
        .filter_map(|(name, (sum, at))| {
            let (x, y) = view.place(*at)?;
            let name = name.splitn(3, ' ').nth(2).unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "pixels")]
            let share = (sum.all() as f64 / most as f64).sqrt();
            let spot = Spot {
                x: format!("{x:.1}"),
                y: format!("{y:.1}"),
                r: format!("{:.1}", 2.5 + 11.5 * share),
                title: format!(
                    "{name}: {} flows, {} down, {} up",
                    Count(sum.flows),
                    Bytes(sum.bytes[0]),
                    Bytes(sum.bytes[1])
                ),
            };
            Some((sum.all(), spot))
        })
        .collect();
    spots.sort_by_key(|(all, _)| std::cmp::Reverse(*all));
    Map {
        flat,
        width: if flat { 720 } else { 400 },
        height: if flat { 360 } else { 400 },
        land: world.land(view),
        borders: world.borders(view),
        graticule: world.graticule(view),
        spots: spots.into_iter().take(200).map(|(_, spot)| spot).collect(),
        west: turn(lon - 30, lat),
        east: turn(lon + 30, lat),
        north: turn(lon, lat + 20),
        south: turn(lon, lat - 20),
        other: ask.with("map", if flat { "" } else { "flat" }),
    }
}
