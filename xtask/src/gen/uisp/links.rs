//! Data links between the ports of devices.

use super::super::json::Json;
use super::super::model::{Attach, LinkState};
use super::sites::parent;
use super::{End, Export, FIRMWARE, LinkFacts, List, Of};
use std::io::{self, Write};

impl<'a> Export<'a> {
    pub(super) fn data_links<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        let router = self.router();
        let internet = LinkFacts {
            id: self.id(Of::InternetLink, 0),
            kind: "ethernet",
            state: "active",
            can_delete: false,
            origin: "unms",
            ssid: None,
            megahertz: None,
        };
        list.record(1, |j| self.data_link(j, &internet, (&router, 1), None))?;
        for (index, link) in self.isp.links.iter().enumerate() {
            let [(upper, upper_port), (lower, lower_port)] = self.backhaul_ends(index);
            let air = upper.air.as_ref();
            let facts = LinkFacts {
                id: self.id(Of::BackhaulLink, index),
                kind: if air.is_some() {
                    "wireless"
                } else {
                    "ethernet"
                },
                state: match link.state {
                    LinkState::Active => "active",
                    LinkState::Disconnected => "disconnected",
                    LinkState::Proposed => "proposed",
                },
                can_delete: true,
                origin: if link.state == LinkState::Active {
                    "unms"
                } else {
                    "manual"
                },
                ssid: air.map(|air| air.ssid.as_str()),
                megahertz: air.map(|air| air.radio.megahertz),
            };
            list.record(1, |j| {
                self.data_link(j, &facts, (&upper, upper_port), Some((&lower, lower_port)))
            })?;
        }
        for (index, ap) in self.isp.aps.iter().enumerate() {
            let ap_here = self.ap(index);
            let air = ap_here.air.as_ref();
            for circuit in ap.circuits.clone() {
                let circuit = self.isp.circuit(index, circuit);
                if circuit.attach != Attach::Ap(index) {
                    continue;
                }
                let name = circuit.name();
                let devices =
                    self.subscriber_devices(&circuit, self.endpoint_ref(&circuit, &name), &ap_here);
                let facts = LinkFacts {
                    id: self.id(Of::SubscriberLink, circuit.index as usize),
                    kind: if air.is_some() { "wireless" } else { "pon" },
                    state: "active",
                    can_delete: true,
                    origin: "unms",
                    ssid: air.map(|air| air.ssid.as_str()),
                    megahertz: air.map(|air| air.radio.megahertz),
                };
                list.record(1, |j| {
                    self.data_link(j, &facts, (&ap_here, 1), Some((&devices[0], 1)))
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn data_link(
        &self,
        j: &mut Json,
        facts: &LinkFacts<'_>,
        from: End<'_, '_>,
        to: Option<End<'_, '_>>,
    ) {
        j.plain("id", facts.id);
        j.object_at("from", |j| self.link_end(j, from));
        match to {
            Some(to) => j.object_at("to", |j| self.link_end(j, to)),
            None => j.members(r#""to":{"device":null,"site":null,"interface":null}"#),
        }
        j.text("type", facts.kind);
        j.text("state", facts.state);
        j.raw("canDelete", facts.can_delete);
        j.text("origin", facts.origin);
        if self.full {
            j.text_or_null("ssid", facts.ssid);
            j.raw_or_null(
                "frequency",
                facts.megahertz.map(|megahertz| format!("{megahertz}.0")),
            );
            j.raw_or_null("signal", facts.megahertz.map(|_| -58));
            j.members(r#""sitesDistance":2400,"devicesDistance":2400"#);
        }
    }

    pub(super) fn link_end(&self, j: &mut Json, (device, port): End<'_, '_>) {
        let air = device.air.as_ref();
        j.object_at("device", |j| {
            j.object_at("identification", |j| {
                j.plain("id", device.id);
                if self.full {
                    j.text("name", &device.name);
                    j.text("displayName", &device.name);
                    j.plain("mac", device.mac);
                    j.text("model", device.model.id);
                    j.text("category", device.model.category);
                    j.raw("authorized", true);
                    j.plain_or_null("ipAddress", device.ip);
                    j.text("firmwareVersion", FIRMWARE);
                    j.text("platformId", "WA");
                    j.plain("serialNumber", device.id.serial());
                    j.raw("updated", 1_782_907_200_000_u64);
                }
                j.text("type", device.model.kind);
                j.text("role", device.role);
                j.plain("siteId", device.site.id);
            });
            if self.full {
                j.object_at("overview", |j| {
                    j.raw_or_null("channelWidth", air.map(|air| air.radio.width));
                    j.null("antenna");
                });
                j.raw_or_null(
                    "frequency",
                    air.map(|air| format!("{}.0", air.radio.megahertz)),
                );
                j.text_or_null("ssid", air.map(|air| air.ssid.as_str()));
                j.raw_or_null("signal", air.map(|_| -58));
                j.members(r#""status":"active","attributes":{"series":null},"meta":{}"#);
            }
        });
        j.object_at("site", |j| {
            j.object_at("identification", |j| {
                j.plain("id", device.site.id);
                if self.full {
                    j.text("name", device.site.name);
                    parent(j, device.site.parent, true);
                    j.text("status", "active");
                }
                j.text("type", device.site.kind);
            });
        });
        let port = &device.ports[port];
        j.object_at("interface", |j| {
            j.object_at("identification", |j| {
                j.plain("name", &port.name);
                if self.full {
                    j.plain("displayName", &port.name);
                    j.members(r#""description":null,"mac":null"#);
                }
                j.text("type", port.kind);
            });
            j.object_at("status", |j| {
                if self.full {
                    j.text("status", "active");
                }
                j.plain_or_null("currentSpeed", port.mbps.map(|mbps| format!("{mbps}-full")));
            });
        });
    }
}
