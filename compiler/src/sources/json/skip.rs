//! Walking past JSON values without reading them, most of a record's bytes. Works on 64 bytes at a time with
//! plain integer arithmetic that the compiler turns into vector instructions. Checks nothing but quotes,
//! backslashes and the number of open brackets: whoever wants a value reads it.

/// Past spaces and line ends.
pub fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Past the value at `at`. `None`: the bytes end first.
pub fn value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'{' | b'[' => nested(bytes, at).map(|(end, _)| end),
        b'"' => text(bytes, at),
        _ => Some(scalar(bytes, at)),
    }
}

/// Past a number or a word.
pub fn scalar(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b) = bytes.get(at) {
        if matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t') {
            break;
        }
        at += 1;
    }
    at
}

/// From the quote at `open` to behind the one that closes the text. `None`: the bytes end first.
pub fn text(bytes: &[u8], open: usize) -> Option<usize> {
    plain_text(bytes, open).map(|(end, _)| end)
}

/// The same, and whether the text is as it is written: there is no backslash in it.
#[inline]
pub fn plain_text(bytes: &[u8], open: usize) -> Option<(usize, bool)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest marked byte is exact; higher ones may not be.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = open + 1;
    let mut plain = true;
    loop {
        if let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            let marks =
                zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
            if marks == 0 {
                at += 8;
                continue;
            }
            at += marks.trailing_zeros() as usize / 8;
        }
        match bytes.get(at)? {
            b'"' => return Some((at + 1, plain)),
            b'\\' => {
                plain = false;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

const BLOCK: usize = 64;

/// From the bracket at `start` to behind the one that closes it, with the depth reached. `None`: the bytes end
/// first.
pub fn nested(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let (mut depth, mut deepest) = (0usize, 0usize);
    // Carried from block to block: the first byte is escaped; all ones inside a text.
    let (mut escaped, mut in_text) = (0u64, 0u64);
    let mut at = start;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let mut padded = [b' '; BLOCK];
        let block = match rest.first_chunk::<BLOCK>() {
            Some(block) => block,
            None => {
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        let backslashes = rare_bits(block, |b| b == b'\\');
        let (escapes, next_escaped) = escapes(backslashes, escaped);
        escaped = next_escaped;
        let quotes = bits(block, |b| b == b'"') & !escapes;
        let text = prefix_xor(quotes) ^ in_text;
        in_text = 0u64.wrapping_sub(text >> 63);
        // `{` and `[`, `}` and `]` differ in one bit.
        let opens = rare_bits(block, |b| b | 0x20 == b'{') & !text;
        let closes = rare_bits(block, |b| b | 0x20 == b'}') & !text;
        let (open, close) = (opens.count_ones() as usize, closes.count_ones() as usize);
        if depth > close && depth + open <= deepest {
            depth = depth + open - close;
        } else {
            let mut brackets = opens | closes;
            while brackets != 0 {
                let bit = brackets & brackets.wrapping_neg();
                if opens & bit != 0 {
                    depth += 1;
                    deepest = deepest.max(depth);
                } else {
                    depth -= 1;
                    if depth == 0 {
                        return Some((at + bit.trailing_zeros() as usize + 1, deepest));
                    }
                }
                brackets ^= bit;
            }
        }
        at += BLOCK;
    }
    None
}

/// One bit a byte for which `is` holds, the first byte lowest.
#[inline(always)]
fn bits(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    // Shaped for the vectoriser: compare all bytes, then pack eight of them with one multiplication.
    let mut hits = [0u8; BLOCK];
    for (hit, &byte) in hits.iter_mut().zip(block) {
        *hit = u8::from(is(byte));
    }
    let (words, _) = hits.as_chunks::<8>();
    words.iter().enumerate().fold(0, |mask, (i, word)| {
        let packed = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask | packed << (i * 8)
    })
}

/// The same, quick when there is none.
#[inline(always)]
fn rare_bits(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let any = block
        .iter()
        .fold(0u8, |any, &byte| any | u8::from(is(byte)));
    if any == 0 { 0 } else { bits(block, is) }
}

/// Bytes that a backslash escapes, and whether the first byte of the next block is one.
#[inline(always)]
fn escapes(backslashes: u64, first: u64) -> (u64, u64) {
    if backslashes == 0 {
        return (first, 0);
    }
    // A run of backslashes escapes every second byte from its own second one on. Adding a run's first bit to
    // the run carries out of its end, which tells runs that start on odd positions from the others.
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let active = backslashes & !first;
    let follows = active << 1 | first;
    let odd_starts = active & !EVEN & !follows;
    let (carried, overflow) = odd_starts.overflowing_add(active);
    ((EVEN ^ (carried << 1)) & follows, u64::from(overflow))
}

/// Each bit: the parity of the bits up to it.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
