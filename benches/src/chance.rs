//! Chance that can be repeated (`SplitMix64`): what a program draws follows from its seed.

/// A small generator.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The draws of a seed; `stream` tells apart those who draw from the same one.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self(seed);
        chance.0 = chance.next().wrapping_add(stream);
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % (end as u64).max(1)) as usize
    }

    /// Whether it is this time, where it is `one` in so many.
    pub fn one_in(&mut self, one: usize) -> bool {
        self.below(one) == 0
    }

    /// One of several.
    pub fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        from[self.below(N)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_draw_alike_and_streams_do_not() {
        let draw = |seed, stream| {
            let mut chance = Chance::new(seed, stream);
            [0; 8].map(|_: usize| chance.below(1000))
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn a_draw_is_below_its_end() {
        let mut chance = Chance::new(7, 0);
        assert!((0..1000).all(|end| chance.below(end) < end.max(1)));
        assert!((0..100).any(|_| chance.one_in(4)) && !(0..100).all(|_| chance.one_in(4)));
        assert!((0..100).map(|_| chance.pick([1, 2])).any(|one| one == 2));
    }
}
