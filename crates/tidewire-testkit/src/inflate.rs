//! DEFLATE read bit by bit, as RFC 1951 and RFC 7692 §7.2.2 say it: slow, short, and nobody else's code. The oracle for
//! compressed messages.

/// Why a message is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not DEFLATE, or it refers to what is outside the window.
    Invalid,
    /// It ends within a block.
    Cut,
    /// It is longer than the limit.
    TooLong,
}

/// The compressed messages of one direction.
#[derive(Clone, Debug)]
pub struct Inflater {
    window_len: usize,
    /// All that may be referred to, if the window is large enough.
    history: Vec<u8>,
}

impl Inflater {
    /// For a window of 2 to the power of `window_bits` bytes: nothing may be referred to farther back.
    #[must_use]
    pub fn new(window_bits: u8) -> Self {
        Self { window_len: 1 << window_bits, history: Vec::new() }
    }

    /// Forgets the messages before.
    pub fn reset(&mut self) {
        self.history.clear();
    }

    /// The message of at most `max_len` bytes that has this payload. Nothing is referred to across a block with BFINAL.
    ///
    /// # Errors
    /// There is none.
    pub fn message(&mut self, payload: &[u8], max_len: usize) -> Result<Vec<u8>, Fault> {
        let tailed = [payload, &[0x00, 0x00, 0xFF, 0xFF]].concat();
        let mut bits = Bits { bytes: &tailed, at: 0 };
        let mut message = Message { of: self, bytes: Vec::new(), max_len };
        // Where no block waits to be ended, the four bytes are not needed.
        let mut nothing_waits = true;
        while !(nothing_waits && bits.at == 8 * payload.len()) && bits.at < 8 * tailed.len() {
            let bfinal = bits.take(1)?;
            match bits.take(2)? {
                0 => message.stored(&mut bits)?,
                1 => message.coded(&mut bits, &fixed())?,
                2 => {
                    let codes = dynamic(&mut bits)?;
                    message.coded(&mut bits, &codes)?;
                }
                _ => return Err(Fault::Invalid),
            }
            nothing_waits = bfinal == 1;
            if nothing_waits {
                bits.align();
                message.of.reset();
            }
        }
        Ok(message.bytes)
    }
}

/// Bits, the least significant one of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<usize, Fault> {
        let mut value = 0;
        for index in 0..count {
            let byte = *self.bytes.get(self.at / 8).ok_or(Fault::Cut)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << index;
            self.at += 1;
        }
        Ok(value)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

struct Message<'a> {
    of: &'a mut Inflater,
    bytes: Vec<u8>,
    max_len: usize,
}

impl Message<'_> {
    fn push(&mut self, byte: u8) -> Result<(), Fault> {
        if self.bytes.len() == self.max_len {
            return Err(Fault::TooLong);
        }
        self.bytes.push(byte);
        self.of.history.push(byte);
        Ok(())
    }

    fn stored(&mut self, bits: &mut Bits<'_>) -> Result<(), Fault> {
        bits.align();
        let (len, nlen) = (bits.take(16)?, bits.take(16)?);
        if len != nlen ^ 0xFFFF {
            return Err(Fault::Invalid);
        }
        for _ in 0..len {
            let byte = bits.take(8)?;
            self.push(byte as u8)?;
        }
        Ok(())
    }

    fn coded(&mut self, bits: &mut Bits<'_>, (literals, distances): &(Code, Code)) -> Result<(), Fault> {
        loop {
            let (length, extra) = match literals.next(bits)? {
                literal @ 0..=255 => {
                    self.push(literal as u8)?;
                    continue;
                }
                256 => return Ok(()),
                symbol @ 257..=264 => (symbol - 254, 0),
                symbol @ 265..=284 => {
                    let extra = (symbol - 261) / 4;
                    (3 + ((4 + (symbol - 261) % 4) << extra), extra)
                }
                285 => (258, 0),
                _ => return Err(Fault::Invalid),
            };
            let length = length + bits.take(extra)?;
            let (distance, extra) = match distances.next(bits)? {
                symbol @ 0..=1 => (symbol + 1, 0),
                symbol @ 2..=29 => {
                    let extra = symbol / 2 - 1;
                    (1 + ((2 + symbol % 2) << extra), extra)
                }
                _ => return Err(Fault::Invalid),
            };
            let distance = distance + bits.take(extra)?;
            if distance > self.of.window_len || distance > self.of.history.len() {
                return Err(Fault::Invalid);
            }
            for _ in 0..length {
                self.push(self.of.history[self.of.history.len() - distance])?;
            }
        }
    }
}

/// A Huffman code: how many symbols have each length, and the symbols in order.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    /// The code with these lengths, and how many more codes of 15 bits there would be room for.
    fn new(lengths: &[usize]) -> Result<(Self, usize), Fault> {
        let mut counts = [0; 16];
        for length in lengths {
            counts[*length] += 1;
        }
        counts[0] = 0;
        let used: usize = (1..16).map(|length| counts[length] << (15 - length)).sum();
        let room = (1usize << 15).checked_sub(used).ok_or(Fault::Invalid)?;
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        Ok((Self { counts, symbols }, room))
    }

    /// A code that is complete, or has at most one symbol, of one bit.
    fn usual(lengths: &[usize]) -> Result<Self, Fault> {
        let (code, room) = Self::new(lengths)?;
        match room == 0 || code.symbols.len() <= code.counts[1] {
            true => Ok(code),
            false => Err(Fault::Invalid),
        }
    }

    fn next(&self, bits: &mut Bits<'_>) -> Result<usize, Fault> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Fault::Invalid)
    }
}

fn fixed() -> (Code, Code) {
    let lengths: Vec<usize> =
        [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].into_iter().flatten().collect();
    let code = |lengths: &[usize]| Code::new(lengths).expect("a code of the standard").0;
    (code(&lengths), code(&[5; 32]))
}

fn dynamic(bits: &mut Bits<'_>) -> Result<(Code, Code), Fault> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literal_count, distance_count) = (257 + bits.take(5)?, 1 + bits.take(5)?);
    let order_count = 4 + bits.take(4)?;
    if literal_count > 286 || distance_count > 30 {
        return Err(Fault::Invalid);
    }
    let mut lengths = [0; 19];
    for symbol in &ORDER[..order_count] {
        lengths[*symbol] = bits.take(3)?;
    }
    let code = Code::usual(&lengths)?;
    if code.symbols.is_empty() {
        // Nothing can follow; zlib reads on for a while before it says so.
        return Err(Fault::Cut);
    }
    let mut lengths = Vec::new();
    while lengths.len() < literal_count + distance_count {
        let (length, times) = match code.next(bits)? {
            length @ 0..=15 => (length, 1),
            16 => (*lengths.last().ok_or(Fault::Invalid)?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            _ => (0, 11 + bits.take(7)?),
        };
        lengths.resize(lengths.len() + times, length);
    }
    if lengths.len() > literal_count + distance_count || lengths[256] == 0 {
        return Err(Fault::Invalid);
    }
    Ok((Code::usual(&lengths[..literal_count])?, Code::usual(&lengths[literal_count..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let mut inflater = Inflater::new(15);
        for payload in [
            &[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00][..],
            &[0xF2, 0x00, 0x11, 0x00, 0x00],
            &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
            &[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
            &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
            &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        ] {
            assert_eq!(inflater.message(payload, 5).as_deref(), Ok(&b"Hello"[..]), "{payload:02X?}");
            assert_eq!(inflater.clone().message(payload, 4), Err(Fault::TooLong));
        }
        assert_eq!(inflater.message(&[0x00], 0), Ok(vec![]));
        assert_eq!(inflater.message(&[], 0), Ok(vec![]));
        assert_eq!(inflater.message(&[0xF2, 0x00, 0x11, 0x00, 0x00], 5), Err(Fault::Invalid), "BFINAL came");
        inflater.reset();
        assert_eq!(inflater.message(&[0xF2, 0x48, 0xCD], 5), Err(Fault::Cut));
    }
}
