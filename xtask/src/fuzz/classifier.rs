//! Address tables that are not what they should be. The kernel reads a table with the code that is tried here, so
//! whatever is in it, a lookup ends; and what the check lets through answers as its own list of prefixes does.

use weir_abi::table::{Builder, Entry, Prefix, Queue, Table, check, entries, from_bytes, to_bytes};

use super::Files;

/// A table with every kind of bucket, and prefixes within prefixes.
pub fn sample() -> Files {
    let queue = |n: u16| Queue {
        major_down: 3 + n,
        major_up: 3 + n,
        tx_down: n,
        tx_up: n,
    };
    let mut builder = Builder::new(&[queue(0), queue(1)], 300);
    for circuit in 0..300_u32 {
        let entry = Entry {
            minor: 3 + circuit as u16,
            queue: (circuit & 1) as u16,
            circuit,
        };
        let upper = 0x2001_0db8_0000_0000 | u64::from(circuit);
        builder.add(
            match circuit % 5 {
                0 => Prefix::V4 {
                    address: 0x0a00_0000 | circuit << 8,
                    len: 24,
                },
                1 => Prefix::V6 {
                    upper: 0x2001_0db8_0000_0000 | u64::from(circuit) << 16,
                    lower: 0,
                    len: 48,
                },
                2 => Prefix::V6 {
                    upper,
                    lower: 0,
                    len: 64,
                },
                3 => Prefix::V6 {
                    upper,
                    lower: circuit.into(),
                    len: 128,
                },
                _ => Prefix::V4 {
                    address: 0x0a00_0001 | (circuit - 4) << 8,
                    len: 32,
                },
            },
            entry,
        );
    }
    let image = builder.finish().expect("a table of the sample");
    Files::from([("classifier.bin".to_owned(), to_bytes(&image))])
}

/// Reads a file as the runtime does, and looks addresses up in it whether or not it is sound.
pub fn read(bytes: &[u8]) {
    let Ok(image) = from_bytes(bytes) else {
        return;
    };
    let sound = check(&image).is_ok();
    let Some(table) = Table::open(&image[..]) else {
        return;
    };
    for n in 0..512_u64 {
        let upper = 0x2001_0db8_0000_0000 | n;
        let found = [
            table.lookup_v4(0x0a00_0001 | (n as u32) << 8),
            table.lookup_v6(upper, n),
            table.lookup_v6(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n),
        ];
        for entry in found.into_iter().flatten() {
            let queue = table.queue(entry.queue);
            assert!(queue.is_some() || !sound, "{entry:?} names no queue");
        }
    }
    if sound {
        for (prefix, entry) in entries(&image).take(1000) {
            let found = match prefix {
                Prefix::V4 { address, .. } => table.lookup_v4(address),
                Prefix::V6 { upper, lower, .. } => table.lookup_v6(upper, lower),
            };
            // Another one may be around the same address, a longer one.
            assert!(found.is_some(), "{prefix} of {entry:?} is not found");
        }
    }
}
