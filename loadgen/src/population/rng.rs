//! Random numbers that are the same on every machine and in every release of this program.
//!
//! The population is defined by these bytes, so the generator is written out here instead of
//! being taken from a library whose algorithm may change: xoshiro256++ (Blackman and Vigna, 2018),
//! its state filled by splitmix64, as its authors advise.

/// What a stream of random numbers is for. Streams of one seed do not touch each other, so a new
/// draw in one place does not change everything that follows elsewhere.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    /// Which prefecture and municipality each position of the population falls into.
    Places = 1,
    /// Who lives with whom in a block.
    Households = 2,
    /// Names, address, insurance and papers of one household.
    Life = 3,
    /// Who has registered a My Number card.
    Holders = 4,
}

/// One stream of random numbers.
pub(super) struct Rng([u64; 4]);

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of this purpose and number (of a block or household) under a seed.
    pub(super) fn new(seed: u64, stream: Stream, number: u64) -> Self {
        let mut state = seed;
        let mixed = splitmix64(&mut state) ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        state = mixed ^ ((stream as u64) << 56);
        Self(std::array::from_fn(|_| splitmix64(&mut state)))
    }

    fn next(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.0;
        let result = s0.wrapping_add(*s3).rotate_left(23).wrapping_add(*s0);
        let t = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= t;
        *s3 = s3.rotate_left(45);
        result
    }

    /// A number from 0 to `limit - 1`; 0 when the limit is 0.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        // The upper half of a 64-bit product of two 32-bit numbers is below the limit.
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// True in this many of a thousand cases.
    pub(super) fn per_mille(&mut self, share: u32) -> bool {
        self.below(1_000) < share
    }

    /// One of a few; the default of the type when there is none.
    pub(super) fn one_of<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let at = self.below(u32::try_from(items.len()).unwrap_or(u32::MAX));
        items.get(at as usize).copied().unwrap_or_default()
    }

    /// Puts the items in a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let limit = u32::try_from(last + 1).unwrap_or(u32::MAX);
            items.swap(last, self.below(limit) as usize);
        }
    }
}

/// Things with weights, to draw from.
pub(super) struct Weighted<T> {
    items: Vec<T>,
    cumulative: Vec<u32>,
}

impl<T: Copy + Default> Weighted<T> {
    /// Weights that fall with the place in the list, as names and companies do: the first is
    /// `(n + offset) / (1 + offset)` times as frequent as the n-th.
    pub(super) fn by_rank(items: Vec<T>, offset: u32) -> Self {
        let mut sum = 0;
        let cumulative = (1_u32..)
            .take(items.len())
            .map(|rank| {
                sum += 1_000_000 / (rank + offset);
                sum
            })
            .collect();
        Self { items, cumulative }
    }

    /// Draws one; the default of the type when there is none.
    pub(super) fn pick(&self, rng: &mut Rng) -> T {
        let at = rng.below(self.cumulative.last().copied().unwrap_or(0));
        let index = self.cumulative.partition_point(|sum| *sum <= at);
        self.items.get(index).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_never_change() {
        let mut rng = Rng::new(42, Stream::Households, 7);
        let first: Vec<u32> = (0..4).map(|_| rng.below(1_000_000)).collect();
        assert_eq!(first, [600_892, 956_737, 135_040, 31_364]);
    }

    #[test]
    fn streams_and_numbers_are_independent() {
        let first = |stream, number| Rng::new(1, stream, number).next();
        assert_ne!(first(Stream::Places, 0), first(Stream::Life, 0));
        assert_ne!(first(Stream::Life, 0), first(Stream::Life, 1));
    }

    #[test]
    fn the_reference_vector_of_splitmix64_holds() {
        let mut state = 1_234_567;
        assert_eq!(splitmix64(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(splitmix64(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_weighted_draw_prefers_the_first() {
        let weighted = Weighted::by_rank(vec![1, 2, 3], 1);
        let mut rng = Rng::new(1, Stream::Life, 1);
        let mut counts = [0; 4];
        for _ in 0..13_000 {
            counts[weighted.pick(&mut rng)] += 1;
        }
        // Weights 1/2, 1/3, 1/4, that is 6, 4 and 3 thirteenths.
        assert!(counts[1] > 5_700 && counts[1] < 6_300, "{counts:?}");
        assert!(counts[3] > 2_750 && counts[3] < 3_250, "{counts:?}");
        assert_eq!(counts[0], 0);
    }
}
