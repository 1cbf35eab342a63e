//! What a stream says beside its events, as text: comments and reconnection times (WHATWG HTML §9.2.5, §9.2.7).

use alloc::vec::Vec;
use core::time::Duration;

use crate::lines::Lines;

/// A comment that keeps a quiet stream alive (§9.2.7). Parsers ignore it.
pub const KEEP_ALIVE: &[u8] = b": keepalive\n\n";

/// Appends the reconnection time that the client is to wait before it comes back, in milliseconds: a part of one counts as
/// one, and more than [`u64::MAX`] of them are that.
pub fn retry(reconnection_time: Duration, output: &mut Vec<u8>) {
    retry_with(reconnection_time, |part| output.extend_from_slice(part));
}

/// Gives what [`retry`] appends part by part to whatever takes bytes, as
/// [`Event::encode_with`](crate::Event::encode_with) does.
pub fn retry_with(reconnection_time: Duration, mut put: impl FnMut(&[u8])) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = whole_ms(reconnection_time);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    put(b"retry: ");
    put(&digits[at..]);
    put(b"\n");
}

/// Never less than the time, so that no client comes back early.
fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Appends a comment; each of its lines becomes one of its own. It ends no event: the next field goes on with it.
pub fn comment(text: &str, output: &mut Vec<u8>) {
    comment_with(text, |part| output.extend_from_slice(part));
}

/// Gives what [`comment`] appends part by part to whatever takes bytes, as
/// [`Event::encode_with`](crate::Event::encode_with) does.
///
/// ```
/// use tidewire_sse::comment_with;
///
/// let mut output = bytes::BytesMut::new();
/// comment_with("to all\nwho listen", |part| output.extend_from_slice(part));
/// assert_eq!(output, ": to all\n: who listen\n");
/// ```
pub fn comment_with(text: &str, mut put: impl FnMut(&[u8])) {
    for line in Lines::new(Some(text)) {
        put(b": ");
        put(line);
        put(b"\n");
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_is_one_and_what_does_not_fit_the_largest() {
        let past = Duration::from_millis(u64::MAX) + Duration::from_nanos(1);
        for (time, time_ms) in [
            (Duration::from_nanos(1), 1),
            (Duration::from_nanos(999_999), 1),
            (Duration::from_nanos(1_000_000), 1),
            (Duration::from_nanos(1_000_001), 2),
            (past, u64::MAX),
            (Duration::MAX, u64::MAX),
        ] {
            let mut output = Vec::new();
            retry(time, &mut output);
            assert_eq!(output, std::format!("retry: {time_ms}\n").as_bytes(), "{time:?}");
        }
    }

    #[test]
    fn retry_and_comments_stand_on_lines_of_their_own() {
        let mut output = Vec::new();
        for time_ms in [0, 7, 3000, u64::MAX] {
            retry(Duration::from_millis(time_ms), &mut output);
        }
        comment("a\r\nb\n", &mut output);
        let mut parts = Vec::new();
        for time_ms in [0, 7, 3000, u64::MAX] {
            retry_with(Duration::from_millis(time_ms), |part| parts.extend_from_slice(part));
        }
        comment_with("a\r\nb\n", |part| parts.extend_from_slice(part));
        assert_eq!(parts, output);
        let expected = std::format!("retry: 0\nretry: 7\nretry: 3000\nretry: {}\n: a\n: b\n: \n", u64::MAX);
        assert_eq!(std::str::from_utf8(&output), Ok(&*expected));
    }
}
