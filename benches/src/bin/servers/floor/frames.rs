//! Masked frames to unmasked ones, in place (RFC 6455 §5.2).

/// The longest message that is taken.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// What is at the front of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// A binary message, whole or not: where its payload is, and its masking key.
    Frame { payload: std::ops::Range<usize>, key: [u8; 4] },
    /// Too little to tell.
    NeedMore,
    /// Something that this server does not take.
    Wrong,
}

/// Looks at the front.
pub(super) fn front(bytes: &[u8]) -> Front {
    let (header_len, len) = match *bytes {
        [0x82, len @ 0x80..=0xFD, ..] => (2, u64::from(len & 0x7F)),
        [0x82, 0xFE, high, low, ..] => (4, u64::from(u16::from_be_bytes([high, low]))),
        [0x82, 0xFF, a, b, c, d, e, f, g, h, ..] => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        [] | [0x82] | [0x82, 0xFE | 0xFF, ..] => return Front::NeedMore,
        [_, ..] => return Front::Wrong,
    };
    if len > MAX_LEN {
        return Front::Wrong;
    }
    let Some(key) = bytes.get(header_len..).and_then(|rest| rest.first_chunk()) else {
        return Front::NeedMore;
    };
    let start = header_len + 4;
    Front::Frame { payload: start..start + len as usize, key: *key }
}

/// Unmasks a payload from its beginning, a word at a time.
pub(super) fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let wide = u64::from(u32::from_ne_bytes(key));
    let wide = wide << 32 | wide;
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*word) {
            word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// The header of an unmasked binary message, which is never longer than that of a masked one.
pub(super) fn header(len: usize) -> ([u8; 10], usize) {
    let mut header = [0; 10];
    header[0] = 0x82;
    let header_len = match len {
        0..=125 => {
            header[1] = len as u8;
            2
        }
        126..=0xFFFF => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    };
    (header, header_len)
}

/// The frames at the front, unmasked, as frames of a server: the range where they are then, and where what is not whole
/// begins. `None` when something is wrong.
pub(super) fn turn_round(bytes: &mut [u8]) -> Option<(std::ops::Range<usize>, usize)> {
    let mut at = 0;
    let mut answer = 0..0;
    loop {
        let (payload, key) = match front(&bytes[at..]) {
            Front::Frame { payload, key } if at + payload.end <= bytes.len() => {
                (at + payload.start..at + payload.end, key)
            }
            Front::Frame { .. } | Front::NeedMore => return Some((answer, at)),
            Front::Wrong => return None,
        };
        unmask(&mut bytes[payload.clone()], key);
        let (header, header_len) = header(payload.len());
        if answer.is_empty() {
            // The first stays where it is.
            let start = payload.start - header_len;
            answer = start..start;
        } else {
            bytes.copy_within(payload.clone(), answer.end + header_len);
        }
        bytes[answer.end..answer.end + header_len].copy_from_slice(&header[..header_len]);
        answer.end += header_len + payload.len();
        at = payload.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_bench::frames::{KEY, frame};

    #[test]
    fn frames_are_turned_round_in_place() {
        let payloads: Vec<Vec<u8>> = [0, 1, 7, 125, 126, 1000, 65_535, 65_536, 3]
            .iter()
            .map(|len| (0..*len).map(|at| (at * 7) as u8).collect())
            .collect();
        let mut bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(2, payload, Some(KEY))).collect();
        let expected: Vec<u8> = payloads.iter().flat_map(|payload| frame(2, payload, None)).collect();
        let whole = bytes.len();
        bytes.extend_from_slice(&frame(2, b"cut", Some(KEY))[..5]);
        let (answer, rest) = turn_round(&mut bytes).unwrap();
        assert!(bytes[answer] == expected);
        assert_eq!(rest, whole);
    }

    #[test]
    fn what_is_no_masked_binary_message_is_wrong() {
        for wrong in
            [&b"\x82\x01a"[..], b"\x81\x80", b"\x88\x80", b"\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"]
        {
            assert_eq!(front(wrong), Front::Wrong);
        }
        assert_eq!(turn_round(&mut []), Some((0..0, 0)));
    }
}
