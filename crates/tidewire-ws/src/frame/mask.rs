//! Masking: the XOR that every frame from a client goes through (RFC 6455 §5.3).
//!
//! The loop works on words of 64 bits, in safe code that compilers turn into vector instructions; with feature `simd`
//! into those of 256 bits, where the processor has them. A byte-wise loop over `i mod 4`, which is the RFC's own
//! formula, is the oracle in the tests.

use alloc::vec::Vec;
use core::fmt;
use core::mem::MaybeUninit;

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
    let key = key.rotated(offset);
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    if let Some(avx2) = (data.len() >= wide::MIN_LEN).then(wide::Avx2::detect).flatten() {
        return avx2.mask(data, key);
    }
    mask_words(data, key);
}

/// Appends `payload` to `output`, masked from its first octet, in one pass over both.
#[allow(unsafe_code)]
#[inline]
pub(crate) fn append_masked(payload: &[u8], key: MaskingKey, output: &mut Vec<u8>) {
    output.reserve(payload.len());
    let room = &mut output.spare_capacity_mut()[..payload.len()];
    copy(payload, room, key, MaybeUninit::new);
    // SAFETY: The room has the length of the payload, lies within the capacity, and each byte of it was written.
    unsafe { output.set_len(output.len() + payload.len()) };
}

/// `payload`, masked from its first octet, in a buffer of its own and of its length. Inlined, for a buffer that is given back
/// in memory is one more that is waited for.
#[allow(unsafe_code)]
#[inline(always)]
pub(crate) fn masked(payload: &[u8], key: MaskingKey) -> Vec<u8> {
    let mut output = Vec::with_capacity(payload.len());
    let room = &mut output.spare_capacity_mut()[..payload.len()];
    copy_to_room(payload, room, key);
    // SAFETY: The room has the length of the payload, lies within the capacity, and each byte of it was written.
    unsafe { output.set_len(payload.len()) };
    output
}

/// Writes `payload`, masked from its first octet, to a place of the same length.
#[inline]
pub(crate) fn copy_masked(payload: &[u8], key: MaskingKey, target: &mut [u8]) {
    copy(payload, target, key, |octet| octet);
}

/// By itself, so that who owns the room is not in its way.
#[inline(never)]
fn copy_to_room(payload: &[u8], room: &mut [MaybeUninit<u8>], key: MaskingKey) {
    copy(payload, room, key, MaybeUninit::new);
}

/// Both of them: what a place holds is made of an octet, so that one may be without any yet.
#[inline]
fn copy<T>(source: &[u8], target: &mut [T], key: MaskingKey, place: impl Fn(u8) -> T + Copy) {
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    if let Some(avx2) = (source.len() >= wide::MIN_LEN).then(wide::Avx2::detect).flatten() {
        return avx2.copy(source, target, key, place);
    }
    copy_words(source, target, key, place);
}

/// The key twice, as a word of memory.
#[inline(always)]
fn word(MaskingKey([a, b, c, d]): MaskingKey) -> u64 {
    u64::from_ne_bytes([a, b, c, d, a, b, c, d])
}

/// The loop over words, for the compiler to make vectors of.
#[inline(always)]
fn mask_words(data: &mut [u8], key: MaskingKey) {
    let (wide, key) = (word(key), key.0);
    let mut words = data.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(octets) = <&mut [u8; 8]>::try_from(word) {
            *octets = (u64::from_ne_bytes(*octets) ^ wide).to_ne_bytes();
        }
    }
    // A word is twice the key, so the rest begins at the key's first octet again.
    let mut halves = words.into_remainder().chunks_exact_mut(4);
    for half in &mut halves {
        if let Ok(octets) = <&mut [u8; 4]>::try_from(half) {
            *octets = (u32::from_ne_bytes(*octets) ^ u32::from_ne_bytes(key)).to_ne_bytes();
        }
    }
    for (octet, key) in halves.into_remainder().iter_mut().zip(key) {
        *octet ^= key;
    }
}

/// The same from one place to another of the same length, of which each octet is written.
#[inline(always)]
fn copy_words<T>(source: &[u8], target: &mut [T], key: MaskingKey, place: impl Fn(u8) -> T + Copy) {
    assert_eq!(source.len(), target.len());
    let mut from = source.chunks_exact(8);
    for (to, from) in target.chunks_exact_mut(8).zip(&mut from) {
        copy_word(<&mut [T; 8]>::try_from(to).ok(), from.first_chunk(), key, place);
    }
    if from.remainder().is_empty() {
        return;
    }
    // The last word may lie across the one before it: what is written twice is the same.
    if let Some(last) = source.last_chunk() {
        copy_word(target.last_chunk_mut(), Some(last), key.rotated(source.len()), place);
        return;
    }
    for ((to, from), key) in target.iter_mut().zip(source).zip(key.0.iter().cycle()) {
        *to = place(from ^ key);
    }
}

/// One word of it, where there is one.
#[inline(always)]
fn copy_word<T>(to: Option<&mut [T; 8]>, from: Option<&[u8; 8]>, key: MaskingKey, place: impl Fn(u8) -> T) {
    if let (Some(to), Some(from)) = (to, from) {
        *to = (u64::from_ne_bytes(*from) ^ word(key)).to_ne_bytes().map(place);
    }
}

/// The same loops for processors that have vectors of 256 bits, which is to be found out at run time and therefore needs
/// std. They take half the time from 512 bytes on (`docs/benchmarks.md`).
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
#[allow(unsafe_code)]
mod wide {
    extern crate std;

    use super::{MaskingKey, copy_words, mask_words};

    /// What is shorter is done before it is asked for.
    pub(super) const MIN_LEN: usize = 128;

    /// From here on it pays to begin at a vector's border.
    const MIN_ALIGNED_LEN: usize = 4096;

    /// Bytes of a vector.
    const VECTOR_LEN: usize = 32;

    /// The knowledge that the processor has AVX2: there is no other way to it than to ask.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2(());

    impl Avx2 {
        #[inline]
        pub(super) fn detect() -> Option<Self> {
            std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
        }

        #[inline]
        pub(super) fn mask(self, data: &mut [u8], key: MaskingKey) {
            // SAFETY: All that is unsafe about it is that the processor must have AVX2, and it has.
            unsafe { mask_avx2(data, key) }
        }

        #[inline]
        pub(super) fn copy<T>(
            self,
            source: &[u8],
            target: &mut [T],
            key: MaskingKey,
            place: impl Fn(u8) -> T + Copy,
        ) {
            // SAFETY: All that is unsafe about it is that the processor must have AVX2, and it has.
            unsafe { copy_avx2(source, target, key, place) }
        }
    }

    /// # Safety
    /// The processor has AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn mask_avx2(data: &mut [u8], key: MaskingKey) {
        // A vector that lies across two lines of the cache costs two.
        let head_len = match data.len() {
            0..MIN_ALIGNED_LEN => 0,
            len => data.as_ptr().align_offset(VECTOR_LEN).min(len),
        };
        let (head, body) = data.split_at_mut(head_len);
        mask_words(head, key);
        let key = key.rotated(head_len);
        let mut blocks = body.chunks_exact_mut(8 * VECTOR_LEN);
        for block in &mut blocks {
            mask_words(block, key);
        }
        mask_words(blocks.into_remainder(), key);
    }

    /// # Safety
    /// The processor has AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn copy_avx2<T>(source: &[u8], target: &mut [T], key: MaskingKey, place: impl Fn(u8) -> T + Copy) {
        copy_words(source, target, key, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

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
    fn what_is_appended_or_copied_masked_is_what_the_octet_formula_makes_of_it() {
        let key = MaskingKey([0x37, 0xFA, 0x21, 0x3D]);
        let source: Vec<u8> = (0..5000u32).map(|i| (i * 37 + 11) as u8).collect();
        for len in (0..300).chain([511, 512, 4095, 4096, 4097, 4990]) {
            for (start, before) in [(0, 0), (1, 3), (7, 64)] {
                let payload = &source[start..start + len];
                let mut slow = payload.to_vec();
                oracle(&mut slow, key, 0);
                let mut output = vec![0xEE; before];
                append_masked(payload, key, &mut output);
                assert_eq!(output[..before], vec![0xEE; before]);
                assert_eq!(output[before..], slow, "start {start} len {len}");
                let mut copied = vec![0xEE; len];
                copy_masked(payload, key, &mut copied);
                assert_eq!(copied, slow, "start {start} len {len}");
                let owned = masked(payload, key);
                assert_eq!((&owned, owned.capacity()), (&slow, len), "start {start} len {len}");
            }
        }
    }

    #[test]
    fn long_data_agrees_with_the_octet_formula_at_every_alignment() {
        let key = MaskingKey([0x37, 0xFA, 0x21, 0x3D]);
        let source: Vec<u8> = (0..5000u32).map(|i| (i * 37 + 11) as u8).collect();
        for start in 0..65 {
            for len in [127, 128, 129, 1000, 4095, 4096, 4097, 4500, 4900] {
                let mut fast = source.clone();
                let mut slow = fast[start..start + len].to_vec();
                mask(&mut fast[start..start + len], key, start);
                oracle(&mut slow, key, start);
                assert_eq!(fast[start..start + len], slow, "start {start} len {len}");
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
