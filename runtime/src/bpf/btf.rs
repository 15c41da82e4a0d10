//! A type description for inner maps. The outer maps were made from the eBPF object, which describes its types, and
//! a kernel of 6.1 accepts an inner map only when it is described too (later ones do not care).
//!
//! Four types are enough: two integers, an array, and a struct that holds it.

/// Type of the key: `u32`.
pub const KEY: u32 = 1;
/// Type of the value: a struct of 64-bit words.
pub const VALUE: u32 = 4;

const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;

/// BTF in which [`VALUE`] is `bytes` long, a multiple of 8.
pub fn describe(bytes: u32) -> Vec<u8> {
    let strings = b"\0u32\0u64\0words\0value\0";
    let (u32_name, u64_name, words_name, value_name) = (1, 5, 9, 15);
    let mut types: Vec<u32> = Vec::new();
    // 1: u32; size 4, no encoding, offset 0, 32 bits
    types.extend([u32_name, KIND_INT << 24, 4, 32]);
    // 2: u64
    types.extend([u64_name, KIND_INT << 24, 8, 64]);
    // 3: u64[bytes / 8], indexed by u32
    types.extend([0, KIND_ARRAY << 24, 0, 2, 1, bytes / 8]);
    // 4: struct value { u64 words[..]; }, one member at bit 0
    types.extend([value_name, KIND_STRUCT << 24 | 1, bytes, words_name, 3, 0]);

    let type_bytes = types.len() as u32 * 4;
    let mut out = Vec::new();
    // magic, version 1, flags 0
    out.extend_from_slice(&0xeb9f_u16.to_ne_bytes());
    out.extend_from_slice(&[1, 0]);
    for word in [24, 0, type_bytes, type_bytes, strings.len() as u32] {
        out.extend_from_slice(&u32::to_ne_bytes(word));
    }
    for word in types {
        out.extend_from_slice(&word.to_ne_bytes());
    }
    out.extend_from_slice(strings);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_the_header_are_those_of_the_parts() {
        let btf = describe(4096);
        let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| btf[at + i]));
        assert_eq!((word(4), word(8), word(12)), (24, 0, 80));
        assert_eq!(word(16), 80);
        assert_eq!(24 + 80 + word(20) as usize, btf.len());
        assert_eq!(btf.last(), Some(&0));
    }
}
