//! Identities. Strings become typed indices once, in `normalize`; after that the compiler moves integers.

/// Declares a `u32` index type into one sorted table.
macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            pub fn of(position: usize) -> Self {
                $name(u32::try_from(position).expect("tables hold fewer than 2^32 rows"))
            }
            pub fn ix(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(/// A node of the inventory: a site, AP or other network element. Order is the order of ids.
    NodeIx);
index!(/// A link of the inventory.
    LinkIx);
index!(/// A circuit of the inventory. Order is the order of ids.
    CircuitIx);
index!(/// An emitted node of the shaping tree. Order: parents before children.
    TreeIx);
index!(/// An input file: an export, `weir.toml`, `overrides.toml`.
    FileId);
