//! The ISP as LibreQoS holds it: `network.json` and `ShapedDevices.csv` with the current 16 columns.
//!
//! The tree is the one by declared parents, without the core (LibreQoS does not show its root) and without backhaul
//! devices; a node is never wider than the one above. The format cannot say that a service is suspended, so that is a
//! comment; it needs a minimum rate, so that is the lowest one that LibreQoS accepts everywhere.

use super::inventory::{ap_id, circuit_id, site_id};
use super::json::Json;
use super::model::{Attach, Circuit, Defect, Isp, Mbps, PLANS};
use std::io::{self, Write};

const HEADER: &str = "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,\
                      Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm";

/// The lowest minimum rate that all readers of the file accept, in Mbit/s.
pub const MIN_MBPS: &str = "0.1";

pub fn write_network(isp: &Isp, out: &mut impl Write) -> io::Result<()> {
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); isp.sites.len()];
    for (index, site) in isp.sites.iter().enumerate() {
        if let Some(above) = site.parent {
            below[above].push(index);
        }
    }
    let mut json = Json::default();
    json.object(|j| {
        for &top in &below[0] {
            site(isp, &below, top, [u64::MAX; 2], j);
        }
    });
    out.write_all(json.bytes())?;
    out.write_all(b"\n")
}

fn site(isp: &Isp, below: &[Vec<usize>], index: usize, above: Mbps, j: &mut Json) {
    let site_here = &isp.sites[index];
    let mbps = narrower(site_here.uplink.mbps, above);
    node(j, &site_here.name, "site", &site_id(index), mbps, |j| {
        for ap in site_here.aps.clone() {
            let it = &isp.aps[ap];
            node(
                j,
                &it.name,
                "ap",
                &ap_id(ap),
                narrower(it.model.mbps, mbps),
                |_| (),
            );
        }
        for &child in &below[index] {
            site(isp, below, child, mbps, j);
        }
    });
}

fn narrower(a: Mbps, b: Mbps) -> Mbps {
    [a[0].min(b[0]), a[1].min(b[1])]
}

fn node(
    j: &mut Json,
    name: &str,
    kind: &str,
    id: &str,
    mbps: Mbps,
    children: impl FnOnce(&mut Json),
) {
    j.object_at(name, |j| {
        j.raw("downloadBandwidthMbps", mbps[0]);
        j.raw("uploadBandwidthMbps", mbps[1]);
        j.text("type", kind);
        j.plain("id", id);
        j.object_at("children", children);
    });
}

pub fn write_devices(isp: &Isp, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{HEADER}")?;
    for circuit in isp.circuits() {
        rows(isp, &circuit, out)?;
        if circuit.defect == Some(Defect::DuplicateRow) {
            rows(isp, &circuit, out)?;
        }
    }
    Ok(())
}

fn rows(isp: &Isp, circuit: &Circuit, out: &mut impl Write) -> io::Result<()> {
    let id = circuit_id(circuit.index);
    let name = circuit.name();
    let (parent, parent_id) = match circuit.attach {
        Attach::Ap(ap) => (isp.aps[ap].name.clone(), ap_id(ap)),
        Attach::Unknown(ap) => (format!("Retired Tower AP{ap}"), ap_id(ap)),
        Attach::Nothing => Default::default(),
    };
    let unit = if circuit.defect == Some(Defect::TextForNumber) {
        " Mbps"
    } else {
        ""
    };
    let [down, up] = circuit
        .mbps
        .map(|mbps| mbps.map_or(String::new(), |mbps| format!("{mbps}{unit}")));
    let comment = if circuit.suspended {
        "suspended"
    } else {
        PLANS[circuit.plan].name
    };
    for (number, device) in circuit.devices.iter().enumerate() {
        let list = |v6: bool| {
            let ips: Vec<String> = device
                .ips
                .iter()
                .filter(|ip| ip.is_v6() == v6)
                .map(ToString::to_string)
                .collect();
            ips.join(", ")
        };
        write!(out, "{id},{},{id}-{},", quoted(&name), number + 1)?;
        write!(out, "{},", circuit.device_name(number))?;
        write!(
            out,
            "{},{parent_id},,{},{},{},",
            quoted(&parent),
            device.mac,
            quoted(&list(false)),
            quoted(&list(true))
        )?;
        writeln!(out, "{MIN_MBPS},{MIN_MBPS},{down},{up},{comment},")?;
    }
    Ok(())
}

fn quoted(field: &str) -> std::borrow::Cow<'_, str> {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field.into()
    }
}
