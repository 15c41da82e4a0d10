//! Devices with their interfaces.

use super::super::json::Json;
use super::super::model::reading;
use super::sites::parent;
use super::{Device, Export, FIRMWARE, List, NOW, Port, cidr, copies, has_core_switch};
use std::io::{self, Write};

impl<'a> Export<'a> {
    pub(super) fn devices<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        list.record(1, |j| self.device(j, &self.router()))?;
        for site in 0..self.isp.sites.len() {
            list.record(1, |j| self.device(j, &self.switch(site)))?;
        }
        for (index, link) in self.isp.links.iter().enumerate() {
            if link.medium.radio.is_some() {
                for (device, _) in self.backhaul_ends(index) {
                    list.record(1, |j| self.device(j, &device))?;
                }
            } else if has_core_switch(link) {
                list.record(1, |j| self.device(j, &self.core_switch(index)))?;
            }
        }
        for (index, ap) in self.isp.aps.iter().enumerate() {
            let ap_here = self.ap(index);
            list.record(1, |j| self.device(j, &ap_here))?;
            for circuit in ap.circuits.clone() {
                let circuit = self.isp.circuit(index, circuit);
                let name = circuit.name();
                for device in
                    self.subscriber_devices(&circuit, self.endpoint_ref(&circuit, &name), &ap_here)
                {
                    list.record(copies(&circuit), |j| self.device(j, &device))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn device(&self, j: &mut Json, device: &Device<'_>) {
        j.object_at("identification", |j| {
            j.plain("id", device.id);
            j.object_at("site", |j| {
                j.plain("id", device.site.id);
                j.text("name", device.site.name);
                j.text("status", "active");
                j.text("type", device.site.kind);
                parent(j, device.site.parent, false);
            });
            j.plain("mac", device.mac);
            j.text("name", &device.name);
            j.text("hostname", &device.name);
            if self.full {
                j.plain("serialNumber", device.id.serial());
                j.text("firmwareVersion", FIRMWARE);
            }
            j.text("model", device.model.id);
            if self.full {
                j.text("modelName", device.model.name);
                j.members(r#""vendor":"ubiquiti","vendorName":"Ubiquiti""#);
            }
            if self.full {
                j.members(r#""systemName":null,"platformId":"WA","platformName":"WA""#);
                j.text("displayName", &device.name);
                j.text("started", NOW);
            }
            j.text("type", device.model.kind);
            j.text("category", device.model.category);
            j.text("role", device.role);
            j.raw("authorized", true);
            if self.full {
                j.text("updated", NOW);
            }
            j.text("status", "active");
        });
        j.object_at("overview", |j| self.overview(j, device));
        j.plain_or_null("ipAddress", device.ip);
        j.text("mode", device.mode);
        j.raw("enabled", true);
        j.object_at("attributes", |j| {
            let series = Some(device.model.series).filter(|series| !series.is_empty());
            j.text_or_null("series", series);
            if self.full {
                j.text_or_null("ssid", device.air.as_ref().map(|air| air.ssid.as_str()));
            }
            match &device.ap {
                Some((id, name, model)) => j.object_at("apDevice", |j| {
                    j.plain("id", id);
                    j.text("name", name);
                    j.text("model", model.id);
                    j.text("type", model.kind);
                    j.text_or_null(
                        "series",
                        Some(model.series).filter(|series| !series.is_empty()),
                    );
                }),
                None => j.null("apDevice"),
            }
            if self.full {
                j.members(r#""gatewayId":null,"country":"United States","countryCode":840"#);
            }
        });
        if self.full {
            j.members(r#""firmware":{"current":"8.7.11","latest":"8.7.17","compatible":true}"#);
            j.members(
                r#""meta":{"alias":null,"note":null,"maintenance":false,"failedMessageDecryption":false,"restartTimestamp":null,"customIpAddress":null}"#,
            );
            j.members(r#""location":null,"latestBackup":null,"upgrade":null,"discovery":null"#);
        }
        j.array_at("interfaces", |j| {
            for (position, port) in device.ports.iter().enumerate() {
                j.object(|j| self.port(j, device, port, position));
            }
        });
    }

    pub(super) fn overview(&self, j: &mut Json, device: &Device<'_>) {
        let chance = device.id.scatter;
        let air = device.air.as_ref();
        let bits = device.mbps.map(|mbps| mbps.map(|mbps| mbps * 1_000_000));
        j.text("status", "active");
        if self.full {
            j.members(r#""canUpgrade":false,"isLocateRunning":false,"createdAt":"2023-03-01T00:00:00.000Z""#);
        }
        if self.full {
            j.raw("cpu", 3 + reading(chance, 60));
            j.raw("ram", 20 + reading(chance ^ 1, 60));
            j.raw("temperature", 20 + reading(chance ^ 2, 40));
            j.raw("uptime", 3600 + reading(chance ^ 3, 20_000_000));
            j.text("lastSeen", NOW);
            j.raw("outageScore", "1.0");
            j.raw_or_null("distance", air.map(|_| 150 + reading(chance ^ 4, 9000)));
        }
        if self.full {
            j.raw_or_null(
                "frequency",
                air.map(|air| format!("{}.0", air.radio.megahertz)),
            );
            j.raw_or_null("channelWidth", air.map(|air| air.radio.width));
            j.raw_or_null("transmitPower", air.map(|_| 22));
            j.raw_or_null("signal", air.map(|_| -45 - reading(chance ^ 5, 30) as i64));
            j.raw_or_null("stationsCount", device.stations);
        }
        if self.full {
            j.raw_or_null("signalMax", air.map(|_| -45));
            j.raw_or_null("remoteSignalMax", air.map(|_| -46));
            j.raw_or_null("linkStationsCount", device.stations);
            j.raw_or_null("linkActiveStationsCount", device.stations);
        }
        j.null("totalCapacity");
        j.raw_or_null("downlinkCapacity", bits.map(|bits| bits[0]));
        j.raw_or_null("uplinkCapacity", bits.map(|bits| bits[1]));
        if self.full {
            j.null("theoreticalTotalCapacity");
            j.raw_or_null("theoreticalDownlinkCapacity", bits.map(|bits| bits[0]));
            j.raw_or_null("theoreticalUplinkCapacity", bits.map(|bits| bits[1]));
            j.raw_or_null(
                "downlinkUtilization",
                air.map(|_| format!("0.{:02}", reading(chance ^ 6, 90))),
            );
            j.raw_or_null(
                "uplinkUtilization",
                air.map(|_| format!("0.{:02}", reading(chance ^ 7, 60))),
            );
        }
        j.text_or_null("wirelessMode", air.map(|air| air.mode));
        if !self.full {
            return;
        }
        let Some(bits) = bits.filter(|_| air.is_some()) else {
            j.members(r#""wirelessActiveInterfaceIds":null,"antenna":null,"linkScore":null"#);
            return self.overview_tail(j);
        };
        j.members(r#""wirelessActiveInterfaceIds":["main"]"#);
        j.members(r#""antenna":{"id":"1","gain":27,"name":"27 dBi","builtIn":true,"cableLoss":0}"#);
        j.object_at("linkScore", |j| {
            j.raw("score", format_args!("0.{}", 50 + reading(chance ^ 8, 50)));
            j.raw("scoreMax", "0.97");
            j.members(r#""airTimeScore":0.95,"linkScore":0.93,"linkScoreHint":"""#);
            j.raw("theoreticalDownlinkCapacity", bits[0]);
            j.raw("theoreticalUplinkCapacity", bits[1]);
        });
        self.overview_tail(j);
    }

    pub(super) fn overview_tail(&self, j: &mut Json) {
        j.raw("voltage", 24);
        j.members(r#""mainInterfaceSpeed":null,"runningOnBattery":false"#);
    }

    pub(super) fn port(&self, j: &mut Json, device: &Device<'_>, port: &Port, position: usize) {
        j.object_at("identification", |j| {
            j.plain("name", &port.name);
            j.text("type", port.kind);
            j.plain("mac", device.mac);
            if self.full {
                j.null("description");
                j.plain("displayName", &port.name);
                j.raw("position", position);
            }
        });
        if self.full {
            j.raw("enabled", true);
            j.members(r#""canDisplayStatistics":true,"visible":true,"mtu":"1500""#);
        }
        j.array_at("addresses", |j| {
            for ip in &port.ips {
                j.object(|j| {
                    j.plain("cidr", cidr(ip));
                    j.text("version", if ip.is_v6() { "v6" } else { "v4" });
                    j.members(r#""type":"static","origin":"static""#);
                });
            }
        });
        j.object_at("status", |j| {
            j.text("status", "active");
            j.raw("plugged", port.mbps.is_some());
            j.text("speed", "auto");
            j.plain_or_null("currentSpeed", port.mbps.map(|mbps| format!("{mbps}-full")));
            if self.full {
                j.null("description");
            }
        });
        match device.air.as_ref().filter(|_| port.kind == "wlan") {
            Some(air) => j.object_at("wireless", |j| {
                if self.full {
                    j.text("ssid", &air.ssid);
                    j.text("frequencyBand", air.radio.band);
                }
                j.raw("frequency", air.radio.megahertz);
                j.raw("channelWidth", air.radio.width);
                j.null("dlRatio");
                if self.full {
                    j.members(r#""noiseFloor":-92,"transmitPower":22,"security":"wpa2""#);
                    j.members(
                        r#""frameLength":5,"dfsLockouts":[],"dfsTimeRemaining":0,"dfsTimeTotal":0,"minTxPower":0,"maxTxPower":27"#,
                    );
                }
            }),
            None => j.null("wireless"),
        }
        if self.full {
            j.null("stations");
            j.members(r#""speed":"auto","vlan":null,"pppoe":null,"switch":null,"poe":null,"lag":null,"ospf":null,"isSwitchedPort":false"#);
        }
        if self.full {
            j.object_at("statistics", |j| {
                let chance = device.id.scatter ^ (position as u64 + 9);
                j.raw("rxbytes", reading(chance, 9_000_000_000_000));
                j.raw("txbytes", reading(chance ^ 16, 900_000_000_000));
                j.raw("rxrate", reading(chance ^ 32, 90_000_000));
                j.raw("txrate", reading(chance ^ 48, 9_000_000));
                j.members(r#""dropped":0,"errors":0"#);
            });
        }
    }
}
