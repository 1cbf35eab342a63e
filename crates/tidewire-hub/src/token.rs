//! The bytes of a cursor token, and the one text for each: see [`Cursor`] for the format.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cursor::{Cursor, CursorEntry, NameHash, Reached, Width};
use crate::error::InvalidCursor;
use crate::position::{Epoch, Incarnation, Position};

const VERSION: u8 = 0x10;
const VERSION_MASK: u8 = 0xF0;
const WIDE: u8 = 0x08;
const KIND_MASK: u8 = 0x07;
/// Positions of the hub itself; other kinds are for backplanes that have positions of their own.
const KIND_LOCAL: u8 = 0x00;

const HEAD_LEN: usize = 1 + 8;
const CHECKSUM_LEN: usize = 2;
const MAX_ENTRY_LEN: usize = 8 + 8 + 8;
const MAX_BYTES: usize = HEAD_LEN + Cursor::MAX_TOPICS * MAX_ENTRY_LEN + CHECKSUM_LEN;
/// See [`Cursor::MAX_LEN`].
pub(crate) const MAX_LEN: usize = (MAX_BYTES * 8).div_ceil(6);

/// The token of a cursor.
pub(crate) fn encode(cursor: &Cursor) -> String {
    let mut bytes = Vec::with_capacity(HEAD_LEN + cursor.entries.len() * MAX_ENTRY_LEN + CHECKSUM_LEN);
    bytes.push(match cursor.width {
        Width::Narrow => VERSION | KIND_LOCAL,
        Width::Wide => VERSION | KIND_LOCAL | WIDE,
    });
    bytes.extend_from_slice(&cursor.incarnation.as_u64().to_be_bytes());
    for entry in &cursor.entries {
        bytes.extend_from_slice(&entry.name.0.to_be_bytes()[..name_len(cursor.width)]);
        match entry.reached {
            Reached::Unknown => push_varint(&mut bytes, 0),
            Reached::Offset { life: 0, offset } => push_varint(&mut bytes, (offset + 1) << 1),
            Reached::Offset { life, offset } => {
                push_varint(&mut bytes, (offset + 1) << 1 | 1);
                push_varint(&mut bytes, life);
            }
        }
    }
    bytes.extend_from_slice(&crc16(&bytes).to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The cursor of a token.
pub(crate) fn decode(text: &str) -> Result<Cursor, InvalidCursor> {
    if text.len() > MAX_LEN {
        return Err(InvalidCursor::TooLong);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor::Encoding)?;
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(InvalidCursor::Entries)?;
    let (first, rest) = body.split_first().ok_or(InvalidCursor::Entries)?;
    if first & VERSION_MASK != VERSION {
        return Err(InvalidCursor::Version);
    }
    if crc16(body) != u16::from_be_bytes(*checksum) {
        return Err(InvalidCursor::Checksum);
    }
    if first & KIND_MASK != KIND_LOCAL {
        return Err(InvalidCursor::Kind);
    }
    let (incarnation, entries) = rest.split_first_chunk::<8>().ok_or(InvalidCursor::Entries)?;
    let width = if first & WIDE == 0 { Width::Narrow } else { Width::Wide };
    let entries = entries_of(entries, width).ok_or(InvalidCursor::Entries)?;
    Ok(Cursor { incarnation: Incarnation::new(u64::from_be_bytes(*incarnation)), width, entries })
}

/// The entries, if they are those that `encode` writes.
fn entries_of(mut rest: &[u8], width: Width) -> Option<Vec<CursorEntry>> {
    let mut entries: Vec<CursorEntry> = Vec::new();
    let mut shared = Width::Narrow;
    while !rest.is_empty() {
        if entries.len() == Cursor::MAX_TOPICS {
            return None;
        }
        let name = take_name(&mut rest, width)?;
        if let Some(last) = entries.last() {
            if last.name >= name {
                return None;
            }
            if last.name.within(Width::Narrow) == name.within(Width::Narrow) {
                shared = Width::Wide;
            }
        }
        entries.push(CursorEntry { name, reached: take_reached(&mut rest)? });
    }
    (shared == width).then_some(entries)
}

fn name_len(width: Width) -> usize {
    match width {
        Width::Narrow => 4,
        Width::Wide => 8,
    }
}

fn take_name(rest: &mut &[u8], width: Width) -> Option<NameHash> {
    let (name, after) = rest.split_at_checked(name_len(width))?;
    *rest = after;
    let mut bytes = [0; 8];
    bytes[..name.len()].copy_from_slice(name);
    Some(NameHash(u64::from_be_bytes(bytes)))
}

fn take_reached(rest: &mut &[u8]) -> Option<Reached> {
    let word = take_varint(rest)?;
    if word == 0 {
        return Some(Reached::Unknown);
    }
    let offset = (word >> 1).checked_sub(1).filter(|offset| *offset <= Position::MAX_OFFSET)?;
    let life = if word & 1 == 0 {
        0
    } else {
        take_varint(rest).filter(|life| (1..=Epoch::MAX_LIFE).contains(life))?
    };
    Some(Reached::Offset { life, offset })
}

fn push_varint(bytes: &mut Vec<u8>, mut word: u64) {
    while word >= 0x80 {
        bytes.push(word as u8 | 0x80);
        word >>= 7;
    }
    bytes.push(word as u8);
}

/// A varint in its shortest form, of at most eight bytes.
fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut word = 0;
    for shift in (0..56).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        word |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return (*byte != 0 || shift == 0).then_some(word);
        }
    }
    None
}

/// CRC-16/CCITT-FALSE. It sees every change within sixteen bits, hence of any one character.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// The token of these bytes, with the right checksum.
    fn sealed(body: &[u8]) -> String {
        let mut bytes = body.to_vec();
        bytes.extend_from_slice(&crc16(body).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn token(first: u8, entries: &[u8]) -> String {
        let mut body = vec![first];
        body.extend_from_slice(&[7; 8]);
        body.extend_from_slice(entries);
        sealed(&body)
    }

    #[test]
    fn the_checksum_is_the_catalogue_s() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }

    #[test]
    fn what_is_not_written_is_not_read() {
        let refused: [(&str, &[u8]); 13] = [
            ("a hash cut short", &[0, 0, 0]),
            ("no position", &[0, 0, 0, 1]),
            ("a varint cut short", &[0, 0, 0, 1, 0x80]),
            ("a varint with a needless byte", &[0, 0, 0, 1, 0x82, 0x00]),
            ("a varint of nine bytes", &[0, 0, 0, 1, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
            ("no position but a life", &[0, 0, 0, 1, 0x01, 0x05]),
            ("a life of 0", &[0, 0, 0, 1, 0x03, 0x00]),
            ("a life that is missing", &[0, 0, 0, 1, 0x03]),
            ("a life of 2^53 + 1", &[0, 0, 0, 1, 0x03, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]),
            ("an offset of 2^53 + 1", &[0, 0, 0, 1, 0x84, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]),
            ("a topic twice", &[0, 0, 0, 1, 2, 0, 0, 0, 1, 2]),
            ("topics out of order", &[0, 0, 0, 2, 2, 0, 0, 0, 1, 2]),
            ("bytes behind", &[0, 0, 0, 1, 2, 0]),
        ];
        for (what, entries) in refused {
            assert_eq!(decode(&token(0x10, entries)), Err(InvalidCursor::Entries), "{what}");
        }
    }

    #[test]
    fn hashes_are_wide_exactly_when_they_must_be() {
        let apart = [0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 2];
        let sharing = [0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 2];
        assert_eq!(decode(&token(0x18, &apart)), Err(InvalidCursor::Entries));
        assert_eq!(decode(&token(0x18, &[])), Err(InvalidCursor::Entries));
        assert_eq!(decode(&token(0x18, &sharing)).unwrap().topics(), 2);
        let twice = [&sharing[..9], &sharing[..]].concat();
        assert_eq!(decode(&token(0x18, &twice)), Err(InvalidCursor::Entries));
    }

    #[test]
    fn the_largest_values_are_read() {
        let largest = [
            0, 0, 0, 1, 0x83, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
            0x80, 0x10,
        ];
        let cursor = decode(&token(0x10, &largest)).unwrap();
        assert_eq!(
            cursor.entries[0].reached,
            Reached::Offset { life: Epoch::MAX_LIFE, offset: Position::MAX_OFFSET }
        );
        assert_eq!(encode(&cursor), token(0x10, &largest));
    }

    #[test]
    fn versions_kinds_and_short_texts_are_told_apart() {
        for (first, error) in [
            (0x00, InvalidCursor::Version),
            (0x20, InvalidCursor::Version),
            (0x11, InvalidCursor::Kind),
            (0x17, InvalidCursor::Kind),
        ] {
            assert_eq!(decode(&token(first, &[])), Err(error), "{first:#04x}");
        }
        assert_eq!(decode(""), Err(InvalidCursor::Entries));
        assert_eq!(decode(&sealed(&[])), Err(InvalidCursor::Entries));
        assert_eq!(decode(&sealed(&[0x10, 1, 2, 3, 4, 5, 6, 7])), Err(InvalidCursor::Entries));
        assert_eq!(decode("A"), Err(InvalidCursor::Encoding));
        assert_eq!(decode("EA=="), Err(InvalidCursor::Encoding));
        assert_eq!(decode("EA+/"), Err(InvalidCursor::Encoding));
        assert_eq!(decode("EBB"), Err(InvalidCursor::Encoding));
    }

    #[test]
    fn a_token_holds_as_many_topics_as_it_may_and_not_one_more() {
        let entries = |count: u64| {
            let hash = |index: u64| NameHash(u64::MAX - index);
            let reached = Reached::Offset { life: Epoch::MAX_LIFE, offset: Position::MAX_OFFSET };
            Cursor::build(Incarnation::new(u64::MAX), (0..count).map(|index| (hash(index), reached)))
        };
        let full = encode(&entries(Cursor::MAX_TOPICS as u64));
        assert_eq!(full.len(), MAX_LEN);
        assert_eq!(decode(&full).unwrap().topics(), Cursor::MAX_TOPICS);
        let beyond = encode(&entries(Cursor::MAX_TOPICS as u64 + 1));
        assert_eq!(decode(&beyond), Err(InvalidCursor::TooLong));
        let mut short = Vec::new();
        for index in 0..=Cursor::MAX_TOPICS as u32 {
            short.extend_from_slice(&index.to_be_bytes());
            short.push(2);
        }
        assert_eq!(decode(&token(0x10, &short)), Err(InvalidCursor::Entries));
        assert_eq!(decode(&token(0x10, &short[5..])).unwrap().topics(), Cursor::MAX_TOPICS);
    }
}
