//! Cuts a byte stream into pieces, the way a network would: deterministic for a seed.

/// A small deterministic generator (SplitMix64), so that a failure replays from its seed.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// A generator that always gives the same numbers for the same `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next_u64() % bound as u64) as usize }
    }
}

/// The stream as one piece.
#[must_use]
pub fn whole(stream: &[u8]) -> Vec<&[u8]> {
    vec![stream]
}

/// The stream byte by byte.
#[must_use]
pub fn bytewise(stream: &[u8]) -> Vec<&[u8]> {
    stream.chunks(1).collect()
}

/// The stream at cuts chosen by `seed`; pieces are between 0 and about 64 bytes, sometimes far longer.
#[must_use]
pub fn random(stream: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut source = Seeded::new(seed);
    let mut rest = stream;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let longest = if source.below(8) == 0 { rest.len() + 1 } else { 64 };
        let cut = source.below(longest).min(rest.len());
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    pieces
}
