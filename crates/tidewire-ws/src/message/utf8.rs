//! Incremental UTF-8: text that comes in pieces fails at its first bad byte (RFC 6455 §8.1).
//!
//! Each byte is validated once. A piece is cut before a character that it does not finish; the part before is
//! checked in bulk and appended as a `&str`, and the 1 to 3 bytes after it wait, checked one by one, so that a
//! surrogate, an overlong form or a code point above U+10FFFF is refused at the byte that makes it one.

use alloc::string::String;

/// The bytes are not UTF-8, whatever may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

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
    #[cfg(feature = "simdutf8")]
    let validated = simdutf8::basic::from_utf8(bytes);
    #[cfg(not(feature = "simdutf8"))]
    let validated = core::str::from_utf8(bytes);
    validated.map_err(|_| InvalidUtf8)
}
