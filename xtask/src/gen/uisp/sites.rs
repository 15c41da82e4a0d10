//! Sites: those of the network, and the endpoints of subscribers.

use super::super::json::Json;
use super::super::model::{Attach, Circuit};
use super::crm::{plan_id, service_status};
use super::{
    Export, List, NOW, Of, SiteRef, Uuid, client_id, copies, day, degrees, plan_name, qos,
    service_id, zip_code,
};
use std::io::{self, Write};

impl<'a> Export<'a> {
    pub(super) fn sites<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        for (index, site) in self.isp.sites.iter().enumerate() {
            let it = self.site_ref(index);
            list.record(1, |j| {
                self.site_head(j, it, false);
                j.object_at("description", |j| {
                    let address = format!("{}, {}", site.name, self.isp.city(index));
                    self.place(j, &address, site.latitude, site.longitude);
                    if self.full {
                        j.members(r#""height":30,"elevation":1650"#);
                        j.array_at("endpoints", |j| self.endpoints_of(j, index, it.id));
                        j.members(
                            r#""deviceListStatus":"active","regulatoryDomain":"US","sla":0.999"#,
                        );
                    }
                    j.raw("deviceCount", site.aps.len() + 1);
                    j.null("ucrmId");
                    let switch = self.switch(index);
                    j.array_at("ipAddresses", |j| {
                        switch.ip.iter().for_each(|ip| j.plain_item(ip))
                    });
                });
                self.notifications(j);
                qos(j, false, [None, None]);
                j.null("ucrm");
            })?;
        }
        for circuit in self.isp.circuits() {
            let name = circuit.name();
            let it = self.endpoint_ref(&circuit, &name);
            list.record(copies(&circuit), |j| self.endpoint(j, &circuit, it))?;
        }
        Ok(())
    }

    pub(super) fn endpoint(&self, j: &mut Json, circuit: &Circuit, it: SiteRef<'_>) {
        self.site_head(j, it, circuit.suspended);
        j.object_at("description", |j| {
            self.place(
                j,
                &self.address(circuit),
                circuit.latitude,
                circuit.longitude,
            );
            if self.full {
                j.members(r#""height":4,"elevation":1600,"endpoints":[]"#);
                j.members(r#""deviceListStatus":"active","regulatoryDomain":"US","sla":0.999"#);
            }
            j.raw("deviceCount", circuit.devices.len());
            j.plain("ucrmId", client_id(circuit));
            j.array_at("ipAddresses", |j| {
                circuit
                    .devices
                    .iter()
                    .filter_map(|device| device.ips.first())
                    .for_each(|ip| j.item(&ip.to_string()));
            });
        });
        self.notifications(j);
        let bits = circuit
            .mbps
            .map(|mbps| mbps.map(|mbps| (mbps * 1_000_000, circuit.defect)));
        qos(j, true, bits);
        j.object_at("ucrm", |j| {
            j.object_at("client", |j| {
                j.plain("id", client_id(circuit));
                j.text("name", it.name);
            });
            j.object_at("service", |j| {
                j.plain("id", service_id(circuit));
                j.text("name", plan_name(circuit));
                j.raw("status", service_status(circuit));
                j.plain(
                    "activeFrom",
                    format_args!("{}T00:00:00.000Z", day(circuit.since)),
                );
                j.plain("tariffId", plan_id(circuit));
                j.raw("trafficShapingOverrideEnabled", false);
            });
        });
    }

    pub(super) fn site_head(&self, j: &mut Json, site: SiteRef<'_>, suspended: bool) {
        j.plain("id", site.id);
        j.object_at("identification", |j| {
            j.plain("id", site.id);
            j.text("status", "active");
            j.text("name", site.name);
            j.text("type", site.kind);
            parent(j, site.parent, false);
            if self.full {
                j.text("updated", NOW);
            }
            j.raw("suspended", suspended);
        });
    }

    pub(super) fn place(&self, j: &mut Json, address: &str, latitude: i64, longitude: i64) {
        if self.full {
            j.text("address", address);
            j.members(r#""note":null,"contact":{"name":null,"phone":null,"email":null}"#);
            j.object_at("location", |j| {
                j.raw("latitude", degrees(latitude));
                j.raw("longitude", degrees(longitude));
            });
        }
    }

    pub(super) fn notifications(&self, j: &mut Json) {
        if self.full {
            j.members(r#""notifications":{"type":"system","users":[]}"#);
        }
    }

    /// Subscribers in the record of their tower.
    pub(super) fn endpoints_of(&self, j: &mut Json, site: usize, site_id: Uuid) {
        for ap in self.isp.sites[site].aps.clone() {
            for index in self.isp.aps[ap].circuits.clone() {
                let circuit = self.isp.circuit(ap, index);
                if circuit.attach == Attach::Ap(ap) {
                    j.object(|j| {
                        j.plain("id", self.id(Of::Endpoint, index as usize));
                        j.text("name", &circuit.name());
                        j.plain("parentId", site_id);
                        j.members(r#""status":"active","type":"endpoint""#);
                        j.raw("suspended", circuit.suspended);
                        j.text("updated", NOW);
                    });
                }
            }
        }
    }

    pub(super) fn address(&self, circuit: &Circuit) -> String {
        let site = self.isp.aps[circuit.ap].site;
        format!(
            "{}, {}, {}",
            circuit.street,
            self.isp.city(site),
            zip_code(circuit)
        )
    }
}

pub(super) fn parent(j: &mut Json, parent: Option<(Uuid, &str)>, with_parent: bool) {
    match parent {
        Some((id, name)) => j.object_at("parent", |j| {
            j.plain("id", id);
            j.text("name", name);
            j.text("status", "active");
            j.text("type", "site");
            if with_parent {
                j.null("parent");
            }
        }),
        None => j.null("parent"),
    }
}
