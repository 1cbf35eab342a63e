//! Incremental UTF-8: text that comes in pieces fails at its first bad byte (RFC 6455 §8.1).
//!
//! Each byte is validated once. A piece is cut before a character that it does not finish; the part before is
//! checked in bulk and appended as a `&str`, and the 1 to 3 bytes after it wait, checked one by one, so that a
//! surrogate, an overlong form or a code point above U+10FFFF is refused at the byte that makes it one.

use crate::frame::ProtocolError;
use alloc::string::String;

/// The bytes are not UTF-8, whatever may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

//= https://www.rfc-editor.org/rfc/rfc6455#section-8.1
//# When an endpoint is to interpret a byte stream as UTF-8 but finds
//# that the byte stream is not, in fact, a valid UTF-8 stream, that
//# endpoint MUST _Fail the WebSocket Connection_.
impl From<InvalidUtf8> for ProtocolError {
    fn from(InvalidUtf8: InvalidUtf8) -> Self {
        Self::InvalidUtf8
    }
}

/// The beginning of a character whose end has not come: a valid prefix of 0 to 3 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carry {
    octets: [u8; 3],
    len: u8,
}

impl Carry {
    /// Bytes that wait.
    #[inline]
    pub(crate) fn len(self) -> usize {
        usize::from(self.len)
    }

    /// Appends to `text` what `piece` completes; keeps the beginning of an unfinished character.
    /// Room in `text` is the caller's to reserve.
    pub(crate) fn append(&mut self, mut piece: &[u8], text: &mut String) -> Result<(), InvalidUtf8> {
        while self.len > 0 {
            let Some((&octet, rest)) = piece.split_first() else { return Ok(()) };
            self.push(octet, text)?;
            piece = rest;
        }
        let (whole, unfinished) = piece.split_at(piece.len() - unfinished_len(piece));
        text.push_str(validate(whole)?);
        unfinished.iter().try_for_each(|octet| self.push(*octet, text))
    }

    /// Takes the character that `piece` begins at its end without finishing it; gives the length of what is before it
    /// and still to be validated. Nothing may wait.
    pub(crate) fn take_unfinished(&mut self, piece: &[u8]) -> Result<usize, InvalidUtf8> {
        let (whole, unfinished) = piece.split_at(piece.len() - unfinished_len(piece));
        // Nothing is completed: the text stays empty.
        unfinished.iter().try_for_each(|octet| self.push(*octet, &mut String::new()))?;
        Ok(whole.len())
    }

    /// Adds one byte to the character in progress.
    fn push(&mut self, octet: u8, text: &mut String) -> Result<(), InvalidUtf8> {
        let had = self.len();
        let mut octets = [0; 4];
        octets[..had].copy_from_slice(&self.octets[..had]);
        octets[had] = octet;
        match core::str::from_utf8(&octets[..=had]) {
            Ok(character) => {
                text.push_str(character);
                self.len = 0;
                Ok(())
            }
            // Four bytes are a character or an error, so at most three are ever kept.
            Err(error) if error.error_len().is_none() && had < 3 => {
                self.octets[had] = octet;
                self.len += 1;
                Ok(())
            }
            Err(_) => Err(InvalidUtf8),
        }
    }
}

/// How many bytes at the end of `piece` begin a character without finishing it, judged by the lead byte alone.
fn unfinished_len(piece: &[u8]) -> usize {
    for (index, octet) in piece.iter().rev().take(3).enumerate() {
        let character_len = match octet {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x00..=0x7F => 1,
        };
        return if index + 1 < character_len { index + 1 } else { 0 };
    }
    0
}

/// `bytes` as text when they are whole, valid UTF-8.
#[inline]
pub(crate) fn validate(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    #[cfg(feature = "simd")]
    let validated = simdutf8::basic::from_utf8(bytes);
    #[cfg(not(feature = "simd"))]
    let validated = core::str::from_utf8(bytes);
    validated.map_err(|_| InvalidUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The number of bytes taken before the bad one, or the whole text.
    fn bytewise(bytes: &[u8]) -> Result<(String, usize), usize> {
        let (mut carry, mut text) = (Carry::default(), String::new());
        for (index, octet) in bytes.iter().enumerate() {
            carry.append(&[*octet], &mut text).map_err(|InvalidUtf8| index)?;
        }
        Ok((text, carry.len()))
    }

    fn in_two(bytes: &[u8], cut: usize) -> Result<(String, usize), InvalidUtf8> {
        let (mut carry, mut text) = (Carry::default(), String::new());
        carry.append(&bytes[..cut], &mut text)?;
        carry.append(&bytes[cut..], &mut text)?;
        Ok((text, carry.len()))
    }

    #[test]
    fn bad_sequences_fail_at_the_byte_that_makes_them_bad() {
        let table: [(&[u8], usize); 22] = [
            (b"\x80", 0),
            (b"\xBF", 0),
            (b"a\x80", 1),
            (b"\xC0", 0),
            (b"\xC1\xBF", 0),
            (b"\xC2\x7F", 1),
            (b"\xC2\xC2", 1),
            (b"\xE0\x9F", 1),
            (b"\xE0\x80\x80", 1),
            (b"\xE2\x82\x28", 2),
            (b"\xED\xA0", 1),
            (b"\xED\xBF\xBF", 1),
            (b"\xEF\xBF\xC0", 2),
            (b"\xF0\x8F", 1),
            (b"\xF0\x80\x80\x80", 1),
            (b"\xF0\x9F\x92\xC0", 3),
            (b"\xF4\x90", 1),
            (b"\xF4\x8F\xBF\x7F", 3),
            (b"\xF5", 0),
            (b"\xF8\x88\x80\x80\x80", 0),
            (b"\xFE", 0),
            // Autobahn 6.4: valid Greek, then a code point above U+10FFFF.
            (b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80edited", 12),
        ];
        for (bytes, bad) in table {
            assert_eq!(bytewise(bytes), Err(bad), "{bytes:02X?}");
            for cut in 0..=bytes.len() {
                assert_eq!(in_two(bytes, cut), Err(InvalidUtf8), "{bytes:02X?} cut at {cut}");
            }
            // The bytes before the bad one are a good beginning in any cut.
            for cut in 0..=bad {
                assert!(in_two(&bytes[..bad], cut).is_ok(), "{bytes:02X?} up to {bad}");
            }
        }
    }

    #[test]
    fn every_character_passes_in_every_cut() {
        let characters =
            (0..=0x10_FFFF).step_by(7).chain([0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x1_0000]);
        for character in characters.chain([0x10_FFFF]).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let encoded = character.encode_utf8(&mut buffer).as_bytes();
            for cut in 0..=encoded.len() {
                let (text, unfinished) = in_two(encoded, cut).unwrap();
                assert_eq!(
                    (text.chars().eq([character]), unfinished),
                    (true, 0),
                    "{character:?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn every_pair_of_bytes_after_a_lead_is_judged_like_the_standard_library_does() {
        for lead in 0xC0..=0xFF_u8 {
            for second in 0..=u8::MAX {
                for third in [0x00, 0x7F, 0x80, 0xA0, 0xBF, 0xC0, 0xFF] {
                    let bytes = [lead, second, third];
                    let expected = match core::str::from_utf8(&bytes) {
                        Ok(_) => Ok(0),
                        Err(error) if error.error_len().is_none() => Ok(3 - error.valid_up_to()),
                        Err(_) => Err(InvalidUtf8),
                    };
                    for cut in 0..=3 {
                        let judged = in_two(&bytes, cut).map(|(_, unfinished)| unfinished);
                        assert_eq!(judged, expected, "{bytes:02X?} cut at {cut}");
                    }
                }
            }
        }
    }

    #[test]
    fn bulk_validation_agrees_with_the_standard_library() {
        // Around the block sizes of vectorised validators.
        for len in [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200] {
            for bad in 0..len {
                let mut bytes: Vec<u8> = core::iter::repeat_n(b'a', len).collect();
                for octet in [0x80, 0xC0, 0xE2, 0xED, 0xF4, 0xFF] {
                    bytes[bad] = octet;
                    assert_eq!(validate(&bytes).is_ok(), core::str::from_utf8(&bytes).is_ok());
                }
                if bad + 2 < len {
                    bytes[bad..bad + 3].copy_from_slice("€".as_bytes());
                    assert!(validate(&bytes).is_ok(), "€ at {bad} of {len}");
                }
            }
        }
    }
}
