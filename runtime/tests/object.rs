//! What is in the object that is checked in, without a kernel: it traces nothing, its license lets it call what it
//! calls, its maps and programs are those of `weir_abi::maps`, and no path of a machine is in it.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use weir_abi::maps;

const OBJECT: &[u8] = include_bytes!("../../ebpf/weir.bpf.o");
const DIGEST: &str = include_str!("../../ebpf/weir.bpf.o.sha256");

/// A section of an ELF file: name, type, bytes.
struct Section {
    name: String,
    kind: u32,
    bytes: &'static [u8],
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(word)
}

fn text(bytes: &[u8], at: usize) -> String {
    let end = bytes[at..].iter().position(|&byte| byte == 0).unwrap();
    String::from_utf8(bytes[at..at + end].to_vec()).unwrap()
}

fn sections() -> Vec<Section> {
    assert_eq!(
        &OBJECT[..6],
        b"\x7fELF\x02\x01",
        "ELF, 64 bits, little-endian"
    );
    assert_eq!(number::<2>(OBJECT, 18), 247, "for BPF");
    let table = number::<8>(OBJECT, 40) as usize;
    let count = number::<2>(OBJECT, 60) as usize;
    let header = |n: usize| {
        let at = table + 64 * n;
        let (from, len) = (
            number::<8>(OBJECT, at + 24) as usize,
            number::<8>(OBJECT, at + 32) as usize,
        );
        let kind = number::<4>(OBJECT, at + 4) as u32;
        (
            number::<4>(OBJECT, at) as usize,
            kind,
            &OBJECT[from..from + len],
        )
    };
    let (_, _, names) = header(number::<2>(OBJECT, 62) as usize);
    (0..count)
        .map(|n| {
            let (name, kind, bytes) = header(n);
            Section {
                name: text(names, name),
                kind,
                bytes,
            }
        })
        .collect()
}

/// Numbers of the helpers of the kernel that are called.
fn helpers() -> BTreeSet<u64> {
    let code = sections()
        .into_iter()
        .filter(|section| [".text", "classifier", "xdp.frags"].contains(&&*section.name));
    let mut all = BTreeSet::new();
    for section in code {
        for instruction in section.bytes.chunks_exact(8) {
            // A call, and not one of a function of the object: then the source register is 1.
            if instruction[0] == 0x85 && instruction[1] >> 4 == 0 {
                all.insert(number::<4>(instruction, 4));
            }
        }
    }
    all
}

#[test]
fn only_these_helpers_are_called() {
    let expected = [
        (1, "map_lookup_elem"),
        (2, "map_update_elem"),
        (5, "ktime_get_ns"),
        (7, "get_prandom_u32"),
        (8, "get_smp_processor_id"),
        (26, "skb_load_bytes"),
        (39, "skb_pull_data"),
        (51, "redirect_map"),
        (188, "xdp_get_buff_len"),
    ];
    assert_eq!(
        helpers(),
        expected.iter().map(|&(number, _)| number).collect()
    );
    // 6 is trace_printk, which would fill the trace of whoever looks for something else.
    assert!(!helpers().contains(&6));
}

#[test]
fn names_and_license_are_what_user_space_expects() {
    let sections = sections();
    let license = sections
        .iter()
        .find(|section| section.name == "license")
        .unwrap();
    assert_eq!(license.bytes, b"Dual MIT/GPL\0");

    // Symbols that are visible from outside: maps and programs.
    let symbols = sections.iter().find(|section| section.kind == 2).unwrap();
    let names = &sections
        .iter()
        .find(|section| section.name == ".strtab")
        .unwrap()
        .bytes;
    let found: BTreeSet<String> = symbols
        .bytes
        .chunks_exact(24)
        .filter(|symbol| symbol[4] >> 4 == 1 && symbol[5] & 3 == 0)
        .map(|symbol| text(names, number::<4>(symbol, 0) as usize))
        .filter(|name| name != "LICENSE")
        .collect();
    use maps::*;
    let expected = [
        TABLES,
        COUNTS,
        ACTIVE,
        META,
        SETTINGS,
        TOTALS,
        UNKNOWN,
        FLOWS,
        CPUS,
        QUEUE_CPUS,
        PROGRAM_DOWNLOAD,
        PROGRAM_UPLOAD,
        PROGRAM_STICK,
        PROGRAM_STEER_DOWNLOAD,
        PROGRAM_STEER_UPLOAD,
        PROGRAM_STEER_STICK,
    ];
    assert_eq!(
        found,
        expected.iter().map(|&name| name.to_owned()).collect()
    );
    // The kernel cuts a map's name after 15 bytes.
    assert!(expected[..10].iter().all(|name| name.len() <= 15));
}

#[test]
fn the_digest_beside_it_is_its_own() {
    let digest: String = Sha256::digest(OBJECT)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(DIGEST, format!("{digest}  weir.bpf.o\n"));
}

#[test]
fn no_path_of_a_machine_is_in_it() {
    let paths = |bytes: &[u8]| bytes.windows(10).any(|part| part == b"ebpf/src/c");
    assert!(
        paths(OBJECT),
        "line numbers are in it, and paths to go with them"
    );
    for section in sections()
        .iter()
        .filter(|section| section.name.starts_with(".BTF") || section.name.ends_with("strtab"))
    {
        for name in section.bytes.split(|&byte| byte == 0) {
            // Numbers between the strings can be a slash as well, but not a whole path.
            let path = name.len() > 3 && name[0] == b'/' && name.iter().all(u8::is_ascii_graphic);
            assert!(!path, "{}", String::from_utf8_lossy(name));
        }
    }
}
