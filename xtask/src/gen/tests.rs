//! What the generator promises across its parts: same bytes for same arguments, counts as asked, nothing twice in an ISP
//! without defects, and the same ISP in every form.

use super::model::{Attach, DEFECTS, Defect, Ip, LinkState};
use super::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const CLEAN: u32 = 0;
/// Seven percent, so that a small ISP has every defect several times.
const DIRTY: u32 = 70_000;

fn bytes(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    out
}

fn files(isp: &Isp, fields: uisp::Fields) -> BTreeMap<&'static str, Vec<u8>> {
    let mut files = BTreeMap::from([
        ("inventory.json", bytes(|out| inventory::write(isp, out))),
        (
            "network.json",
            bytes(|out| libreqos::write_network(isp, out)),
        ),
        (
            "ShapedDevices.csv",
            bytes(|out| libreqos::write_devices(isp, out)),
        ),
    ]);
    for collection in uisp::COLLECTIONS {
        files.insert(
            collection.file_name(),
            bytes(|out| uisp::write(isp, fields, collection, out)),
        );
    }
    files
}

fn uisp_records(isp: &Isp, fields: uisp::Fields, collection: uisp::Collection) -> Vec<Value> {
    serde_json::from_slice(&bytes(|out| uisp::write(isp, fields, collection, out))).unwrap()
}

fn inventory_of(isp: &Isp) -> Value {
    serde_json::from_slice(&bytes(|out| inventory::write(isp, out))).unwrap()
}

fn distinct<T: Ord>(values: impl IntoIterator<Item = T>) -> usize {
    values.into_iter().collect::<BTreeSet<_>>().len()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for fields in [uisp::Fields::Recorded, uisp::Fields::Full] {
        let first = files(&Isp::new(900, 5, DIRTY), fields);
        assert_eq!(first, files(&Isp::new(900, 5, DIRTY), fields));
        let other = files(&Isp::new(900, 6, DIRTY), fields);
        for (name, content) in first {
            // The price list is the same everywhere.
            assert_eq!(content == other[name], name == "crm-plans.json", "{name}");
        }
    }
}

#[test]
fn counts_are_as_asked() {
    for circuits in [1, 2, 39, 400, 4_001] {
        let isp = Isp::new(circuits, 3, CLEAN);
        let inventory = inventory_of(&isp);
        assert_eq!(
            inventory["circuits"].as_array().unwrap().len(),
            circuits as usize
        );
        assert_eq!(
            isp.circuits().map(|it| it.index).collect::<Vec<_>>(),
            (0..circuits).collect::<Vec<_>>()
        );
        assert_eq!(isp.aps.len(), circuits.div_ceil(40) as usize);
        assert_eq!(
            inventory["nodes"].as_array().unwrap().len(),
            isp.sites.len() + isp.aps.len()
        );
        for collection in [uisp::Collection::CrmClients, uisp::Collection::CrmServices] {
            assert_eq!(
                uisp_records(&isp, uisp::Fields::Recorded, collection).len(),
                circuits as usize
            );
        }
        let endpoints = uisp_records(&isp, uisp::Fields::Recorded, uisp::Collection::Sites);
        assert_eq!(endpoints.len(), circuits as usize + isp.sites.len());
        let rows = String::from_utf8(bytes(|out| libreqos::write_devices(&isp, out))).unwrap();
        let devices: usize = isp.circuits().map(|it| it.devices.len()).sum();
        assert_eq!(rows.lines().count(), devices + 1);
    }
}

#[test]
fn the_shape_follows_the_size() {
    for (circuits, depth) in [
        (100, 3),
        (5_000, 4),
        (20_000, 5),
        (60_000, 6),
        (200_000, 7),
        (2_000_000, 7),
    ] {
        let isp = Isp::new(circuits, 11, CLEAN);
        assert_eq!(
            isp.sites.iter().map(|site| site.depth).max(),
            Some(depth),
            "{circuits} circuits"
        );
        assert!(
            isp.sites
                .iter()
                .skip(1)
                .zip(1..)
                .all(|(site, index)| site.parent.unwrap() < index)
        );
        assert_eq!(
            distinct(isp.links.iter().map(|link| link.state as u8)),
            3,
            "{circuits} circuits"
        );
        assert!(
            isp.links.len() >= isp.sites.len() + 2,
            "{circuits} circuits"
        );
        if circuits > 1_000 {
            assert!(isp.aps.iter().any(|ap| ap.model.is_olt()));
            assert!(isp.aps.iter().all(|ap| !ap.circuits.is_empty()));
        }
    }
}

#[test]
fn an_isp_without_defects_has_nothing_twice() {
    let isp = Isp::new(30_000, 9, CLEAN);
    let mut ids = Vec::new();
    let mut macs = Vec::new();
    let mut ranges: Vec<(u128, u128)> = Vec::new();
    for circuit in isp.circuits() {
        assert_eq!(circuit.defect, None);
        ids.push(inventory::circuit_id(circuit.index));
        for device in &circuit.devices {
            macs.push(device.mac);
            assert!(device.mac.to_string().starts_with("02:"));
            for ip in &device.ips {
                let (first, bits) = match *ip {
                    Ip::Host(address) => (u128::from(address.to_bits()), 0),
                    Ip::V4(address, length) => (u128::from(address.to_bits()), 32 - length),
                    Ip::V6(address, length) => (address.to_bits(), 128 - length),
                    Ip::Text(text) => panic!("{text}"),
                };
                assert_eq!(first & ((1 << bits) - 1), 0, "host bits set in {ip}");
                ranges.push((first, first + ((1 << bits) - 1)));
            }
        }
    }
    ids.extend((0..isp.sites.len()).map(inventory::site_id));
    ids.extend((0..isp.aps.len()).map(inventory::ap_id));
    assert_eq!(distinct(&ids), ids.len());
    assert_eq!(distinct(&macs), macs.len());
    ranges.sort_unstable();
    assert!(
        ranges.windows(2).all(|pair| pair[0].1 < pair[1].0),
        "addresses overlap"
    );

    let names = isp
        .sites
        .iter()
        .map(|site| &site.name)
        .chain(isp.aps.iter().map(|ap| &ap.name));
    assert_eq!(distinct(names), isp.sites.len() + isp.aps.len());
}

#[test]
fn addresses_stay_apart_in_the_largest_isp() {
    let isp = Isp::new(MAX_CIRCUITS, 1, CLEAN);
    let last = isp.aps.len() - 1;
    let mut hosts = Vec::new();
    for ap in [&isp.aps[0], &isp.aps[last / 2], &isp.aps[last]] {
        let index = isp.aps.iter().position(|it| std::ptr::eq(it, ap)).unwrap();
        for circuit in ap.circuits.clone() {
            for device in isp.circuit(index, circuit).devices {
                hosts.extend(device.ips);
            }
        }
    }
    assert_eq!(distinct(&hosts), hosts.len());
    for host in hosts {
        if let Ip::Host(address) = host {
            let [a, b, ..] = address.octets();
            assert!(
                (a == 100 && (64..128).contains(&b)) || (a == 198 && b == 18),
                "{address}"
            );
        }
    }
}

#[test]
fn nothing_below_is_wider_than_what_is_above() {
    let isp = Isp::new(150_000, 4, CLEAN);
    let inside =
        |inner: model::Mbps, outer: model::Mbps| inner[0] <= outer[0] && inner[1] <= outer[1];
    for site in isp.sites.iter().filter(|site| site.depth > 2) {
        assert!(inside(
            site.uplink.mbps,
            isp.sites[site.parent.unwrap()].uplink.mbps
        ));
    }
    for ap in &isp.aps {
        assert!(inside(ap.model.mbps, isp.sites[ap.site].uplink.mbps));
    }
    for circuit in isp.circuits().take(20_000) {
        assert!(inside(
            circuit.mbps.map(Option::unwrap),
            isp.aps[circuit.ap].model.mbps
        ));
    }
    assert!(
        isp.sites
            .iter()
            .all(|site| site.uplink.mbps[0] <= isp.wan_mbps())
    );
}

/// Otherwise the tree of a form with a link graph would differ from that of a form without one.
#[test]
fn spare_links_shorten_no_path() {
    for seed in 0..20 {
        let isp = Isp::new(40_000, seed, CLEAN);
        let cost =
            |link: &model::Link| (100_000 / link.medium.mbps[0].min(link.medium.mbps[1])).max(1);
        let mut distance = vec![0; isp.sites.len()];
        for link in &isp.links[..isp.sites.len() - 1] {
            distance[link.lower] = distance[link.upper] + cost(link);
        }
        for link in isp.links[isp.sites.len() - 1..]
            .iter()
            .filter(|link| link.state == LinkState::Active)
        {
            assert!(
                distance[link.upper].abs_diff(distance[link.lower]) < cost(link),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn the_share_of_defects_is_exact_and_every_kind_occurs() {
    let isp = Isp::new(3_000, 2, DIRTY);
    let mut kinds: BTreeMap<usize, usize> = BTreeMap::new();
    for circuit in isp.circuits() {
        if let Some(defect) = circuit.defect {
            *kinds
                .entry(DEFECTS.iter().position(|it| *it == defect).unwrap())
                .or_default() += 1;
        }
    }
    assert_eq!(kinds.values().sum::<usize>(), 210);
    assert_eq!(kinds.len(), DEFECTS.len());
    assert!(kinds.values().all(|&count| count == 23 || count == 24));
    assert_eq!(Isp::new(100, 2, 10_000).dirty_circuits(), 1);
    assert_eq!(
        Isp::new(100, 2, 1_000_000)
            .circuits()
            .filter(|it| it.defect.is_some())
            .count(),
        100
    );
}

#[test]
fn a_duplicate_address_belongs_to_another_circuit() {
    let isp = Isp::new(3_000, 2, DIRTY);
    let mut owners: BTreeMap<Ip, BTreeSet<u32>> = BTreeMap::new();
    for circuit in isp.circuits() {
        for ip in circuit
            .devices
            .iter()
            .flat_map(|device| &device.ips)
            .filter(|ip| !matches!(ip, Ip::Text(_)))
        {
            owners.entry(*ip).or_default().insert(circuit.index);
        }
    }
    let copies: usize = owners.values().map(|owners| owners.len() - 1).sum();
    let asked = isp
        .circuits()
        .filter(|it| it.defect == Some(Defect::DuplicateAddress))
        .count();
    assert_eq!(copies, asked);
}

#[test]
fn percentages_become_millionths() {
    assert_eq!(millionths("1"), Ok(10_000));
    assert_eq!(millionths("0.25"), Ok(2_500));
    assert_eq!(millionths("100"), Ok(1_000_000));
    for wrong in ["-1", "101", "x", "NaN", ""] {
        assert!(millionths(wrong).is_err(), "{wrong}");
    }
}

/// What a form says of a circuit: name, access point, speeds in Mbit/s, addresses.
type Seen = (String, String, [String; 2], BTreeSet<String>);

fn in_inventory(isp: &Isp) -> Vec<Seen> {
    let inventory = inventory_of(isp);
    let names: BTreeMap<&str, &str> = inventory["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node["name"].as_str().unwrap()))
        .collect();
    let circuit = |it: &Value| {
        let ips = it["devices"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|device| device["ips"].as_array().unwrap());
        let mbps = |side: usize| (it["plan_kbps"][side].as_u64().unwrap() / 1000).to_string();
        (
            it["name"].as_str().unwrap().to_owned(),
            names[it["attach"].as_str().unwrap()].to_owned(),
            [mbps(0), mbps(1)],
            ips.map(|ip| ip.as_str().unwrap().to_owned()).collect(),
        )
    };
    inventory["circuits"]
        .as_array()
        .unwrap()
        .iter()
        .map(circuit)
        .collect()
}

fn in_libreqos(isp: &Isp) -> Vec<Seen> {
    let text = String::from_utf8(bytes(|out| libreqos::write_devices(isp, out))).unwrap();
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields = csv_fields(line);
        assert_eq!(fields.len(), 16, "{line}");
        let ips = fields[8..10]
            .iter()
            .flat_map(|field| field.split(", "))
            .filter(|ip| !ip.is_empty());
        let circuit = seen.entry(fields[0].clone()).or_insert_with(|| {
            let mbps = [fields[12].clone(), fields[13].clone()];
            (fields[1].clone(), fields[4].clone(), mbps, BTreeSet::new())
        });
        circuit.3.extend(ips.map(ToOwned::to_owned));
    }
    seen.into_values().collect()
}

fn csv_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields
}

fn in_uisp(isp: &Isp, fields: uisp::Fields) -> Vec<Seen> {
    let devices = uisp_records(isp, fields, uisp::Collection::Devices);
    let device_name = |id: &Value| {
        let device = devices
            .iter()
            .find(|device| device["identification"]["id"] == *id)
            .unwrap();
        device["identification"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // By endpoint: the access point at the other end of its link.
    let mut aps = BTreeMap::new();
    for link in uisp_records(isp, fields, uisp::Collection::DataLinks) {
        if link["to"]["site"]["identification"]["type"] == "endpoint" {
            let site = link["to"]["site"]["identification"]["id"]
                .as_str()
                .unwrap()
                .to_owned();
            aps.insert(
                site,
                device_name(&link["from"]["device"]["identification"]["id"]),
            );
        }
    }
    let services = uisp_records(isp, fields, uisp::Collection::CrmServices);
    let mut seen = Vec::new();
    for site in uisp_records(isp, fields, uisp::Collection::Sites) {
        if site["identification"]["type"] != "endpoint" {
            continue;
        }
        let id = site["id"].as_str().unwrap();
        let mut ips = BTreeSet::new();
        for device in devices
            .iter()
            .filter(|device| device["identification"]["site"]["id"] == id)
        {
            for port in device["interfaces"].as_array().unwrap() {
                for address in port["addresses"].as_array().unwrap() {
                    let cidr = address["cidr"].as_str().unwrap();
                    ips.insert(cidr.strip_suffix("/32").unwrap_or(cidr).to_owned());
                }
            }
            let ap = &device["attributes"]["apDevice"];
            assert!(ap.is_null() || ap["name"].as_str() == Some(&aps[id]));
        }
        let bound: Vec<_> = services
            .iter()
            .filter(|service| service["unmsClientSiteId"] == id)
            .collect();
        assert_eq!(bound.len(), 1);
        let mbps = ["downloadSpeed", "uploadSpeed"].map(|key| {
            let mbps = site["qos"][key].as_u64().unwrap() / 1_000_000;
            assert_eq!(bound[0][key].as_f64(), Some(mbps as f64));
            mbps.to_string()
        });
        seen.push((
            site["identification"]["name"].as_str().unwrap().to_owned(),
            aps[id].clone(),
            mbps,
            ips,
        ));
    }
    seen
}

#[test]
fn every_form_describes_the_same_isp() {
    let isp = Isp::new(700, 8, CLEAN);
    let expected = in_inventory(&isp);
    assert_eq!(expected, in_libreqos(&isp));
    assert_eq!(expected, in_uisp(&isp, uisp::Fields::Recorded));
    assert_eq!(expected, in_uisp(&isp, uisp::Fields::Full));
}

#[test]
fn names_in_network_json_are_unique_and_the_parents_exist() {
    fn walk(node: &Value, names: &mut Vec<String>) {
        for (name, node) in node.as_object().unwrap() {
            names.push(name.clone());
            walk(&node["children"], names);
        }
    }
    let isp = Isp::new(5_000, 8, CLEAN);
    let text = bytes(|out| libreqos::write_network(&isp, out));
    let mut names = Vec::new();
    walk(&serde_json::from_slice(&text).unwrap(), &mut names);
    // All but the core; parsing would have dropped repeated siblings.
    assert_eq!(distinct(&names), isp.sites.len() - 1 + isp.aps.len());
    assert_eq!(names.len(), isp.sites.len() - 1 + isp.aps.len());
    let names: BTreeSet<_> = names.into_iter().collect();
    assert!(
        in_libreqos(&isp)
            .iter()
            .all(|circuit| names.contains(&circuit.1))
    );
}

#[test]
fn references_inside_the_uisp_export_resolve() {
    let isp = Isp::new(2_000, 8, CLEAN);
    let fields = uisp::Fields::Recorded;
    let ids = |collection, path: fn(&Value) -> &Value| {
        let records = uisp_records(&isp, fields, collection);
        let ids: BTreeSet<String> = records
            .iter()
            .map(|record| path(record).as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            ids.len(),
            records.len(),
            "an id twice in {}",
            collection.file_name()
        );
        ids
    };
    let sites = ids(uisp::Collection::Sites, |site| &site["id"]);
    let devices = ids(uisp::Collection::Devices, |device| {
        &device["identification"]["id"]
    });
    ids(uisp::Collection::DataLinks, |link| &link["id"]);
    ids(
        uisp::Collection::CrmServices,
        |service| &service["unmsClientSiteId"],
    );

    let mut fixed = 0;
    for link in uisp_records(&isp, fields, uisp::Collection::DataLinks) {
        let ends = if link["canDelete"] == false {
            &["from"][..]
        } else {
            &["from", "to"]
        };
        fixed += 2 - ends.len();
        for end in ends {
            let device = &link[end]["device"]["identification"];
            assert!(devices.contains(device["id"].as_str().unwrap()));
            assert!(sites.contains(device["siteId"].as_str().unwrap()));
            assert_eq!(device["siteId"], link[end]["site"]["identification"]["id"]);
        }
    }
    assert_eq!(fixed, 1, "one link to the Internet");
    for device in uisp_records(&isp, fields, uisp::Collection::Devices) {
        assert!(sites.contains(device["identification"]["site"]["id"].as_str().unwrap()));
        assert!(
            device["attributes"]["apDevice"]["id"]
                .as_str()
                .is_none_or(|ap| devices.contains(ap))
        );
    }
}

#[test]
fn no_wireless_key_is_written() {
    let isp = Isp::new(300, 8, DIRTY);
    for fields in [uisp::Fields::Recorded, uisp::Fields::Full] {
        let text = String::from_utf8(bytes(|out| {
            uisp::write(&isp, fields, uisp::Collection::Devices, out)
        }))
        .unwrap();
        assert!(text.contains("\"wireless\":{"));
        assert!(!text.contains("\"key\""));
    }
}

#[test]
fn a_recorded_subscriber_device_has_the_size_of_a_redacted_one() {
    let isp = Isp::new(2_000, 8, CLEAN);
    let records = uisp_records(&isp, uisp::Fields::Recorded, uisp::Collection::Devices);
    let sizes: Vec<usize> = records
        .iter()
        .filter(|device| device["identification"]["role"] == "station")
        .filter(|device| device["identification"]["site"]["type"] == "endpoint")
        .map(|device| device.to_string().len())
        .collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((1_200..=1_500).contains(&mean), "{mean} bytes");
}

#[test]
fn each_defect_shows_in_every_form() {
    let isp = Isp::new(3_000, 2, DIRTY);
    let inventory = inventory_of(&isp);
    let csv = String::from_utf8(bytes(|out| libreqos::write_devices(&isp, out))).unwrap();
    let sites = uisp_records(&isp, uisp::Fields::Recorded, uisp::Collection::Sites);
    let devices = uisp_records(&isp, uisp::Fields::Recorded, uisp::Collection::Devices);
    for circuit in isp.circuits() {
        let Some(defect) = circuit.defect else {
            continue;
        };
        let id = inventory::circuit_id(circuit.index);
        let records: Vec<_> = inventory["circuits"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["id"] == id.as_str())
            .collect();
        let rows: Vec<_> = csv
            .lines()
            .filter(|line| line.starts_with(&id))
            .map(csv_fields)
            .collect();
        // The last group of an id is the index.
        let tail = format!("-{:012x}", circuit.index);
        let is_it = |value: &Value| value.as_str().unwrap().ends_with(&tail);
        let endpoints: Vec<_> = sites
            .iter()
            .filter(|site| site["identification"]["type"] == "endpoint" && is_it(&site["id"]))
            .collect();
        let cpe = devices
            .iter()
            .find(|device| {
                device["identification"]["site"]["type"] == "endpoint"
                    && is_it(&device["identification"]["id"])
            })
            .unwrap();
        let (record, row, endpoint) = (records[0], &rows[0], endpoints[0]);
        match defect {
            Defect::DuplicateAddress => {
                assert_eq!(record["devices"][0]["ips"][0], cpe["ipAddress"])
            }
            Defect::NoAddress => {
                assert_eq!(record["devices"][0]["ips"], Value::Array(vec![]));
                assert_eq!((row[8].as_str(), row[9].as_str()), ("", ""));
                assert!(cpe["ipAddress"].is_null());
            }
            Defect::NoPlan => {
                for side in 0..2 {
                    let none = circuit.mbps[side].is_none();
                    assert_eq!(record["plan_kbps"][side].is_null(), none);
                    assert_eq!(row[12 + side].is_empty(), none);
                    assert_eq!(
                        endpoint["qos"][["downloadSpeed", "uploadSpeed"][side]].is_null(),
                        none
                    );
                }
                assert!(circuit.mbps.contains(&None));
            }
            Defect::NoParent => {
                assert!(record["attach"].is_null());
                assert_eq!((row[4].as_str(), row[5].as_str()), ("", ""));
                assert!(endpoint["identification"]["parent"].is_null());
                assert!(cpe["attributes"]["apDevice"].is_null());
            }
            Defect::UnknownParent => {
                let Attach::Unknown(ap) = circuit.attach else {
                    panic!("attached")
                };
                assert!(ap >= isp.aps.len());
                assert_eq!(record["attach"], row[5].as_str());
                let parent = &endpoint["identification"]["parent"]["id"];
                assert!(sites.iter().all(|site| site["id"] != *parent));
                assert_eq!(cpe["attributes"]["apDevice"]["name"], row[4].as_str());
            }
            Defect::HostBits => {
                assert!(row[8].contains("/24"));
                assert!(cpe["ipAddress"].as_str().unwrap().ends_with("/24"));
            }
            Defect::TextForNumber => {
                assert!(record["plan_kbps"][0].is_string());
                assert!(row[12].ends_with(" Mbps"));
                assert!(endpoint["qos"]["downloadSpeed"].is_string());
            }
            Defect::JunkAddress => {
                assert_eq!(record["devices"][0]["ips"][0], cpe["ipAddress"]);
                assert!(
                    cpe["ipAddress"]
                        .as_str()
                        .unwrap()
                        .parse::<std::net::IpAddr>()
                        .is_err()
                );
            }
            Defect::DuplicateRow => {
                assert_eq!(records.len(), 2);
                assert_eq!(rows.len(), 2 * circuit.devices.len());
                assert_eq!(endpoints.len(), 2);
            }
        }
    }
}

#[test]
fn a_project_has_settings_and_an_export_for_each_form() {
    let out = tempfile::tempdir().unwrap();
    let args = Args {
        circuits: 50,
        seed: 1,
        form: Form::All,
        out: out.path().to_owned(),
        dirty: 0,
        queues: 8,
        uisp_fields: uisp::Fields::Recorded,
    };
    run(&args, &mut io::sink()).unwrap();
    for (form, files) in [("inventory", 1), ("libreqos", 2), ("uisp", 6)] {
        let settings = fs::read_to_string(out.path().join(form).join("weir.toml")).unwrap();
        assert!(
            settings.contains(&format!("kind = \"{form}\"")) && settings.contains("queues = 8")
        );
        assert_eq!(
            fs::read_dir(out.path().join(form).join("export"))
                .unwrap()
                .count(),
            files
        );
    }
}
