//! Masking: the XOR that every frame from a client goes through (RFC 6455 §5.3).
//!
//! The loop works on words of 64 bits, in safe code that compilers turn into vector instructions. A byte-wise
//! loop over `i mod 4`, which is the RFC's own formula, is the oracle in the tests.

use core::fmt;

/// The 32-bit masking key of one frame, in the order of the wire.
///
/// A client takes a fresh, unpredictable one for every frame. The key is not secret: it travels in the frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskingKey(pub [u8; 4]);

impl MaskingKey {
    /// The key as it applies `offset` bytes further on in the payload.
    #[inline]
    #[must_use]
    pub const fn rotated(self, offset: usize) -> Self {
        let bits = 8 * (offset % 4) as u32;
        // In the big-endian reading the first octet of the key is the highest one, so that going on is turning left.
        Self(u32::from_be_bytes(self.0).rotate_left(bits).to_be_bytes())
    }
}

impl fmt::Debug for MaskingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskingKey({:#010x})", u32::from_be_bytes(self.0))
    }
}

impl From<[u8; 4]> for MaskingKey {
    fn from(octets: [u8; 4]) -> Self {
        Self(octets)
    }
}

/// Masks `data`, or unmasks it, which is the same; `data[0]` is the octet at `offset` in the frame's payload.
///
/// Any offset and any length will do, so a payload may be treated in pieces as they come.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
//# Octet i of the transformed data ("transformed-octet-i") is the XOR of
//# octet i of the original data ("original-octet-i") with octet at index
//# i modulo 4 of the masking key ("masking-key-octet-j"):
#[inline]
pub fn mask(data: &mut [u8], key: MaskingKey, offset: usize) {
    let MaskingKey(key) = key.rotated(offset);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = data.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(octets) = <&mut [u8; 8]>::try_from(word) {
            *octets = (u64::from_ne_bytes(*octets) ^ wide).to_ne_bytes();
        }
    }
    // A word is twice the key, so the rest begins at the key's first octet again.
    let rest = words.into_remainder();
    for (octet, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *octet ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// §5.3 word for word.
    fn oracle(data: &mut [u8], key: MaskingKey, offset: usize) {
        for (i, octet) in data.iter_mut().enumerate() {
            let j = (offset + i) % 4;
            *octet ^= key.0[j];
        }
    }

    #[test]
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
    //= type=test
    //# Octet i of the transformed data ("transformed-octet-i") is the XOR of
    //# octet i of the original data ("original-octet-i") with octet at index
    //# i modulo 4 of the masking key ("masking-key-octet-j"):
    fn words_agree_with_the_octet_formula_at_every_length_offset_and_alignment() {
        let key = MaskingKey([0x37, 0xFA, 0x21, 0x3D]);
        let source: Vec<u8> = (0..160u32).map(|i| (i * 37 + 11) as u8).collect();
        for start in 0..9 {
            for len in 0..130 {
                for offset in [0, 1, 2, 3, 4, 5, 7, 8, 1023, usize::MAX] {
                    let mut fast = source[start..start + len].to_vec();
                    let mut slow = fast.clone();
                    mask(&mut fast, key, offset);
                    oracle(&mut slow, key, offset % 4);
                    assert_eq!(fast, slow, "start {start} len {len} offset {offset}");
                }
            }
        }
    }

    #[test]
    fn masking_twice_gives_the_original() {
        let mut data = *b"any payload at all, of any length";
        mask(&mut data, MaskingKey([1, 2, 3, 4]), 3);
        assert_ne!(&data, b"any payload at all, of any length");
        mask(&mut data, MaskingKey([1, 2, 3, 4]), 3);
        assert_eq!(&data, b"any payload at all, of any length");
    }

    #[test]
    fn pieces_masked_at_their_offsets_equal_the_whole() {
        let key = MaskingKey([9, 8, 7, 6]);
        let source: Vec<u8> = (0..=200).collect();
        let mut whole = source.clone();
        mask(&mut whole, key, 0);
        for first in 0..source.len() {
            let mut pieces = source.clone();
            let (head, tail) = pieces.split_at_mut(first);
            mask(head, key, 0);
            mask(tail, key, first);
            assert_eq!(pieces, whole, "cut at {first}");
        }
    }

    #[test]
    fn a_rotated_key_is_the_key_read_from_a_later_octet() {
        let key = MaskingKey([1, 2, 3, 4]);
        assert_eq!(key.rotated(0).0, [1, 2, 3, 4]);
        assert_eq!(key.rotated(1).0, [2, 3, 4, 1]);
        assert_eq!(key.rotated(2).0, [3, 4, 1, 2]);
        assert_eq!(key.rotated(7).0, [4, 1, 2, 3]);
        assert_eq!(alloc::format!("{key:?}"), "MaskingKey(0x01020304)");
    }
}
