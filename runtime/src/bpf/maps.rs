//! The pinned maps: what they must be like, and what is read and written in them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use weir_abi::ABI_VERSION;
use weir_abi::maps::{
    self, Counts, Flow, FlowKey, MAX_FLOWS, MAX_UNKNOWN, Meta, Outcome, QUEUE_ROOM, SLOTS,
    Settings, Total, Unknown,
};
use weir_abi::table::PAGE_BYTES;
use weir_plan::kernel::{Active, Tables};

use super::pins::{self, Pins};
use super::sys::{self, MapInfo};
use super::{Error, btf};

/// What a map is like: kind, bytes of key and value, entries (0 = as many as there are CPUs).
const SHAPES: [(&str, u32, usize, usize, u32); 10] = [
    (maps::TABLES, sys::MAP_TYPE_ARRAY_OF_MAPS, 4, 4, SLOTS),
    (maps::COUNTS, sys::MAP_TYPE_ARRAY_OF_MAPS, 4, 4, SLOTS),
    (maps::ACTIVE, sys::MAP_TYPE_ARRAY, 4, 4, 1),
    (maps::META, sys::MAP_TYPE_ARRAY, 4, size_of::<Meta>(), SLOTS),
    (
        maps::SETTINGS,
        sys::MAP_TYPE_ARRAY,
        4,
        size_of::<Settings>(),
        1,
    ),
    (
        maps::TOTALS,
        sys::MAP_TYPE_PERCPU_ARRAY,
        4,
        size_of::<Total>(),
        Outcome::COUNT * 2,
    ),
    (
        maps::UNKNOWN,
        sys::MAP_TYPE_LRU_HASH,
        16,
        size_of::<Unknown>(),
        MAX_UNKNOWN,
    ),
    (
        maps::FLOWS,
        sys::MAP_TYPE_LRU_HASH,
        size_of::<FlowKey>(),
        size_of::<Flow>(),
        MAX_FLOWS,
    ),
    (maps::CPUS, sys::MAP_TYPE_CPUMAP, 4, 0, 0),
    (maps::QUEUE_CPUS, sys::MAP_TYPE_ARRAY, 4, 4, QUEUE_ROOM),
];

/// Refuses pins under our names that are not what we make, and maps that another version filled.
pub(super) fn check_pins(pins: &Pins) -> Result<(), Error> {
    for (name, kind, key, value, entries) in SHAPES {
        let path = pins.named(name);
        let Some(fd) = pins::get(&path)? else {
            continue;
        };
        let info = sys::map_info(fd.as_fd()).map_err(|error| Error::Foreign {
            path: path.clone(),
            detail: error.to_string(),
        })?;
        let right = info.kind == kind
            && info.key_size as usize == key
            && (value == 0 || info.value_size as usize == value)
            && (entries == 0 || info.max_entries == entries);
        if !right {
            let MapInfo {
                kind,
                key_size,
                value_size,
                max_entries,
                ..
            } = info;
            return Err(Error::Foreign {
                path,
                detail: format!(
                    "a map of type {kind} with {max_entries} entries of {key_size} and {value_size} bytes"
                ),
            });
        }
    }
    if let Some(maps) = Maps::open_unchecked(pins)? {
        for slot in 0..SLOTS {
            let meta = maps.meta(slot)?;
            if meta.abi != 0 && meta.abi != ABI_VERSION {
                return Err(Error::OtherAbi { found: meta.abi });
            }
        }
    }
    Ok(())
}

/// Makes and pins the maps of maps that are not pinned yet. Here and not by the loader, because what their values
/// are like must agree with the maps that are put into them, and those are made here too.
pub(super) fn make_outer(pins: &Pins) -> Result<(), Error> {
    for (name, bytes) in [
        (maps::TABLES, PAGE_BYTES),
        (maps::COUNTS, size_of::<Counts>()),
    ] {
        if pins::get(&pins.named(name))?.is_some() {
            continue;
        }
        let template = new_inner("weir_template", bytes, 1)?;
        let outer = sys::map_create(&sys::NewMap {
            kind: sys::MAP_TYPE_ARRAY_OF_MAPS,
            key_size: 4,
            value_size: 4,
            max_entries: SLOTS,
            flags: 0,
            inner: Some(template.as_fd()),
            btf: None,
            name,
        })
        .map_err(Error::os(format!("make {name}")))?;
        pins::put(&outer, &pins.named(name))?;
    }
    Ok(())
}

/// The maps, open.
pub struct Maps {
    pub(super) tables: OwnedFd,
    pub(super) counts: OwnedFd,
    pub(super) active: OwnedFd,
    meta: OwnedFd,
    settings: OwnedFd,
    pub(super) totals: OwnedFd,
    pub(super) unknown: OwnedFd,
    pub(super) flows: OwnedFd,
    pub(super) cpus: OwnedFd,
    pub(super) queue_cpus: OwnedFd,
}

impl Maps {
    /// `None` when they are not all pinned. Refuses what is not ours.
    pub fn open(pins: &Pins) -> Result<Option<Self>, Error> {
        check_pins(pins)?;
        Self::open_unchecked(pins)
    }

    fn open_unchecked(pins: &Pins) -> Result<Option<Self>, Error> {
        let get = |name| pins::get(&pins.named(name));
        let (Some(tables), Some(counts), Some(active), Some(meta), Some(settings)) = (
            get(maps::TABLES)?,
            get(maps::COUNTS)?,
            get(maps::ACTIVE)?,
            get(maps::META)?,
            get(maps::SETTINGS)?,
        ) else {
            return Ok(None);
        };
        let (Some(totals), Some(unknown), Some(flows), Some(cpus), Some(queue_cpus)) = (
            get(maps::TOTALS)?,
            get(maps::UNKNOWN)?,
            get(maps::FLOWS)?,
            get(maps::CPUS)?,
            get(maps::QUEUE_CPUS)?,
        ) else {
            return Ok(None);
        };
        Ok(Some(Self {
            tables,
            counts,
            active,
            meta,
            settings,
            totals,
            unknown,
            flows,
            cpus,
            queue_cpus,
        }))
    }

    /// The word that every packet reads.
    pub fn active(&self) -> Result<Active, Error> {
        let mut word = [0; 4];
        lookup(&self.active, 0, &mut word, maps::ACTIVE)?;
        Ok(match u32::from_ne_bytes(word) {
            0 => Active::Nothing,
            n => Active::Slot(n - 1),
        })
    }

    pub fn meta(&self, slot: u32) -> Result<Meta, Error> {
        let mut bytes = [0; size_of::<Meta>()];
        lookup(&self.meta, slot, &mut bytes, maps::META)?;
        let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]));
        Ok(Meta {
            abi: word(0),
            circuits: word(4),
            digest: std::array::from_fn(|i| bytes[8 + i]),
            table: std::array::from_fn(|i| bytes[40 + i]),
        })
    }

    pub(super) fn set_meta(&self, slot: u32, meta: Option<&Meta>) -> Result<(), Error> {
        let mut bytes = [0; size_of::<Meta>()];
        if let Some(meta) = meta {
            bytes[..4].copy_from_slice(&meta.abi.to_ne_bytes());
            bytes[4..8].copy_from_slice(&meta.circuits.to_ne_bytes());
            bytes[8..40].copy_from_slice(&meta.digest);
            bytes[40..].copy_from_slice(&meta.table);
        }
        update(&self.meta, slot, &bytes, maps::META)
    }

    pub fn settings(&self) -> Result<Settings, Error> {
        let mut bytes = [0; size_of::<Settings>()];
        lookup(&self.settings, 0, &mut bytes, maps::SETTINGS)?;
        let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]));
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Ok(Settings {
            sample_every: word(0),
            internet_vlan: half(4),
            network_vlan: half(6),
            stamp: word(8),
            reserved: word(12),
        })
    }

    pub fn set_settings(&self, settings: &Settings) -> Result<(), Error> {
        let mut bytes = [0; size_of::<Settings>()];
        bytes[..4].copy_from_slice(&settings.sample_every.to_ne_bytes());
        bytes[4..6].copy_from_slice(&settings.internet_vlan.to_ne_bytes());
        bytes[6..8].copy_from_slice(&settings.network_vlan.to_ne_bytes());
        bytes[8..12].copy_from_slice(&settings.stamp.to_ne_bytes());
        update(&self.settings, 0, &bytes, maps::SETTINGS)
    }

    /// What an observation tells of them.
    pub fn tables(&self) -> Result<Tables, Error> {
        let settings = self.settings()?;
        let mut slots = Vec::with_capacity(SLOTS as usize);
        for slot in 0..SLOTS {
            let meta = self.meta(slot)?;
            // Whoever died between the two writes left a slot that says more than it holds.
            let held = self.inner_id(&self.tables, slot)?.is_some()
                && self.inner_id(&self.counts, slot)?.is_some();
            slots.push((meta.abi != 0 && held).then(|| hex(&meta.digest)));
        }
        Ok(Tables {
            active: Some(self.active()?),
            slots,
            vlans: [settings.internet_vlan, settings.network_vlan],
        })
    }

    /// Number of the map in a slot of an outer map.
    pub(super) fn inner_id(&self, outer: &OwnedFd, slot: u32) -> Result<Option<u32>, Error> {
        let mut id = [0; 4];
        sys::map_lookup(outer.as_fd(), &slot.to_ne_bytes(), &mut id)
            .map(|there| there.then(|| u32::from_ne_bytes(id)))
            .map_err(Error::os(format!("read slot {slot}")))
    }

    /// One word: from here on packets are classified by another slot, or not at all.
    pub fn flip(&self, to: Active) -> Result<(), Error> {
        let word = match to {
            Active::Nothing => 0,
            Active::Slot(slot) if slot >= SLOTS => return Err(Error::NoSlot(slot)),
            Active::Slot(slot) => {
                let tables = self.tables()?;
                if tables.slots.get(slot as usize).is_none_or(Option::is_none) {
                    return Err(Error::EmptySlot(slot));
                }
                slot + 1
            }
        };
        update(&self.active, 0, &u32::to_ne_bytes(word), maps::ACTIVE)
    }
}

/// Waits until every program that was running when this was called has ended.
///
/// The kernel lets a user of a map of maps wait for that after each change, so that nobody frees what a program
/// still reads: for any such map, so one of our own, which no program has, will do.
pub fn barrier() -> Result<(), Error> {
    let failed = |source| Error::Os {
        doing: "wait for running programs".to_owned(),
        source,
    };
    let inner = sys::map_create(&sys::NewMap {
        kind: sys::MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: 0,
        inner: None,
        btf: None,
        name: "weir_wait_in",
    })
    .map_err(failed)?;
    let outer = sys::map_create(&sys::NewMap {
        kind: sys::MAP_TYPE_ARRAY_OF_MAPS,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: 0,
        inner: Some(inner.as_fd()),
        btf: None,
        name: "weir_wait",
    })
    .map_err(failed)?;
    put_inner(outer.as_fd(), 0, &inner).map_err(failed)
}

pub(super) fn put_inner(outer: BorrowedFd<'_>, slot: u32, inner: &OwnedFd) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;
    let value = (inner.as_raw_fd() as u32).to_ne_bytes();
    sys::map_update(outer, &slot.to_ne_bytes(), &value)
}

/// A map that can be put into a slot: an array of values of so many bytes.
pub(super) fn new_inner(name: &str, value_bytes: usize, entries: u32) -> Result<OwnedFd, Error> {
    let described = sys::btf_load(&btf::describe(value_bytes as u32))
        .map_err(Error::os("describe the type of a map"))?;
    sys::map_create(&sys::NewMap {
        kind: sys::MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: value_bytes as u32,
        max_entries: entries,
        flags: sys::MMAPABLE | sys::INNER_MAP,
        inner: None,
        btf: Some((described.as_fd(), btf::KEY, btf::VALUE)),
        name,
    })
    .map_err(Error::os(format!(
        "make a map of {entries} times {value_bytes} bytes"
    )))
}

fn lookup(map: &OwnedFd, key: u32, value: &mut [u8], name: &str) -> Result<(), Error> {
    sys::map_lookup(map.as_fd(), &key.to_ne_bytes(), value)
        .map(drop)
        .map_err(Error::os(format!("read {name}")))
}

fn update(map: &OwnedFd, key: u32, value: &[u8], name: &str) -> Result<(), Error> {
    sys::map_update(map.as_fd(), &key.to_ne_bytes(), value)
        .map_err(Error::os(format!("write {name}")))
}

/// Empties a slot of an outer map.
pub(super) fn clear_inner(outer: &OwnedFd, slot: u32) -> Result<(), Error> {
    sys::map_delete(outer.as_fd(), &slot.to_ne_bytes())
        .map_err(Error::os(format!("empty slot {slot}")))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
