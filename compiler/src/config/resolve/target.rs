//! `[target.NAME]`: the box that an artifact is built for. Whether the plan fits it is judged later.

use crate::config::check::{Check, list};
use crate::config::file::{self, File, ModeWord};
use crate::config::project::{Shaper, ShaperMode, Target};
use crate::config::resolve::CliOverrides;
use crate::config::suggest::nearest;
use crate::config::value::At;
use crate::ir::records::LeafKind;
use crate::units::Kbps;

impl Check<'_> {
    /// Every declared target is checked; the chosen one is returned.
    pub(super) fn target(&mut self, file: &File, overrides: &CliOverrides) -> Target {
        let mut targets: Vec<Target> = Vec::new();
        for (name, written) in &file.target {
            self.slug("the name of a target", name);
            targets.push(self.one_target(&name.value, &written.value));
        }
        let names = list(targets.iter().filter_map(|t| t.name.as_ref()));
        match (&overrides.target, targets.len()) {
            (Some(wanted), 0) => self.problem(
                None,
                format!("there is no target `{wanted}`: weir.toml declares none"),
                format!("add [target.{wanted}], or leave out --target"),
            ),
            (Some(wanted), _) => {
                if let Some(at) = targets.iter().position(|t| t.name.as_ref() == Some(wanted)) {
                    return targets.swap_remove(at);
                }
                let near = nearest(wanted, targets.iter().filter_map(|t| t.name.as_deref()));
                let hint = near
                    .map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default();
                self.problem(
                    None,
                    format!("there is no target `{wanted}`"),
                    format!("{hint}weir.toml declares {names}"),
                );
            }
            (None, 0) => {}
            (None, 1) => return targets.swap_remove(0),
            (None, _) => self.problem(
                None,
                format!("weir.toml declares several targets, and none is chosen: {names}"),
                "an artifact is built for one of them: choose with --target NAME",
            ),
        }
        self.one_target("", &file::Target::default())
    }

    /// An empty name is the assumed box of a project without targets.
    fn one_target(&mut self, name: &str, written: &file::Target) -> Target {
        let key = |of: &str| format!("target.{name}.{of}");
        let shaper = self.shaper(&key("shaper"), &written.shaper);
        // Each CPU queue is an HTB with a major of its own; some majors hash badly. On a stick both directions share
        // one interface.
        let most = match &shaper {
            Some(Shaper {
                mode: ShaperMode::Stick { .. },
                ..
            }) => 59,
            _ => 119,
        };
        let queues = self.count(&key("queues"), &written.queues, 16, 1..=most);
        let (leaf, qdisc) = self.qdisc(&key("shaper.qdisc"), &written.shaper.qdisc);
        let fallback = written.shaper.leaf_fallback.iter().flatten();
        let fallback_key = key("shaper.leaf_fallback");
        Target {
            name: (!name.is_empty()).then(|| name.to_owned()),
            queues: queues as u16,
            memory: self.bytes(&key("memory"), &written.memory),
            core: self.gbps(&key("core_gbps"), &written.core_gbps, Kbps(3_000_000)),
            shaper,
            leaf,
            qdisc,
            leaf_fallback: fallback
                .map(|word| self.one_qdisc(&fallback_key, word).1)
                .collect(),
        }
    }

    /// `None`: no interfaces are stated.
    fn shaper(&mut self, key: &str, written: &file::Shaper) -> Option<Shaper> {
        let mode = self.word(&format!("{key}.mode"), &written.mode, ModeWord::Bridge);
        let vlan = 1..=4094;
        let internet_key = format!("{key}.internet_vlan");
        let network_key = format!("{key}.network_vlan");
        let internet_vlan = self.count(&internet_key, &written.internet_vlan, 0, vlan.clone());
        let network_vlan = self.count(&network_key, &written.network_vlan, 0, vlan);
        let to_internet = self.interface(&format!("{key}.to_internet"), &written.to_internet);
        let to_network = self.interface(&format!("{key}.to_network"), &written.to_network);
        if mode == ModeWord::Bridge {
            for vlan in [&written.internet_vlan, &written.network_vlan]
                .into_iter()
                .flatten()
            {
                self.problem(
                    Some(&vlan.span),
                    format!("`{key}` is a bridge, which has no VLANs"),
                    "add mode = \"stick\", or take internet_vlan and network_vlan away",
                );
            }
            let (internet, network) = match (to_internet, to_network) {
                (Some(internet), Some(network)) => (internet, network),
                (None, None) => return None,
                (Some(one), None) | (None, Some(one)) => {
                    self.problem(
                        Some(&one.span),
                        format!("`{key}` is a bridge and needs both to_internet and to_network"),
                        "name the other interface, or add mode = \"stick\"",
                    );
                    return None;
                }
            };
            if internet.value == network.value {
                self.problem(
                    Some(&network.span),
                    format!("`{key}` is a bridge between `{0}` and `{0}`", network.value),
                    "name two interfaces, or add mode = \"stick\"",
                );
            }
            return Some(Shaper {
                to_internet: internet.value.clone(),
                to_network: network.value.clone(),
                mode: ShaperMode::Bridge,
            });
        }
        let at = written.mode.as_ref().map(|mode| &mode.span);
        let Some(interface) = to_internet.or(to_network) else {
            self.problem(
                at,
                format!("`{key}` has mode = \"stick\" and no interface"),
                "add to_internet = \"..\"",
            );
            return None;
        };
        if let Some(network) = to_network
            && network.value != interface.value
        {
            self.problem(
                Some(&network.span),
                format!("`{key}` has mode = \"stick\" and two interfaces"),
                "take to_network away, or write mode = \"bridge\"",
            );
        }
        if written.internet_vlan.is_none() || written.network_vlan.is_none() {
            self.problem(
                at,
                format!("`{key}` has mode = \"stick\" and needs internet_vlan and network_vlan"),
                "add the VLAN of each side, 1 to 4094",
            );
        } else if internet_vlan == network_vlan {
            self.problem(
                written.network_vlan.as_ref().map(|vlan| &vlan.span),
                format!("`{key}` has VLAN {network_vlan} on both sides"),
                "the two VLANs of a stick are different ones",
            );
        }
        Some(Shaper {
            to_internet: interface.value.clone(),
            to_network: interface.value.clone(),
            mode: ShaperMode::Stick {
                internet_vlan: internet_vlan as u16,
                network_vlan: network_vlan as u16,
            },
        })
    }

    /// A name that Linux gives an interface.
    fn interface<'w>(
        &mut self,
        key: &str,
        written: &'w Option<At<String>>,
    ) -> Option<&'w At<String>> {
        let name = written.as_ref()?;
        let bad = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
        let value = &name.value;
        if value.is_empty()
            || value.len() > 15
            || value == "."
            || value == ".."
            || value.contains(bad)
        {
            self.problem(
                Some(&name.span),
                format!("`{key}` is not the name of an interface"),
                "write it as `ip link` shows it: at most 15 characters, no blank and no slash",
            );
        }
        Some(name)
    }

    fn qdisc(&mut self, key: &str, written: &Option<At<String>>) -> (LeafKind, String) {
        match written {
            Some(written) => self.one_qdisc(key, written),
            None => (LeafKind::Cake, "cake diffserv4".to_owned()),
        }
    }

    fn one_qdisc(&mut self, key: &str, written: &At<String>) -> (LeafKind, String) {
        const LEAVES: [LeafKind; 3] = [LeafKind::Cake, LeafKind::FqCodel, LeafKind::None];
        let words: Vec<&str> = written.value.split_whitespace().collect();
        let first = words.first().copied().unwrap_or("");
        let leaf = LEAVES.into_iter().find(|leaf| leaf.word() == first);
        if leaf.is_none() {
            let hint = nearest(first, LEAVES.map(LeafKind::word))
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            self.problem(
                Some(&written.span),
                format!("`{key}` starts with no known queueing discipline"),
                format!("{hint}write cake, fq_codel or none first, then options as tc takes them"),
            );
        } else if leaf == Some(LeafKind::None) && words.len() > 1 {
            self.problem(
                Some(&written.span),
                format!("`{key}` gives options to `none`"),
                "write \"none\" alone",
            );
        }
        (leaf.unwrap_or(LeafKind::Cake), words.join(" "))
    }
}
