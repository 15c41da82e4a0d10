//! The map of a slot. With types: Linux 6.1 compares them with those of the map the object declares, and takes none
//! without.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use aya::Pod;
use aya::maps::{Array, Map, MapData};

const MAP_CREATE: i32 = 0;
const BTF_LOAD: i32 = 18;
const ARRAY: u32 = 2;

/// An array of `entries` values, each of whole words.
pub fn array<V: Pod>(entries: u32, flags: u32) -> Array<MapData, V> {
    let words = size_of::<V>() as u32 / 8;
    let types = btf(words);
    let mut load = [0_u8; 32];
    load[..8].copy_from_slice(&(types.as_ptr() as u64).to_ne_bytes());
    load[16..20].copy_from_slice(&(types.len() as u32).to_ne_bytes());
    let types = call(BTF_LOAD, &mut load).expect("types of a map");

    let mut create = [0_u8; 72];
    let numbers = [ARRAY, 4, words * 8, entries, flags];
    for (place, number) in create.chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_ne_bytes());
    }
    create[28..37].copy_from_slice(b"weir_slot");
    for (at, number) in [(48, types.as_raw_fd() as u32), (52, 1), (56, 4)] {
        create[at..at + 4].copy_from_slice(&number.to_ne_bytes());
    }
    let map = call(MAP_CREATE, &mut create).expect("the map of a slot");
    let map = MapData::from_fd(map).unwrap();
    Map::Array(map).try_into().unwrap()
}

/// `struct { u64 words[n]; }`, and `u32` for the key.
fn btf(words: u32) -> Vec<u8> {
    let kind = |kind: u32, members: u32| kind << 24 | members;
    let types = [
        [1, kind(1, 0), 4, 32].as_slice(),
        &[5, kind(1, 0), 8, 64],
        &[0, kind(3, 0), 0, 2, 1, words],
        &[9, kind(4, 1), words * 8, 11, 3, 0],
    ]
    .concat();
    let strings = b"\0u32\0u64\0v\0words\0";
    let head = [
        24,
        0,
        4 * types.len() as u32,
        4 * types.len() as u32,
        strings.len() as u32,
    ];
    let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
    bytes.extend([1, 0]);
    bytes.extend(
        head.iter()
            .chain(&types)
            .flat_map(|word| word.to_ne_bytes()),
    );
    bytes.extend(strings);
    bytes
}

#[expect(unsafe_code, reason = "the system call has no safe form")]
fn call(command: i32, attributes: &mut [u8]) -> io::Result<OwnedFd> {
    // SAFETY: attributes of their own length, with pointers to what outlives the call; it returns a descriptor that
    // nobody else has.
    unsafe {
        let fd = libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_mut_ptr(),
            attributes.len(),
        );
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}
