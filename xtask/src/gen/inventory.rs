//! The ISP as `weir.inventory/1`, one record a line.
//!
//! Backhaul radios and switches are not nodes here: a link joins two sites. Access points hang on their site by `parent`.

use super::json::Json;
use super::model::{Attach, Defect, Isp, LinkState, Mbps, SiteKind};
use std::io::{self, Write};

pub fn write(isp: &Isp, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{ \"schema\": \"weir.inventory/1\",\n")?;
    let mut records = Records {
        out,
        json: Json::default(),
        first: true,
    };
    records.begin("nodes")?;
    nodes(isp, &mut records)?;
    records.next("links")?;
    links(isp, &mut records)?;
    records.next("circuits")?;
    circuits(isp, &mut records)?;
    records.out.write_all(b"\n] }\n")
}

struct Records<'a, W: Write> {
    out: &'a mut W,
    json: Json,
    first: bool,
}

impl<W: Write> Records<'_, W> {
    fn begin(&mut self, list: &str) -> io::Result<()> {
        self.first = true;
        write!(self.out, "\"{list}\": [")
    }

    fn next(&mut self, list: &str) -> io::Result<()> {
        self.out.write_all(b"\n],\n")?;
        self.begin(list)
    }

    fn record(&mut self, copies: usize, members: impl FnOnce(&mut Json)) -> io::Result<()> {
        self.json.clear();
        self.json.object(members);
        for _ in 0..copies {
            self.out
                .write_all(if self.first { b"\n" } else { b",\n" })?;
            self.out.write_all(self.json.bytes())?;
            self.first = false;
        }
        Ok(())
    }
}

pub fn site_id(site: usize) -> String {
    format!("s{site:05}")
}

pub fn ap_id(ap: usize) -> String {
    format!("a{ap:06}")
}

pub fn circuit_id(index: u32) -> String {
    format!("c{index:07}")
}

fn kbps(j: &mut Json, key: &str, mbps: Option<Mbps>) {
    match mbps {
        Some(mbps) => j.array_at(key, |j| {
            mbps.iter().for_each(|mbps| j.raw_item(mbps * 1000))
        }),
        None => j.null(key),
    }
}

fn nodes<W: Write>(isp: &Isp, records: &mut Records<'_, W>) -> io::Result<()> {
    for (index, site) in isp.sites.iter().enumerate() {
        let is_core = site.kind == SiteKind::Core;
        records.record(1, |j| {
            j.plain("id", site_id(index));
            j.text("name", &site.name);
            j.text("kind", if is_core { "root" } else { "site" });
            j.text_or_null("parent", site.parent.map(site_id).as_deref());
            kbps(j, "kbps", (!is_core).then_some(site.uplink.mbps));
            j.raw("virtual", false);
            j.raw("gateway", is_core);
        })?;
    }
    for (index, ap) in isp.aps.iter().enumerate() {
        records.record(1, |j| {
            j.plain("id", ap_id(index));
            j.text("name", &ap.name);
            j.text("kind", "ap");
            j.plain("parent", site_id(ap.site));
            kbps(j, "kbps", Some(ap.model.mbps));
            j.raw("virtual", false);
            j.raw("gateway", false);
        })?;
    }
    Ok(())
}

fn links<W: Write>(isp: &Isp, records: &mut Records<'_, W>) -> io::Result<()> {
    for (index, link) in isp.links.iter().enumerate() {
        records.record(1, |j| {
            j.plain("id", format_args!("l{index:05}"));
            j.plain("a", site_id(link.upper));
            j.plain("b", site_id(link.lower));
            kbps(j, "kbps", Some(link.medium.mbps));
            j.null("cost");
            j.raw("up", link.state == LinkState::Active);
        })?;
    }
    Ok(())
}

fn circuits<W: Write>(isp: &Isp, records: &mut Records<'_, W>) -> io::Result<()> {
    for circuit in isp.circuits() {
        let copies = if circuit.defect == Some(Defect::DuplicateRow) {
            2
        } else {
            1
        };
        records.record(copies, |j| {
            let id = circuit_id(circuit.index);
            j.plain("id", &id);
            j.text("name", &circuit.name());
            match circuit.attach {
                Attach::Ap(ap) | Attach::Unknown(ap) => j.plain("attach", ap_id(ap)),
                Attach::Nothing => j.null("attach"),
            }
            if circuit.mbps == [None, None] {
                j.null("plan_kbps");
            } else {
                j.array_at("plan_kbps", |j| {
                    for mbps in circuit.mbps {
                        match mbps.map(|mbps| mbps * 1000) {
                            Some(kbps) if circuit.defect == Some(Defect::TextForNumber) => {
                                j.plain_item(kbps)
                            }
                            Some(kbps) => j.raw_item(kbps),
                            None => j.raw_item("null"),
                        }
                    }
                });
            }
            j.members(r#""burst_kbps":[0,0],"commit_kbps":[0,0]"#);
            j.text(
                "state",
                if circuit.suspended {
                    "suspended"
                } else {
                    "active"
                },
            );
            j.members(r#""qdisc":[null,null],"comment":"""#);
            j.array_at("devices", |j| {
                for (number, device) in circuit.devices.iter().enumerate() {
                    j.object(|j| {
                        j.plain("id", format_args!("{id}-{}", number + 1));
                        j.plain("name", circuit.device_name(number));
                        j.plain("mac", device.mac);
                        j.array_at("ips", |j| {
                            device.ips.iter().for_each(|ip| j.item(&ip.to_string()))
                        });
                    });
                }
            });
        })?;
    }
    Ok(())
}
