//! A prefix as the tree writes it, read strictly: what is not a network is no prefix. It knows nothing of whose it is.

use std::net::IpAddr;

use weir_abi::table;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix {
    pub v4: bool,
    /// Left-aligned.
    bits: u128,
    len: u8,
}

impl Prefix {
    /// `None` unless it is a network: an address, its length, and no host bits.
    pub fn parse(text: &str) -> Option<Prefix> {
        let (address, len) = text.split_once('/')?;
        let len: u8 = len.parse().ok()?;
        let (v4, bits, most) = match address.parse().ok()? {
            IpAddr::V4(v4) => (true, u128::from(u32::from(v4)) << 96, 32),
            IpAddr::V6(v6) => (false, u128::from(v6), 128),
        };
        let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        (len <= most && bits & host == 0).then_some(Prefix { v4, bits, len })
    }

    pub fn text(self) -> String {
        self.in_table().to_string()
    }

    /// As the address table has it.
    pub fn in_table(self) -> table::Prefix {
        match self.v4 {
            true => table::Prefix::V4 {
                address: (self.bits >> 96) as u32,
                len: self.len,
            },
            false => table::Prefix::V6 {
                upper: (self.bits >> 64) as u64,
                lower: self.bits as u64,
                len: self.len,
            },
        }
    }
}
