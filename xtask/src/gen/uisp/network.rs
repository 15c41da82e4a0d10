//! The devices of the ISP, as UISP knows them: what each is, where it stands, and what its ports carry.

use super::super::model::{Attach, Circuit, Ip, LinkState, Model, ROUTER, SWITCH, mac};
use super::{Air, Device, Export, Of, Port, SiteRef, has_core_switch};
use std::net::Ipv4Addr;

impl<'a> Export<'a> {
    /// A device of the network itself, to be completed.
    pub(super) fn infrastructure(
        &self,
        of: Of,
        index: usize,
        site: usize,
        model: &'static Model,
        name: String,
    ) -> Device<'a> {
        Device {
            id: self.id(of, index),
            site: self.site_ref(site),
            mac: mac(1 << 36 | (of as u64) << 28 | index as u64),
            name,
            model,
            role: "switch",
            mode: "bridge",
            ip: Some(Ip::Host(Ipv4Addr::from_bits(
                (10 << 24 | (of as u32) << 20) + index as u32 + 1,
            ))),
            mbps: None,
            air: None,
            stations: None,
            ap: None,
            ports: Vec::new(),
        }
    }

    pub(super) fn switch(&self, site: usize) -> Device<'a> {
        let name = format!("{} switch", self.isp.sites[site].name);
        let mut device = self.infrastructure(Of::Switch, site, site, &SWITCH, name);
        device.ports.push(Port::new(
            "port1",
            "eth",
            Some(1000),
            Vec::from_iter(device.ip),
        ));
        for &link in &self.fibers[site] {
            let number = device.ports.len() + 1;
            let speed = self.isp.links[link].medium.port_mbps;
            device.ports.push(Port::new(
                format!("sfp+{number}"),
                "sfp",
                Some(speed),
                Vec::new(),
            ));
        }
        device
    }

    pub(super) fn router(&self) -> Device<'a> {
        let name = format!("{} router", self.isp.sites[0].name);
        let mut device = self.infrastructure(Of::Router, 0, 0, &ROUTER, name);
        device.role = "router";
        device.mode = "router";
        let public = Ip::V4(Ipv4Addr::new(192, 0, 2, 1), 29);
        device.ports.push(Port::new(
            "eth0",
            "eth",
            Some(1000),
            Vec::from_iter(device.ip),
        ));
        device
            .ports
            .push(Port::new("sfp+1", "sfp", Some(100_000), vec![public]));
        device
    }

    pub(super) fn ap(&self, index: usize) -> Device<'a> {
        let ap = &self.isp.aps[index];
        let mut device =
            self.infrastructure(Of::Ap, index, ap.site, &ap.model.model, ap.name.clone());
        device.mbps = Some(ap.model.mbps);
        device.stations = Some(u64::from(ap.circuits.end - ap.circuits.start));
        let (wired, wired_kind) = if ap.model.is_olt() {
            ("sfp+1", "sfp")
        } else {
            ("eth0", "eth")
        };
        device.ports.push(Port::new(
            wired,
            wired_kind,
            Some(ap.model.port_mbps),
            Vec::from_iter(device.ip),
        ));
        if let Some(radio) = ap.model.radio {
            device.role = "ap";
            device.air = Some(Air {
                radio,
                mode: "ap-ptmp",
                ssid: format!("wisp-{index:06}"),
            });
            device
                .ports
                .push(Port::new("main", "wlan", None, Vec::new()));
        } else {
            device.role = "gpon";
            device
                .ports
                .push(Port::new("pon1", "pon", None, Vec::new()));
        }
        device
    }

    /// Both ends of a backhaul link and the ports that it joins.
    pub(super) fn backhaul_ends(&self, index: usize) -> [(Device<'a>, usize); 2] {
        let link = &self.isp.links[index];
        let Some(radio) = link.medium.radio else {
            let at_switch = |site: usize| {
                let nth = self.fibers[site].iter().position(|&it| it == index);
                (
                    self.switch(site),
                    nth.expect("a fibre ends at both switches") + 1,
                )
            };
            let upper = if has_core_switch(link) {
                (self.core_switch(index), 1)
            } else {
                at_switch(link.upper)
            };
            return [upper, at_switch(link.lower)];
        };
        let names = [link.upper, link.lower].map(|site| self.isp.sites[site].name.as_str());
        let make = |of, site, name: String, role, mode| {
            let mut device = self.infrastructure(of, index, site, link.medium.model, name);
            device.role = role;
            device.mbps = Some(link.medium.mbps);
            device.air = Some(Air {
                radio,
                mode,
                ssid: format!("bh-{index:05}"),
            });
            device.ports.push(Port::new(
                "eth0",
                "eth",
                Some(link.medium.port_mbps),
                Vec::from_iter(device.ip),
            ));
            device
                .ports
                .push(Port::new("main", "wlan", None, Vec::new()));
            device
        };
        let mut upper = make(
            Of::UpperRadio,
            link.upper,
            format!("{} to {}", names[0], names[1]),
            "ap",
            "ap-ptp",
        );
        let mut lower = make(
            Of::LowerRadio,
            link.lower,
            format!("{} to {}", names[1], names[0]),
            "station",
            "sta-ptp",
        );
        upper.stations = Some(u64::from(link.state == LinkState::Active));
        lower.ap = Some((upper.id, upper.name.clone(), upper.model));
        [(upper, 1), (lower, 1)]
    }

    /// The switch at the core that one fibre starts from.
    pub(super) fn core_switch(&self, link: usize) -> Device<'a> {
        let lower = self.isp.links[link].lower;
        let name = format!("{} line", self.isp.sites[lower].name);
        let mut device = self.infrastructure(Of::CoreSwitch, link, 0, &SWITCH, name);
        let speed = Some(self.isp.links[link].medium.port_mbps);
        device.ports.push(Port::new(
            "port1",
            "eth",
            Some(1000),
            Vec::from_iter(device.ip),
        ));
        device
            .ports
            .push(Port::new("sfp+2", "sfp", speed, Vec::new()));
        device
    }

    pub(super) fn subscriber_devices<'b>(
        &self,
        circuit: &Circuit,
        site: SiteRef<'b>,
        ap_here: &Device<'_>,
    ) -> Vec<Device<'b>> {
        let ap_model = self.isp.aps[circuit.ap].model;
        let ap = match circuit.attach {
            Attach::Ap(_) if ap_model.is_olt() => None,
            Attach::Ap(_) => Some((ap_here.id, ap_here.name.clone(), ap_here.model)),
            Attach::Unknown(ap) => Some((
                self.id(Of::Ap, ap),
                format!("Retired Tower AP{ap}"),
                ap_here.model,
            )),
            Attach::Nothing => None,
        };
        let make = |(number, it): (usize, &super::super::model::Device)| {
            let first = number == 0;
            let of = if first { Of::Cpe } else { Of::HomeRouter };
            let mut device = Device {
                id: self.id(of, circuit.index as usize),
                site,
                mac: it.mac,
                name: circuit.device_name(number),
                model: it.model,
                role: "router",
                mode: "router",
                ip: it.ips.first().copied(),
                mbps: None,
                air: None,
                stations: None,
                ap: None,
                ports: Vec::new(),
            };
            if !first {
                device
                    .ports
                    .push(Port::new("eth0", "eth", Some(1000), it.ips.clone()));
                return device;
            }
            device.ap = ap.clone();
            device.ports.push(Port::new(
                "eth0",
                "eth",
                Some(ap_model.cpe_port_mbps),
                it.ips.clone(),
            ));
            if let (Some(radio), Some(air)) = (ap_model.radio, &ap_here.air) {
                device.role = "station";
                device.mbps = Some(ap_model.mbps);
                device.air = Some(Air {
                    radio,
                    mode: "sta-ptmp",
                    ssid: air.ssid.clone(),
                });
                device
                    .ports
                    .push(Port::new("main", "wlan", None, Vec::new()));
            } else {
                device.role = "gpon";
                device
                    .ports
                    .push(Port::new("pon0", "pon", None, Vec::new()));
            }
            device
        };
        circuit.devices.iter().enumerate().map(make).collect()
    }
}
