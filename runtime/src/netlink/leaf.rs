//! A leaf qdisc: one of the disciplines a plan can name, with its options.

use super::cake::Cake;
use super::fq_codel::FqCodel;
use super::wire::Request;
pub use super::words::BadArguments;

/// A discipline with its options.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Leaf {
    Cake(Cake),
    FqCodel(FqCodel),
}

impl Leaf {
    /// From arguments as `tc` takes them, without the kind, which is as the kernel calls it. An option that is
    /// unknown, or senseless for a leaf, is an error, and so is another kind.
    pub fn parse(kind: &str, arguments: &str) -> Result<Self, BadArguments> {
        match kind {
            "cake" => Ok(Leaf::Cake(Cake::parse(arguments)?)),
            "fq_codel" => Ok(Leaf::FqCodel(FqCodel::parse(arguments)?)),
            _ => Err(BadArguments {
                kind: "leaf",
                arguments: kind.to_owned(),
                problem: "not a discipline of leaves; there are cake and fq_codel".to_owned(),
            }),
        }
    }

    /// From `TCA_OPTIONS` of a qdisc of this kind. `None`: it is of another kind, or no plan would make it so.
    pub fn read(kind: &str, options: &[u8], mtu: u32) -> Option<Self> {
        match kind {
            "cake" => Cake::read(options).map(Leaf::Cake),
            "fq_codel" => Some(Leaf::FqCodel(FqCodel::read(options, mtu))),
            _ => None,
        }
    }

    /// As the kernel calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Leaf::Cake(_) => "cake",
            Leaf::FqCodel(_) => "fq_codel",
        }
    }

    /// Its options as `tc` would take them: only what differs from the kernel's own choice, in a fixed order. Equal
    /// text means equal options, whether they were read from a plan or from the kernel. `mtu`: of the interface.
    pub fn text(&self, mtu: u32) -> String {
        match self {
            Leaf::Cake(cake) => cake.text(),
            Leaf::FqCodel(fq) => fq.clone().settled(mtu).text(),
        }
    }

    pub fn write_new(&self, into: &mut Request) {
        match self {
            Leaf::Cake(cake) => cake.write(into),
            Leaf::FqCodel(fq) => fq.write_new(into),
        }
    }

    /// For a qdisc of the same kind that is there.
    pub fn write_change(&self, into: &mut Request, mtu: u32) {
        match self {
            Leaf::Cake(cake) => cake.write(into),
            Leaf::FqCodel(fq) => fq.write_change(into, mtu),
        }
    }
}
