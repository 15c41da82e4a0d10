//! A generation into a slot: its address table and its counters, made, filled, frozen, read back and only then
//! named in the slot's description.

use std::os::fd::{AsFd, OwnedFd};

use sha2::{Digest, Sha256};
use weir_abi::ABI_VERSION;
use weir_abi::maps::{Counts, Meta, SLOTS};
use weir_abi::table::{MAGIC, PAGE_BYTES};
use weir_plan::kernel::Active;

use super::Error;
use super::maps::{Maps, clear_inner, hex, new_inner, put_inner};
use super::pins::{self, Pins};
use super::sys::{self, Mapped};

const _: () = assert!(
    cfg!(target_endian = "little"),
    "a table's file is little-endian and goes into the kernel as it is"
);

impl Maps {
    /// Puts a table, whose bytes were checked, into a slot that is not active. `digest`: of the payload.
    ///
    /// Whatever fails on the way leaves the slot empty.
    pub fn load(&self, pins: &Pins, slot: u32, digest: &str, table: &[u8]) -> Result<(), Error> {
        let digest = parse_digest(digest)?;
        self.writable(slot)?;
        let (pages, circuits) = header(table)?;
        self.clear(pins, slot)?;

        let map = new_inner("weir_table", PAGE_BYTES, pages)?;
        let mut mapped = Mapped::new(&map, table.len(), true)
            .map_err(Error::os("map the address table into memory"))?;
        mapped.write(table);
        drop(mapped);
        sys::map_freeze(map.as_fd()).map_err(Error::os("freeze the address table"))?;
        let mapped = Mapped::new(&map, table.len(), false)
            .map_err(Error::os("read the address table back"))?;
        let written: [u8; 32] = Sha256::digest(mapped.frozen()).into();
        if mapped.frozen() != table {
            return Err(Error::ReadBack {
                written: hex(&<[u8; 32]>::from(Sha256::digest(table))),
                found: hex(&written),
            });
        }
        drop(mapped);
        let counts = new_inner("weir_counted", size_of::<Counts>(), circuits.max(1))?;

        let put = |outer: &OwnedFd, inner| {
            put_inner(outer.as_fd(), slot, inner)
                .map_err(Error::os(format!("put a map into slot {slot}")))
        };
        put(&self.tables, &map)?;
        put(&self.counts, &counts)?;
        pins::put(&map, &pins.table(slot))?;
        pins::put(&counts, &pins.counts(slot))?;
        self.set_meta(
            slot,
            Some(&Meta {
                abi: ABI_VERSION,
                circuits,
                digest,
                table: written,
            }),
        )
    }

    /// Empties a slot that is not active.
    pub fn clear(&self, pins: &Pins, slot: u32) -> Result<(), Error> {
        self.writable(slot)?;
        self.set_meta(slot, None)?;
        clear_inner(&self.tables, slot)?;
        clear_inner(&self.counts, slot)?;
        pins::remove(&pins.table(slot))?;
        pins::remove(&pins.counts(slot))
    }

    fn writable(&self, slot: u32) -> Result<(), Error> {
        if slot >= SLOTS {
            return Err(Error::NoSlot(slot));
        }
        if self.active()? == Active::Slot(slot) {
            return Err(Error::ActiveSlot(slot));
        }
        Ok(())
    }

    /// Whether the table in a slot is, byte for byte, what was once put there. An empty slot is not.
    pub fn proves(&self, pins: &Pins, slot: u32) -> Result<bool, Error> {
        let meta = self.meta(slot)?;
        let Some(map) = self.pinned(&self.tables, &pins.table(slot), slot)? else {
            return Ok(false);
        };
        let info = sys::map_info(map.as_fd()).map_err(Error::os("ask about an address table"))?;
        let length = info.max_entries as usize * PAGE_BYTES;
        Ok(meta.abi == ABI_VERSION
            && info.value_size as usize == PAGE_BYTES
            && digest_of(&map, length)? == meta.table)
    }

    /// The map in a slot, by its pin, if that is the one the programs read.
    pub(super) fn pinned(
        &self,
        outer: &OwnedFd,
        path: &std::path::Path,
        slot: u32,
    ) -> Result<Option<OwnedFd>, Error> {
        let (Some(id), Some(map)) = (self.inner_id(outer, slot)?, pins::get(path)?) else {
            return Ok(None);
        };
        let info = sys::map_info(map.as_fd()).map_err(|error| Error::Foreign {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
        Ok((info.id == id).then_some(map))
    }
}

fn digest_of(map: &OwnedFd, length: usize) -> Result<[u8; 32], Error> {
    let mapped =
        Mapped::new(map, length, false).map_err(Error::os("read the address table back"))?;
    Ok(Sha256::digest(mapped.frozen()).into())
}

/// Pages and circuits, from the first page. Everything else in it was checked by whoever hands it over.
fn header(table: &[u8]) -> Result<(u32, u32), Error> {
    let word = |n: usize| {
        table
            .get(n * 8..n * 8 + 8)
            .map(|bytes| u64::from_le_bytes(std::array::from_fn(|i| bytes[i])))
            .ok_or_else(|| Error::Table("it is shorter than its header".to_owned()))
    };
    if word(0)? != MAGIC || word(1)? as u32 != ABI_VERSION {
        return Err(Error::Table(format!(
            "it is none of ABI version {ABI_VERSION}"
        )));
    }
    let pages = (word(1)? >> 32) as u32;
    if pages as usize * PAGE_BYTES != table.len() {
        return Err(Error::Table(format!(
            "{} bytes are not {pages} pages",
            table.len()
        )));
    }
    Ok((pages, (word(4)? >> 32) as u32))
}

fn parse_digest(text: &str) -> Result<[u8; 32], Error> {
    let bad = || Error::Digest {
        digest: text.chars().take(80).collect(),
    };
    if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(bad());
    }
    let mut out = [0; 32];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).map_err(|_| bad())?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_refused_before_anything_is_made() {
        assert!(header(&[]).is_err());
        assert!(header(&[0; PAGE_BYTES]).is_err());
        let mut page = vec![0; PAGE_BYTES];
        page[..8].copy_from_slice(&MAGIC.to_le_bytes());
        page[8..16].copy_from_slice(&(u64::from(ABI_VERSION) | 2 << 32).to_le_bytes());
        assert_eq!(
            header(&page).expect_err("two pages").to_string(),
            "the address table is not as it was when it was checked: 4096 bytes are not 2 pages"
        );
        page[12] = 1;
        page[36] = 9;
        assert_eq!(header(&page).ok(), Some((1, 9)));
    }

    #[test]
    fn a_digest_is_64_digits() {
        assert_eq!(parse_digest(&"0f".repeat(32)).ok(), Some([0x0f; 32]));
        for bad in ["", "0F", &"0F".repeat(32), &"é".repeat(32), &"0".repeat(63)] {
            assert!(parse_digest(bad).is_err(), "{bad}");
        }
    }
}
