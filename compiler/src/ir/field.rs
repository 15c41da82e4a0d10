//! Fields that two sources may disagree about, or that an operator may override, and their values as plain data: what
//! was chosen, what was not, and what stood there before are kept as these.

use std::fmt;

use crate::ir::records::{LeafKind, LinkState, NodeKind, ServiceState};
use crate::units::{Kbps, Pair};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Field {
    Addresses,
    AddressesAdd,
    AddressesRemove,
    Capacity,
    Comment,
    Commit,
    Cost,
    Ends,
    Exclude,
    Kind,
    Max,
    Min,
    Name,
    Parent,
    Plan,
    Qdisc,
    /// Plan, burst and commit together: they are sold together.
    Rates,
    State,
    Virtual,
}

impl Field {
    /// As it stands in `[merge.fields]` and in messages.
    pub fn word(self) -> &'static str {
        match self {
            Field::Addresses => "addresses",
            Field::AddressesAdd => "added addresses",
            Field::AddressesRemove => "removed addresses",
            Field::Capacity => "capacity",
            Field::Comment => "comment",
            Field::Commit => "commit",
            Field::Cost => "cost",
            Field::Ends => "ends",
            Field::Exclude => "exclude",
            Field::Kind => "kind",
            Field::Max => "max",
            Field::Min => "min",
            Field::Name => "name",
            Field::Parent => "parent",
            Field::Plan => "plan",
            Field::Qdisc => "qdisc",
            Field::Rates => "rates",
            Field::State => "state",
            Field::Virtual => "virtual",
        }
    }

    /// As it stands in `overrides.toml`.
    pub fn key(self) -> &'static str {
        match self {
            Field::AddressesAdd => "addresses_add",
            Field::AddressesRemove => "addresses_remove",
            Field::Capacity => "capacity_mbps",
            Field::Commit => "commit_mbps",
            Field::Max => "max_mbps",
            Field::Min => "min_mbps",
            Field::Plan => "plan_mbps",
            other => other.word(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FieldValue {
    Text(Box<str>),
    /// `None` = not known.
    Rates(Pair<Option<Kbps>>),
    Sold {
        plan: Pair<Option<Kbps>>,
        burst: Pair<Kbps>,
        burst_bytes: Pair<u64>,
        commit: Pair<Kbps>,
    },
    /// As text, sorted, each once.
    Addresses(Vec<Box<str>>),
    Service(ServiceState),
    Link(LinkState),
    Leaf(Pair<Option<LeafKind>>),
    Kind(NodeKind),
    Flag(bool),
    Count(Option<u64>),
}

/// Addresses a value shows before it counts.
const SHOWN: usize = 4;

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldValue::Text(text) if text.is_empty() => f.write_str("none"),
            FieldValue::Text(text) => f.write_str(text),
            FieldValue::Rates(rates) => pair(f, *rates),
            FieldValue::Sold {
                plan,
                burst,
                burst_bytes,
                commit,
            } => {
                pair(f, *plan)?;
                if *burst != Pair::ZERO {
                    write!(f, " + burst {burst} Mbit/s")?;
                }
                if *burst_bytes != Pair::both(0) {
                    write!(f, " + burst {}/{} bytes", burst_bytes.down, burst_bytes.up)?;
                }
                if *commit != Pair::ZERO {
                    write!(f, ", {commit} Mbit/s guaranteed")?;
                }
                Ok(())
            }
            FieldValue::Addresses(list) if list.is_empty() => f.write_str("none"),
            FieldValue::Addresses(list) => {
                f.write_str(&list[..list.len().min(SHOWN)].join(", "))?;
                match list.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            FieldValue::Service(state) => f.write_str(state.word()),
            FieldValue::Link(state) => f.write_str(state.word()),
            FieldValue::Leaf(leaf) => match leaf.map(|side| side.map_or("default", LeafKind::word))
            {
                Pair { down, up } if down == up => f.write_str(down),
                Pair { down, up } => write!(f, "{down}/{up}"),
            },
            FieldValue::Kind(kind) => f.write_str(kind.word()),
            FieldValue::Flag(on) => write!(f, "{on}"),
            FieldValue::Count(Some(n)) => write!(f, "{n}"),
            FieldValue::Count(None) => f.write_str("none"),
        }
    }
}

fn pair(f: &mut fmt::Formatter<'_>, rates: Pair<Option<Kbps>>) -> fmt::Result {
    let word = |k: Option<Kbps>| k.map_or_else(|| "none".to_owned(), |k| k.mbps().to_string());
    write!(f, "{}/{} Mbit/s", word(rates.down), word(rates.up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_say_them() {
        let rates = Pair::new(Some(Kbps(100_000)), None);
        for (value, want) in [
            (FieldValue::Text("".into()), "none"),
            (FieldValue::Rates(rates), "100/none Mbit/s"),
            (
                FieldValue::Sold {
                    plan: rates,
                    burst: Pair::both(Kbps(500)),
                    burst_bytes: Pair::both(0),
                    commit: Pair::both(Kbps(1_000)),
                },
                "100/none Mbit/s + burst 0.5/0.5 Mbit/s, 1/1 Mbit/s guaranteed",
            ),
            (
                FieldValue::Addresses(["1", "2", "3", "4", "5"].map(Into::into).into()),
                "1, 2, 3, 4 and 1 more",
            ),
            (
                FieldValue::Leaf(Pair::new(Some(LeafKind::Cake), None)),
                "cake/default",
            ),
        ] {
            assert_eq!(value.to_string(), want);
        }
    }
}
