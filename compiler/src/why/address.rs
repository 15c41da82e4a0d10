//! An address: whose traffic it is, by longest prefix match as the data plane does it, or why it is nobody's.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use weir_abi::table::{Direction, Table};
use weir_schemas::provenance::RefusedWhy;
use weir_schemas::why::{Address, Prefix, Refused, Subject, SubjectKind, TableEntry, Why};

use super::{Files, Locate, Shaped, text};
use crate::ir::address::{ClaimValue, Form, sort_key};

/// Prefixes inside an asked one that are listed.
const INSIDE: usize = 10;

impl Shaped {
    fn published(&self) -> Prefix<'_> {
        Prefix {
            prefix: Cow::Owned(self.net.to_string()),
            circuit: Cow::Borrowed(&self.circuit),
            device: Cow::Borrowed(&self.device),
        }
    }
}

fn same_family(a: &IpNet, b: &IpNet) -> bool {
    a.max_prefix_len() == b.max_prefix_len()
}

impl Files {
    /// What the address table knows of a single address, by the code that the kernel runs.
    fn in_table(&self, asked: &IpNet) -> Option<TableEntry<'_>> {
        let table = Table::open(self.table.as_deref()?)?;
        let entry = match asked.addr() {
            _ if asked.prefix_len() != asked.max_prefix_len() => None,
            IpAddr::V4(address) => table.lookup_v4(address.to_bits()),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                table.lookup_v6((bits >> 64) as u64, bits as u64)
            }
        }?;
        let queue = table.queue(entry.queue)?;
        let both = [Direction::Down, Direction::Up];
        let circuit = self.tree.circuits.keys().nth(entry.circuit as usize);
        Some(TableEntry {
            class: both.map(|direction| Cow::Owned(queue.class(entry, direction).to_string())),
            cpu: entry.queue,
            tx: both.map(|direction| queue.tx(direction)),
            circuit: circuit.map_or(Cow::Borrowed(""), |id| Cow::Borrowed(id.as_ref())),
        })
    }

    /// In words, where it is what the tree says, and where it is not.
    fn led(
        &self,
        asked: &IpNet,
        entry: Option<&TableEntry<'_>>,
        circuit: Option<&str>,
    ) -> Option<String> {
        Some(match entry {
            None if circuit.is_none() => return None,
            None => "But the address table does not know it: the files of this artifact do not belong together, and \
                     `weir verify` says more."
                .to_owned(),
            Some(entry) if circuit == Some(entry.circuit.as_ref()) => format!(
                "The address table leads packets to it into class {}, packets from it into class {}, on CPU queue {}.",
                entry.class[0], entry.class[1], entry.cpu
            ),
            Some(entry) => format!(
                "But the address table leads {} to class {} of {}: the files of this artifact do not belong together, \
                 and `weir verify` says more.",
                text::net(asked),
                entry.class[0],
                self.circuit_words(&entry.circuit)
            ),
        })
    }

    pub(super) fn address<'a>(&'a self, asked: IpNet, why: &mut Why<'a>, locate: &Locate<'_>) {
        let shown = text::net(&asked);
        let matched = self
            .prefixes
            .iter()
            .filter(|p| p.net.contains(&asked))
            .max_by_key(|p| p.net.prefix_len());
        let inside: Vec<&Shaped> = self
            .prefixes
            .iter()
            .filter(|p| asked.contains(&p.net) && p.net != asked)
            .take(INSIDE)
            .collect();
        let mut summary: Vec<String> = Vec::new();
        let mut circuit = None;
        let table = self.in_table(&asked);
        let looked_up = self.table.is_some() && asked.prefix_len() == asked.max_prefix_len();
        let owner = matched.map(|hit| hit.circuit.as_str());
        let led = looked_up
            .then(|| self.led(&asked, table.as_ref(), owner))
            .flatten();
        if let Some(hit) = matched {
            circuit = self.circuit_at(&hit.circuit);
            let by = match hit.net == asked {
                true => String::new(),
                false => format!(
                    " by {}, the longest prefix that holds it,",
                    text::net(&hit.net)
                ),
            };
            summary.push(format!(
                "{shown} is shaped{by} for {}, device {}.",
                self.circuit_words(&hit.circuit),
                text::quoted(&hit.device, None)
            ));
        }
        if let Some(at) = circuit {
            self.circuit(at, why, locate);
            summary.extend(led.clone());
            summary.append(&mut why.summary.iter().map(|s| s.to_string()).collect());
        }
        // Who else claims it.
        let mut claims: Vec<(usize, Refused<'a>)> = Vec::new();
        for (at, claimant) in self.provenance.circuits.iter().enumerate() {
            for refused in &claimant.refused {
                if concerns(&refused.address, &asked) {
                    claims.push((at, self.refused(claimant, refused)));
                }
            }
        }
        let mut nearest: Vec<&Shaped> = Vec::new();
        if matched.is_none() {
            match inside.is_empty() {
                true => {
                    summary.push(format!(
                        "{shown} is not shaped: its traffic passes at full speed."
                    ));
                    summary.extend(led);
                }
                false => summary.push(format!(
                    "{shown} as a whole is nobody's; {} inside it are shaped.",
                    match inside.len() {
                        INSIDE => format!("{INSIDE} prefixes or more"),
                        n => crate::report::counted(n, "prefix"),
                    }
                )),
            }
            let at = self
                .prefixes
                .partition_point(|p| sort_key(&p.net) < sort_key(&asked));
            let below = self.prefixes[..at].iter().next_back();
            let above = self.prefixes[at..].iter().find(|p| !asked.contains(&p.net));
            nearest.extend(
                [below, above]
                    .into_iter()
                    .flatten()
                    .filter(|p| same_family(&p.net, &asked)),
            );
        }
        for (at, refused) in claims.iter().take(5) {
            let whose = self.circuit_words(&self.provenance.circuits[*at].id);
            let what = match refused.why {
                RefusedWhy::HostBits => "writes",
                _ => "claims",
            };
            summary.push(format!(
                "{whose} {what} {}: {}.",
                text::quoted(&refused.address, None),
                refused.reason
            ));
        }
        if matched.is_none() && claims.is_empty() {
            summary.push("No circuit of any source claims it.".to_owned());
        }
        if let [first, ..] = nearest.as_slice() {
            let named: Vec<String> = nearest
                .iter()
                .map(|p| format!("{} ({})", text::net(&p.net), self.circuit_words(&p.circuit)))
                .collect();
            let _ = first;
            summary.push(format!(
                "The nearest that are shaped: {}.",
                named.join(" and ")
            ));
        }
        if circuit.is_none() {
            for at in claims.iter().map(|(at, _)| *at).take(5) {
                let claimant = &self.provenance.circuits[at];
                why.records
                    .push(self.record("claimant", claimant.record, locate));
            }
            why.refused = claims.into_iter().map(|(_, refused)| refused).collect();
        } else {
            let mine = owner.unwrap_or("");
            why.refused.extend(
                claims
                    .into_iter()
                    .map(|(_, refused)| refused)
                    .filter(|r| r.circuit != mine),
            );
        }
        why.subject = Subject {
            kind: SubjectKind::Address,
            id: Cow::Borrowed(owner.unwrap_or("")),
            name: Cow::Owned(asked.to_string()),
        };
        why.shaped = matched.is_some();
        why.address = Some(Address {
            asked: Cow::Owned(asked.to_string()),
            matched: matched.map(Shaped::published),
            inside: inside.into_iter().map(Shaped::published).collect(),
            nearest: nearest.into_iter().map(Shaped::published).collect(),
            table,
        });
        why.summary = summary.into_iter().map(Cow::Owned).collect();
    }
}

/// What was written is the asked address, holds it, or lies inside it.
fn concerns(written: &str, asked: &IpNet) -> bool {
    let net = match ClaimValue::parse(written, Form::Prefix) {
        ClaimValue::Host(ip) => ip.into(),
        ClaimValue::Prefix(ip, len) | ClaimValue::Interface(ip, len) => match IpNet::new(ip, len) {
            Ok(net) => net.trunc(),
            Err(_) => return false,
        },
        ClaimValue::Junk(_) => return false,
    };
    same_family(&net, asked) && (net.contains(asked) || asked.contains(&net))
}
