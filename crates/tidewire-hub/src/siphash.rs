//! SipHash (Aumasson and Bernstein, 2012): a keyed hash of short text that cannot be flooded without the key.
//!
//! The hub needs two: a fast one under a secret seed for its table of names (1 and 3 rounds), and one under a
//! public key that stays the same for ever for cursor tokens (2 and 4 rounds).

/// A 128-bit key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) u64, pub(crate) u64);

impl Key {
    /// Spreads a 64-bit seed over the whole key (SplitMix64).
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN)), mix(seed.wrapping_add(GOLDEN.wrapping_mul(2))))
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// The hash of `bytes` with `C` rounds a word and `D` rounds at the end.
#[inline]
pub(crate) fn siphash<const C: usize, const D: usize>(key: Key, bytes: &[u8]) -> u64 {
    let mut state = State::new(key);
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        state.absorb::<C>(little_endian(word));
    }
    // The last word carries what is left over and, in its top byte, the length.
    state.finish::<C, D>(little_endian(words.remainder()) | (bytes.len() as u64) << 56)
}

/// The hash of what comes in pieces, with 2 rounds a word and 4 at the end: as of the pieces in one.
#[derive(Clone, Debug)]
pub(crate) struct SipHasher {
    state: State,
    /// The bytes that do not fill a word yet.
    rest: u64,
    len: u64,
}

impl SipHasher {
    pub(crate) fn new(key: Key) -> Self {
        Self { state: State::new(key), rest: 0, len: 0 }
    }
}

impl core::hash::Hasher for SipHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Up to a whole word, word by word, and what is left.
        let (first, bytes) = bytes.split_at(bytes.len().min((8 - self.len % 8) as usize % 8));
        self.write_few(first);
        let mut words = bytes.chunks_exact(8);
        if self.len % 8 == 0 {
            for word in words.by_ref() {
                self.state.absorb::<2>(little_endian(word));
                self.len += 8;
            }
        }
        self.write_few(words.remainder());
    }

    fn finish(&self) -> u64 {
        self.state.clone().finish::<2, 4>(self.rest | self.len << 56)
    }
}

impl SipHasher {
    fn write_few(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.rest |= u64::from(*byte) << (8 * (self.len % 8));
            self.len += 1;
            if self.len % 8 == 0 {
                self.state.absorb::<2>(self.rest);
                self.rest = 0;
            }
        }
    }
}

/// The word that starts with these bytes, at most eight, and goes on with zeros.
#[inline]
fn little_endian(bytes: &[u8]) -> u64 {
    match (bytes, bytes.first_chunk(), bytes.last_chunk()) {
        // The two halves overlap where there are fewer than eight, and agree there.
        (_, Some(first), Some(last)) => {
            let (low, high) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            u64::from(low) | u64::from(high) << (8 * (bytes.len() - 4))
        }
        (few, _, _) => few.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[derive(Clone, Debug)]
struct State([u64; 4]);

impl State {
    fn new(key: Key) -> Self {
        Self([
            key.0 ^ 0x736F_6D65_7073_6575,
            key.1 ^ 0x646F_7261_6E64_6F6D,
            key.0 ^ 0x6C79_6765_6E65_7261,
            key.1 ^ 0x7465_6462_7974_6573,
        ])
    }

    #[inline]
    fn finish<const C: usize, const D: usize>(mut self, last: u64) -> u64 {
        self.absorb::<C>(last);
        self.0[2] ^= 0xFF;
        self.rounds::<D>();
        self.0[0] ^ self.0[1] ^ self.0[2] ^ self.0[3]
    }

    #[inline]
    fn absorb<const C: usize>(&mut self, word: u64) {
        self.0[3] ^= word;
        self.rounds::<C>();
        self.0[0] ^= word;
    }

    #[inline]
    fn rounds<const N: usize>(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        for _ in 0..N {
            a = a.wrapping_add(b);
            b = b.rotate_left(13) ^ a;
            a = a.rotate_left(32);
            c = c.wrapping_add(d);
            d = d.rotate_left(16) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(21) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(17) ^ c;
            c = c.rotate_left(32);
        }
        self.0 = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::hash::Hasher;

    #[test]
    fn the_paper_s_example() {
        let key = Key(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908);
        let message: [u8; 15] = core::array::from_fn(|index| index as u8);
        assert_eq!(siphash::<2, 4>(key, &message), 0xA129_CA61_49BE_45E5);
        assert_eq!(siphash::<2, 4>(key, b""), 0x726F_DB47_DD0E_0E31);
    }

    #[test]
    #[allow(deprecated)]
    fn the_standard_library_agrees_at_every_length() {
        let bytes: [u8; 255] = core::array::from_fn(|index| (index * 7) as u8);
        for len in 0..=bytes.len() {
            let mut one_three = std::hash::DefaultHasher::new();
            one_three.write(&bytes[..len]);
            assert_eq!(siphash::<1, 3>(Key(0, 0), &bytes[..len]), one_three.finish());
            let mut two_four = core::hash::SipHasher::new_with_keys(3, 4);
            two_four.write(&bytes[..len]);
            assert_eq!(siphash::<2, 4>(Key(3, 4), &bytes[..len]), two_four.finish());
        }
    }

    #[test]
    fn pieces_hash_as_one() {
        let bytes: [u8; 40] = core::array::from_fn(|index| (index * 7) as u8);
        for len in 0..=bytes.len() {
            for cut in 0..=len {
                let mut hasher = SipHasher::new(Key(3, 4));
                hasher.write(&bytes[..cut]);
                hasher.write(&bytes[cut..len]);
                assert_eq!(hasher.finish(), siphash::<2, 4>(Key(3, 4), &bytes[..len]));
            }
        }
    }

    #[test]
    fn a_seed_fills_the_key_and_changes_the_hash() {
        let (zero, one) = (Key::from_seed(0), Key::from_seed(1));
        // The first two numbers of the generator's sequence.
        assert_eq!((zero.0, zero.1), (0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4));
        assert_ne!(siphash::<1, 3>(zero, b"a"), siphash::<1, 3>(one, b"a"));
    }
}
