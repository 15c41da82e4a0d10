//! What a table answers, against the plainest way to find a longest prefix; what `check` makes of images that are
//! none; and that the same prefixes give the same image.

extern crate std;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Bits of an address, left-aligned in 128.
type Bits = u128;

fn mask(len: u8) -> Bits {
    !Bits::MAX.checked_shr(u32::from(len)).unwrap_or(0)
}

fn v4(bits: Bits, len: u8) -> Prefix {
    let address = ((bits & mask(len)) >> 96) as u32;
    Prefix::V4 { address, len }
}

fn v6(bits: Bits, len: u8) -> Prefix {
    let bits = bits & mask(len);
    Prefix::V6 {
        upper: (bits >> 64) as u64,
        lower: bits as u64,
        len,
    }
}

fn bits(prefix: Prefix) -> Bits {
    match prefix {
        Prefix::V4 { address, .. } => Bits::from(address) << 96,
        Prefix::V6 { upper, lower, .. } => Bits::from(upper) << 64 | Bits::from(lower),
    }
}

fn queues(n: usize) -> Vec<Queue> {
    (0..n)
        .map(|i| Queue {
            major_down: crate::nth_major(i).unwrap(),
            major_up: crate::nth_major(n + i).unwrap(),
            tx_down: i as u16,
            tx_up: (n + i) as u16,
        })
        .collect()
}

/// The n-th of entries that are all different, as far as there are circuits.
fn entry(n: usize) -> Entry {
    Entry {
        minor: FIRST_MINOR + (n / 8 % 60_000) as u16,
        queue: (n % 8) as u16,
        circuit: n as u32 % MAX_CIRCUITS,
    }
}

type Model = BTreeMap<Prefix, Entry>;

fn model(prefixes: impl IntoIterator<Item = Prefix>) -> Model {
    let mut model = Model::new();
    for prefix in prefixes {
        let n = model.len();
        model.entry(prefix).or_insert_with(|| entry(n));
    }
    model
}

fn build<'a>(
    prefixes: impl IntoIterator<Item = (&'a Prefix, &'a Entry)>,
    circuits: usize,
) -> Result<Vec<Page>, BuildError> {
    let mut builder = Builder::new(&queues(8), circuits as u32);
    for (prefix, entry) in prefixes {
        builder.add(*prefix, *entry);
    }
    builder.finish()
}

/// Longest prefix match, length by length; of `lengths`, longest first.
fn longest(model: &Model, lengths: &[u8], address: Bits, is_v4: bool) -> Option<Entry> {
    lengths.iter().find_map(|len| {
        let prefix = if is_v4 {
            v4(address, *len)
        } else {
            v6(address, *len)
        };
        model.get(&prefix).copied()
    })
}

/// The lengths of a family, longest first.
fn lengths(model: &Model, is_v4: bool) -> Vec<u8> {
    let own = |prefix: &&Prefix| (prefix.family() == 4) == is_v4;
    let set: BTreeSet<u8> = model.keys().filter(own).map(|p| p.length()).collect();
    set.into_iter().rev().collect()
}

fn lookup(image: &[Page], address: Bits, is_v4: bool) -> Option<Entry> {
    let table = Table::open(image)?;
    match is_v4 {
        true => table.lookup_v4((address >> 96) as u32),
        false => table.lookup_v6((address >> 64) as u64, address as u64),
    }
}

/// Addresses where an answer may turn: around both ends of every prefix, in its middle, and in its neighbours.
fn probes(prefix: Prefix, noise: Bits) -> [Bits; 6] {
    let (first, own) = (bits(prefix), mask(prefix.length()));
    let last = first | !own;
    let step = match prefix {
        Prefix::V4 { .. } => 1 << 96,
        Prefix::V6 { .. } => 1,
    };
    [
        first,
        last,
        first | noise & !own,
        first.wrapping_sub(step),
        last.wrapping_add(step),
        noise,
    ]
}

/// The image holds the prefixes of the model and nothing else, and answers as it does.
fn agrees(model: &Model, image: &[Page]) {
    let summary = check(image).expect("what was built is a table");
    assert_eq!(
        (summary.prefixes[0] + summary.prefixes[1]) as usize,
        model.len()
    );
    let held: BTreeMap<Prefix, Entry> = entries(image).collect();
    assert_eq!(&held, model);
    let [six, four] = [false, true].map(|is_v4| lengths(model, is_v4));
    let mut noise = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128;
    for prefix in model.keys() {
        noise = noise
            .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
            .wrapping_add(1);
        let is_v4 = prefix.family() == 4;
        let lengths = if is_v4 { &four } else { &six };
        for address in probes(*prefix, noise) {
            let address = if is_v4 { address >> 96 << 96 } else { address };
            assert_eq!(
                lookup(image, address, is_v4),
                longest(model, lengths, address, is_v4),
                "{address:032x} around {prefix}"
            );
        }
    }
}

/// Up to `most` lengths of a family, and prefixes of them that lie close together, so that they nest and touch.
fn family(is_v4: bool, most: usize, count: usize) -> impl Strategy<Value = Vec<Prefix>> {
    let longest = if is_v4 { 32_u8 } else { 128 };
    let lengths = proptest::sample::subsequence((0..=longest).collect::<Vec<_>>(), 1..=most);
    let raw = proptest::collection::vec((any::<u128>(), any::<u8>(), any::<u16>()), 0..count);
    (lengths, raw, any::<u128>()).prop_map(move |(lengths, raw, base)| {
        raw.into_iter()
            .map(|(noise, keep, len)| {
                let len = lengths[usize::from(len) % lengths.len()];
                // The first bits are shared by all, the others are its own.
                let shared = mask(keep % (longest + 1));
                let bits = base & shared | noise & !shared;
                if is_v4 { v4(bits, len) } else { v6(bits, len) }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn lookups_give_the_longest_prefix(
        four in family(true, MAX_LENGTHS, 400),
        six in family(false, MAX_LENGTHS, 400),
    ) {
        let model = model(four.into_iter().chain(six));
        let image = build(&model, model.len()).unwrap();
        agrees(&model, &image);
    }

    #[test]
    fn the_order_of_prefixes_does_not_show(
        (straight, shuffled) in family(true, 5, 1_500)
            .prop_map(|prefixes| model(prefixes).into_iter().collect::<Vec<_>>())
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let of = |list: &[(Prefix, Entry)]| build(list.iter().map(|(p, e)| (p, e)), list.len());
        prop_assert!(of(&straight) == of(&shuffled));
        // Twice the same is once.
        let twice: Vec<_> = shuffled.iter().chain(&straight).copied().collect();
        let twice = build(twice.iter().map(|(p, e)| (p, e)), straight.len());
        prop_assert!(twice == of(&straight));
    }

    #[test]
    fn no_bytes_make_check_or_lookups_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..3 * PAGE_BYTES),
        address in any::<u128>(),
    ) {
        let whole = bytes.len().is_multiple_of(PAGE_BYTES);
        prop_assert_eq!(from_bytes(&bytes).is_ok(), whole);
        let mut padded = bytes;
        padded.resize(3 * PAGE_BYTES, 0);
        let mut image = from_bytes(&padded).unwrap();
        prop_assert_eq!(check(&image), Err(Fault::Magic));
        // As far as a header leads: counts of lengths that are mostly absurd, and a guard that lets all pass.
        image[0][0][0] = MAGIC;
        image[0][0][1] = u64::from(ABI_VERSION) | 3 << 32;
        prop_assert!(check(&image).is_err());
        for row in &mut image[0][GUARD_V4 / 8..] {
            *row = [u64::MAX; 8];
        }
        lookup(&image, address, true);
        lookup(&image, address, false);
        let _ = entries(&image).count();
    }

    /// Whatever `check` lets pass is a table: its lookups are those of its entries.
    #[test]
    fn a_changed_byte_is_found_or_harmless(
        four in family(true, 4, 200),
        six in family(false, 4, 200),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 1_u8..), 64),
    ) {
        let model = model(four.into_iter().chain(six));
        let bytes = to_bytes(&build(&model, model.len()).unwrap());
        prop_assert!(check(&from_bytes(&bytes).unwrap()).is_ok());
        // Anywhere, and in the header, where most is decided.
        let ends = [bytes.len(), PAGE_BYTES];
        for (n, (at, with)) in flips.into_iter().enumerate() {
            let mut changed = bytes.clone();
            changed[at.index(ends[n % 2])] ^= with;
            let image = from_bytes(&changed).unwrap();
            for prefix in model.keys() {
                let is_v4 = prefix.family() == 4;
                lookup(&image, bits(*prefix), is_v4);
            }
            if check(&image).is_ok() {
                let held: Model = entries(&image).collect();
                agrees(&held, &image);
            }
        }
    }
}

/// An ISP: CGNAT hosts, public hosts, routed blocks; delegated prefixes, and some single IPv6 addresses.
fn isp(count: usize) -> Model {
    model((0..count).map(|n| {
        let (i, spread) = (n as u128, (n as u128).wrapping_mul(0x9e37_79b9));
        match n % 20 {
            0..12 => v4((0x6440_0000 + i) << 96, 32),
            12..14 => v4((0xc633_0000 + spread % (1 << 19)) << 96, 32),
            14 => v4((0x0a00_0000 + i * 8 % (1 << 24)) << 96, 29),
            15 => v4((0xac10_0000 + i * 256 % (1 << 20)) << 96, 24),
            16 | 17 => v6(0x2001_0db8 << 96 | i << 72, 56),
            18 => v6(0x2001_0db9 << 96 | i << 64, 64),
            _ => v6(0x2001_0dba << 96 | spread << 64 | i, 128),
        }
    }))
}

#[test]
fn a_hundred_thousand_prefixes() {
    let model = isp(100_000);
    assert!(model.len() > 80_000);
    let image = build(&model, model.len()).unwrap();
    agrees(&model, &image);
    // Some 20 bytes a prefix: 12 for most of them, at 70 %.
    assert!(
        image.len() * PAGE_BYTES < model.len() * 24,
        "{} pages",
        image.len()
    );
    // Built again, from its own entries in the order in which they lie.
    let held: Vec<(Prefix, Entry)> = entries(&image).collect();
    let again = build(held.iter().map(|(p, e)| (p, e)), model.len()).unwrap();
    assert!(image == again, "the same prefixes gave another image");
    let bytes = to_bytes(&image);
    assert_eq!(bytes.len(), image.len() * PAGE_BYTES);
    assert!(from_bytes(&bytes).unwrap() == image);
}

/// Slow without optimisation: `WEIR_FULL_SWEEP=1`.
#[test]
#[expect(clippy::print_stderr, reason = "a test says why it did not run")]
fn as_many_prefixes_as_a_table_holds() {
    if std::env::var_os("WEIR_FULL_SWEEP").is_none() {
        std::eprintln!("skipped: a full table is looked up with WEIR_FULL_SWEEP=1 only");
        return;
    }
    let model = isp(MAX_PREFIXES as usize);
    assert!(model.len() > 3_200_000);
    let image = build(&model, MAX_CIRCUITS as usize).unwrap();
    agrees(&model, &image);
    assert!(build(&model, MAX_CIRCUITS as usize).unwrap() == image);
}

/// Tables of one kind only, at sizes around those where a page is added, and with addresses one after another.
#[test]
fn every_kind_of_bucket_at_many_sizes() {
    for size in [0, 1, 2, 63, 64, 65, 178, 179, 224, 225, 226, 5_000] {
        for of in [
            |i: u128| v4(i << 96, 32),
            |i: u128| v4(i << 104, 24),
            |i: u128| v6(i << 64, 64),
            |i: u128| v6(i << 72, 56),
            |i: u128| v6(i, 128),
            |i: u128| v6(i << 64 | 7 << 32, 96),
        ] {
            let model = model((0..size).map(of));
            agrees(&model, &build(&model, model.len()).unwrap());
        }
    }
}

#[test]
fn the_whole_address_space_is_a_prefix() {
    let model = model([
        v4(0, 0),
        v4(0, 32),
        v6(0, 0),
        v6(0, 128),
        v6(0, 64),
        v6(0, 65),
    ]);
    let image = build(&model, 6).unwrap();
    agrees(&model, &image);
    assert_eq!(
        lookup(&image, Bits::MAX, true),
        model.get(&v4(0, 0)).copied()
    );
    assert_eq!(
        lookup(&image, Bits::MAX, false),
        model.get(&v6(0, 0)).copied()
    );
}

#[test]
fn classes_are_those_of_the_queue() {
    let model = model([v4(0x0a00_0001 << 96, 32)]);
    let image = build(&model, 1).unwrap();
    let table = Table::open(image.as_slice()).unwrap();
    let entry = table.lookup_v4(0x0a00_0001).unwrap();
    let queue = table.queue(entry.queue).unwrap();
    assert_eq!(queue.class(entry, Direction::Down).to_string(), "1:3");
    assert_eq!(queue.class(entry, Direction::Up).to_string(), "a:3");
    assert_eq!((queue.tx(Direction::Down), queue.tx(Direction::Up)), (0, 8));
    assert_eq!(table.queue(7).unwrap(), queues(8)[7]);
    assert_eq!(table.queue(8), None);
    assert!(Table::open([].as_slice()).is_none());
}

/// Packets of no subscriber seldom read more than the header.
#[test]
fn the_guard_ends_most_lookups_of_strangers() {
    struct Counting<'a>(&'a [Page], core::cell::Cell<u32>);
    impl Pages for Counting<'_> {
        fn page(&self, n: u32) -> Option<&Page> {
            self.1.set(self.1.get() + 1);
            self.0.page(n)
        }
    }
    let image = build(&isp(20_000), 20_000).unwrap();
    let pages = Counting(&image, core::cell::Cell::new(0));
    for i in 0..10_000_u32 {
        let table = Table::open(&pages).unwrap();
        let address = i.wrapping_mul(0x9e37_79b9);
        table.lookup_v4(address);
        table.lookup_v6(u64::from(address) << 32 | 0x2000_0000_0000_0000, 1);
    }
    // 10,000 are the headers.
    assert!(pages.1.get() < 10_500, "{} pages were read", pages.1.get());
}

#[test]
fn what_cannot_be_a_table_is_refused() {
    let one = |prefix: Prefix, entry: Entry| {
        let mut builder = Builder::new(&queues(2), 10);
        builder.add(prefix, entry);
        builder.finish()
    };
    let good = entry(0);
    let host = v4(0x0a00_0001 << 96, 32);
    assert!(one(host, good).is_ok());
    let ragged = Prefix::V4 {
        address: 0x0a00_0001,
        len: 24,
    };
    assert_eq!(one(ragged, good), Err(BuildError::NoPrefix(ragged)));
    let long = Prefix::V4 {
        address: 1,
        len: 33,
    };
    assert_eq!(one(long, good), Err(BuildError::NoPrefix(long)));
    let lower = Prefix::V6 {
        upper: 1 << 32,
        lower: 1,
        len: 48,
    };
    assert_eq!(one(lower, good), Err(BuildError::NoPrefix(lower)));
    let long = Prefix::V6 {
        upper: 0,
        lower: 1,
        len: 129,
    };
    assert_eq!(one(long, good), Err(BuildError::NoPrefix(long)));
    for bad in [
        Entry { minor: 2, ..good },
        Entry {
            minor: 0xffff,
            ..good
        },
        Entry { queue: 2, ..good },
        Entry {
            circuit: 10,
            ..good
        },
    ] {
        let error = BuildError::Entry {
            prefix: host,
            entry: bad,
        };
        assert_eq!(one(host, bad), Err(error));
    }
    let mut builder = Builder::new(&queues(2), 10);
    builder.add(host, entry(0));
    builder.add(host, entry(1));
    let error = builder.finish().unwrap_err();
    assert_eq!(
        error.to_string(),
        "10.0.0.1/32 leads to the circuits 0 and 1"
    );
    let reserved = Queue {
        major_down: 2,
        ..queues(1)[0]
    };
    assert_eq!(
        Builder::new(&[reserved], 1).finish(),
        Err(BuildError::Queue { queue: 0 })
    );
    let same = [queues(1)[0]; 2];
    assert_eq!(
        Builder::new(&same, 1).finish(),
        Err(BuildError::Queue { queue: 1 })
    );
}

#[test]
fn sixteen_lengths_fit_and_seventeen_do_not() {
    let of = |lengths: u8| model((0..lengths).map(|i| v4(0x0a00_0000 << 96, 32 - i)));
    let model = of(16);
    agrees(&model, &build(&model, 16).unwrap());
    let error = build(&of(17), 17).unwrap_err();
    assert_eq!(
        error.to_string(),
        "IPv4 prefixes have 17 different lengths and the address table holds 16: /32 /31 /30 /29 /28 /27 /26 /25 \
         /24 /23 /22 /21 /20 /19 /18 /17 /16"
    );
}

/// Each fault, made on purpose in a table that has none.
#[test]
fn every_fault_is_told() {
    let model = model(
        (0..600)
            .map(|i| v4((0x0a00_0000 + i) << 96, 32))
            .chain([v6(1 << 64, 64)]),
    );
    let good = build(&model, model.len()).unwrap();
    let row = |image: &[Page], full: bool| {
        (0..ROWS)
            .find(|at| (image[1][*at][7] & !MARK != 0) == full)
            .unwrap()
    };
    let (full, free) = (row(&good, true), row(&good, false));
    let fault = |change: &dyn Fn(&mut Vec<Page>)| {
        let mut image = good.clone();
        change(&mut image);
        check(&image).unwrap_err()
    };
    let word = |at: usize, with: u64| fault(&move |image| image[0][at / 8][at % 8] ^= with);
    assert_eq!(fault(&|image| image.clear()), Fault::Size);
    assert_eq!(fault(&|image| image.truncate(2)), Fault::Size);
    assert_eq!(fault(&|image| image.push([[0; 8]; ROWS])), Fault::Size);
    assert_eq!(word(0, 1), Fault::Magic);
    assert_eq!(word(VERSION, 2), Fault::Version { found: 3 });
    assert_eq!(word(LENGTHS, 32), Fault::TooMany);
    assert_eq!(word(PREFIXES, 1 << 31), Fault::TooMany);
    assert_eq!(word(PREFIXES, 1), Fault::Count);
    assert_eq!(word(QUEUES, 1 << 7), Fault::TooMany);
    assert_eq!(word(QUEUES + 1, 1), Fault::Spare { page: 0 });
    assert_eq!(word(PLANS_V4, 1), Fault::Length { len: 32 });
    assert_eq!(word(PLANS_V4 + 3, 1), Fault::Length { len: 33 });
    assert_eq!(word(PLANS_V4 + 2, 1), Fault::Range { len: 32 });
    assert_eq!(word(PLANS_V4 + 3, 1 << 32), Fault::Count);
    assert_eq!(word(QUEUE_RECORDS, 1), Fault::Queue { queue: 0 });
    assert_eq!(word(QUEUE_RECORDS + 8, 1), Fault::Spare { page: 0 });
    assert_eq!(word(GUARD_V4, 1), Fault::Guard);
    assert_eq!(word(GUARD_V6, 1), Fault::Guard);
    assert_eq!(word(HEADER_END, 1), Fault::Spare { page: 0 });
    assert!(matches!(
        word(PLANS_V4 + 1, 1),
        Fault::Misplaced { page: 1, .. }
    ));

    let bucket = full as u32;
    assert_eq!(
        fault(&|image| image[1][full][2] |= 1 << 32),
        Fault::Spare { page: 1 }
    );
    assert_eq!(
        fault(&|image| image[1][free][2] |= 1),
        Fault::Spare { page: 1 }
    );
    assert_eq!(
        fault(&|image| image[1][full][3] |= 0xffff),
        Fault::Entry { page: 1, bucket }
    );
    assert_eq!(
        fault(&|image| image[1][full][3] |= 0xff << 16),
        Fault::Entry { page: 1, bucket }
    );
    assert_eq!(
        fault(&|image| image[1][full][3] |= 0xffff << 32),
        Fault::Entry { page: 1, bucket }
    );
    assert!(matches!(
        fault(&|image| image[1].swap(full, free)),
        Fault::Misplaced { page: 1, .. }
    ));
    assert!(matches!(
        fault(&|image| image.swap(1, 2)),
        Fault::Misplaced { page: 1, .. }
    ));
    assert_eq!(
        fault(&|image| {
            let key = image[1][full][0] as u32;
            image[1][full][0] = u64::from(key) | u64::from(key) << 32;
        }),
        Fault::Duplicate { page: 1, bucket }
    );
    assert!(matches!(
        fault(&|image| image[1][full][7] ^= MARK),
        Fault::Mark { page: 1, .. }
    ));
    assert!(matches!(
        fault(&|image| image[1][full] = [0; 8]),
        Fault::Count | Fault::Mark { page: 1, .. }
    ));
}
