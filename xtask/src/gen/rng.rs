//! The only source of chance in the generator: splitmix64 streams and a keyed permutation.
//!
//! Every value is a function of a seed and a place in the model, so any record can be made again without the ones before
//! it. Not for cryptography, and no attempt at statistical quality beyond "looks unplanned".

/// The finaliser of splitmix64: a bijection on 64 bits that scatters neighbouring inputs.
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of values.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream that belongs to `place` of the part `tag` of the model.
    pub fn new(seed: u64, tag: u64, place: u64) -> Self {
        Self(mix(mix(mix(seed) ^ tag) ^ place))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A value below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A value from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    pub fn word(&mut self, choices: &[&'static str]) -> &'static str {
        self.pick::<&'static str>(choices)
    }

    /// An index, each with its weight; at least one weight must not be 0.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (index, weight) in weights.enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        unreachable!("`left` starts below the sum of the weights")
    }
}

/// A keyed permutation of `0..len`: a Feistel network over the next even number of bits, walked until it lands inside.
///
/// The rank that it gives to an index says at once whether the index is among a fixed number of chosen ones and which of
/// them it is, without a table.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    key: u64,
}

impl Permutation {
    pub fn new(seed: u64, tag: u64, len: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self {
            len,
            half_bits: bits.div_ceil(2).max(1),
            key: mix(mix(seed) ^ tag),
        }
    }

    pub fn rank(&self, index: u64) -> u64 {
        debug_assert!(index < self.len, "index outside of the permutation");
        let mask = (1 << self.half_bits) - 1;
        let mut value = index;
        loop {
            let (mut left, mut right) = (value >> self.half_bits, value & mask);
            for round in 0..4 {
                (left, right) = (right, left ^ (mix(self.key ^ (round << 56) ^ right) & mask));
            }
            value = (left << self.half_bits) | right;
            if value < self.len {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_hits_every_value_once() {
        for len in [1, 2, 3, 10, 1000, 4097] {
            let permutation = Permutation::new(7, 1, len);
            let mut seen = vec![false; len as usize];
            for index in 0..len {
                let rank = permutation.rank(index) as usize;
                assert!(!seen[rank], "rank {rank} twice at length {len}");
                seen[rank] = true;
            }
        }
    }

    #[test]
    fn a_stream_depends_on_seed_tag_and_place() {
        let first = |seed, tag, place| Rng::new(seed, tag, place).next();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        assert_ne!(first(1, 2, 3), first(2, 2, 3));
        assert_ne!(first(1, 2, 3), first(1, 3, 3));
        assert_ne!(first(1, 2, 3), first(1, 2, 4));
    }

    #[test]
    fn draws_stay_inside_their_bounds() {
        let mut rng = Rng::new(1, 1, 1);
        for _ in 0..10_000 {
            assert!(rng.below(7) < 7);
            assert!((3..=5).contains(&rng.between(3, 5)));
            assert_ne!(rng.weighted([1, 0, 2].into_iter()), 1);
        }
    }
}
